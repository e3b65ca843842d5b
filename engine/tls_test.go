package engine_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"reflect"
	"strings"
	"sync/atomic"
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

// TestTLSBlockingAddresses: they are of package net's types, as without TLS.
func TestTLSBlockingAddresses(t *testing.T) {
	addrs := make(chan net.Addr, 2)
	v := variant{name: "goroutine", model: engine.Goroutine, network: "tcp", tls: true}
	s := v.start(t, "", engine.Config{Handler: engine.Blocking(func(_ context.Context, conn net.Conn) error {
		addrs <- conn.LocalAddr()
		addrs <- conn.RemoteAddr()
		return nil
	})})
	c := s.dial(t)
	c.wantEOF("")
	for _, want := range []net.Addr{c.raw.RemoteAddr(), c.raw.LocalAddr()} {
		if got := <-addrs; got.String() != want.String() || reflect.TypeOf(got) != reflect.TypeOf(want) {
			t.Errorf("address: got %T %v, want %T %v", got, got, want, want)
		}
	}
}

// TestTLSCertificateOfTheMoment: a certificate that comes from GetCertificate is
// handed to each child as it is then, and no child sends tickets.
func TestTLSCertificateOfTheMoment(t *testing.T) {
	var asked atomic.Int64
	config := &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		asked.Add(1)
		cert := testCertificate()
		return &cert, nil
	}}
	v := variant{name: "process", model: engine.Process, network: "tcp", tls: true}
	s := v.start(t, "echo", engine.Config{TLS: config})
	before := asked.Load()
	for range 2 {
		c := s.dial(t)
		c.send("x")
		c.want("x")
		_ = c.Close()
	}
	if got := asked.Load() - before; got != 2 {
		t.Errorf("asked for the certificate of 2 connections: got %d times, want 2", got)
	}
}

// TestTLSCutOff: a FIN in the middle of a record is the peer's doing, and not an
// end in order.
func TestTLSCutOff(t *testing.T) {
	v := variant{name: "goroutine", model: engine.Goroutine, network: "tcp", tls: true}
	for _, name := range []string{"echo", "blocking-echo"} {
		s := v.start(t, name, engine.Config{})
		c := s.dial(t)
		c.send("x")
		c.want("x")
		if _, err := c.raw.Write([]byte{23, 3, 3, 0, 100, 0}); err != nil { // one byte of a record of 100
			t.Fatal(err)
		}
		_ = c.raw.Close()
		if r := s.log.waitEnd(engine.Peer, engine.Failed); !errors.Is(r.End.Err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: cause: got %v, want %v", name, r.End.Err, io.ErrUnexpectedEOF)
		}
	}
}
