// The client every browser began as: it connects to port 80, asks for a page
// in HTTP/1.0, and copies what comes until the server closes.
//
//	go run ./examples/06-http10-client example.com /
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"

	"sock/socket"
)

func main() {
	port := flag.Int("port", 80, "the server's port")
	flag.Parse()
	if flag.NArg() != 2 {
		log.Fatal("usage: 06-http10-client [-port 80] HOST PATH")
	}
	host, path := flag.Arg(0), flag.Arg(1)

	server, err := net.ResolveTCPAddr("tcp4", net.JoinHostPort(host, fmt.Sprint(*port)))
	check(err)
	address, err := socket.FromNetAddr(server)
	check(err)
	s, err := socket.New(socket.INET, socket.STREAM, socket.TCP)
	check(err)
	check(s.Connect(context.Background(), address))

	request := fmt.Sprintf("GET %s HTTP/1.0\r\nHost: %s\r\n\r\n", path, host)
	_, err = s.SendAll([]byte(request), 0)
	check(err)
	// HTTP/1.0 has no length that must be there: the end of the page is the
	// end of the stream. The Conn is the same socket as an io.Reader.
	_, err = io.Copy(os.Stdout, s.Conn())
	check(err)
	check(s.Close())
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
