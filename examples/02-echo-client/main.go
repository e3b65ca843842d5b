// An echo client: it connects, sends a line, and prints what comes back.
//
//	go run ./examples/02-echo-client
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net/netip"

	"sock/socket"
)

func main() {
	server := netip.MustParseAddrPort("127.0.0.1:65432")
	flag.TextVar(&server, "addr", server, "the server")
	flag.Parse()

	s, err := socket.New(socket.INET, socket.STREAM, socket.TCP)
	check(err)
	check(s.Connect(context.Background(), socket.AddrFrom(server)))

	message := []byte("Hello, world")
	_, err = s.SendAll(message, 0)
	check(err)
	// A stream has no messages: one send may arrive in pieces. RecvInto waits
	// until the buffer is full.
	reply := make([]byte, len(message))
	_, err = s.RecvInto(reply, 0)
	check(err)
	fmt.Printf("received %q\n", reply)
	check(s.Close())
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
