// bench/threads/measure.go: what bench.h is to the C programs: a batch doubled until it takes 0.4 s.
package main

import (
	"fmt"
	"time"
)

func measure(batch func(n int)) {
	for n := 1000; ; n *= 2 {
		begin := time.Now()
		batch(n)
		taken := time.Since(begin)
		if taken < 400*time.Millisecond {
			continue
		}
		fmt.Printf("ns_per_op %.1f\n", float64(taken.Nanoseconds())/float64(n))
		return
	}
}
