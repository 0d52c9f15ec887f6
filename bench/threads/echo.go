// bench/threads/echo.go: the same echo server with a goroutine per connection.
package main

import (
	"fmt"
	"net"
)

func echo(connection net.Conn) {
	defer connection.Close()
	block := make([]byte, 4096)
	for {
		n, err := connection.Read(block)
		if err != nil {
			return
		}
		if _, err = connection.Write(block[:n]); err != nil {
			return
		}
	}
}

func main() {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println("port", listener.Addr().(*net.TCPAddr).Port)
	for {
		connection, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		go echo(connection)
	}
}
