// Go beside us: its own heap stays its own, C.malloc is ours; goroutines on many threads cross cgo both ways.
package main

/*
#include <stdlib.h>
#include <string.h>
static char* repeat(const char* s, int n) {
  size_t len = strlen(s);
  char* out = malloc(len * n + 1);
  for (int i = 0; i < n; i++) memcpy(out + i * len, s, len);
  out[len * n] = 0;
  return out;
}
*/
import "C"

import (
	"fmt"
	"hash/crc32"
	"net"
	"sync"
	"unsafe"
)

func churn(seed uint32) uint32 {
	crc := uint32(0)
	kept := make([]*C.char, 0, 100)
	for i := 0; i < 700000; i++ {
		seed = seed*1664525 + 1013904223
		text := C.CString(fmt.Sprintf("w%d", seed%1000))
		long := C.repeat(text, C.int(seed>>24)/8+1)
		C.free(unsafe.Pointer(text))
		crc = crc32.Update(crc, crc32.IEEETable, []byte(C.GoString(long)))
		kept = append(kept, long)
		if len(kept) == 100 {
			for _, p := range kept {
				C.free(unsafe.Pointer(p))
			}
			kept = kept[:0]
		}
	}
	return crc
}

func main() {
	addresses, err := net.LookupHost("localhost")
	fmt.Println(len(addresses) > 0, err)
	sums := make([]uint32, 12)
	var wg sync.WaitGroup
	for i := range sums {
		wg.Add(1)
		go func(i int) { defer wg.Done(); sums[i] = churn(uint32(i)) }(i)
	}
	wg.Wait()
	fmt.Println(sums)
	C.exit(0) // Go's own exit runs none of libc's handlers, and so prints no statistics
}
