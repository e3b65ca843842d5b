package engine_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"sock/engine"
	"sock/socket"
)

// shout is an event handler: it answers each line in capitals.
type shout struct{}

func (shout) Open(c *engine.Conn)       { _, _ = c.WriteString("hello\n") }
func (shout) Close(*engine.Conn, error) {}

func (shout) Data(c *engine.Conn) {
	for {
		end := bytes.IndexByte(c.Peek(), '\n')
		if end < 0 {
			return // the rest of the line is still to come
		}
		if _, err := c.Write(bytes.ToUpper(c.Peek()[:end+1])); err != nil {
			return // backpressure: the line stays until there is room
		}
		c.Discard(end + 1)
	}
}

// An event handler: called when something happens, on any model unchanged.
func ExampleNew() {
	server, err := engine.New(engine.Config{Handler: shout{}})
	if err != nil {
		panic(err)
	}
	listener := mustListen()
	defer listener.Close()
	go server.Serve(context.Background(), listener)

	talk(listener, "one\ntwo\n")
	_, _ = server.Shutdown(context.Background())
	// Output:
	// hello
	// ONE
	// TWO
}

// A blocking handler: plain code on a net.Conn, one call per connection.
func ExampleBlocking() {
	server, err := engine.New(engine.Config{
		Handler: engine.Blocking(func(_ context.Context, conn net.Conn) error {
			lines := bufio.NewScanner(conn)
			for lines.Scan() {
				if _, err := fmt.Fprintln(conn, strings.ToUpper(lines.Text())); err != nil {
					return err
				}
			}
			return lines.Err()
		}),
	})
	if err != nil {
		panic(err)
	}
	listener := mustListen()
	defer listener.Close()
	go server.Serve(context.Background(), listener)

	talk(listener, "one\ntwo\n")
	_, _ = server.Shutdown(context.Background())
	// Output:
	// ONE
	// TWO
}

// mustListen opens a listener on a free port of the loopback.
func mustListen() *socket.Socket {
	s, err := socket.New(socket.INET, socket.STREAM, 0)
	if err == nil {
		err = s.Bind(socket.AddrFrom(netip.MustParseAddrPort("127.0.0.1:0")))
	}
	if err == nil {
		_, err = s.Listen(0)
	}
	if err != nil {
		panic(err)
	}
	return s
}

// talk sends text, half-closes and prints what comes back.
func talk(listener *socket.Socket, text string) {
	addr, err := listener.LocalAddr()
	if err != nil {
		panic(err)
	}
	conn, err := net.Dial("tcp", addr.String())
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	_, _ = fmt.Fprint(conn, text)
	_ = conn.(*net.TCPConn).CloseWrite()
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		fmt.Println(lines.Text())
	}
}
