package engine_test

import (
	"context"
	"io"
	"net"
	"testing"

	"sock/engine"
	"sock/socket"
)

// BenchmarkEcho is one round trip of 64 bytes at a time, client included, per
// kind of handler, and by a plain goroutine on package net for comparison.
func BenchmarkEcho(b *testing.B) {
	for _, c := range []struct {
		name  string
		start func(b *testing.B) (addr string)
	}{
		{"engine=handler", func(b *testing.B) string { return benchServer(b, newEcho()) }},
		{"engine=blocking", func(b *testing.B) string { return benchServer(b, engine.Blocking(echoLoop)) }},
		{"engine=none", benchNet},
	} {
		b.Run(c.name+"/net=tcp/size=64", func(b *testing.B) {
			conn, err := net.Dial("tcp", c.start(b))
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close()
			buf := make([]byte, 64)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := conn.Write(buf); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(conn, buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func echoLoop(_ context.Context, conn net.Conn) error {
	buf := make([]byte, 4096)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return err
		}
		if _, err := conn.Write(buf[:n]); err != nil {
			return err
		}
	}
}

func benchServer(b *testing.B, h engine.Handler) string {
	s, err := engine.New(engine.Config{Handler: h})
	if err != nil {
		b.Fatal(err)
	}
	l, err := socket.New(socket.INET, socket.STREAM, 0)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := l.Listen(0); err != nil {
		b.Fatal(err)
	}
	local, err := l.LocalAddr()
	if err != nil {
		b.Fatal(err)
	}
	go s.Serve(context.Background(), l) // ended by Shutdown
	b.Cleanup(func() {
		_, _ = s.Shutdown(ended()) // the client has left already
		_ = l.Close()
	})
	return local.String()
}

func benchNet(b *testing.B) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go func() { // ended by Close
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { // ended by the client's leaving
				_ = echoLoop(context.Background(), conn)
				_ = conn.Close()
			}()
		}
	}()
	b.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}
