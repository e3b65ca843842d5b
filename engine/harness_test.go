package engine_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sock/engine"
	"sock/socket"
)

// patience bounds every wait of a test: long enough for a busy machine under the race
// detector, for it only decides when a hang is one.
const patience = 2 * time.Minute

// variant is one way to serve streams.
type variant struct {
	name    string
	model   engine.Model
	backend engine.Backend
	network string // tcp or unix
	tls     bool
}

// variants are what the conformance suite runs over. A further backend joins
// here.
var variants = []variant{
	{name: "goroutine-tcp", model: engine.Goroutine, network: "tcp"},
	{name: "goroutine-unix", model: engine.Goroutine, network: "unix"},
	{name: "goroutine-tls", model: engine.Goroutine, network: "tcp", tls: true},
	{name: "serial-tcp", model: engine.Serial, network: "tcp"},
	{name: "serial-tls", model: engine.Serial, network: "tcp", tls: true},
	{name: "process-tcp", model: engine.Process, network: "tcp"},
	{name: "process-unix", model: engine.Process, network: "unix"},
	{name: "process-tls", model: engine.Process, network: "tcp", tls: true},
	{name: "epoll-tcp", model: engine.EventLoop, backend: engine.Epoll, network: "tcp"},
	{name: "epoll-unix", model: engine.EventLoop, backend: engine.Epoll, network: "unix"},
	{name: "epoll-tls", model: engine.EventLoop, backend: engine.Epoll, network: "tcp", tls: true},
	{name: "uring-tcp", model: engine.EventLoop, backend: engine.Uring, network: "tcp"},
	{name: "uring-unix", model: engine.EventLoop, backend: engine.Uring, network: "unix"},
}

// server is a running Server as a test sees it.
type server struct {
	*engine.Server
	v       variant
	network string
	addr    string
	log     *eventLog
	stop    func(ctx context.Context) (engine.Drain, error) // Shutdown, once for all
}

// starter starts a server of a named handler; what the Config leaves open the
// variant fills in.
type starter func(t *testing.T, name string, cfg engine.Config) *server

func (v variant) start(t *testing.T, name string, cfg engine.Config) *server {
	t.Helper()
	cfg.Model, cfg.Backend = v.model, v.backend
	if cfg.Handler == nil {
		cfg.Handler = handlerNamed(name)
	}
	if v.model == engine.Process {
		cfg.Handler = nil
		cfg.Child = func() (*exec.Cmd, error) { return testChild(childHandler + "=" + name), nil }
	}
	if v.tls && cfg.TLS == nil {
		cfg.TLS = serverTLS()
	}
	return startServer(t, v, cfg, listen(t, v.network))
}

// startServer serves one listener until the end of the test.
func startServer(t *testing.T, v variant, cfg engine.Config, l *socket.Socket) *server {
	t.Helper()
	s := &server{v: v, log: newEventLog(t)}
	if cfg.Observe == nil {
		cfg.Observe = s.log.observe
	}
	if cfg.Linger == 0 {
		cfg.Linger = 500 * time.Millisecond
	}
	var err error
	if s.Server, err = engine.New(cfg); err != nil {
		t.Fatal(err)
	}
	local, err := l.LocalAddr()
	if err != nil {
		t.Fatal(err)
	}
	s.network, s.addr = v.network, local.String()
	served := make(chan error, 1)
	go func() { served <- s.Serve(context.Background(), l) }() // ended by stop, which waits
	s.stop = func(ctx context.Context) (engine.Drain, error) {
		drain, err := s.Shutdown(ctx)
		if served != nil {
			if err := <-served; err != nil {
				t.Errorf("Serve: got %v, want nil", err)
			}
			served = nil
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		}
		return drain, err
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := s.stop(ctx); err != nil && strings.Contains(err.Error(), "stuck") {
			t.Errorf("Shutdown at the end: %v", err)
		}
	})
	return s
}

// testChild is this binary once more, with one more variable.
func testChild(variable string) *exec.Cmd {
	exe, err := os.Executable()
	if err != nil {
		panic(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), variable)
	cmd.Stderr = os.Stderr
	return cmd
}

// listen opens a listener on a free address.
func listen(t *testing.T, network string) *socket.Socket {
	t.Helper()
	family, addr := socket.INET, socket.AddrFrom(netip.MustParseAddrPort("127.0.0.1:0"))
	if network == "unix" {
		family, addr = socket.UNIX, socket.UnixAddr(filepath.Join(t.TempDir(), "s"))
	}
	l, err := socket.New(family, socket.STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Bind(addr); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Listen(0); err != nil {
		t.Fatal(err)
	}
	return l
}

// wantTurnedAway dials and wants a reset: as early as in connect, or later.
func (s *server) wantTurnedAway(t *testing.T) {
	t.Helper()
	raw, err := net.Dial(s.network, s.addr)
	if err != nil {
		if !errors.Is(err, syscall.ECONNRESET) {
			t.Fatalf("dial: got %v, want a connection or a reset", err)
		}
		return
	}
	c := s.wrap(t, raw)
	if _, err := c.Write([]byte("x")); err == nil || !isReset(err) {
		c.wantReset()
	}
}

// isReset reports whether an error is the peer's reset, which is told once: to
// a write or to a read.
func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// client is a connection of the standard library to the server.
type client struct {
	net.Conn
	t   *testing.T
	raw net.Conn // beneath TLS
}

func (s *server) dial(t *testing.T) *client {
	t.Helper()
	raw, err := s.dialRaw()
	if err != nil {
		t.Fatal(err)
	}
	return s.wrap(t, raw)
}

func (s *server) dialRaw() (net.Conn, error) { return net.Dial(s.network, s.addr) }

func (s *server) wrap(t *testing.T, raw net.Conn) *client {
	t.Helper()
	c, err := s.wrapConn(raw)
	if err != nil {
		t.Fatal(err)
	}
	c.t = t
	t.Cleanup(func() { _ = raw.Close() })
	return c
}

func (s *server) wrapConn(raw net.Conn) (*client, error) {
	c := &client{Conn: raw, raw: raw}
	if s.v.tls {
		c.Conn = tls.Client(raw, clientTLS())
	}
	return c, c.SetDeadline(time.Now().Add(patience))
}

func (c *client) send(data string) {
	c.t.Helper()
	if _, err := io.WriteString(c, data); err != nil {
		c.t.Fatalf("write: %v", err)
	}
}

func (c *client) want(data string) {
	c.t.Helper()
	got := make([]byte, len(data))
	if n, err := io.ReadFull(c, got); err != nil {
		c.t.Fatalf("read: got %.60q and %v, want %.60q", got[:n], err, data)
	}
	if string(got) != data {
		c.t.Fatalf("read: got %.60q, want %.60q", got, data)
	}
}

// wantEOF reads to end of file and checks what comes before it.
func (c *client) wantEOF(data string) {
	c.t.Helper()
	got, err := io.ReadAll(c)
	if err != nil {
		c.t.Fatalf("read to the end: got %d bytes and %v, want %d and end of file", len(got), err, len(data))
	}
	if string(got) != data {
		c.t.Fatalf("read to the end: got %d bytes %.60q, want %d bytes %.60q", len(got), got, len(data), data)
	}
}

// wantReset reads until the connection fails, and wants that it was reset. A
// UNIX socket knows no reset: there any end will do.
func (c *client) wantReset() {
	c.t.Helper()
	n, err := io.Copy(io.Discard, c)
	if c.raw.RemoteAddr().Network() == "unix" {
		return
	}
	if !isReset(err) {
		c.t.Fatalf("read: got %d bytes and %v, want a reset", n, err)
	}
}

func (c *client) closeWrite() {
	c.t.Helper()
	if err := c.Conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		c.t.Fatalf("CloseWrite: %v", err)
	}
}

// reset ends the connection with RST.
func (c *client) reset() {
	c.t.Helper()
	if err := c.raw.(*net.TCPConn).SetLinger(0); err != nil {
		c.t.Fatal(err)
	}
	if err := c.raw.Close(); err != nil {
		c.t.Fatal(err)
	}
}

// eventLog keeps events and lets tests wait for one.
type eventLog struct {
	t      *testing.T
	mu     sync.Mutex
	events []engine.Event
	more   chan struct{} // closed and replaced at each event
}

func newEventLog(t *testing.T) *eventLog { return &eventLog{t: t, more: make(chan struct{})} }

func (l *eventLog) observe(e engine.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, e)
	close(l.more)
	l.more = make(chan struct{})
}

// wait returns the first event that matches, once it has come.
func (l *eventLog) wait(what string, match func(engine.Event) bool) engine.Event {
	l.t.Helper()
	deadline := time.After(patience)
	for {
		l.mu.Lock()
		events, more := l.events, l.more
		l.mu.Unlock()
		for _, e := range events {
			if match(e) {
				return e
			}
		}
		select {
		case <-more:
		case <-deadline:
			l.t.Fatalf("no event %s; got %v", what, summary(events))
		}
	}
}

func (l *eventLog) waitKind(kind engine.EventKind) engine.Event {
	l.t.Helper()
	return l.wait(string(kind), func(e engine.Event) bool { return e.Kind == kind })
}

// waitEnd waits for the first record and checks how the connection ended.
func (l *eventLog) waitEnd(by engine.Side, how engine.How) engine.Record {
	l.t.Helper()
	r := *l.waitKind(engine.EventClose).Record
	if r.End.By != by || r.End.How != how {
		l.t.Fatalf("end: got %s %s (%v), want %s %s", r.End.By, r.End.How, r.End.Err, by, how)
	}
	return r
}

// count gives the number of events of a kind so far.
func (l *eventLog) count(kind engine.EventKind) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.events {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

func summary(events []engine.Event) (lines []string) {
	for _, e := range events {
		line := fmt.Sprintf("%s #%d %s %v", e.Kind, e.ID, e.Text, e.Err)
		if e.Record != nil {
			line += fmt.Sprintf(" %v, %d in, %d out", &e.Record.End, e.Record.Received, e.Record.Sent)
		}
		lines = append(lines, line)
	}
	return lines
}

// TLS material, made once.
var testCertificate = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, DNSNames: []string{"test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
})

func serverTLS() *tls.Config { return &tls.Config{Certificates: []tls.Certificate{testCertificate()}} }

func clientTLS() *tls.Config {
	cert, err := x509.ParseCertificate(testCertificate().Certificate[0])
	if err != nil {
		panic(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	return &tls.Config{RootCAs: roots, ServerName: "test"}
}

// ended is a context that has ended: Shutdown with it forces at once.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// within is a context of some time.
func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// without drops a variable from an environment.
func without(env []string, name string) (kept []string) {
	for _, v := range env {
		if !strings.HasPrefix(v, name+"=") {
			kept = append(kept, v)
		}
	}
	return kept
}

// roles are what the test binary can be besides a child of the engine.
var roles = map[string]func() error{
	"sockets": func() error {
		_, err := fmt.Print(openSockets())
		return err
	},
}

func inProcessChild() (*exec.Cmd, error) { return testChild(childHandler + "=echo"), nil }

func exitGoroutine() { runtime.Goexit() }
