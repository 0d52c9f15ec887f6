// bench/threads/mutex_throughput.go [THREADS]: goroutines count under one sync.Mutex.
package main

import (
	"os"
	"strconv"
	"sync"
)

func main() {
	threads := 8
	if len(os.Args) > 1 {
		threads, _ = strconv.Atoi(os.Args[1])
	}
	measure(func(n int) {
		var mutex sync.Mutex
		var done sync.WaitGroup
		count := 0
		for i := 0; i < threads; i++ {
			done.Add(1)
			go func() {
				for k := 0; k < n/threads; k++ {
					mutex.Lock()
					count++
					mutex.Unlock()
				}
				done.Done()
			}()
		}
		done.Wait()
		if count != n/threads*threads {
			panic("a count was lost")
		}
	})
}
