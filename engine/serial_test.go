package engine_test

import (
	"context"
	"io"
	"sync"
	"testing"
	"time"

	"sock/engine"
)

// TestSerialServesInTurn: the second client waits in the backlog, whichever
// listener it came to, and its bytes with it.
func TestSerialServesInTurn(t *testing.T) {
	v := variant{name: "serial", model: engine.Serial, network: "tcp"}
	s := v.start(t, "echo", engine.Config{})
	other := listen(t, "tcp")
	defer other.Close()
	served := make(chan error, 1)
	go func() { served <- s.Serve(context.Background(), other) }() // ended by s.stop, waited for below

	first := s.dial(t)
	first.send("one")
	first.want("one")
	local, err := other.LocalAddr()
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := *s
	elsewhere.addr = local.String()
	waiting := []*client{s.dial(t), elsewhere.dial(t)}
	for _, c := range waiting {
		c.send("hello")
		if err := c.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(make([]byte, 1)); err == nil {
			t.Errorf("read while another is served: got %d bytes, want none", n)
		}
	}
	if n := s.Stats().Accepted; n != 1 {
		t.Errorf("accepted while one is served: got %d, want 1", n)
	}
	_ = first.Close()
	var all sync.WaitGroup
	for _, c := range waiting { // each is served while the other waits
		all.Go(func() {
			got := make([]byte, 5)
			if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
				t.Error(err)
			}
			if _, err := io.ReadFull(c, got); err != nil || string(got) != "hello" {
				t.Errorf("read: got %q and %v, want hello", got, err)
			}
			_ = c.Close()
		})
	}
	all.Wait()
	if _, err := s.stop(within(t, patience)); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
}

// TestSerialServeEnds: Serve ends with its context although a connection is
// being served. That goes on, and the next one still waits for its end.
func TestSerialServeEnds(t *testing.T) {
	s, err := engine.New(engine.Config{Model: engine.Serial, Handler: newEcho()})
	if err != nil {
		t.Fatal(err)
	}
	l := listen(t, "tcp")
	defer l.Close()
	local, err := l.LocalAddr()
	if err != nil {
		t.Fatal(err)
	}
	running := &server{Server: s, network: "tcp", addr: local.String()}
	serve := func() (stop func()) {
		ctx, cancel := context.WithCancel(context.Background())
		served := make(chan error, 1)
		go func() { served <- s.Serve(ctx, l) }() // ended by stop, which waits
		return func() {
			cancel()
			if err := <-served; err != nil {
				t.Errorf("Serve: got %v, want nil", err)
			}
		}
	}
	stop := serve()
	first := running.dial(t)
	first.send("x")
	first.want("x")
	stop()
	first.send("y")
	first.want("y")

	stop = serve()
	second := running.dial(t)
	second.send("z")
	if err := second.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := second.Read(make([]byte, 1)); err == nil {
		t.Errorf("read while another is served: got %d bytes, want none", n)
	}
	_ = first.Close()
	if err := second.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	second.want("z")
	stop()
	if _, err := s.Shutdown(within(t, patience)); err != nil {
		t.Error(err)
	}
}
