// An echo server of events: the engine calls the handler when something
// happens on one of many connections, and the handler never waits.
//
//	go run ./examples/14-event-handler tcp://127.0.0.1:65432
package main

import (
	"context"
	"flag"
	"fmt"
	"log"

	"sock/endpoint"
	"sock/engine"
)

type echo struct{}

func (echo) Open(c *engine.Conn)             { fmt.Println(c.Peer(), "is here") }
func (echo) Data(c *engine.Conn)             { n, _ := c.Write(c.Peek()); c.Discard(n) }
func (echo) Close(c *engine.Conn, err error) { fmt.Println(c.Peer(), "is gone:", err) }

func main() {
	flag.Parse()
	where, err := endpoint.Parse(flag.Arg(0))
	check(err)
	listener, err := endpoint.Listen(context.Background(), where)
	check(err)
	fmt.Println("listening on", listener.Addrs()[0])
	server, err := engine.New(engine.Config{Handler: echo{}})
	check(err)
	check(server.Serve(context.Background(), listener.Sockets()...))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
