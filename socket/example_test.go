//go:build linux

package socket_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/netip"
	"os"
	"syscall"

	"sock/socket"
)

var loopback = socket.AddrFrom(netip.MustParseAddrPort("127.0.0.1:0"))

// listen gives a TCP socket that listens on loopback, and its address.
func listen() (*socket.Socket, socket.Addr) {
	s, err := socket.New(socket.INET, socket.STREAM, socket.TCP)
	if err != nil {
		log.Fatal(err)
	}
	if err := s.Bind(loopback); err != nil {
		log.Fatal(err)
	}
	if _, err := s.Listen(0); err != nil {
		log.Fatal(err)
	}
	addr, err := s.LocalAddr()
	if err != nil {
		log.Fatal(err)
	}
	return s, addr
}

// An echo server and its client, call by call.
func Example() {
	ctx := context.Background()
	server, addr := listen()
	defer server.Close()
	go func() {
		conn, _, err := server.Accept(ctx)
		if err != nil {
			log.Print(err)
			return
		}
		defer conn.Close()
		buf := make([]byte, 1024)
		for {
			n, err := conn.Recv(buf, 0)
			if err != nil { // io.EOF when the client has finished
				return
			}
			if _, err := conn.SendAll(buf[:n], 0); err != nil {
				return
			}
		}
	}()

	client, err := socket.New(socket.INET, socket.STREAM, socket.TCP)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	if err := client.Connect(ctx, addr); err != nil {
		log.Fatal(err)
	}
	if _, err := client.SendAll([]byte("Hello, world"), 0); err != nil {
		log.Fatal(err)
	}
	if err := client.Shutdown(socket.ShutWR); err != nil {
		log.Fatal(err)
	}
	answer, err := io.ReadAll(client.Conn())
	fmt.Printf("%s %v\n", answer, err)
	// Output: Hello, world <nil>
}

func ExampleSocket_ConnectEx() {
	held, err := socket.New(socket.INET, socket.STREAM, socket.TCP) // bound, but nobody listens
	if err != nil {
		log.Fatal(err)
	}
	defer held.Close()
	if err := held.Bind(loopback); err != nil {
		log.Fatal(err)
	}
	addr, _ := held.LocalAddr()

	s, err := socket.New(socket.INET, socket.STREAM, socket.TCP)
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	errno, err := s.ConnectEx(context.Background(), addr)
	fmt.Println(errno == syscall.ECONNREFUSED, errno, err)
	// Output: true connection refused <nil>
}

func ExampleNew() {
	_, err := socket.New(socket.Family(99), socket.STREAM, 0)
	fmt.Println(err)
	fmt.Println(errors.Is(err, errors.ErrUnsupported), errors.Is(err, syscall.EAFNOSUPPORT))
	// Output:
	// socket AF_99: this kernel has no AF_99 SOCK_STREAM: socket: address family not supported by protocol
	// true true
}

func ExampleSocket_Tuple() {
	server, addr := listen()
	defer server.Close()
	client, err := socket.New(socket.INET, socket.STREAM, socket.TCP)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	if err := client.Connect(context.Background(), addr); err != nil {
		log.Fatal(err)
	}
	conn, _, err := server.Accept(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	ours, _ := client.Tuple()
	theirs, _ := conn.Tuple()
	fmt.Println(ours.Protocol, ours == theirs.Reverse())
	// Output: tcp true
}

// A file goes to another process as an open descriptor.
func ExampleAppendRights() {
	a, b, err := socket.Pair(socket.UNIX, socket.STREAM, 0)
	if err != nil {
		log.Fatal(err)
	}
	defer a.Close()
	defer b.Close()
	r, w, err := os.Pipe()
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	_, err = a.SendMsg(&socket.Message{
		Buffers: [][]byte{{0}}, // on a stream a byte must go with it
		Control: socket.AppendRights(nil, int(w.Fd())),
	}, 0)
	w.Close()
	if err != nil {
		log.Fatal(err)
	}

	m := socket.Message{Buffers: [][]byte{make([]byte, 1)}, Control: make([]byte, 64)}
	if _, err := b.RecvMsg(&m, 0); err != nil {
		log.Fatal(err)
	}
	control, err := socket.ParseControl(m.Control[:m.NControl])
	if err != nil {
		log.Fatal(err)
	}
	received := os.NewFile(uintptr(control.Rights[0]), "received")
	fmt.Fprint(received, "written through the descriptor")
	received.Close()
	text, _ := io.ReadAll(r)
	fmt.Println(string(text))
	// Output: written through the descriptor
}

// A UDP echo server that takes and answers what has arrived in two calls.
func ExampleSocket_RecvBatch() {
	server, client := datagramSocket(), datagramSocket()
	defer server.Close()
	defer client.Close()
	to, _ := server.LocalAddr()
	for _, word := range []string{"one", "two", "three"} {
		if _, err := client.SendTo([]byte(word), 0, to); err != nil {
			log.Fatal(err)
		}
	}

	msgs := make([]socket.Message, 16)
	for i := range msgs {
		msgs[i].Buffers = [][]byte{make([]byte, 1500)}
	}
	n, err := server.RecvBatch(msgs, 0)
	if err != nil {
		log.Fatal(err)
	}
	for i := range msgs[:n] {
		msgs[i].Buffers[0] = msgs[i].Buffers[0][:msgs[i].N] // to msgs[i].Addr, which is set
	}
	n, err = server.SendBatch(msgs[:n], 0)
	fmt.Println(n, err)
	// Output: 3 <nil>
}

func datagramSocket() *socket.Socket {
	s, err := socket.New(socket.INET, socket.DGRAM, socket.UDP)
	if err != nil {
		log.Fatal(err)
	}
	if err := s.Bind(loopback); err != nil {
		log.Fatal(err)
	}
	return s
}

// The error queue says which host refused a datagram.
func ExampleSocket_RecvError() {
	s := datagramSocket()
	defer s.Close()
	if err := socket.RecvErr.Set(s, true); err != nil {
		log.Fatal(err)
	}
	closed := datagramSocket()
	to, _ := closed.LocalAddr()
	closed.Close()
	if _, err := s.SendTo([]byte("anybody?"), 0, to); err != nil {
		log.Fatal(err)
	}
	_, err := s.Recv(make([]byte, 512), 0)
	fmt.Println(errors.Is(err, syscall.ECONNREFUSED))
	queued, _, err := s.RecvError(nil)
	fmt.Println(queued.Error(), err, queued.Destination == to)
	// Output:
	// true
	// connection refused (icmp type 3 code 3 from 127.0.0.1) <nil> true
}
