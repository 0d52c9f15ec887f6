// bench/threads/sem_handover.go: two goroutines hand one turn to and fro by two channels with room for one, Go's semaphores.
package main

func main() {
	measure(func(n int) {
		there, back := make(chan struct{}, 1), make(chan struct{}, 1)
		go func() {
			for i := 0; i < n/2; i++ {
				<-there
				back <- struct{}{}
			}
		}()
		for i := 0; i < n/2; i++ {
			there <- struct{}{}
			<-back
		}
	})
}
