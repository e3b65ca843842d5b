//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"

	"sock/engine"
	"sock/socket"
)

// servers are the servers of this program: each opens its socket, says where,
// and serves until the process ends.
var servers = map[string]func() error{
	"tcp-net":        func() error { return serveStreams(listenNet) },
	"tcp-socket":     func() error { return serveStreams(listenSocket) },
	"tcp-epoll":      func() error { return serveLoops(engine.Epoll) },
	"tcp-uring":      func() error { return serveLoops(engine.Uring) },
	"udp-net":        serveDatagramsNet,
	"udp-socket":     serveDatagramsSocket,
	"udp-socket-gso": serveSegments,
}

// serve runs one server until standard input ends.
func serve(kind string) error {
	server, ok := servers[kind]
	if !ok {
		return fmt.Errorf("no server %q", kind)
	}
	failed := make(chan error, 1)
	go func() { failed <- server() }()
	go func() {
		io.Copy(io.Discard, os.Stdin)
		failed <- nil
	}()
	return <-failed
}

func say(port int) { fmt.Printf("listening %d\n", port) }

func listenNet() (net.Listener, error) { return net.Listen("tcp4", "127.0.0.1:0") }

func listenSocket() (net.Listener, error) {
	s, err := bound(socket.STREAM)
	if err != nil {
		return nil, err
	}
	if err := socket.NoDelay.Set(s, true); err != nil { // as net does
		return nil, err
	}
	if _, err := s.Listen(0); err != nil {
		return nil, err
	}
	return s.Listener(), nil
}

// serveStreams echoes with a goroutine per connection: the same loop whoever
// made the connection.
func serveStreams(listen func() (net.Listener, error)) error {
	l, err := listen()
	if err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return err
	}
	fmt.Println("listening", port)
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go echo(c)
	}
}

// serveLoops echoes on one event loop.
func serveLoops(b engine.Backend) error {
	l, err := bound(socket.STREAM)
	if err != nil {
		return err
	}
	if err := socket.NoDelay.Set(l, true); err != nil { // as the others do
		return err
	}
	if _, err := l.Listen(0); err != nil {
		return err
	}
	here, err := l.LocalAddr()
	if err != nil {
		return err
	}
	s, err := engine.New(engine.Config{Model: engine.EventLoop, Backend: b, Loops: 1, Handler: echoes{}})
	if err != nil {
		return err
	}
	say(int(here.Port()))
	return s.Serve(context.Background(), l)
}

// echoes is the echo of a loop.
type echoes struct{}

func (echoes) Open(*engine.Conn)         {}
func (echoes) Close(*engine.Conn, error) {}

func (echoes) Data(c *engine.Conn) {
	n, _ := c.Write(c.Peek()) // what is refused stays and is offered again
	c.Discard(n)
}

func echo(c net.Conn) {
	defer c.Close()
	for buf := make([]byte, 64<<10); ; {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		if _, err := c.Write(buf[:n]); err != nil {
			return
		}
	}
}

func serveDatagramsNet() error {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return err
	}
	c.SetReadBuffer(4 << 20)
	c.SetWriteBuffer(4 << 20)
	say(c.LocalAddr().(*net.UDPAddr).Port)
	for buf := make([]byte, 2048); ; {
		n, from, err := c.ReadFromUDPAddrPort(buf)
		if err != nil {
			return err
		}
		c.WriteToUDPAddrPort(buf[:n], from) // a peer that has gone is no reason to stop
	}
}

// bound is a socket of ours on a free port of 127.0.0.1.
func bound(t socket.Type) (*socket.Socket, error) {
	s, err := socket.New(socket.INET, t, 0)
	if err != nil {
		return nil, err
	}
	return s, s.Bind(socket.AddrFrom(netip.MustParseAddrPort("127.0.0.1:0")))
}

func boundDatagram() (*socket.Socket, error) {
	s, err := bound(socket.DGRAM)
	if err != nil {
		return nil, err
	}
	if err := socket.RcvBuf.Set(s, 4<<20); err != nil {
		return nil, err
	}
	if err := socket.SndBuf.Set(s, 4<<20); err != nil {
		return nil, err
	}
	here, err := s.LocalAddr()
	if err != nil {
		return nil, err
	}
	say(int(here.Port()))
	return s, nil
}

func serveDatagramsSocket() error {
	s, err := boundDatagram()
	if err != nil {
		return err
	}
	const batch, size = 64, 2048
	in, out := make([]socket.Message, batch), make([]socket.Message, batch)
	for i := range in {
		in[i].Buffers = [][]byte{make([]byte, size)}
		out[i].Buffers = make([][]byte, 1)
	}
	for {
		n, err := s.RecvBatch(in, 0)
		if err != nil {
			return err
		}
		for i := range in[:n] {
			out[i].Buffers[0] = in[i].Buffers[0][:in[i].N]
			out[i].Addr = in[i].Addr
		}
		for sent := 0; sent < n; {
			k, err := s.SendBatch(out[sent:n], 0)
			if err != nil {
				k++ // that datagram's peer has gone
			}
			sent += k
		}
	}
}

// serveSegments echoes trains: UDP_GRO joins datagrams of one size into one
// buffer, UDP_SEGMENT parts it again.
func serveSegments() error {
	s, err := boundDatagram()
	if err != nil {
		return err
	}
	if err := socket.GRO.Set(s, true); err != nil {
		return err
	}
	data, control := make([]byte, 64<<10), make([]byte, 128)
	in := socket.Message{Buffers: [][]byte{data}, Control: control}
	out := socket.Message{Buffers: make([][]byte, 1)}
	reply := make([]byte, 0, 64)
	for {
		if _, err := s.RecvMsg(&in, 0); err != nil {
			return err
		}
		var c socket.Control
		if err := c.Parse(in.Control[:in.NControl]); err != nil {
			return err
		}
		out.Buffers[0], out.Addr, out.Control = data[:in.N], in.Addr, nil
		if c.SegmentSize > 0 && c.SegmentSize < in.N {
			out.Control = socket.AppendSegmentSize(reply[:0], c.SegmentSize)
		}
		s.SendMsg(&out, 0) // a peer that has gone is no reason to stop
	}
}
