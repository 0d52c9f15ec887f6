// bench/threads/ring.go [TOKENS] [THREADS]: tokens go round a ring of goroutines by channels; an operation is one hop.
package main

import (
	"os"
	"strconv"
	"sync/atomic"
)

func argument(i, otherwise int) int {
	if len(os.Args) > i {
		n, _ := strconv.Atoi(os.Args[i])
		return n
	}
	return otherwise
}

func main() {
	tokens, threads := argument(1, 1), argument(2, 1000)
	var hops int64
	done := make(chan struct{}, tokens)
	place := make([]chan struct{}, threads)
	for i := range place {
		place[i] = make(chan struct{}, tokens)
	}
	for i := range place {
		go func(me, next chan struct{}) {
			for {
				<-me
				if atomic.AddInt64(&hops, -1) < 0 {
					done <- struct{}{}
				} else {
					next <- struct{}{}
				}
			}
		}(place[i], place[(i+1)%threads])
	}
	measure(func(n int) {
		atomic.StoreInt64(&hops, int64(n))
		for i := 0; i < tokens; i++ {
			place[i*threads/tokens] <- struct{}{}
		}
		for i := 0; i < tokens; i++ {
			<-done
		}
	})
}
