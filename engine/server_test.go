package engine_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"net"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sock/engine"
	"sock/socket"
)

func TestNewChecksConfig(t *testing.T) {
	child := func() (*exec.Cmd, error) { return nil, nil }
	callback := serverTLS()
	callback.VerifyConnection = func(tls.ConnectionState) error { return errors.New("no") }
	for name, c := range map[string]struct {
		cfg  engine.Config
		want string
	}{
		"no-handler":     {engine.Config{}, "no Handler"},
		"unknown-model":  {engine.Config{Model: "threads", Handler: newEcho()}, `unknown model "threads"`},
		"no-child":       {engine.Config{Model: engine.Process}, "needs Child"},
		"negative":       {engine.Config{Handler: newEcho(), MaxConns: -1}, "MaxConns"},
		"negative-time":  {engine.Config{Handler: newEcho(), Idle: -1}, "negative duration"},
		"negative-size":  {engine.Config{Handler: newEcho(), ReadBuffer: -1}, "negative buffer"},
		"marks":          {engine.Config{Handler: newEcho(), HighWater: 10, LowWater: 10}, "LowWater 10 is not below HighWater 10"},
		"tls-callback":   {engine.Config{Model: engine.Process, Child: child, TLS: callback}, "callbacks of TLS"},
		"tls-in-process": {engine.Config{Model: engine.Process, Child: child, TLS: clientTLS()}, "TLS.Certificates"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := engine.New(c.cfg); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("New: got %v, want an error with %q", err, c.want)
			}
		})
	}
	if _, err := engine.New(engine.Config{Handler: newEcho(), HighWater: 100}); err != nil {
		t.Errorf("New with a small HighWater alone: got %v, want nil", err)
	}
}

func TestServeEnds(t *testing.T) { inEach(t, testServeEnds) }

func testServeEnds(t *testing.T, v variant) {
	newServer := func(t *testing.T) *engine.Server {
		s, err := engine.New(engine.Config{Model: v.model, Backend: v.backend, Handler: newEcho()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _, _ = s.Shutdown(ended()) }) // no connections: nothing to go wrong
		return s
	}
	t.Run("context", func(t *testing.T) {
		l := listen(t, "tcp")
		defer l.Close()
		if err := newServer(t).Serve(ended(), l); err != nil {
			t.Errorf("Serve: got %v, want nil", err)
		}
	})
	t.Run("listener-closed", func(t *testing.T) {
		l := listen(t, "tcp")
		time.AfterFunc(20*time.Millisecond, func() { _ = l.Close() })
		if err := newServer(t).Serve(context.Background(), l); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Serve: got %v, want net.ErrClosed", err)
		}
	})
	t.Run("not-listening", func(t *testing.T) {
		l := listen(t, "tcp")
		defer l.Close()
		local, err := l.LocalAddr()
		if err != nil {
			t.Fatal(err)
		}
		conn, err := net.Dial("tcp", local.String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		accepted, _, err := l.Accept(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		defer accepted.Close()
		if err := newServer(t).Serve(context.Background(), accepted); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("Serve on a connection: got %v, want EINVAL", err)
		}
	})
	t.Run("after-shutdown", func(t *testing.T) {
		s := newServer(t)
		if _, err := s.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
		if err := s.Serve(context.Background()); !errors.Is(err, engine.ErrShutdown) {
			t.Errorf("Serve: got %v, want %v", err, engine.ErrShutdown)
		}
	})
}

// A context's end stops accepting; the connections go on, and so may another Serve.
func TestServeAgain(t *testing.T) { inEach(t, testServeAgain) }

func testServeAgain(t *testing.T, v variant) {
	s, err := engine.New(engine.Config{Model: v.model, Backend: v.backend, Handler: newEcho()})
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
	var clients []*client
	for range 2 {
		ctx, cancel := context.WithCancel(context.Background())
		served := make(chan error, 1)
		go func() { served <- s.Serve(ctx, l) }() // ended by cancel, waited for below
		clients = append(clients, running.dial(t))
		for _, c := range clients {
			c.send("x")
			c.want("x")
		}
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve: got %v, want nil", err)
		}
	}
	if _, err := s.Shutdown(within(t, patience)); err != nil {
		t.Error(err)
	}
}

// A second Shutdown forces what the first one waits for.
func TestShutdownTwice(t *testing.T) { inEach(t, testShutdownTwice) }

func testShutdownTwice(t *testing.T, v variant) {
	s := v.start(t, "flood", engine.Config{})
	c := s.dial(t)
	c.want("\x00")
	first := make(chan error, 1)
	go func() { // waited for below
		_, err := s.Shutdown(context.Background())
		first <- err
	}()
	if _, err := s.stop(ended()); !errors.Is(err, context.Canceled) {
		t.Errorf("second Shutdown: got %v, want context.Canceled", err)
	}
	if err := <-first; err != nil {
		t.Errorf("first Shutdown: got %v, want nil: its context has not ended", err)
	}
}

// A handler that does not return does not hold up Shutdown for ever.
func TestShutdownStuckHandler(t *testing.T) { inEach(t, testShutdownStuckHandler) }

func testShutdownStuckHandler(t *testing.T, v variant) {
	hold := make(chan struct{})
	entered := make(chan struct{})
	h := &handler{open: func(*engine.Conn) { close(entered); <-hold }}
	s, err := engine.New(engine.Config{Model: v.model, Backend: v.backend, Handler: h})
	if err != nil {
		t.Fatal(err)
	}
	l := listen(t, "tcp")
	defer l.Close()
	local, err := l.LocalAddr()
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(context.Background(), l) }() // ended by Shutdown, waited for below
	running := &server{Server: s, network: "tcp", addr: local.String()}
	running.dial(t)
	<-entered
	if _, err := s.Shutdown(ended()); err == nil || !strings.Contains(err.Error(), "stuck") {
		t.Errorf("Shutdown: got %v, want that a handler is stuck", err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	close(hold)
	if _, err := s.Shutdown(within(t, patience)); err != nil {
		t.Errorf("Shutdown after the handler has returned: got %v, want nil", err)
	}
}

// A handler that ends its goroutine leaves nothing behind.
func TestHandlerGoexit(t *testing.T) { inEach(t, testHandlerGoexit) }

func testHandlerGoexit(t *testing.T, v variant) {
	h := &handler{data: func(*engine.Conn) { exitGoroutine() }}
	s := v.start(t, "", engine.Config{Handler: h})
	c := s.dial(t)
	c.send("x")
	c.wantReset()
	s.log.waitEnd(engine.Local, engine.Failed)
}

// A record as JSON has the fields of a close event.
func TestRecordJSON(t *testing.T) { inEach(t, testRecordJSON) }

func testRecordJSON(t *testing.T, v variant) {
	s := v.start(t, "echo", engine.Config{})
	c := s.dial(t)
	c.send("hello")
	c.want("hello")
	c.reset()
	r := s.log.waitEnd(engine.Peer, engine.RST)
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string]any{
		"received": 5.0, "sent": 5.0, "closed_by": "peer", "how": "rst", "network": "tcp",
		"peer": c.LocalAddr().String(), "local": s.addr,
	} {
		if got[field] != want {
			t.Errorf("%s: got %v, want %v", field, got[field], want)
		}
	}
	if cause, _ := got["error"].(string); !strings.Contains(cause, "reset") {
		t.Errorf("error: got %q, want the reset", cause)
	}
}

func TestBus(t *testing.T) {
	s, err := engine.New(engine.Config{Handler: newEcho()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Shutdown(context.Background())
	bus := s.Bus()
	var heard []string
	cancel := bus.Subscribe(func(msg []byte) error { heard = append(heard, string(msg)); return nil })
	full := bus.Subscribe(func([]byte) error { return engine.ErrBackpressure })
	stale := 0
	bus.Subscribe(func([]byte) error { stale++; return engine.ErrStale })
	for _, msg := range []string{"one", "two"} {
		if err := bus.Publish([]byte(msg)); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	full()
	if err := bus.Publish([]byte("three")); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(heard, " "); got != "one two" {
		t.Errorf("heard: got %q, want one two", got)
	}
	if stale != 1 {
		t.Errorf("a stale subscriber: got %d messages, want 1", stale)
	}
	if n := s.Stats().BusDropped; n != 2 {
		t.Errorf("Stats.BusDropped: got %d, want 2", n)
	}
	if err := bus.Publish(make([]byte, engine.MaxMessage+1)); !errors.Is(err, engine.ErrMessageTooLong) {
		t.Errorf("Publish: got %v, want %v", err, engine.ErrMessageTooLong)
	}
}

// TestAccepted: the hook sees each accepted socket before the peer is admitted,
// and may refuse it.
func TestAccepted(t *testing.T) {
	for _, v := range variants {
		if v.network != "tcp" {
			continue
		}
		t.Run(v.name, func(t *testing.T) {
			no := errors.New("not this one")
			var calls, admitted atomic.Int64 // by whoever accepts, before what the client sees
			s := v.start(t, "echo", engine.Config{
				Accepted: func(sock *socket.Socket) error {
					if _, err := sock.PeerAddr(); err != nil {
						t.Errorf("PeerAddr of an accepted socket: %v", err)
					}
					if calls.Add(1) == 1 {
						return no
					}
					return socket.Priority.Set(sock, 5)
				},
				Admit: func(socket.Addr) error { admitted.Add(1); return nil },
			})
			s.wantTurnedAway(t)
			if e := s.log.waitKind(engine.EventRefuse); !errors.Is(e.Err, no) {
				t.Errorf("refused: got %v, want %v", e.Err, no)
			}
			c := s.dial(t)
			c.send("x")
			c.want("x")
			s.log.waitKind(engine.EventOpen)
			if calls, admitted := calls.Load(), admitted.Load(); calls != 2 || admitted != 1 {
				t.Errorf("got %d calls of Accepted, %d of Admit; want 2, 1", calls, admitted)
			}
		})
	}
}

// TestBlockingAddTraffic: what went by the engine is in the record all the same.
func TestBlockingAddTraffic(t *testing.T) { inEach(t, testBlockingAddTraffic) }

func testBlockingAddTraffic(t *testing.T, v variant) {
	s := v.start(t, "", engine.Config{Handler: engine.Blocking(func(_ context.Context, conn net.Conn) error {
		conn.(interface{ AddTraffic(received, sent int64) }).AddTraffic(1000, 2000)
		_, err := conn.Write([]byte("hello"))
		return err
	})})
	c := s.dial(t)
	c.wantEOF("hello")
	_ = c.Close()
	if r := s.log.waitEnd(engine.Local, engine.FIN); r.Received != 1000 || r.Sent != 2005 {
		t.Errorf("record: got %d received, %d sent; want 1000, 2005", r.Received, r.Sent)
	}
}

// TestBlockingClosed: a handler that neither reads nor writes learns of the end.
func TestBlockingClosed(t *testing.T) {
	for _, v := range variants {
		if v.model != engine.Goroutine {
			continue
		}
		t.Run(v.name, func(t *testing.T) {
			entered := make(chan struct{})
			s := v.start(t, "", engine.Config{Handler: engine.Blocking(func(_ context.Context, conn net.Conn) error {
				close(entered)
				<-conn.(interface{ Closed() <-chan struct{} }).Closed()
				if _, err := conn.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
					t.Errorf("Write after that: got %v, want net.ErrClosed", err)
				}
				return nil
			})})
			c := s.dial(t)
			go func() { _, _ = c.Read(make([]byte, 1)) }() // over TLS: the handshake; ended by the end of the connection
			<-entered
			if _, err := s.stop(ended()); !errors.Is(err, context.Canceled) {
				t.Errorf("Shutdown: got %v, want context.Canceled", err)
			}
			s.log.waitEnd(engine.Local, engine.RST)
		})
	}
}

// A peer that still speaks when Shutdown begins is heard to its end.
func TestShutdownHearsThePeerOut(t *testing.T) { inEach(t, testShutdownHearsThePeerOut) }

func testShutdownHearsThePeerOut(t *testing.T, v variant) {
	s := v.start(t, "", engine.Config{Handler: newEcho()})
	c := s.dial(t)
	c.send("before")
	c.want("before")
	stopped := make(chan error, 1)
	go func() { // waited for below
		_, err := s.Shutdown(within(t, patience))
		stopped <- err
	}()
	for range 50 {
		c.send("after")
		c.want("after")
		time.Sleep(5 * time.Millisecond) // Shutdown begins somewhere in between
	}
	c.closeWrite()
	c.wantEOF("")
	if err := <-stopped; err != nil {
		t.Errorf("Shutdown: got %v, want nil", err)
	}
	if r := s.log.waitKind(engine.EventClose).Record; r.Received != 6+50*5 || r.End.How != engine.FIN {
		t.Errorf("record: %d bytes received, %v; want %d and fin", r.Received, &r.End, 6+50*5)
	}
}

// A peer that was silent, and speaks again after it was closed for that, sees a
// reset: what it says then is lost, and it must know.
func TestShutdownResetsWhoSpeaksTooLate(t *testing.T) { inEach(t, testShutdownResetsWhoSpeaksTooLate) }

func testShutdownResetsWhoSpeaksTooLate(t *testing.T, v variant) {
	s := v.start(t, "", engine.Config{Handler: newEcho()})
	c := s.dial(t)
	c.send("before")
	c.want("before")
	stopped := make(chan error, 1)
	go func() { // waited for below
		_, err := s.Shutdown(within(t, patience))
		stopped <- err
	}()
	c.wantEOF("") // the quiet is over
	_, _ = c.Write([]byte("too late"))
	if err := <-stopped; err != nil {
		t.Errorf("Shutdown: got %v, want nil", err)
	}
	if r := s.log.waitKind(engine.EventClose).Record; r.End.How != engine.RST || !errors.Is(r.End.Err, engine.ErrShutdown) {
		t.Errorf("record: %v; want a reset for the shutdown", &r.End)
	}
}
