// bench/threads/uncontended.go: one goroutine locks and unlocks a sync.Mutex that nobody else wants.
package main

import "sync"

func main() {
	var mutex sync.Mutex
	measure(func(n int) {
		for i := 0; i < n; i++ {
			mutex.Lock()
			mutex.Unlock()
		}
	})
}
