// A greeting server: each client is told its own address and port, as the
// server sees them, and then hears nothing more. One client at a time.
//
//	go run ./examples/03-greeting-server
//	nc 127.0.0.1 65432
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
	address := netip.MustParseAddrPort("127.0.0.1:65432")
	flag.TextVar(&address, "addr", address, "where to listen")
	flag.Parse()

	listener, err := socket.New(socket.INET, socket.STREAM, socket.TCP)
	check(err)
	check(socket.ReuseAddr.Set(listener, true))
	check(listener.Bind(socket.AddrFrom(address)))
	_, err = listener.Listen(0)
	check(err)
	here, err := listener.LocalAddr()
	check(err)
	fmt.Println("listening on", here)

	for {
		client, peer, err := listener.Accept(context.Background())
		check(err)
		greeting := fmt.Sprintf("Hello, person from %v\n", peer)
		if _, err := client.SendAll([]byte(greeting), 0); err != nil {
			log.Print(err) // this client's trouble; the next one is served
		}
		check(client.Close())
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
