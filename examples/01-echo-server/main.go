// An echo server, the first program of every book on sockets: it waits for one
// client, sends back what it hears, and ends when the client does.
//
//	go run ./examples/01-echo-server
//	nc 127.0.0.1 65432
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
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
	check(socket.ReuseAddr.Set(listener, true)) // a restart need not wait for TIME_WAIT
	check(listener.Bind(socket.AddrFrom(address)))
	_, err = listener.Listen(0) // 0: as long a queue as the system allows
	check(err)
	here, err := listener.LocalAddr()
	check(err)
	fmt.Println("listening on", here)

	client, peer, err := listener.Accept(context.Background())
	check(err)
	fmt.Println("connected by", peer)
	buffer := make([]byte, 1024)
	for {
		n, err := client.Recv(buffer, 0)
		if errors.Is(err, io.EOF) { // the client has sent its FIN
			break
		}
		check(err)
		_, err = client.SendAll(buffer[:n], 0)
		check(err)
	}
	check(client.Close())
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
