package engine_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"sock/engine"
)

// TestTLSHandshakesTakeNoSlot: silent and failing clients do not count for
// MaxConns and hold up nobody.
func TestTLSHandshakesTakeNoSlot(t *testing.T) {
	for _, v := range []variant{
		{name: "goroutine", model: engine.Goroutine, network: "tcp", tls: true},
		{name: "process", model: engine.Process, network: "tcp", tls: true},
	} {
		t.Run(v.name, func(t *testing.T) {
			s := v.start(t, "echo", engine.Config{MaxConns: 1})
			silent, err := net.Dial(s.network, s.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer silent.Close()
			wrong := s.dial(t)
			wrong.Conn = tls.Client(wrong.raw, &tls.Config{ServerName: "test"}) // does not know the authority
			if _, err := wrong.Write([]byte("x")); err == nil {
				t.Error("handshake with an unknown authority: got nil, want an error")
			}
			_ = wrong.Close()

			good := s.dial(t)
			good.send("x")
			good.want("x")
			second := s.dial(t)
			if _, err := second.Write([]byte("x")); err == nil {
				second.wantReset()
			}
			if e := s.log.waitKind(engine.EventRefuse); !errors.Is(e.Err, engine.ErrTooMany) {
				t.Errorf("refused: got %v, want %v", e.Err, engine.ErrTooMany)
			}
		})
	}
}

// TestTLSHandshakeTimeout: a silent client is dropped in time, with a record.
func TestTLSHandshakeTimeout(t *testing.T) {
	v := variant{name: "goroutine", model: engine.Goroutine, network: "tcp", tls: true}
	s := v.start(t, "echo", engine.Config{HandshakeTimeout: 100 * time.Millisecond})
	silent, err := net.Dial(s.network, s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	if _, err := io.Copy(io.Discard, silent); err != nil && !isReset(err) {
		t.Errorf("read: got %v, want the end", err)
	}
	s.log.waitEnd(engine.Local, engine.Timeout)
}

// TestTLSFailedHandshakeTellsWhy: the alert reaches the peer, no reset before it.
func TestTLSFailedHandshakeTellsWhy(t *testing.T) {
	v := variant{name: "goroutine", model: engine.Goroutine, network: "tcp", tls: true}
	config := serverTLS()
	config.MinVersion = tls.VersionTLS13
	s := v.start(t, "echo", engine.Config{TLS: config})
	c := s.dial(t)
	old := clientTLS()
	old.MaxVersion = tls.VersionTLS12
	c.Conn = tls.Client(c.raw, old)
	_, err := c.Write([]byte("x"))
	if err == nil || !strings.Contains(err.Error(), "remote error") {
		t.Errorf("handshake: got %v, want an alert", err)
	}
	_ = c.raw.Close()
	if r := s.log.waitKind(engine.EventClose).Record; r.End.How != engine.Failed {
		t.Errorf("end: got %v, want an error", &r.End)
	}
}

// TestTLSState: the handler sees what was negotiated.
func TestTLSState(t *testing.T) {
	versions := make(chan uint16, 1)
	h := &handler{open: func(c *engine.Conn) { versions <- c.TLS().Version }}
	v := variant{name: "goroutine", model: engine.Goroutine, network: "tcp", tls: true}
	c := v.start(t, "", engine.Config{Handler: h}).dial(t)
	c.send("x")
	if got := <-versions; got != tls.VersionTLS13 {
		t.Errorf("version: got %x, want %x", got, tls.VersionTLS13)
	}
}
