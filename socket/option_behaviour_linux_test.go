package socket

import (
	"context"
	"errors"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func newTestSocket(t *testing.T, f Family, typ Type, p Protocol) *Socket {
	t.Helper()
	s, err := New(f, typ, p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// rawInt reads an int option past the table.
func rawInt(t *testing.T, s *Socket, level, number int) int {
	t.Helper()
	n, err := unix.GetsockoptInt(s.FD(), level, number)
	runtime.KeepAlive(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestOptionOnDualStackSetsBoth(t *testing.T) {
	s := newTestSocket(t, INET6, STREAM, TCP)
	if err := V6Only.Set(s, false); err != nil {
		t.Fatal(err)
	}
	if err := TTL.Set(s, 7); err != nil {
		t.Fatal(err)
	}
	v4, v6 := rawInt(t, s, unix.IPPROTO_IP, unix.IP_TTL), rawInt(t, s, unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS)
	if v4 != 7 || v6 != 7 {
		t.Errorf("dual-stack: IP_TTL %d, IPV6_UNICAST_HOPS %d; want 7 and 7", v4, v6)
	}
	if got, err := TTL.Get(s); err != nil || got != 7 {
		t.Errorf("TTL.Get = %d, %v; want 7", got, err)
	}
}

func TestOptionOnV6OnlySetsOne(t *testing.T) {
	s := newTestSocket(t, INET6, STREAM, TCP)
	if err := V6Only.Set(s, true); err != nil {
		t.Fatal(err)
	}
	before := rawInt(t, s, unix.IPPROTO_IP, unix.IP_TTL)
	if err := TTL.Set(s, 9); err != nil {
		t.Fatal(err)
	}
	v4, v6 := rawInt(t, s, unix.IPPROTO_IP, unix.IP_TTL), rawInt(t, s, unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS)
	if v4 != before || v6 != 9 {
		t.Errorf("v6only: IP_TTL %d, IPV6_UNICAST_HOPS %d; want %d and 9", v4, v6, before)
	}
}

func TestMulticastJoinGoesByGroup(t *testing.T) {
	s := newTestSocket(t, INET6, DGRAM, UDP)
	for _, group := range []string{"239.1.2.3%lo", "ff02::1234%lo"} {
		if err := MulticastJoin.SetText(s, group); err != nil {
			t.Errorf("joining %s on a dual-stack socket: %v", group, err)
		}
		if err := MulticastLeave.SetText(s, group); err != nil {
			t.Errorf("leaving %s, which must have been joined: %v", group, err)
		}
	}
}

func TestKeepAliveTextSetsAll(t *testing.T) {
	s := newTestSocket(t, INET, STREAM, TCP)
	if err := KeepAlive.SetText(s, "45s"); err != nil {
		t.Fatal(err)
	}
	on, _ := KeepAlive.Get(s)
	idle, _ := KeepAliveIdle.Get(s)
	interval, _ := KeepAliveInterval.Get(s)
	if !on || idle != 45*time.Second || interval != 45*time.Second {
		t.Errorf("keepalive=45s gave %v, idle %v, interval %v; want true, 45s, 45s", on, idle, interval)
	}
}

func TestLingerZeroResets(t *testing.T) {
	l := listenOn(t, INET, "127.0.0.1")
	c := dialTo(t, INET, l)
	s, _, err := l.Accept(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if err := Linger.SetText(c, "0"); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Recv(make([]byte, 1), 0); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("after linger=0 and close the peer reads %v, want ECONNRESET", err)
	}
}

// TestOptionErrorNesting holds the shape of an error: *net.OpError, around
// *OptionError, around *os.SyscallError, around the errno.
func TestOptionErrorNesting(t *testing.T) {
	s := newTestSocket(t, INET, STREAM, TCP)
	err := UDPCork.Set(s, true)
	var op *net.OpError
	var opt *OptionError
	var call *os.SyscallError
	if !errors.As(err, &op) || !errors.As(op.Err, &opt) || !errors.As(opt.Err, &call) {
		t.Fatalf("error %#v, want OpError, OptionError, SyscallError", err)
	}
	if !errors.Is(err, syscall.ENOPROTOOPT) || !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("error %v is not both ENOPROTOOPT and ErrUnsupported", err)
	}
	if text := err.Error(); !strings.Contains(text, "udp-cork (UDP_CORK)") || !strings.Contains(text, "option of udp, udplite sockets") {
		t.Errorf("error %q, want the option's names and where it belongs", text)
	}
}

func TestOptionReadOnlyAndWriteOnly(t *testing.T) {
	s := newTestSocket(t, INET, STREAM, TCP)
	if err := AcceptConn.Set(s, true); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("setting a read-only option = %v, want ErrUnsupported", err)
	}
	if _, err := RcvBufForce.Get(s); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("reading a write-only option = %v, want ErrUnsupported", err)
	}
	if err := KeepAliveIdle.Set(s, 1500*time.Millisecond); err == nil || errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("1.5s for an option of whole seconds = %v, want a plain error", err)
	}
}

func TestOptionOnClosedSocket(t *testing.T) {
	s := newTestSocket(t, INET, STREAM, TCP)
	_ = s.Close()
	if err := NoDelay.Set(s, true); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Set on a closed socket = %v, want net.ErrClosed", err)
	}
	if _, err := TTL.GetText(s); !errors.Is(err, net.ErrClosed) {
		t.Errorf("GetText on a closed socket = %v, want net.ErrClosed", err)
	}
}

func TestReadOnlyOptions(t *testing.T) {
	l := listenOn(t, INET, "127.0.0.1")
	c := dialTo(t, INET, l)
	if on, err := AcceptConn.Get(l); err != nil || !on {
		t.Errorf("AcceptConn of a listener = %v, %v; want true", on, err)
	}
	if n, err := SocketType.Get(c); err != nil || n != int(STREAM) {
		t.Errorf("SocketType = %d, %v; want %d", n, err, STREAM)
	}
	if n, err := SocketDomain.Get(c); err != nil || n != int(INET) {
		t.Errorf("SocketDomain = %d, %v; want %d", n, err, INET)
	}
	if n, err := SocketProtocol.Get(c); err != nil || n != int(TCP) {
		t.Errorf("SocketProtocol = %d, %v; want %d", n, err, TCP)
	}
	info, err := Info.Get(c)
	if err != nil || info.StateName() != "ESTABLISHED" || info.RTO <= 0 || info.SndCwnd == 0 {
		t.Errorf("Info = %+v, %v; want an established connection", info, err)
	}
	if mtu, err := MTU.Get(c); err != nil || mtu < 1280 {
		t.Errorf("MTU of loopback = %d, %v; want at least 1280", mtu, err)
	}
	if memory, err := MemInfo.Get(c); err != nil || memory.RcvBuf == 0 || memory.SndBuf == 0 {
		t.Errorf("MemInfo = %+v, %v; want buffers", memory, err)
	}
	one, err1 := Cookie.Get(c)
	two, err2 := Cookie.Get(l)
	if err1 != nil || err2 != nil || one == two || one == 0 {
		t.Errorf("cookies %d, %v and %d, %v; want two numbers", one, err1, two, err2)
	}
	if name, err := PeerName.Get(c); err != nil || len(name) != 16 || name[0] != unix.AF_INET {
		t.Errorf("PeerName = %x, %v; want a sockaddr_in", name, err)
	}
}

func TestPendingErrorNamesErrno(t *testing.T) {
	l := listenOn(t, INET, "127.0.0.1")
	to, err := l.LocalAddr()
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	s := newTestSocket(t, INET, DGRAM, UDP)
	if err := s.Connect(context.Background(), to); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Send([]byte("x"), 0); err != nil {
		t.Fatal(err)
	}
	text, err := PendingError.GetText(s)
	if err != nil || text != "ECONNREFUSED" {
		t.Errorf("pending error reads %q, %v; want ECONNREFUSED", text, err)
	}
	if errno, err := PendingError.Get(s); err != nil || errno != 0 {
		t.Errorf("after it was read, the error is %v, %v; want none", errno, err)
	}
}

func TestUnixPeer(t *testing.T) {
	a, b, err := Pair(UNIX, STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Close(); _ = b.Close() }()
	who, err := PeerCred.Get(a)
	if err != nil || who.PID != os.Getpid() || who.UID != os.Getuid() || who.GID != os.Getgid() {
		t.Errorf("PeerCred = %+v, %v; want this process", who, err)
	}
	groups, err := PeerGroups.Get(a)
	if want, _ := os.Getgroups(); err != nil || len(groups) != len(want) {
		t.Errorf("PeerGroups = %v, %v; want %v", groups, err, want)
	}
	fd, err := PeerPidFD.Get(a)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.PidfdSendSignal(fd, 0, nil, 0); err != nil {
		t.Errorf("the descriptor of the peer's process does not work: %v", err)
	}
	_ = unix.Close(fd)
	before := countDescriptors(t)
	if _, err := PeerPidFD.GetText(a); err != nil {
		t.Error(err)
	}
	if after := countDescriptors(t); after != before {
		t.Errorf("GetText left %d descriptors open, there were %d", after, before)
	}
}

func countDescriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// TestOptionInheritance holds each row's Inherited to what accept does.
func TestOptionInheritance(t *testing.T) {
	skip := map[string]string{
		"minttl": "the handshake would fail", "v6-minhopcount": "the handshake would fail",
		"defer-accept": "accept would wait for data", "v6-rthdr": "the handshake would fail",
		"v6-rthdrdstopts": "the handshake would fail", "maxseg": "the handshake settles it",
		"window-clamp": "the handshake settles it", "v6-mtu": "it reads the path's MTU",
		"incoming-cpu": "it reads the CPU of the last packet",
	}
	for _, o := range Options() {
		try := trials[o.Name]
		if try.set == nil && o.Kind == KindBool {
			try.set = []string{"on", "off"}
		}
		if o.Access != ReadWrite || skip[o.Name] != "" || try.prepare != nil || len(try.set) < 2 && o.Kind == KindBool {
			continue
		}
		for _, family := range []Family{INET, INET6} {
			if o.ForListener() && o.AppliesTo(family, STREAM, TCP) && o.When != Connected && len(try.set) > 0 {
				t.Run(o.Name+"/"+family.String(), func(t *testing.T) { checkInherited(t, o, family, try) })
			}
		}
	}
}

func checkInherited(t *testing.T, o *Option, family Family, try trial) {
	fresh := newTestSocket(t, family, STREAM, TCP)
	usual, err := o.GetText(fresh)
	if err != nil {
		usual = "unreadable"
	}
	for _, text := range try.set[:min(2, len(try.set))] {
		l := newTestSocket(t, family, STREAM, TCP)
		if err := o.SetText(l, text); err != nil {
			if lacking(t, o, try, err) || try.on != "" {
				return
			}
			t.Fatalf("SetText(%q) on a socket to listen = %v", text, err)
		}
		if _, err := l.Listen(0); err != nil {
			t.Fatal(err)
		}
		want, err := o.GetText(l)
		if err != nil || want == usual {
			continue // nothing to tell apart
		}
		if got := acceptedText(t, o, family, l); (got == want) != o.Inherited {
			t.Errorf("the listener has %q, what it accepts %q; the row says inherited %v", want, got, o.Inherited)
		}
	}
}

func acceptedText(t *testing.T, o *Option, family Family, l *Socket) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	c := newTestSocket(t, family, STREAM, TCP)
	to, err := l.LocalAddr()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Connect(ctx, to); err != nil {
		t.Fatal(err)
	}
	s, _, err := l.Accept(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	text, err := o.GetText(s)
	if err != nil {
		return err.Error()
	}
	return text
}

// TestOptionAllocations bounds what setting and reading a number costs: what
// the call itself costs, and nothing of the table's.
func TestOptionAllocations(t *testing.T) {
	if raceEnabled {
		t.Log("the race detector allocates; the bound is for the ordinary build")
		return
	}
	s := newTestSocket(t, INET, STREAM, TCP)
	wire := make([]byte, 4)
	call := testing.AllocsPerRun(100, func() { _ = s.setsockopt(levelTCP, 1, wire) })
	set := testing.AllocsPerRun(100, func() { _ = NoDelay.Set(s, true) })
	if set > call {
		t.Errorf("NoDelay.Set allocates %v times, the bare call %v times", set, call)
	}
	call = testing.AllocsPerRun(100, func() { _, _ = s.getsockopt(levelTCP, 1, wire) })
	get := testing.AllocsPerRun(100, func() { _, _ = NoDelay.Get(s) })
	if get > call {
		t.Errorf("NoDelay.Get allocates %v times, the bare call %v times", get, call)
	}
	t.Logf("set %v allocations, get %v", set, get)
}

// TestOptionPrintedParses reads every row from every kind of socket that has
// it, and holds what is printed to being accepted again.
func TestOptionPrintedParses(t *testing.T) {
	read := make(map[string]bool)
	for kind, open := range testSockets {
		s, err := open(t)
		if errors.Is(err, errors.ErrUnsupported) {
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		t.Cleanup(func() { _ = s.Close() })
		for _, o := range Options() {
			if o.Access&Read == 0 || !o.AppliesTo(s.Family(), s.Type(), s.Protocol()) {
				continue
			}
			text, err := o.GetText(s)
			if err != nil {
				continue
			}
			read[o.Name] = true
			if o.Access&Write == 0 || text == noneWord && o.Min > 0 {
				continue // never set again: it cannot be, or there is nothing yet
			}
			if err := o.Parse(text); err != nil {
				t.Errorf("%s of a %s socket reads %q, which does not parse: %v", o.Name, kind, text, err)
			}
		}
	}
	if len(read) < 180 {
		t.Errorf("only %d rows could be read from any socket", len(read))
	}
}
