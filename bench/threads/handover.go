// bench/threads/handover.go: two goroutines hand one turn to and fro by two channels; an operation is one hand-over.
package main

func main() {
	measure(func(n int) {
		there, back := make(chan struct{}), make(chan struct{})
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
