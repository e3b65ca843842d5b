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
