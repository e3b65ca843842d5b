// An echo server for many clients at once: a goroutine for each. A goroutine
// that waits costs a few kilobytes and no thread.
//
//	go run ./examples/10-many-connections
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net/netip"
	"sync/atomic"

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
	var connected atomic.Int64
	for {
		client, peer, err := listener.Accept(context.Background())
		check(err)
		fmt.Printf("%v connected, %d in all\n", peer, connected.Add(1))
		go func() {
			if err := echo(client); err != nil {
				log.Printf("%v: %v", peer, err)
			}
			fmt.Printf("%v left, %d in all\n", peer, connected.Add(-1))
		}()
	}
}

// echo sends back what it hears until the client ends.
func echo(client *socket.Socket) error {
	defer client.Close()
	_, err := io.Copy(client.Conn(), client.Conn())
	return err
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
