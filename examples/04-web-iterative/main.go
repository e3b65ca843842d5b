// The smallest web server: it takes one client at a time, in order, and gives
// each a page. A slow client keeps all the others waiting.
//
//	go run ./examples/04-web-iterative
//	curl http://127.0.0.1:8080/
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"log"
	"net/netip"

	"sock/socket"
)

func main() {
	address := netip.MustParseAddrPort("127.0.0.1:8080")
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
		client, _, err := listener.Accept(context.Background())
		check(err)
		answer(client)
		client.Close()
	}
}

func answer(client *socket.Socket) {
	request := bufio.NewScanner(client.Conn())
	request.Scan()
	asked := request.Text()
	for request.Text() != "" && request.Scan() {
		// The head of a request ends with an empty line.
	}
	page := fmt.Sprintf("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nYou asked: %s\n", asked)
	client.SendAll([]byte(page), 0)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
