package socket

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// closedPort gives an address on which nobody listens, held so that nobody will.
func closedPort(t *testing.T, family Family) Addr {
	t.Helper()
	s := newTest(t, family, STREAM, TCP)
	check(t, s.Bind(freeAddr(t, family)))
	return must(s.LocalAddr())(t)
}

func TestConnectRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		addr Addr
		want syscall.Errno
	}{
		{"tcp4", closedPort(t, INET), syscall.ECONNREFUSED},
		{"tcp6", closedPort(t, INET6), syscall.ECONNREFUSED},
		{"unix-no-file", UnixAddr(shortDir(t) + "/none"), syscall.ENOENT},
		{"unix-nobody", deadPath(t), syscall.ECONNREFUSED},
		{"abstract", UnixAddr("@sock-test-nobody-" + shortDir(t)), syscall.ECONNREFUSED},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := newTest(t, c.addr.Family(), STREAM, 0).Connect(within(t), c.addr)
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.addr.String()) {
				t.Errorf("got %v, want %v of %v", err, c.want, c.addr)
			}
			checkNesting(t, err)
			errno, err := newTest(t, c.addr.Family(), STREAM, 0).ConnectEx(within(t), c.addr)
			if errno != c.want || err != nil {
				t.Errorf("ConnectEx: got %v, %v, want %v", errno, err, c.want)
			}
		})
	}
}

// deadPath gives a path that a socket left behind.
func deadPath(t *testing.T) Addr {
	l, addr := listenTest(t, UNIX, STREAM, 0)
	check(t, l.Close())
	return addr
}

func TestConnectExConnected(t *testing.T) {
	l, addr := listenTest(t, INET, STREAM, TCP)
	defer l.Close()
	errno, err := newTest(t, INET, STREAM, TCP).ConnectEx(within(t), addr)
	if errno != 0 || err != nil {
		t.Errorf("got %v, %v, want 0 and no error", errno, err)
	}
}

// With nobody there, a socket whose source port the kernel would choose to be the very port it
// connects to must not end up connected to itself. That is made certain here: it connects to the
// port that it has.
func TestConnectToItself(t *testing.T) {
	s := newTest(t, INET, STREAM, TCP)
	check(t, s.Bind(loopback4))
	local := must(s.LocalAddr())(t)
	s.bound.Store(false) // as if the kernel had chosen
	err := s.Connect(within(t), local)
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v, want ECONNREFUSED", err)
	}
	if peer, err := s.PeerAddr(); err == nil {
		t.Errorf("still connected to %v", peer)
	}

	own := newTest(t, INET, STREAM, TCP)
	check(t, own.Bind(loopback4))
	local = must(own.LocalAddr())(t)
	check(t, own.Connect(within(t), local)) // asked for: allowed
	if peer := must(own.PeerAddr())(t); peer != local {
		t.Errorf("peer: got %v, want %v", peer, local)
	}
}

// fullBacklog gives a listener with a backlog of 1 that is full.
func fullBacklog(t *testing.T, family Family) (*Socket, Addr) {
	t.Helper()
	l := newTest(t, family, STREAM, 0)
	check(t, l.Bind(freeAddr(t, family)))
	if granted := must(l.Listen(1))(t); granted != 1 {
		t.Fatalf("granted a backlog of %d, want 1", granted)
	}
	addr := must(l.LocalAddr())(t)
	for range 2 { // the kernel holds one more than the backlog
		check(t, newTest(t, family, STREAM, 0).Connect(within(t), addr))
	}
	return l, addr
}

// enders are the ways to end a call that waits, and the error of each.
var enders = []struct {
	name string
	want error
	end  func(t *testing.T, s *Socket, cancel context.CancelCauseFunc)
}{
	{"cancel", context.Canceled, func(t *testing.T, _ *Socket, cancel context.CancelCauseFunc) { cancel(nil) }},
	{"read-deadline", os.ErrDeadlineExceeded, func(t *testing.T, s *Socket, _ context.CancelCauseFunc) {
		check(t, s.SetDeadline(aLongTimeAgo))
	}},
	{"close", net.ErrClosed, func(t *testing.T, s *Socket, _ context.CancelCauseFunc) { check(t, s.Close()) }},
}

// endsEarly makes a call that would wait for ever and ends it by each ender.
func endsEarly(t *testing.T, open func(t *testing.T) *Socket, call func(ctx context.Context, s *Socket) error) {
	for _, e := range enders {
		t.Run(e.name, func(t *testing.T) {
			s := open(t)
			ctx, cancel := context.WithCancelCause(context.Background())
			defer cancel(nil)
			result := make(chan error, 1)
			go func() { result <- call(ctx, s) }()
			waitUntilParked(t)
			e.end(t, s, cancel)
			select {
			case err := <-result:
				if !errors.Is(err, e.want) {
					t.Errorf("got %v, want %v", err, e.want)
				}
				checkNesting(t, err)
			case <-time.After(someTime):
				t.Fatal("the call did not end")
			}
		})
	}
	t.Run("context-deadline", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		defer cancel()
		err := call(ctx, open(t))
		var timeout net.Error
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, os.ErrDeadlineExceeded) ||
			!errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("got %v, want a timeout that matches both packages' errors", err)
		}
		checkNesting(t, err)
	})
	t.Run("context-over-before", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := call(ctx, open(t)); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
	})
}

// waitUntilParked waits until a goroutine is parked in the poller. If it is not there in time, the
// test still tests: the end then comes before the wait.
func waitUntilParked(t *testing.T) {
	t.Helper()
	for range 200 {
		for _, g := range strayGoroutines() {
			if strings.Contains(g, "IO wait") || strings.Contains(g, "[select") {
				return
			}
		}
		time.Sleep(time.Millisecond)
	}
}

func TestAcceptEndsEarly(t *testing.T) {
	for _, family := range []Family{INET, UNIX} {
		t.Run(family.String(), func(t *testing.T) {
			endsEarly(t, func(t *testing.T) *Socket {
				l, _ := listenTest(t, family, STREAM, 0)
				return l
			}, func(ctx context.Context, s *Socket) error {
				_, _, err := s.Accept(ctx)
				return err
			})
		})
	}
}

func TestConnectEndsEarly(t *testing.T) {
	for _, family := range []Family{INET, UNIX} {
		t.Run(family.String(), func(t *testing.T) {
			_, addr := fullBacklog(t, family)
			endsEarly(t, func(t *testing.T) *Socket {
				return newTest(t, family, STREAM, 0)
			}, func(ctx context.Context, s *Socket) error { return s.Connect(ctx, addr) })
		})
	}
}

// An ended Accept leaves the listener as it was: the next one gets its connection, and another
// that waits at the same time does not notice.
func TestAcceptCancelLeavesOthers(t *testing.T) {
	l, addr := listenTest(t, INET, STREAM, TCP)
	var others sync.WaitGroup
	accepted := make(chan *Socket, 4)
	for range cap(accepted) {
		others.Go(func() {
			s, _, err := l.Accept(context.Background())
			if err != nil {
				t.Errorf("another Accept: %v", err)
				return
			}
			accepted <- s
		})
	}
	for range 20 {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { _, _, err := l.Accept(ctx); done <- err }()
		waitUntilParked(t)
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v, want context.Canceled", err)
		}
	}
	for range cap(accepted) {
		check(t, newTest(t, INET, STREAM, TCP).Connect(within(t), addr))
		s := <-accepted
		check(t, s.Close())
	}
	others.Wait()
}

// The caller's own deadline survives a cancelled call, whenever it was set.
func TestAcceptCancelKeepsDeadline(t *testing.T) {
	l, _ := listenTest(t, INET, STREAM, TCP)
	check(t, l.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { _, _, err := l.Accept(ctx); done <- err }()
	waitUntilParked(t)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want context.Canceled", err)
	}
	if _, _, err := l.Accept(context.Background()); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after it: got %v, want os.ErrDeadlineExceeded", err)
	}
}

// A context that cannot end costs no goroutine, and one that can costs none until it does.
func TestAcceptStartsNoGoroutine(t *testing.T) {
	l, addr := listenTest(t, INET, STREAM, TCP)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	before := len(strayGoroutines())
	for _, ctx := range []context.Context{context.Background(), ctx} {
		done := make(chan error, 1)
		go func() {
			s, _, err := l.Accept(ctx)
			if err == nil {
				err = s.Close()
			}
			done <- err
		}()
		waitUntilParked(t)
		if n := len(strayGoroutines()); n > before+1 {
			t.Errorf("%d goroutines, want %d:\n%s", n, before+1, strings.Join(strayGoroutines(), "\n\n"))
		}
		check(t, newTest(t, INET, STREAM, TCP).Connect(context.Background(), addr))
		check(t, <-done)
	}
}

// A UNIX connect waits for room in the backlog, for which the kernel has no event.
func TestConnectUnixWaitsForBacklog(t *testing.T) {
	l, addr := fullBacklog(t, UNIX)
	done := make(chan error, 1)
	go func() { done <- newTest(t, UNIX, STREAM, 0).Connect(context.Background(), addr) }()
	for range 3 {
		s, _, err := l.Accept(within(t))
		check(t, err)
		check(t, s.Close())
	}
	check(t, <-done)
}

func TestConnectTwice(t *testing.T) {
	a, _ := connected(t, INET, STREAM, TCP)
	peer := must(a.PeerAddr())(t)
	_ = a.Connect(within(t), peer) // to a connect that had to wait the kernel may say yes once more
	if err := a.Connect(within(t), peer); !errors.Is(err, syscall.EISCONN) {
		t.Errorf("got %v, want EISCONN", err)
	}
}

// A datagram socket may change its peer.
func TestConnectDatagramAgain(t *testing.T) {
	s := newTest(t, INET, DGRAM, UDP)
	for range 2 {
		_, addr := boundTest(t, INET, UDP)
		check(t, s.Connect(within(t), addr))
		if peer := must(s.PeerAddr())(t); peer != addr {
			t.Errorf("got %v, want %v", peer, addr)
		}
	}
}

func TestConnectFamilyMismatch(t *testing.T) {
	err := newTest(t, INET, STREAM, TCP).Connect(within(t), loopback6)
	if !errors.Is(err, syscall.EAFNOSUPPORT) && !errors.Is(err, syscall.EINVAL) {
		t.Errorf("got %v, want EAFNOSUPPORT", err)
	}
	checkNesting(t, err)
}

func TestBindInUse(t *testing.T) {
	l, addr := listenTest(t, INET, STREAM, TCP)
	defer l.Close()
	err := newTest(t, INET, STREAM, TCP).Bind(addr)
	if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), addr.String()) {
		t.Errorf("got %v, want EADDRINUSE of %v", err, addr)
	}
	checkNesting(t, err)
}

// kernelBacklog asks what tcp(7) TCP_INFO says of a listener: its backlog, and how much of it is used.
func kernelBacklog(t *testing.T, l *Socket) (backlog, used int) {
	t.Helper()
	b := make([]byte, unsafe.Sizeof(unix.TCPInfo{}))
	must(l.getsockopt(unix.IPPROTO_TCP, unix.TCP_INFO, b))(t)
	ne := binary.NativeEndian
	backlog = int(ne.Uint32(b[unsafe.Offsetof(unix.TCPInfo{}.Sacked):]))
	return backlog, int(ne.Uint32(b[unsafe.Offsetof(unix.TCPInfo{}.Unacked):]))
}

func TestListenBacklogGranted(t *testing.T) {
	system := systemBacklog()
	for _, c := range []struct {
		name      string
		ask, want int
	}{
		{"one", 1, 1},
		{"some", 7, 7},
		{"all", system, system},
		{"default", 0, system},
		{"negative", -1, system},
		{"too-many", system + 1, system},
		{"most", math.MaxInt, system},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newTest(t, INET, STREAM, TCP)
			check(t, l.Bind(loopback4))
			granted := must(l.Listen(c.ask))(t)
			if kernel, _ := kernelBacklog(t, l); granted != c.want || kernel != c.want {
				t.Errorf("granted %d, the kernel says %d, want %d", granted, kernel, c.want)
			}
		})
	}
}

// The backlog holds that many connections before one is accepted.
func TestListenBacklogHolds(t *testing.T) {
	const backlog = 32
	l := newTest(t, INET, STREAM, TCP)
	check(t, l.Bind(loopback4))
	must(l.Listen(backlog))(t)
	addr := must(l.LocalAddr())(t)
	for range backlog {
		check(t, newTest(t, INET, STREAM, TCP).Connect(within(t), addr))
	}
	for { // the last handshake's ACK may still be on its way
		if _, used := kernelBacklog(t, l); used == backlog {
			break
		}
		time.Sleep(time.Millisecond)
	}
	for range backlog {
		s, _, err := l.Accept(within(t))
		check(t, err)
		check(t, s.Close())
	}
}

// A connection that its client reset before it was accepted is either passed over or accepted and
// then found to be reset; it never ends the listener.
func TestAcceptAfterAbort(t *testing.T) {
	l, addr := listenTest(t, INET, STREAM, TCP)
	aborted := newTest(t, INET, STREAM, TCP)
	check(t, aborted.Connect(within(t), addr))
	check(t, aborted.setsockopt(syscall.SOL_SOCKET, syscall.SO_LINGER, []byte{1, 0, 0, 0, 0, 0, 0, 0}))
	check(t, aborted.Close())
	client := newTest(t, INET, STREAM, TCP)
	check(t, client.Connect(within(t), addr))
	want := must(client.LocalAddr())(t)
	for {
		s, peer, err := l.Accept(within(t))
		check(t, err)
		check(t, s.Close())
		if peer == want {
			return
		}
	}
}

func TestAcceptNotListening(t *testing.T) {
	s := newTest(t, INET, STREAM, TCP)
	if _, _, err := s.Accept(within(t)); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("got %v, want EINVAL", err)
	}
	d := newTest(t, INET, DGRAM, UDP)
	if _, _, err := d.Accept(within(t)); !errors.Is(err, syscall.EOPNOTSUPP) {
		t.Errorf("datagram: got %v, want EOPNOTSUPP", err)
	}
}

func TestAcceptDescriptorFlags(t *testing.T) {
	_, server := connected(t, INET, STREAM, TCP)
	checkDescriptor(t, server.FD())
	if server.Family() != INET || server.Type() != STREAM || server.Protocol() != TCP {
		t.Errorf("got %v %v %v", server.Family(), server.Type(), server.Protocol())
	}
}

// Wildcard: what is connected to 0.0.0.0 is connected to this host, and says to which address.
func TestConnectWildcardNamesPeer(t *testing.T) {
	l := newTest(t, INET, STREAM, TCP)
	check(t, l.Bind(AddrFrom(netip.MustParseAddrPort("0.0.0.0:0"))))
	must(l.Listen(0))(t)
	any := must(l.LocalAddr())(t)
	client := newTest(t, INET, STREAM, TCP)
	check(t, client.Connect(within(t), any))
	remote := client.Conn().RemoteAddr().(*net.TCPAddr)
	if !remote.IP.IsLoopback() || remote.Port != any.Port() {
		t.Errorf("got %v, want a loopback address with port %d", remote, any.Port())
	}
}

// Out of descriptors, Accept says so and the connection waits in the backlog.
func TestAcceptOutOfDescriptors(t *testing.T) {
	l, addr := listenTest(t, INET, STREAM, TCP)
	client := newTest(t, INET, STREAM, TCP)
	check(t, client.Connect(within(t), addr))
	var old unix.Rlimit
	check(t, unix.Prlimit(0, unix.RLIMIT_NOFILE, nil, &old))
	check(t, unix.Prlimit(0, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 3, Max: old.Max}, nil))
	_, _, err := l.Accept(context.Background())
	check(t, unix.Prlimit(0, unix.RLIMIT_NOFILE, &old, nil))
	if !errors.Is(err, syscall.EMFILE) {
		t.Errorf("got %v, want EMFILE", err)
	}
	s, peer, err := l.Accept(within(t))
	check(t, err)
	defer s.Close()
	if want := must(client.LocalAddr())(t); peer != want {
		t.Errorf("then: accepted %v, want %v", peer, want)
	}
}
