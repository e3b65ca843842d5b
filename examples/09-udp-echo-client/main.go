// A UDP echo client: it sends a datagram and waits for one. Either may be
// lost, so it waits one second and tries three times.
//
//	go run ./examples/09-udp-echo-client
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/netip"
	"os"
	"time"

	"sock/socket"
)

func main() {
	server := netip.MustParseAddrPort("127.0.0.1:65432")
	flag.TextVar(&server, "addr", server, "the server")
	flag.Parse()

	s, err := socket.New(socket.INET, socket.DGRAM, socket.UDP)
	check(err)
	// Connecting a datagram socket sends nothing: it fixes the peer, lets in
	// datagrams from nobody else, and lets a refusal reach this socket.
	check(s.Connect(context.Background(), socket.AddrFrom(server)))
	buffer := make([]byte, 65535)
	for range 3 {
		_, err := s.Send([]byte("Hello, world"), 0)
		check(err)
		check(s.SetReadDeadline(time.Now().Add(time.Second)))
		n, err := s.Recv(buffer, 0)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			continue
		}
		check(err)
		fmt.Printf("received %q\n", buffer[:n])
		return
	}
	log.Fatal("no answer")
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
