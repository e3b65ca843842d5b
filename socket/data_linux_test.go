package socket

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestRecvEndsEarly(t *testing.T) {
	for _, k := range streams {
		t.Run(k.name, func(t *testing.T) {
			for _, e := range enders[1:] { // a receive has no context
				t.Run(e.name, func(t *testing.T) {
					a, _ := connected(t, k.family, k.typ, k.proto)
					result := make(chan error, 1)
					<-waitsInRecv(t, a, result)
					waitUntilParked(t)
					e.end(t, a, nil)
					if err := <-result; !errors.Is(err, e.want) {
						t.Errorf("got %v, want %v", err, e.want)
					}
				})
			}
		})
	}
}

// A send that waits for room ends by a deadline, and says how much went.
func TestSendAllPartial(t *testing.T) {
	a, b := connected(t, INET, STREAM, TCP)
	data := make([]byte, 64<<20)
	check(t, a.SetWriteDeadline(time.Now().Add(200*time.Millisecond)))
	n, err := a.SendAll(data, 0)
	if !errors.Is(err, os.ErrDeadlineExceeded) || n <= 0 || n >= len(data) {
		t.Fatalf("got %d, %v, want some bytes and os.ErrDeadlineExceeded", n, err)
	}
	check(t, a.Close())
	if got := must(io.Copy(io.Discard, b.Conn()))(t); got != int64(n) {
		t.Errorf("%d bytes arrived, SendAll said %d", got, n)
	}
}

func TestRecvPeek(t *testing.T) {
	a, b := connected(t, INET, STREAM, TCP)
	must(a.Send([]byte("hello"), 0))(t)
	for range 2 {
		buf := make([]byte, 3)
		if n := must(b.Recv(buf, MsgPeek))(t); string(buf[:n]) != "hel" {
			t.Errorf("peek: got %q, want %q", buf[:n], "hel")
		}
	}
	buf := make([]byte, 8)
	if n := must(b.Recv(buf, 0))(t); string(buf[:n]) != "hello" {
		t.Errorf("then: got %q, want %q", buf[:n], "hello")
	}
}

func TestRecvOutOfBand(t *testing.T) {
	a, b := connected(t, INET, STREAM, TCP)
	buf := make([]byte, 8)
	if _, err := b.Recv(buf, MsgOOB); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("without urgent data: got %v, want EINVAL", err)
	}
	must(a.Send([]byte("ab"), 0))(t)
	must(a.Send([]byte("!"), MsgOOB))(t)
	must(a.Send([]byte("cd"), 0))(t)
	waitUrgent(t, b)
	if n := must(b.Recv(buf, MsgOOB))(t); string(buf[:n]) != "!" {
		t.Errorf("urgent: got %q, want %q", buf[:n], "!")
	}
	if n := must(b.Recv(buf, 0))(t); string(buf[:n]) != "ab" {
		t.Errorf("before the mark: got %q, want %q", buf[:n], "ab")
	}
	if !must(b.AtMark())(t) {
		t.Error("AtMark: got false at the mark")
	}
	if n := must(b.Recv(buf, 0))(t); string(buf[:n]) != "cd" {
		t.Errorf("after the mark: got %q, want %q", buf[:n], "cd")
	}
	if must(b.AtMark())(t) {
		t.Error("AtMark: got true past the mark")
	}
}

// waitUrgent waits until there is urgent data.
func waitUrgent(t *testing.T, s *Socket) {
	t.Helper()
	check(t, s.Control(func(fd int) error {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLPRI}}
		n, err := unix.Poll(fds, int(someTime.Milliseconds()))
		if err == nil && n == 0 {
			err = os.ErrDeadlineExceeded
		}
		return err
	}))
}

func TestRecvIntoNothingDoesNotWait(t *testing.T) {
	_, b := connected(t, INET, STREAM, TCP)
	check(t, b.SetReadDeadline(time.Now().Add(someTime/10)))
	if n, err := b.RecvInto(nil, 0); n != 0 || err != nil {
		t.Errorf("got %d, %v, want 0 at once: there is nothing to fill", n, err)
	}
}

func TestRecvInto(t *testing.T) {
	a, b := connected(t, INET, STREAM, TCP)
	want := bytes.Repeat([]byte("x"), 1<<20)
	var sender sync.WaitGroup
	sender.Go(func() {
		for part := range bytes.SplitSeq(want, nil) { // a byte at a time to begin with
			if len(part) != 1 {
				t.Errorf("part of %d bytes", len(part))
			}
			if _, err := a.Send(part, 0); err != nil {
				t.Error(err)
			}
			break
		}
		if _, err := a.SendAll(want[1:], 0); err != nil {
			t.Error(err)
		}
		if _, err := a.Send([]byte("tail"), 0); err != nil {
			t.Error(err)
		}
		if err := a.Shutdown(ShutWR); err != nil {
			t.Error(err)
		}
	})
	defer sender.Wait()
	got := make([]byte, len(want))
	if n := must(b.RecvInto(got, 0))(t); n != len(want) || !bytes.Equal(got, want) {
		t.Errorf("got %d bytes, want %d", n, len(want))
	}
	if n, err := b.RecvInto(got[:8], 0); n != 4 || err != io.ErrUnexpectedEOF {
		t.Errorf("the tail: got %d, %v, want 4, io.ErrUnexpectedEOF", n, err)
	}
	if n, err := b.RecvInto(got[:8], 0); n != 0 || err != io.EOF {
		t.Errorf("the end: got %d, %v, want 0, io.EOF", n, err)
	}
	if _, err := b.RecvInto(got, MsgPeek); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("with MsgPeek: got %v, want EINVAL", err)
	}
}

func TestDatagramTruncated(t *testing.T) {
	a, _ := boundTest(t, INET, UDP)
	b, addr := boundTest(t, INET, UDP)
	for _, c := range []struct {
		flags Flags
		want  int
	}{{0, 4}, {MsgTrunc, 10}} {
		must(a.SendTo(make([]byte, 10), 0, addr))(t)
		if n := must(b.Recv(make([]byte, 4), c.flags))(t); n != c.want {
			t.Errorf("%v: got %d, want %d", c.flags, n, c.want)
		}
	}
}

func TestDatagramEmpty(t *testing.T) {
	a, from := boundTest(t, INET, UDP)
	b, addr := boundTest(t, INET, UDP)
	must(a.SendTo(nil, 0, addr))(t)
	n, got, err := b.RecvFrom(make([]byte, 4), 0)
	if n != 0 || got != from || err != nil {
		t.Errorf("got %d, %v, %v, want an empty datagram from %v", n, got, err, from)
	}
}

// An INET6 socket exchanges datagrams with an IPv4 one, and sees its plain address.
func TestDatagramMapped(t *testing.T) {
	six := newTest(t, INET6, DGRAM, UDP)
	check(t, six.Bind(AddrFrom(netip.MustParseAddrPort("[::]:0"))))
	port := uint16(must(six.LocalAddr())(t).Port())
	four, addr := boundTest(t, INET, UDP)
	must(six.SendTo([]byte("x"), 0, addr))(t)
	_, from, err := four.RecvFrom(make([]byte, 4), 0)
	check(t, err)
	if want := AddrFrom(netip.AddrPortFrom(addr.AddrPort().Addr(), port)); from != want {
		t.Errorf("from: got %v, want %v", from, want)
	}
	must(four.SendTo([]byte("y"), 0, from))(t)
	_, from, err = six.RecvFrom(make([]byte, 4), 0)
	if from != addr || err != nil {
		t.Errorf("back: got %v, %v, want %v", from, err, addr)
	}
}

func TestUnixDatagram(t *testing.T) {
	a, from := boundTest(t, UNIX, 0)
	b, to := boundTest(t, UNIX, 0)
	must(a.SendTo([]byte("x"), 0, to))(t)
	if _, got, err := b.RecvFrom(make([]byte, 4), 0); got != from || err != nil {
		t.Errorf("got %v, %v, want %v", got, err, from)
	}
	unnamed := newTest(t, UNIX, DGRAM, 0)
	must(unnamed.SendTo([]byte("x"), 0, to))(t)
	if _, got, err := b.RecvFrom(make([]byte, 4), 0); got.IsValid() && got != UnixAddr("") || err != nil {
		t.Errorf("from an unnamed socket: got %v, %v, want no address", got, err)
	}
}

func TestUDPLite(t *testing.T) {
	a, err := New(INET, DGRAM, UDPLITE)
	if errors.Is(err, errors.ErrUnsupported) {
		return // said so: see TestNewEveryKind
	}
	check(t, err)
	defer a.Close()
	check(t, a.Bind(loopback4))
	b := newTest(t, INET, DGRAM, UDPLITE)
	must(b.SendTo([]byte("x"), 0, must(a.LocalAddr())(t)))(t)
	if n := must(a.Recv(make([]byte, 4), 0))(t); n != 1 {
		t.Errorf("got %d bytes, want 1", n)
	}
}

// Concurrent writers of a stream do not mix the bytes of their calls.
func TestSendAllIsAtomic(t *testing.T) {
	const writers, size = 4, 1 << 20
	a, b := connected(t, INET, STREAM, TCP)
	var sent sync.WaitGroup
	for w := range writers {
		sent.Go(func() {
			if _, err := a.SendAll(bytes.Repeat([]byte{byte(w)}, size), 0); err != nil {
				t.Error(err)
			}
		})
	}
	buf := make([]byte, size)
	for range writers {
		must(b.RecvInto(buf, 0))(t)
		if i := bytes.IndexFunc(buf, func(r rune) bool { return byte(r) != buf[0] }); i >= 0 {
			t.Errorf("byte %d of a block of %d is %d", i, buf[0], buf[i])
		}
	}
	sent.Wait()
}

func TestConnLargeTransfer(t *testing.T) {
	eachStream(t, func(t *testing.T, client, server *Socket) {
		if client.Type() != STREAM {
			return // a record has a bound
		}
		want := make([]byte, 8<<20)
		for i := range want {
			want[i] = byte(i * 7 >> 3)
		}
		var sent sync.WaitGroup
		sent.Go(func() {
			c := client.Conn()
			if n, err := c.Write(want); n != len(want) || err != nil {
				t.Errorf("Write: %d, %v", n, err)
			}
			if err := c.CloseWrite(); err != nil {
				t.Error(err)
			}
		})
		got := must(io.ReadAll(server.Conn()))(t)
		sent.Wait()
		if !bytes.Equal(got, want) {
			t.Errorf("%d bytes arrived, which differ from the %d sent", len(got), len(want))
		}
	})
}

// The hot path allocates nothing.
func TestDataAllocatesNothing(t *testing.T) {
	if raceEnabled {
		return
	}
	a, b := connected(t, INET, STREAM, TCP)
	from, fromAddr := boundTest(t, INET, UDP)
	to, addr := boundTest(t, INET, UDP)
	buf := make([]byte, 512)
	out, in := messages(8, 64, addr), messages(8, 64, Addr{})
	one, other := &Message{Buffers: [][]byte{buf[:64]}, Addr: addr}, &Message{Buffers: [][]byte{buf}}
	ca, cb := a.Conn(), b.Conn()
	_ = fromAddr
	for name, call := range map[string]func() error{
		"send-recv": func() error {
			_, err := a.Send(buf[:64], 0)
			return errors.Join(err, second(b.Recv(buf, 0)))
		},
		"sendall-recvinto": func() error {
			_, err := a.SendAll(buf, 0)
			return errors.Join(err, second(b.RecvInto(buf, 0)))
		},
		"write-read": func() error {
			_, err := ca.Write(buf[:64])
			return errors.Join(err, second(cb.Read(buf)))
		},
		"sendto-recvfrom": func() error {
			_, err := from.SendTo(buf[:64], 0, addr)
			_, _, err2 := to.RecvFrom(buf, 0)
			return errors.Join(err, err2)
		},
		"sendmsg-recvmsg": func() error {
			_, err := from.SendMsg(one, 0)
			return errors.Join(err, second(to.RecvMsg(other, 0)))
		},
		"sendbatch-recvbatch": func() error {
			_, err := from.SendBatch(out, 0)
			for n := 0; n < len(out) && err == nil; {
				var got int
				got, err = to.RecvBatch(in, 0)
				n += got
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			check(t, call())
			if allocs := testing.AllocsPerRun(200, func() {
				if err := call(); err != nil {
					t.Error(err)
				}
			}); allocs != 0 {
				t.Errorf("%v allocations, want 0", allocs)
			}
		})
	}
}

func second(_ int, err error) error { return err }

// Only calls that end soon are made behind the back of Go's scheduler, which until they return can
// neither collect garbage nor run anything else on their processor: not netlink's, whose requests
// run within the call under the kernel's locks, and not those that walk along a path.
func TestQuickCalls(t *testing.T) {
	for _, tt := range []struct {
		family                  Family
		stream, from, to, batch bool
	}{
		{family: INET, stream: true, from: true, to: true, batch: true},
		{family: INET6, stream: true, from: true, to: true, batch: true},
		{family: UNIX, stream: true, from: true},
		{family: NETLINK},
		{family: VSOCK},
		{family: PACKET},
	} {
		data, batch := newDataOp(nil, 0, tt.family), newBatchOp(tt.family, messages(1, 1, Addr{}), 0)
		if data.quick != tt.stream || tt.family.isQuick() != tt.from || tt.family.isInet() != tt.to || batch.quick != tt.batch {
			t.Errorf("%v: quick are recv %v, recvfrom %v, sendto %v, batch %v; want %v, %v, %v, %v", tt.family,
				data.quick, tt.family.isQuick(), tt.family.isInet(), batch.quick, tt.stream, tt.from, tt.to, tt.batch)
		}
		data.free()
		batch.free()
	}
	if op := newBatchOp(INET, messages(2, rawLimit, Addr{}), 0); op.quick {
		t.Errorf("a batch of %d bytes is quick, want at most %d", 2*rawLimit, rawLimit)
	}
}

func TestPacketConn(t *testing.T) {
	s, _ := boundTest(t, INET, UDP)
	c := s.PacketConn()
	peer := must(net.ListenPacket("udp4", "127.0.0.1:0"))(t)
	defer peer.Close()
	if n := must(c.WriteTo([]byte("ping"), peer.LocalAddr()))(t); n != 4 {
		t.Errorf("wrote %d, want 4", n)
	}
	buf := make([]byte, 16)
	n, from, err := peer.ReadFrom(buf)
	check(t, err)
	if string(buf[:n]) != "ping" || from.String() != c.LocalAddr().String() {
		t.Errorf("peer got %q from %v, want ping from %v", buf[:n], from, c.LocalAddr())
	}
	must(peer.WriteTo([]byte("pong"), from))(t)
	n, from, err = c.ReadFrom(buf)
	check(t, err)
	if _, ok := from.(*net.UDPAddr); !ok || string(buf[:n]) != "pong" || from.String() != peer.LocalAddr().String() {
		t.Errorf("got %q from %T %v, want pong from %v", buf[:n], from, from, peer.LocalAddr())
	}
	must(peer.WriteTo([]byte("again"), c.LocalAddr()))(t)
	if _, addr, err := c.ReadFromAddr(buf); err != nil || addr.String() != peer.LocalAddr().String() {
		t.Errorf("ReadFromAddr: got %v, %v", addr, err)
	}
	_, err = c.WriteTo(buf, &net.IPNet{})
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "write" {
		t.Errorf("to an address of no use: got %v, want a *net.OpError", err)
	}
}

func TestListener(t *testing.T) {
	s, addr := listenTest(t, INET, STREAM, TCP)
	l := s.Listener()
	if _, ok := l.Addr().(*net.TCPAddr); !ok || l.Addr().String() != addr.String() {
		t.Errorf("Addr: got %T %v, want *net.TCPAddr %v", l.Addr(), l.Addr(), addr)
	}
	theirs := must(net.Dial("tcp", addr.String()))(t)
	defer theirs.Close()
	c := must(l.Accept())(t)
	defer c.Close()
	if c.RemoteAddr().String() != theirs.LocalAddr().String() || c.LocalAddr().String() != addr.String() {
		t.Errorf("got %v -> %v, want %v -> %v", c.LocalAddr(), c.RemoteAddr(), addr, theirs.LocalAddr())
	}
	check(t, l.SetDeadline(aLongTimeAgo))
	_, err := l.Accept()
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("past deadline: got %v", err)
	}
	check(t, l.Close())
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed: got %v, want net.ErrClosed", err)
	}
}

// The addresses outlive the connection.
func TestConnAddressesAfterClose(t *testing.T) {
	a, b := connected(t, INET, STREAM, TCP)
	c := a.Conn()
	want := must(b.Tuple())(t)
	check(t, c.Close())
	if c.LocalAddr().String() != want.Peer.String() || c.RemoteAddr().String() != want.Local.String() {
		t.Errorf("got %v -> %v, want %v -> %v", c.LocalAddr(), c.RemoteAddr(), want.Peer, want.Local)
	}
}

// What a child gets as its standard input blocks, while the socket's own calls still wait in the poller.
func TestConnFileIsBlocking(t *testing.T) {
	a, b := connected(t, INET, STREAM, TCP)
	f := must(a.Conn().File())(t)
	defer f.Close()
	status := must(unix.FcntlInt(f.Fd(), unix.F_GETFL, 0))(t)
	if status&unix.O_NONBLOCK != 0 {
		t.Error("the file is non-blocking")
	}
	check(t, a.SetReadDeadline(time.Now().Add(20*time.Millisecond)))
	if _, err := a.Recv(make([]byte, 1), 0); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Recv beside it: got %v, want os.ErrDeadlineExceeded", err)
	}
	must(f.WriteString("x"))(t)
	if n := must(b.Recv(make([]byte, 4), 0))(t); n != 1 {
		t.Errorf("got %d bytes, want 1", n)
	}
}

// Closing while every kind of call is under way neither hangs nor touches another's descriptor.
func TestCloseRaces(t *testing.T) {
	for range 20 {
		a, b := connected(t, INET, STREAM, TCP)
		var calls sync.WaitGroup
		for _, call := range []func() error{
			func() error { _, err := a.Recv(make([]byte, 64), 0); return err },
			func() error { _, err := a.Send(make([]byte, 64), 0); return err },
			func() error { _, err := a.RecvBatch(messages(2, 8, Addr{}), 0); return err },
			func() error { _, err := a.LocalAddr(); return err },
			func() error { return a.SetDeadline(time.Now().Add(time.Hour)) },
			func() error { s, err := a.Dup(); return errors.Join(err, closeIf(s)) },
		} {
			calls.Go(func() {
				for {
					if err := call(); errors.Is(err, net.ErrClosed) {
						return
					}
				}
			})
		}
		go func() { _, _ = io.Copy(io.Discard, onlyReader{b.Conn()}) }() // ends with b
		check(t, a.Close())
		calls.Wait()
		check(t, b.Close())
	}
}

func closeIf(s *Socket) error {
	if s == nil {
		return nil
	}
	return s.Close()
}

// A signal storm does not make calls fail.
func TestCallsSurviveSignals(t *testing.T) {
	a, b := connected(t, INET, STREAM, TCP)
	ctx, stop := context.WithCancel(context.Background())
	var storm sync.WaitGroup
	storm.Go(func() {
		for ctx.Err() == nil {
			_ = syscall.Kill(syscall.Getpid(), syscall.SIGURG) // ignored by Go programs
			time.Sleep(50 * time.Microsecond)
		}
	})
	buf := make([]byte, 64)
	for range 500 {
		must(a.SendAll(buf, 0))(t)
		must(b.RecvInto(buf, 0))(t)
	}
	stop()
	storm.Wait()
}

// A first send that also connects arrives, whether or not the kernel has a cookie for the peer.
func TestFastOpen(t *testing.T) {
	l, addr := listenTest(t, INET, STREAM, TCP)
	setNumber(t, l, unix.IPPROTO_TCP, unix.TCP_FASTOPEN, 16)
	for range 3 {
		for name, start := range map[string]func(s *Socket) error{
			"sendto": func(s *Socket) error {
				_, err := s.SendTo([]byte("early"), MsgFastOpen, addr)
				return err
			},
			"sendmsg": func(s *Socket) error {
				return second(s.SendMsg(&Message{Buffers: [][]byte{[]byte("early")}, Addr: addr}, MsgFastOpen))
			},
			"connect": func(s *Socket) error {
				setNumber(t, s, unix.IPPROTO_TCP, unix.TCP_FASTOPEN_CONNECT, 1)
				err := s.Connect(context.Background(), addr)
				return errors.Join(err, second(s.SendAll([]byte("early"), 0)))
			},
		} {
			client := newTest(t, INET, STREAM, TCP)
			if err := start(client); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			check(t, client.Shutdown(ShutWR))
			server, _, err := l.Accept(within(t))
			check(t, err)
			if got := string(must(io.ReadAll(server.Conn()))(t)); got != "early" {
				t.Errorf("%s: got %q, want %q", name, got, "early")
			}
			check(t, server.Close())
		}
	}
	refused := newTest(t, INET, STREAM, TCP)
	if _, err := refused.SendTo([]byte("early"), MsgFastOpen, closedPort(t, INET)); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("nobody listens: got %v, want ECONNREFUSED", err)
	}
}

// A UNIX datagram waits for room in a queue that others have filled, of which the kernel has no
// event for it; the deadline and MsgDontWait hold there too.
func TestUnixDatagramWaitsForRoom(t *testing.T) {
	to, addr := boundTest(t, UNIX, 0)
	other := newTest(t, UNIX, DGRAM, 0)
	queued := 0
	for ; ; queued++ {
		if _, err := other.SendTo([]byte("other"), MsgDontWait, addr); errors.Is(err, syscall.EAGAIN) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	s := newTest(t, UNIX, DGRAM, 0)
	sends := map[string]func(f Flags) error{
		"sendto":  func(f Flags) error { return second(s.SendTo([]byte("x"), f, addr)) },
		"sendmsg": func(f Flags) error { return second(s.SendMsg(&messages(1, 1, addr)[0], f)) },
		"batch":   func(f Flags) error { return second(s.SendBatch(messages(1, 1, addr), f)) },
	}
	for name, send := range sends {
		if err := send(MsgDontWait); !errors.Is(err, syscall.EAGAIN) {
			t.Errorf("%s: got %v, want EAGAIN", name, err)
		}
		check(t, s.SetWriteDeadline(time.Now().Add(10*time.Millisecond)))
		if err := send(0); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: got %v, want os.ErrDeadlineExceeded", name, err)
		}
		check(t, s.SetWriteDeadline(time.Time{}))
	}
	done := make(chan error, len(sends))
	for _, send := range sends {
		go func() { done <- send(0) }()
	}
	for range queued + len(sends) {
		check(t, to.SetReadDeadline(time.Now().Add(someTime)))
		must(to.Recv(make([]byte, 8), 0))(t)
	}
	for range sends {
		check(t, <-done)
	}
}
