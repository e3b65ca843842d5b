// An echo server of plain blocking code: the function has one connection to
// itself, as a net.Conn, and may wait. The argument is an endpoint, as for 14.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net"

	"sock/endpoint"
	"sock/engine"
)

func echo(_ context.Context, conn net.Conn) error {
	_, err := io.Copy(conn, conn)
	return err
}

func main() {
	flag.Parse()
	where, err := endpoint.Parse(flag.Arg(0))
	check(err)
	listener, err := endpoint.Listen(context.Background(), where)
	check(err)
	fmt.Println("listening on", listener.Addrs()[0])
	server, err := engine.New(engine.Config{Handler: engine.Blocking(echo)})
	check(err)
	check(server.Serve(context.Background(), listener.Sockets()...))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
