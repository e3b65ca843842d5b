// A UDP echo server: no connection, no accept. One socket hears every client,
// and each datagram goes back to where it came from.
//
//	go run ./examples/08-udp-echo-server
//	nc -u 127.0.0.1 65432
package main

import (
	"flag"
	"fmt"
	"log"
	"net/netip"

	"sock/socket"
)

func main() {
	address := netip.MustParseAddrPort("127.0.0.1:65432")
	flag.TextVar(&address, "addr", address, "where to receive")
	flag.Parse()

	s, err := socket.New(socket.INET, socket.DGRAM, socket.UDP)
	check(err)
	check(s.Bind(socket.AddrFrom(address)))
	here, err := s.LocalAddr()
	check(err)
	fmt.Println("receiving on", here)

	buffer := make([]byte, 65535) // no datagram is longer
	for {
		n, peer, err := s.RecvFrom(buffer, 0)
		check(err)
		fmt.Printf("%d bytes from %v\n", n, peer)
		if _, err := s.SendTo(buffer[:n], 0, peer); err != nil {
			log.Print(err) // this client's trouble; the next one is served
		}
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
