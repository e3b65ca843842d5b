package socket

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/nettest"
)

// recorder keeps the calls of a test.
type recorder struct {
	mu    sync.Mutex
	calls []*Call // guarded by mu
}

// recordCalls traces until the test ends. Tests that use it cannot run in parallel.
func recordCalls(t *testing.T) *recorder {
	r := new(recorder)
	SetTracer(func(c *Call) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.calls = append(r.calls, c)
	})
	t.Cleanup(func() { SetTracer(nil) })
	return r
}

func (r *recorder) has(fd int, name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.calls {
		if c.FD == fd && c.Name == name {
			return true
		}
	}
	return false
}

func (r *recorder) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var lines strings.Builder
	for _, c := range r.calls {
		fmt.Fprintf(&lines, "%d %v\n", c.FD, c)
	}
	return lines.String()
}

// of gives the lines of one descriptor, after it was opened.
func (r *recorder) of(fd int) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var lines []string
	for _, c := range r.calls {
		if c.FD == fd {
			lines = append(lines, c.String())
		}
	}
	return lines
}

func TestTraceServerAndClient(t *testing.T) {
	calls := recordCalls(t)
	l := newTest(t, INET, STREAM, TCP)
	check(t, l.Bind(loopback4))
	granted := must(l.Listen(16))(t)
	addr := must(l.LocalAddr())(t)
	client := newTest(t, INET, STREAM, TCP)
	check(t, client.Connect(context.Background(), addr))
	server, peer, err := l.Accept(context.Background())
	check(t, err)
	must(client.SendAll([]byte("hello\n"), 0))(t)
	buf := make([]byte, 100)
	must(server.Recv(buf, 0))(t)
	must(server.Conn().Write([]byte("\x00\xff and a text that is longer than the preview")))(t)
	must(client.Recv(buf[:60], MsgPeek))(t)
	check(t, client.setsockopt(1, 9, []byte{1, 0, 0, 0}))
	check(t, client.Shutdown(ShutWR))
	_, _ = server.Recv(buf, 0)
	fds := []int{l.FD(), client.FD(), server.FD()}
	check(t, server.Close())

	wants := [][]string{{
		fmt.Sprintf("socket(AF_INET, SOCK_STREAM, IPPROTO_TCP) = %d", fds[0]),
		"bind(127.0.0.1:0) = 0",
		fmt.Sprintf("listen(backlog=%d) = 0", granted),
		fmt.Sprintf("getsockname(%v) = 0", addr),
		fmt.Sprintf("accept() = %d (%v)", fds[2], peer),
	}, {
		fmt.Sprintf("socket(AF_INET, SOCK_STREAM, IPPROTO_TCP) = %d", fds[1]),
		fmt.Sprintf("connect(%v) = 0", addr),
		`send("hello\n", 6) = 6`,
		`recv("\x00\xff and a text that is longer tha"..., 60, MSG_PEEK) = 45`,
		"setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1) = 0",
		"shutdown(SHUT_WR) = 0",
	}, {
		`recv("hello\n", 100) = 6`,
		`send("\x00\xff and a text that is longer tha"..., 45) = 45`,
		`recv("", 100) = 0`,
		"close() = 0",
	}}
	for i, want := range wants {
		if got := calls.of(fds[i]); strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

func TestTraceFailures(t *testing.T) {
	calls := recordCalls(t)
	to := closedPort(t, INET)
	s := newTest(t, INET, STREAM, TCP)
	fd := s.FD()
	_ = s.Connect(context.Background(), to)
	_ = s.SetReadDeadline(aLongTimeAgo)
	_, _ = s.Recv(make([]byte, 7), 0)
	_, _ = s.Splice(s, 1)
	check(t, s.Close())
	_, _ = s.Send([]byte("x"), MsgMore)
	d, _ := boundTest(t, INET, UDP)
	_, _ = d.Recv(make([]byte, 3), MsgDontWait)
	_, _, _ = Pair(INET, STREAM, TCP)

	got := calls.String()
	for _, want := range []string{
		fmt.Sprintf("%d connect(%v) = -1 ECONNREFUSED (connection refused)", fd, to),
		fmt.Sprintf("%d recv(7) = -1 (i/o timeout)", fd),
		fmt.Sprintf("%d send(1, MSG_MORE) = -1 (use of closed network connection)", fd),
		fmt.Sprintf("%d recv(3, MSG_DONTWAIT) = -1 EAGAIN (resource temporarily unavailable)", d.FD()),
		"-1 socketpair(AF_INET, SOCK_STREAM, IPPROTO_TCP, [-1, -1]) = -1 EOPNOTSUPP (operation not supported)",
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("no line\n%s\nin\n%s", want, got)
		}
	}
}

func TestTraceDatagrams(t *testing.T) {
	a, from := boundTest(t, INET, UDP)
	b, to := boundTest(t, INET, UDP)
	calls := recordCalls(t)
	must(a.SendTo([]byte("hi"), 0, to))(t)
	_, _, err := b.RecvFrom(make([]byte, 1500), 0)
	check(t, err)
	must(a.SendMsg(&Message{Buffers: [][]byte{[]byte("m"), []byte("sg")}, Addr: to}, 0))(t)
	must(b.RecvMsg(&Message{Buffers: [][]byte{make([]byte, 8)}}, 0))(t)
	must(a.SendBatch(messages(3, 1, to), 0))(t)
	must(b.RecvBatch(messages(3, 1, Addr{}), 0))(t)
	want := fmt.Sprintf("%[1]d sendto(\"hi\", 2, to %[4]v) = 2\n%[2]d recvfrom(\"hi\", 1500, from %[3]v) = 2\n"+
		"%[1]d sendmsg(\"m\"..., 3, to %[4]v) = 3\n%[2]d recvmsg(\"msg\", 8, from %[3]v) = 3\n"+
		"%[1]d sendmmsg(3 messages) = 3\n%[2]d recvmmsg(3 messages) = 3\n", a.FD(), b.FD(), from, to)
	if got := calls.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// A call that waited is reported once, with the time it waited.
func TestTraceWaits(t *testing.T) {
	a, b := connected(t, INET, STREAM, TCP)
	calls := recordCalls(t)
	const pause = 50 * time.Millisecond
	received := make(chan error, 1)
	go func() { _, err := b.Recv(make([]byte, 8), 0); received <- err }()
	waitUntilParked(t)
	time.Sleep(pause) // what is measured
	must(a.Send([]byte("x"), 0))(t)
	check(t, <-received)
	n := 0
	for _, c := range calls.calls {
		if c.Name == "recv" {
			n++
			if c.Duration < pause || c.Duration > someTime || c.Start.IsZero() {
				t.Errorf("took %v, want at least %v", c.Duration, pause)
			}
		}
	}
	if n != 1 {
		t.Errorf("%d calls of recv, want 1:\n%s", n, calls)
	}
}

// With a tracer on, connections behave as without.
func TestTraceOnConformance(t *testing.T) {
	SetTracer(func(c *Call) { _ = c.String() })
	defer SetTracer(nil)
	nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) { return dialPipe(t, streams[0]) })
}

func TestTraceOffCostsNoAllocation(t *testing.T) {
	if raceEnabled {
		return
	}
	SetTracer(func(*Call) {})
	SetTracer(nil)
	if allocs := testing.AllocsPerRun(100, func() {
		if startTrace().on() {
			t.Error("tracing is on")
		}
	}); allocs != 0 {
		t.Errorf("%v allocations, want 0", allocs)
	}
}

func ExampleSetTracer() {
	SetTracer(func(c *Call) {
		if c.Name != "getsockname" {
			fmt.Println(c)
		}
	})
	defer SetTracer(nil)

	s, err := New(INET, DGRAM, UDP)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	_ = s.Bind(UnixAddr("/not/an/internet/address"))
	_, _ = s.Recv(make([]byte, 512), MsgDontWait)
	// The first line is like: socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP) = 4
}

var (
	_ net.Conn       = (*Conn)(nil)
	_ io.ReaderFrom  = (*Conn)(nil)
	_ io.WriterTo    = (*Conn)(nil)
	_ net.Listener   = (*Listener)(nil)
	_ net.PacketConn = (*PacketConn)(nil)
	_ net.Addr       = Addr{}
	_ syscall.Conn   = (*Socket)(nil)
)
