//go:build linux

package socket

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// someTime is longer than anything here takes; a wait that reaches it has failed.
const someTime = 10 * time.Second

func TestMain(m *testing.M) {
	before := openFiles()
	code := m.Run()
	if code == 0 {
		code = checkLeaks(before)
	}
	os.Exit(code)
}

// checkLeaks says what the tests left behind, and returns the exit code.
func checkLeaks(before []string) int {
	drainPipes()
	deadline := time.Now().Add(someTime)
	var goroutines, files []string
	for {
		goroutines, files = strayGoroutines(), strayFiles(before)
		if len(goroutines)+len(files) == 0 {
			return 0
		}
		if time.Now().After(deadline) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	for _, g := range goroutines {
		fmt.Fprintf(os.Stderr, "goroutine left behind:\n%s\n\n", g)
	}
	for _, f := range files {
		fmt.Fprintf(os.Stderr, "descriptor left open: %s\n", f)
	}
	return 1
}

// drainPipes closes the idle pipes of Splice.
func drainPipes() {
	for {
		select {
		case p := <-idlePipes:
			p.close()
		default:
			return
		}
	}
}

func strayGoroutines() []string {
	buf := make([]byte, 1<<20)
	stacks := strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n")
	return slices.DeleteFunc(stacks, func(g string) bool {
		return strings.Contains(g, "checkLeaks") || strings.Contains(g, "os/signal.") ||
			strings.Contains(g, "created by runtime") || !strings.Contains(g, "sock/socket.")
	})
}

func strayFiles(before []string) []string {
	return slices.DeleteFunc(openFiles(), func(f string) bool { return slices.Contains(before, f) })
}

// openFiles lists this process's descriptors but for the poller's own.
func openFiles() []string {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		panic(err)
	}
	var files []string
	for _, e := range entries {
		target, err := os.Readlink(filepath.Join("/proc/self/fd", e.Name()))
		if err != nil || strings.Contains(target, "anon_inode:") || strings.HasSuffix(target, "/fd") {
			continue
		}
		files = append(files, e.Name()+" -> "+target)
	}
	return files
}

// must returns v, or fails the test.
func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// within gives a context that ends when a test has hung.
func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), someTime)
	t.Cleanup(cancel)
	return ctx
}

func closeAtEnd(t testing.TB, s *Socket) *Socket {
	t.Cleanup(func() { s.Close() })
	return s
}

func newTest(t testing.TB, family Family, typ Type, proto Protocol) *Socket {
	t.Helper()
	return closeAtEnd(t, must(New(family, typ, proto))(t))
}

var (
	loopback4 = AddrFrom(netip.MustParseAddrPort("127.0.0.1:0"))
	loopback6 = AddrFrom(netip.MustParseAddrPort("[::1]:0"))
)

// freeAddr gives an address to bind to in the family.
func freeAddr(t testing.TB, family Family) Addr {
	switch family {
	case INET:
		return loopback4
	case INET6:
		return loopback6
	case VSOCK:
		return VsockAddr(VsockAny, VsockAny)
	}
	return UnixAddr(filepath.Join(shortDir(t), "s"))
}

// shortDir gives a directory whose path leaves room in a UNIX address, which t.TempDir may not.
func shortDir(t testing.TB) string {
	t.Helper()
	dir := must(os.MkdirTemp("", "sock"))(t)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// listenTest gives a listening socket and its address.
func listenTest(t testing.TB, family Family, typ Type, proto Protocol) (*Socket, Addr) {
	t.Helper()
	l := newTest(t, family, typ, proto)
	check(t, l.Bind(freeAddr(t, family)))
	must(l.Listen(0))(t)
	return l, must(l.LocalAddr())(t)
}

// boundTest gives a datagram socket with an address.
func boundTest(t testing.TB, family Family, proto Protocol) (*Socket, Addr) {
	t.Helper()
	s := newTest(t, family, DGRAM, proto)
	check(t, s.Bind(freeAddr(t, family)))
	return s, must(s.LocalAddr())(t)
}

// connected gives both ends of a connection through a listener.
func connected(t testing.TB, family Family, typ Type, proto Protocol) (client, server *Socket) {
	t.Helper()
	l, addr := listenTest(t, family, typ, proto)
	client, server = dialTest(t, l, addr)
	return client, server
}

func dialTest(t testing.TB, l *Socket, addr Addr) (client, server *Socket) {
	t.Helper()
	// No context that outlives the call: a pending timer changes what the runtime's poller costs.
	ctx, cancel := context.WithTimeout(context.Background(), someTime)
	defer cancel()
	client = newTest(t, l.Family(), l.Type(), l.Protocol())
	check(t, client.Connect(ctx, addr))
	server, _, err := l.Accept(ctx)
	check(t, err)
	return client, closeAtEnd(t, server)
}

// stream is a kind of stream socket, by the name of its subtest.
type stream struct {
	name   string
	family Family
	typ    Type
	proto  Protocol
}

var streams = []stream{
	{"tcp4", INET, STREAM, TCP},
	{"tcp6", INET6, STREAM, TCP},
	{"mptcp4", INET, STREAM, MPTCP},
	{"mptcp6", INET6, STREAM, MPTCP},
	{"unix", UNIX, STREAM, 0},
	{"unixpacket", UNIX, SEQPACKET, 0},
}

// eachStream runs a subtest for each kind of stream, with both ends of a connection.
func eachStream(t *testing.T, run func(t *testing.T, client, server *Socket)) {
	for _, k := range streams {
		t.Run(k.name, func(t *testing.T) {
			client, server := connected(t, k.family, k.typ, k.proto)
			run(t, client, server)
		})
	}
}

// tcpListener is package net's listener, as an independent peer.
func tcpListener(t testing.TB) *net.TCPListener {
	t.Helper()
	l := must(net.Listen("tcp", "127.0.0.1:0"))(t).(*net.TCPListener)
	t.Cleanup(func() { l.Close() })
	return l
}
