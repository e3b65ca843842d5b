package socket

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestNewDescriptorFlags(t *testing.T) {
	s := newTest(t, INET, STREAM, 0)
	if s.Family() != INET || s.Type() != STREAM || s.Protocol() != TCP {
		t.Errorf("got %v %v %v, want AF_INET SOCK_STREAM IPPROTO_TCP", s.Family(), s.Type(), s.Protocol())
	}
	checkDescriptor(t, s.FD())
}

// checkDescriptor wants fd non-blocking and close-on-exec.
func checkDescriptor(t *testing.T, fd int) {
	t.Helper()
	status := must(unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0))(t)
	if status&unix.O_NONBLOCK == 0 {
		t.Errorf("descriptor %d is blocking", fd)
	}
	flags := must(unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0))(t)
	if flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("descriptor %d is not close-on-exec", fd)
	}
}

// Every kind of socket either is there, or its absence is told as such: nothing is skipped.
func TestNewEveryKind(t *testing.T) {
	for _, c := range []struct {
		name   string
		family Family
		typ    Type
		proto  Protocol
		always bool // every kernel that this runs on has it
	}{
		{"tcp4", INET, STREAM, TCP, true},
		{"udp6", INET6, DGRAM, UDP, true},
		{"mptcp", INET, STREAM, MPTCP, false},
		{"sctp", INET, STREAM, SCTP, false},
		{"sctp-seqpacket", INET, SEQPACKET, SCTP, false},
		{"udplite", INET, DGRAM, UDPLITE, false},
		{"unix-seqpacket", UNIX, SEQPACKET, 0, true},
		{"vsock", VSOCK, STREAM, 0, false},
		{"netlink", NETLINK, RAW, 0, true},
		{"no-such-family", Family(40000), STREAM, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := New(c.family, c.typ, c.proto)
			if err == nil {
				check(t, s.Close())
				return
			}
			var missing *UnsupportedError
			if c.always || !errors.Is(err, errors.ErrUnsupported) || !errors.As(err, &missing) {
				t.Fatalf("got %v, want a socket or an UnsupportedError", err)
			}
			var errno syscall.Errno
			if !errors.As(err, &errno) || !notHere(errno) {
				t.Errorf("%v has no errno that says so", err)
			}
			checkNesting(t, err)
		})
	}
}

func TestNewPrivileged(t *testing.T) {
	for _, c := range []struct {
		name   string
		family Family
		typ    Type
		proto  Protocol
	}{
		{"raw-icmp", INET, RAW, ICMP},
		{"raw-icmp6", INET6, RAW, ICMPV6},
		{"packet", PACKET, DGRAM, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := New(c.family, c.typ, c.proto)
			if errors.Is(err, os.ErrPermission) {
				t.Skip("needs CAP_NET_RAW")
			}
			check(t, err)
			defer s.Close()
			again := must(s.Dup())(t)
			defer again.Close()
			if again.Protocol() != c.proto {
				t.Errorf("Dup: protocol %v, want %v", again.Protocol(), c.proto)
			}
		})
	}
}

func TestStreamRoundTrip(t *testing.T) {
	eachStream(t, func(t *testing.T, client, server *Socket) {
		want := bytes.Repeat([]byte("0123456789abcdef"), 64)
		must(client.SendAll(want, 0))(t)
		got := make([]byte, 2*len(want))
		n := 0
		for n < len(want) {
			n += must(server.Recv(got[n:], 0))(t)
		}
		if !bytes.Equal(got[:n], want) {
			t.Errorf("got %d bytes that differ from the %d sent", n, len(want))
		}
	})
}

// Half-close: the peer reads to the end, and its answer still arrives.
func TestShutdownHalfClose(t *testing.T) {
	eachStream(t, func(t *testing.T, client, server *Socket) {
		must(client.Send([]byte("question"), 0))(t)
		check(t, client.Shutdown(ShutWR))
		if got := string(must(io.ReadAll(server.Conn()))(t)); got != "question" {
			t.Errorf("server read %q, want %q", got, "question")
		}
		must(server.Send([]byte("answer"), 0))(t)
		check(t, server.Close())
		if got := string(must(io.ReadAll(client.Conn()))(t)); got != "answer" {
			t.Errorf("client read %q, want %q", got, "answer")
		}
	})
}

func TestSendToClosedPeer(t *testing.T) {
	eachStream(t, func(t *testing.T, client, server *Socket) {
		if client.Protocol() == MPTCP {
			return // the kernel keeps the connection for a minute, and takes what is sent
		}
		check(t, server.Close())
		var err error
		for err == nil {
			_, err = client.Send([]byte("x"), 0) // SIGPIPE would end the test
		}
		if !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("got %v, want EPIPE or ECONNRESET", err)
		}
		checkNesting(t, err)
	})
}

func TestTupleBothEnds(t *testing.T) {
	eachStream(t, func(t *testing.T, client, server *Socket) {
		ours, theirs := must(client.Tuple())(t), must(server.Tuple())(t)
		if ours != theirs.Reverse() {
			t.Errorf("got %v and %v, want one the reverse of the other", ours, theirs)
		}
	})
}

// An IPv4 client of an IPv6 listener: both ends speak of the same addresses.
func TestTupleDualStack(t *testing.T) {
	l := newTest(t, INET6, STREAM, TCP)
	check(t, l.Bind(AddrFrom(netip.MustParseAddrPort("[::]:0"))))
	must(l.Listen(0))(t)
	port := must(l.LocalAddr())(t).Port()
	client := newTest(t, INET, STREAM, TCP)
	check(t, client.Connect(within(t), AddrFrom(netip.AddrPortFrom(loopback4.AddrPort().Addr(), uint16(port)))))
	server, peer, err := l.Accept(within(t))
	check(t, err)
	defer server.Close()
	if ours, theirs := must(client.Tuple())(t), must(server.Tuple())(t); ours != theirs.Reverse() || peer != ours.Local {
		t.Errorf("got %v, %v and peer %v, want one the reverse of the other", ours, theirs, peer)
	}
}

func TestUnixNames(t *testing.T) {
	for _, c := range []struct{ name, bind string }{
		{"path", shortDir(t) + "/s"},
		{"abstract", "@sock-test-unix-names-" + shortDir(t)},
		{"autobind", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newTest(t, UNIX, STREAM, 0)
			check(t, l.Bind(UnixAddr(c.bind)))
			must(l.Listen(0))(t)
			local := must(l.LocalAddr())(t)
			if c.bind != "" && local.Path() != c.bind {
				t.Errorf("LocalAddr: got %v, want %s", local, c.bind)
			}
			if c.bind == "" && !local.IsAbstract() {
				t.Errorf("LocalAddr: got %v, want an abstract name", local)
			}
			client, server := dialTest(t, l, local)
			if peer := must(client.PeerAddr())(t); peer != local {
				t.Errorf("PeerAddr: got %v, want %v", peer, local)
			}
			if peer := must(server.PeerAddr())(t); peer != UnixAddr("") {
				t.Errorf("server's PeerAddr: got %v, want %v", peer, UnixAddr(""))
			}
		})
	}
}

func TestPair(t *testing.T) {
	for _, typ := range []Type{STREAM, DGRAM, SEQPACKET} {
		t.Run(typ.String(), func(t *testing.T) {
			a, b, err := Pair(UNIX, typ, 0)
			check(t, err)
			defer a.Close()
			defer b.Close()
			checkDescriptor(t, a.FD())
			must(a.Send([]byte("ping"), 0))(t)
			buf := make([]byte, 8)
			if n := must(b.Recv(buf, 0))(t); string(buf[:n]) != "ping" {
				t.Errorf("got %q, want %q", buf[:n], "ping")
			}
		})
	}
	if _, _, err := Pair(INET, STREAM, TCP); !errors.Is(err, syscall.EOPNOTSUPP) {
		t.Errorf("of INET: got %v, want EOPNOTSUPP", err)
	}
}

// Without a hypervisor that answers, a VSOCK connection goes nowhere; the rest must work.
func TestVsock(t *testing.T) {
	l, err := New(VSOCK, STREAM, 0)
	if errors.Is(err, errors.ErrUnsupported) {
		return // this kernel has none, and says so: see TestNewEveryKind
	}
	check(t, err)
	defer l.Close()
	check(t, l.Bind(VsockAddr(VsockAny, VsockAny)))
	must(l.Listen(0))(t)
	local := must(l.LocalAddr())(t)
	if local.Family() != VSOCK || uint32(local.Port()) == VsockAny {
		t.Fatalf("LocalAddr: got %v, want a port that the kernel chose", local)
	}
	client := newTest(t, VSOCK, STREAM, 0)
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if err := client.Connect(ctx, VsockAddr(VsockLocal, uint32(local.Port()))); err != nil {
		checkNesting(t, err) // no loopback transport
		return
	}
	server, peer, err := l.Accept(within(t))
	check(t, err)
	defer server.Close()
	if peer.Family() != VSOCK {
		t.Errorf("peer: got %v, want a VSOCK address", peer)
	}
	must(client.Send([]byte("x"), 0))(t)
	if n := must(server.Recv(make([]byte, 8), 0))(t); n != 1 {
		t.Errorf("received %d bytes, want 1", n)
	}
}

// A netlink socket asks the kernel for its interfaces and gets an answer from port 0.
func TestNetlink(t *testing.T) {
	s := newTest(t, NETLINK, RAW, Protocol(unix.NETLINK_ROUTE))
	check(t, s.Bind(NetlinkAddr(0, 0)))
	if pid, _ := must(s.LocalAddr())(t).Netlink(); pid == 0 {
		t.Error("LocalAddr: the kernel chose no port id")
	}
	request := make([]byte, unix.SizeofNlMsghdr+unix.SizeofRtGenmsg+3)
	request[0], request[4], request[5] = byte(len(request)), unix.RTM_GETLINK, 0
	request[6], request[7] = unix.NLM_F_REQUEST, unix.NLM_F_DUMP>>8
	must(s.SendTo(request, 0, NetlinkAddr(0, 0)))(t)
	check(t, s.SetReadDeadline(time.Now().Add(someTime)))
	n, from, err := s.RecvFrom(make([]byte, 1<<16), 0)
	check(t, err)
	if pid, _ := from.Netlink(); from.Family() != NETLINK || pid != 0 || n < unix.SizeofNlMsghdr {
		t.Errorf("got %d bytes from %v, want an answer from the kernel", n, from)
	}
}

// A packet socket on the loopback interface sees a datagram go by.
func TestPacket(t *testing.T) {
	const ethernetIPv4 = 0x0800
	lo := loopbackInterface(t)
	s, err := New(PACKET, DGRAM, 0)
	if errors.Is(err, os.ErrPermission) {
		t.Skip("needs CAP_NET_RAW")
	}
	check(t, err)
	defer s.Close()
	check(t, s.Bind(PacketAddr(ethernetIPv4, lo.Index, nil)))
	sender, _ := boundTest(t, INET, UDP)
	_, to := boundTest(t, INET, UDP)
	marker := []byte("packet socket test")
	must(sender.SendTo(marker, 0, to))(t)
	check(t, s.SetReadDeadline(time.Now().Add(someTime)))
	buf := make([]byte, 1<<16)
	for {
		n, from, err := s.RecvFrom(buf, 0)
		check(t, err)
		if !bytes.HasSuffix(buf[:n], marker) {
			continue // another test's
		}
		if proto, index, _ := from.Packet(); proto != ethernetIPv4 || index != lo.Index {
			t.Errorf("from %v, want protocol %#x on interface %d", from, ethernetIPv4, lo.Index)
		}
		return
	}
}

func TestFromFD(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET, 0)
	check(t, err)
	defer unix.Close(fds[1])
	s := must(FromFD(fds[0]))(t)
	defer s.Close()
	if s.FD() != fds[0] || s.Family() != UNIX || s.Type() != SEQPACKET {
		t.Errorf("got fd %d %v %v, want %d AF_UNIX SOCK_SEQPACKET", s.FD(), s.Family(), s.Type(), fds[0])
	}
	checkDescriptor(t, s.FD())
}

func TestFromFDRefuses(t *testing.T) {
	f := must(os.Open("/dev/null"))(t)
	defer f.Close()
	if _, err := FromFD(int(f.Fd())); !errors.Is(err, syscall.ENOTSOCK) {
		t.Errorf("a file: got %v, want ENOTSOCK", err)
	}
	if _, err := f.Stat(); err != nil {
		t.Errorf("the file was closed: %v", err)
	}
	if _, err := FromFD(-1); !errors.Is(err, syscall.EBADF) {
		t.Errorf("-1: got %v, want EBADF", err)
	}
}

// A number that a Socket, or package net, has in use is refused and goes on serving: to close it,
// as a second owner does, would take it from the first.
func TestFromFDInUse(t *testing.T) {
	l, addr := listenTest(t, INET, STREAM, TCP)
	if s, err := FromFD(l.FD()); !errors.Is(err, syscall.EEXIST) {
		t.Errorf("got %v, %v, want EEXIST", s, err)
	}
	runtime.GC()
	dialTest(t, l, addr)
}

func TestFromConn(t *testing.T) {
	l := tcpListener(t)
	theirs := must(net.Dial("tcp", l.Addr().String()))(t)
	defer theirs.Close()
	accepted := must(l.Accept())(t)
	defer accepted.Close()
	s := must(FromConn(theirs.(*net.TCPConn)))(t)
	defer s.Close()
	if local := must(s.LocalAddr())(t); local.String() != theirs.LocalAddr().String() {
		t.Errorf("LocalAddr: got %v, want %v", local, theirs.LocalAddr())
	}
	must(s.Send([]byte("x"), 0))(t)
	must(theirs.Write([]byte("y")))(t)
	buf := make([]byte, 2)
	must(io.ReadFull(accepted, buf))(t)
	if string(buf) != "xy" {
		t.Errorf("got %q, want %q", buf, "xy")
	}
	for _, own := range []syscall.Conn{s, s.Conn(), s.PacketConn(), s.Listener()} {
		if got := must(FromConn(own))(t); got != s {
			t.Errorf("FromConn(%T): got another socket, want the same", own)
		}
	}
}

func TestDup(t *testing.T) {
	a, b := connected(t, INET, STREAM, TCP)
	twin := must(a.Dup())(t)
	check(t, a.Close())
	must(twin.Send([]byte("x"), 0))(t)
	check(t, twin.Close())
	if got := string(must(io.ReadAll(b.Conn()))(t)); got != "x" {
		t.Errorf("got %q, want %q", got, "x")
	}
}

// Detach wakes who waits on the socket, and leaves the connection as it was.
func TestDetach(t *testing.T) {
	a, b := connected(t, INET, STREAM, TCP)
	woken := make(chan error, 1)
	entered := waitsInRecv(t, a, woken)
	<-entered
	fd := must(a.Detach())(t)
	if err := <-woken; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Recv: got %v, want net.ErrClosed", err)
	}
	if a.FD() != -1 {
		t.Errorf("FD: got %d, want -1", a.FD())
	}
	if _, err := a.Detach(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("second Detach: got %v, want net.ErrClosed", err)
	}
	checkDescriptor(t, fd)
	again := must(FromFD(fd))(t)
	defer again.Close()
	must(again.Send([]byte("x"), 0))(t)
	if n := must(b.Recv(make([]byte, 8), 0))(t); n != 1 {
		t.Errorf("received %d bytes, want 1", n)
	}
}

// waitsInRecv starts a receive; what it returns is closed when the receive is about to wait: the
// read lock is held then, so that what follows finds it under way or comes just before it, and the
// result must be the same.
func waitsInRecv(t *testing.T, s *Socket, result chan<- error) <-chan struct{} {
	entered := make(chan struct{})
	go func() {
		close(entered)
		_, err := s.Recv(make([]byte, 1), 0)
		result <- err
	}()
	return entered
}

func TestCloseTwice(t *testing.T) {
	s := newTest(t, INET, STREAM, TCP)
	check(t, s.Close())
	err := s.Close()
	if !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v, want net.ErrClosed", err)
	}
	checkNesting(t, err)
}

func TestControlHoldsDescriptor(t *testing.T) {
	s := newTest(t, INET, STREAM, TCP)
	fail := errors.New("from within")
	if err := s.Control(func(int) error { return fail }); err != fail {
		t.Errorf("got %v, want the function's own error", err)
	}
	closed := make(chan error)
	check(t, s.Control(func(fd int) error {
		go func() { closed <- s.Close() }()
		for s.FD() != -1 { // Close has begun
			time.Sleep(time.Millisecond)
		}
		_, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		return err
	}))
	check(t, <-closed)
	if err := s.Control(func(int) error { t.Error("ran on a closed socket"); return nil }); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed: got %v, want net.ErrClosed", err)
	}
}

// SyscallConn waits as the socket itself does, and has its errors.
func TestSyscallConn(t *testing.T) {
	a, b := connected(t, INET, STREAM, TCP)
	raw := must(a.SyscallConn())(t)
	tries := 0
	check(t, raw.Read(func(fd uintptr) bool {
		if tries++; tries == 1 {
			must(b.Send([]byte("x"), 0))(t)
			return false
		}
		return true
	}))
	check(t, a.SetReadDeadline(aLongTimeAgo))
	err := raw.Read(func(uintptr) bool { return false })
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("deadline: got %v, want os.ErrDeadlineExceeded", err)
	}
	check(t, a.Close())
	if err := raw.Write(func(uintptr) bool { return true }); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed: got %v, want net.ErrClosed", err)
	}
	if _, err := a.SyscallConn(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("SyscallConn of a closed socket: got %v, want net.ErrClosed", err)
	}
}
