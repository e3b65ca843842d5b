// A connection is named by four things: both addresses and both ports. This
// prints them as each end sees them; the one is the other turned around.
//
//	go run ./examples/11-four-tuple
package main

import (
	"context"
	"fmt"
	"log"
	"net/netip"

	"sock/socket"
)

func main() {
	listener, err := socket.New(socket.INET, socket.STREAM, socket.TCP)
	check(err)
	check(listener.Bind(socket.AddrFrom(netip.MustParseAddrPort("127.0.0.1:0"))))
	_, err = listener.Listen(0)
	check(err)
	here, err := listener.LocalAddr() // with the port the kernel chose
	check(err)

	// The kernel finishes the handshake; accept comes later and takes it over.
	client, err := socket.New(socket.INET, socket.STREAM, socket.TCP)
	check(err)
	check(client.Connect(context.Background(), here))
	server, peer, err := listener.Accept(context.Background())
	check(err)

	near, err := client.Tuple()
	check(err)
	far, err := server.Tuple()
	check(err)
	fmt.Println("listener:", here)
	fmt.Println("client:  ", near)
	fmt.Println("server:  ", far)
	fmt.Println("accept said the peer is", peer)
	fmt.Println("one is the other turned around:", near.Local == far.Peer && near.Peer == far.Local)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
