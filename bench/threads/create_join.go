// bench/threads/create_join.go: one goroutine after the other: created, run, waited for.
package main

import "sync"

func main() {
	measure(func(n int) {
		var done sync.WaitGroup
		for i := 0; i < n; i++ {
			done.Add(1)
			go done.Done()
			done.Wait()
		}
	})
}
