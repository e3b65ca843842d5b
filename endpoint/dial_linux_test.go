package endpoint

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"sock/socket"
)

func TestDialEveryScheme(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct{ listen, network string }{
		{"tcp://127.0.0.1:0", "tcp"},
		{"tcp4://localhost:0", "tcp"},
		{"tcp6://localhost:0", "tcp"},
		{"tcp://[::1]:0", "tcp"},
		{"http://127.0.0.1:0", "tcp"},
		{"unix://" + dir + "/stream", "unix"},
		{"unix://@sock-endpoint-dial-test", "unix"},
	} {
		t.Run(strings.ReplaceAll(tt.listen, dir, ""), func(t *testing.T) {
			leaks(t)
			l := mustListen(t, tt.listen)
			serveEcho(t, l)
			c := mustDial(t, l.Endpoint().String())
			if got := c.RemoteAddr().Network(); got != tt.network {
				t.Errorf("RemoteAddr().Network() = %q, want %q", got, tt.network)
			}
			if tuple, err := socketOf(c).Tuple(); err != nil || tuple.Peer != l.Addrs()[0] {
				t.Errorf("Tuple = %v, %v; want the peer %v", tuple, err, l.Addrs()[0])
			}
			checkEcho(t, c, "hello")
		})
	}
}

func TestDialUnixPacketKeepsBoundaries(t *testing.T) {
	l := mustListen(t, "unixpacket://"+t.TempDir()+"/packet")
	c := mustDial(t, l.Endpoint().String())
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, text := range []string{"one", "two"} {
		if _, err := c.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"one", "two"} {
		b := make([]byte, 16)
		if n, err := s.Read(b); string(b[:n]) != want || err != nil {
			t.Errorf("Read = %q, %v; want %q", b[:n], err, want)
		}
	}
}

func TestDialLocalhostFallsBack(t *testing.T) {
	for _, tt := range []struct{ name, listen, peer, attempts string }{
		{"only-ipv4", "tcp4://127.0.0.1:0", "127.0.0.1", "[::1] refused, 127.0.0.1"},
		{"only-ipv6", "tcp6://[::1]:0", "::1", "[::1]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			leaks(t)
			l := mustListen(t, tt.listen)
			c, report, err := Dialer{}.Dial(testContext(t), mustParse(t, "localhost:"+l.Endpoint().Port))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if got := c.RemoteAddr().(*net.TCPAddr).IP.String(); got != tt.peer {
				t.Errorf("connected to %s, want %s", got, tt.peer)
			}
			var got []string
			for _, a := range report.Attempts {
				text := strings.TrimSuffix(a.Addr.String(), ":"+l.Endpoint().Port)
				if errors.Is(a.Err, syscall.ECONNREFUSED) {
					text += " refused"
				}
				got = append(got, text)
			}
			if got := strings.Join(got, ", "); got != tt.attempts {
				t.Errorf("attempts are %q, want %q", got, tt.attempts)
			}
		})
	}
}

func TestDialRefusedNamesEverything(t *testing.T) {
	leaks(t)
	port := freePort(t)
	failed, report := dialFails(t, "tcp://localhost:"+port+"?nodelay")
	want := "connect tcp://localhost:" + port + ": connection refused (ECONNREFUSED); tried [::1]:" + port + ", 127.0.0.1:" + port
	if failed.Error() != want {
		t.Errorf("error is\n%s, want\n%s", failed, want)
	}
	var op *net.OpError
	var call *os.SyscallError
	if !errors.Is(failed, syscall.ECONNREFUSED) || !errors.As(failed, &op) || op.Op != "connect" && op.Op != "dial" || !errors.As(op.Err, &call) {
		t.Errorf("error %#v does not unwrap to a connect's *net.OpError and *os.SyscallError", failed.Err)
	}
	if len(report.Attempts) != 2 || report.Attempts[0].Start.IsZero() || report.Duration <= 0 {
		t.Errorf("report is %+v, want two attempts with their times", report)
	}
	if failed.Timeout() {
		t.Error("Timeout() = true for a refusal")
	}
	failed, _ = dialFails(t, "tcp://127.0.0.1:"+port)
	if want := "connect tcp://127.0.0.1:" + port + ": connection refused (ECONNREFUSED)"; failed.Error() != want {
		t.Errorf("error is %q, want %q", failed, want)
	}
}

func TestDialTellsDifferentErrorsApart(t *testing.T) {
	port := freePort(t)
	resolveTo(t, "255.255.255.255", "127.0.0.1")
	failed, _ := dialFails(t, "tcp://name.test:"+port)
	if !errors.Is(failed, syscall.ECONNREFUSED) {
		t.Errorf("the most telling error is %v, want ECONNREFUSED", failed.Err)
	}
	want := "connect tcp://name.test:" + port + ": connection refused (ECONNREFUSED); tried 255.255.255.255:" + port +
		" (network is unreachable, ENETUNREACH), 127.0.0.1:" + port
	if failed.Error() != want {
		t.Errorf("error is\n%s, want\n%s", failed, want)
	}
}

func TestDialUnresolvableNamesEndpoint(t *testing.T) {
	stubLookup(t)
	failed, report := dialFails(t, "tcp://none.example:80")
	var dns *net.DNSError
	if want := "connect tcp://none.example:80: cannot resolve none.example: no such host"; failed.Error() != want || !errors.As(failed, &dns) {
		t.Errorf("error is %q (%#v), want %q around a *net.DNSError", failed, failed.Err, want)
	}
	if len(report.Attempts) != 0 {
		t.Errorf("attempts are %v, want none", report.Attempts)
	}
}

func TestDialUnresolvableOtherReasons(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{&net.DNSError{Err: "server misbehaving", Name: "x.example", Server: "192.0.2.53:53", IsTemporary: true}, "cannot resolve x.example: server misbehaving (asked 192.0.2.53:53)"},
		{&net.AddrError{Err: "no suitable address for tcp4", Addr: "x.example"}, "cannot resolve x.example: no suitable address for tcp4"},
		{errors.New("out of luck"), "cannot resolve: out of luck"},
	} {
		if got := phrase(&net.OpError{Op: "resolve", Err: tt.err}, "connect"); got != tt.want {
			t.Errorf("phrase = %q, want %q", got, tt.want)
		}
	}
}

func TestMostTelling(t *testing.T) {
	refused := os.NewSyscallError("connect", syscall.ECONNREFUSED)
	for _, tt := range []struct {
		name string
		errs []error
		want error
	}{
		{"refused-over-silence", []error{os.ErrDeadlineExceeded, refused}, syscall.ECONNREFUSED},
		{"silence-over-no-route", []error{syscall.ENETUNREACH, os.ErrDeadlineExceeded}, os.ErrDeadlineExceeded},
		{"kernel-timeout-over-deadline", []error{os.ErrDeadlineExceeded, syscall.ETIMEDOUT}, syscall.ETIMEDOUT},
		{"anything-over-cancelled", []error{context.Canceled, io.ErrNoProgress}, io.ErrNoProgress},
		{"no-ipv6-least", []error{syscall.EAFNOSUPPORT, syscall.EHOSTUNREACH}, syscall.EHOSTUNREACH},
	} {
		var attempts []Attempt
		for _, err := range tt.errs {
			attempts = append(attempts, Attempt{Err: err})
		}
		if got := mostTelling(attempts); !errors.Is(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestDialResolveTimeout(t *testing.T) {
	previous := lookup
	t.Cleanup(func() { lookup = previous })
	lookup = func(ctx context.Context, _, host string) ([]netip.Addr, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	failed, _ := dialFails(t, "tcp://slow.example:80?timeout=20ms")
	if want := "connect tcp://slow.example:80: cannot resolve slow.example within 20ms"; failed.Error() != want || !failed.Timeout() {
		t.Errorf("error is %q, Timeout %v; want %q, true", failed, failed.Timeout(), want)
	}
}

func TestDialHappyEyeballs(t *testing.T) {
	leaks(t)
	before := runtime.NumGoroutine()
	full := fullListener(t, socket.AddrFrom(netip.MustParseAddrPort("[::1]:0")))
	port := portOf(t, full)
	mustListen(t, "tcp4://127.0.0.1:"+port)
	var heard []Attempt
	d := Dialer{AttemptDelay: 30 * time.Millisecond, Attempts: func(a Attempt) { heard = append(heard, a) }}
	c, report, err := d.Dial(testContext(t), mustParse(t, "localhost:"+port))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := c.RemoteAddr().String(); got != "127.0.0.1:"+port {
		t.Errorf("connected to %s, want 127.0.0.1:%s", got, port)
	}
	if len(report.Attempts) != 2 || !errors.Is(report.Attempts[0].Err, context.Canceled) || report.Attempts[1].Err != nil {
		t.Errorf("attempts are %+v, want the first to have lost and the second to have connected", report.Attempts)
	}
	if apart := report.Attempts[1].Start.Sub(report.Attempts[0].Start); apart < d.AttemptDelay {
		t.Errorf("the second attempt began after %v, want at least %v", apart, d.AttemptDelay)
	}
	if len(heard) != 2 || heard[0].Err != nil || heard[1].Err == nil {
		t.Errorf("Attempts heard %+v, want the winner and then the loser", heard)
	}
	if after := runtime.NumGoroutine(); after > before+1 { // the listener's test context
		t.Errorf("%d goroutines run, want at most %d", after, before+1)
	}
}

func TestDialFailureDoesNotWaitForTheClock(t *testing.T) {
	port := freePort(t)
	mustListen(t, "tcp4://127.0.0.1:"+port)
	d := Dialer{AttemptDelay: time.Hour}
	c, _, err := d.Dial(testContext(t), mustParse(t, "localhost:"+port))
	if err != nil {
		t.Fatalf("Dial = %v, want the second address to be tried at once", err)
	}
	c.Close()
}

// Both addresses answer at once: one connection is kept, the other closed.
func TestDialClosesLosers(t *testing.T) {
	leaks(t)
	l := mustListen(t, "tcp://0")
	serveEcho(t, l)
	lost := 0
	for range 50 {
		c, report, err := Dialer{AttemptDelay: 1}.Dial(testContext(t), mustParse(t, l.Endpoint().String()))
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		if len(report.Attempts) == 2 {
			lost++
		}
	}
	if lost == 0 {
		t.Error("in 50 races the second address was never tried, want it tried with no delay")
	}
}

func TestDialTimeout(t *testing.T) {
	leaks(t)
	full := fullListener(t, socket.AddrFrom(netip.MustParseAddrPort("127.0.0.1:0")))
	port := portOf(t, full)
	failed, report := dialFails(t, "tcp://127.0.0.1:"+port+"?timeout=50ms")
	if want := "connect tcp://127.0.0.1:" + port + ": no answer within 50ms"; failed.Error() != want {
		t.Errorf("error is %q, want %q", failed, want)
	}
	if !failed.Timeout() || !errors.Is(failed, os.ErrDeadlineExceeded) {
		t.Errorf("error %#v is no timeout", failed.Err)
	}
	if report.Duration < 50*time.Millisecond {
		t.Errorf("it took %v, want at least 50ms", report.Duration)
	}
}

func TestDialCancelled(t *testing.T) {
	full := fullListener(t, socket.AddrFrom(netip.MustParseAddrPort("127.0.0.1:0")))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Dial(ctx, mustParse(t, "tcp://127.0.0.1:"+portOf(t, full)))
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "cancelled") {
		t.Errorf("Dial = %v, want it cancelled", err)
	}
}

func TestInterleave(t *testing.T) {
	parse := func(text string) (list []socket.Addr) {
		for _, a := range strings.Fields(text) {
			list = append(list, socket.AddrFrom(netip.AddrPortFrom(netip.MustParseAddr(a), 1)))
		}
		return list
	}
	for _, tt := range []struct{ in, want string }{
		{"::1", "::1"},
		{"::1 ::2 ::3 1.0.0.1 1.0.0.2", "::1 1.0.0.1 ::2 1.0.0.2 ::3"},
		{"1.0.0.1 ::1 ::2", "1.0.0.1 ::1 ::2"},
		{"1.0.0.1 1.0.0.2", "1.0.0.1 1.0.0.2"},
	} {
		if got, want := interleave(parse(tt.in)), parse(tt.want); !equalAddrs(got, want) {
			t.Errorf("interleave(%s) = %v, want %v", tt.in, got, want)
		}
	}
}

func equalAddrs(a, b []socket.Addr) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestDialOptionsAreSet(t *testing.T) {
	l := mustListen(t, "tcp://127.0.0.1:0")
	c := mustDial(t, l.Endpoint().String()+"?nodelay=0&keepalive&ttl=7&rcvbuf=32KiB&user-timeout=3s")
	s := socketOf(c)
	checkOption(t, s, socket.NoDelay, false)
	checkOption(t, s, socket.TTL, 7)
	checkOption(t, s, socket.UserTimeout, 3*time.Second)
	if on, err := socket.KeepAlive.Get(s); !on || err != nil {
		t.Errorf("keepalive = %v, %v; want on", on, err)
	}
}

func checkOption[T comparable](t *testing.T, s *socket.Socket, o *socket.Opt[T], want T) {
	t.Helper()
	if got, err := o.Get(s); got != want || err != nil {
		t.Errorf("%s = %v, %v; want %v", o.Name, got, err, want)
	}
}

func TestDialOptionOfTheOtherFamily(t *testing.T) {
	l := mustListen(t, "tcp4://127.0.0.1:0")
	mustDial(t, "localhost:"+l.Endpoint().Port+"?v6only") // an option of the IPv6 attempt alone
	failed, _ := dialFails(t, "localhost:"+l.Endpoint().Port+"?device=no-such-device")
	if !errors.Is(failed, syscall.ENODEV) || !strings.Contains(failed.Error(), "SO_BINDTODEVICE") {
		t.Errorf("error is %v, want ENODEV that names the option", failed)
	}
}

func TestDialRefusesListenersOptions(t *testing.T) {
	failed, _ := dialFails(t, "tcp://127.0.0.1:1?backlog=5")
	var wrong *SyntaxError
	if !errors.As(failed, &wrong) || !strings.Contains(failed.Error(), "backlog") {
		t.Errorf("error is %v, want a *SyntaxError about backlog", failed)
	}
}

func TestDialUnixErrors(t *testing.T) {
	dir := t.TempDir()
	failed, _ := dialFails(t, "unix://"+dir+"/none")
	if want := "connect unix://" + dir + "/none: no such file or directory (ENOENT)"; failed.Error() != want {
		t.Errorf("error is %q, want %q", failed, want)
	}
	dead := filepath.Join(dir, "dead")
	makeDead(t, dead)
	failed, _ = dialFails(t, "unix://"+dead)
	if want := "connect unix://" + dead + ": connection refused (ECONNREFUSED)"; failed.Error() != want {
		t.Errorf("error is %q, want %q", failed, want)
	}
}

// makeDead leaves a path behind on which nobody listens.
func makeDead(t *testing.T, path string) {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
}

func TestDialUDPHearsRefusal(t *testing.T) {
	leaks(t)
	for _, host := range []string{"127.0.0.1", "[::1]"} {
		t.Run(host, func(t *testing.T) {
			p, err := ListenPacket(testContext(t), mustParse(t, "udp://"+host+":0"))
			if err != nil {
				t.Fatal(err)
			}
			port := p.Endpoint().Port
			p.Close()
			c := mustDial(t, "udp://"+host+":"+port)
			c.SetDeadline(time.Now().Add(10 * time.Second))
			if _, err := c.Write([]byte("anybody?")); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Read(make([]byte, 16)); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("Read = %v, want ECONNREFUSED", err)
			}
			queued, ok := c.(*DatagramConn).Unreachable()
			if !ok {
				t.Fatalf("Unreachable() = %+v, false; want what ICMP said", queued)
			}
		})
	}
}

// io.Copy takes the way that keeps datagrams whole and collects the errors.
func TestDatagramConnCopies(t *testing.T) {
	leaks(t)
	p, err := ListenPacket(testContext(t), mustParse(t, "udp://127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	c := mustDial(t, p.Endpoint().String())
	c.SetDeadline(time.Now().Add(contextLimit))
	if n, err := io.Copy(c, strings.NewReader("hello")); n != 5 || err != nil {
		t.Errorf("Copy = %d, %v; want 5 bytes", n, err)
	}
	b := make([]byte, 16)
	n, from, err := p.Sockets()[0].RecvFrom(b, 0)
	if err != nil || string(b[:n]) != "hello" {
		t.Fatalf("RecvFrom = %q, %v; want hello", b[:n], err)
	}
	if _, err := p.Sockets()[0].SendTo(b[:n], 0, from); err != nil {
		t.Fatal(err)
	}
	p.Close()
	if _, err := c.Write([]byte("anybody?")); err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	_, err = io.Copy(&got, c)
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("Copy = %v, want ECONNREFUSED at the end", err)
	}
	if _, ok := c.(*DatagramConn).Unreachable(); !ok {
		t.Error("Unreachable() knows nothing, want what ICMP said")
	}
}

// A client that keeps sending while its server is down collects errors; they
// must not fill the buffer in which the answers arrive once it is up.
func TestDialUDPHearsServerThatComesBack(t *testing.T) {
	p, err := ListenPacket(testContext(t), mustParse(t, "udp://127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	e := p.Endpoint()
	p.Close()
	c := mustDial(t, e.String()+"?rcvbuf=4096")
	c.SetDeadline(time.Now().Add(20 * time.Second))
	refused := 0
	for range 500 {
		if _, err := c.Write([]byte("?")); errors.Is(err, syscall.ECONNREFUSED) {
			refused++
		}
	}
	if refused < 100 {
		t.Fatalf("%d of 500 writes were refused, want many", refused)
	}
	p, err = ListenPacket(testContext(t), e)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for range 2 { // the first may fetch the last refusal
		if _, err = c.Write([]byte("hello")); err == nil {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	s := p.Sockets()[0]
	b := make([]byte, 16)
	n, from, err := s.RecvFrom(b, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.SendTo(b[:n], 0, from); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(b); string(b[:n]) != "hello" || err != nil {
		t.Errorf("Read = %q, %v; want the reply", b[:n], err)
	}
}

func TestDialUnixgramGetsReplies(t *testing.T) {
	leaks(t)
	path := t.TempDir() + "/gram"
	p, err := ListenPacket(testContext(t), mustParse(t, "unixgram://"+path))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	c := mustDial(t, "unixgram://"+path)
	c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := c.Write([]byte("ping")); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 16)
	n, from, err := p.Sockets()[0].RecvFrom(b, 0)
	if err != nil || string(b[:n]) != "ping" || !from.IsAbstract() {
		t.Fatalf("RecvFrom = %q from %v, %v; want ping from an abstract address", b[:n], from, err)
	}
	if _, err := p.Sockets()[0].SendTo([]byte("pong"), 0, from); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(b); string(b[:n]) != "pong" || err != nil {
		t.Errorf("Read = %q, %v; want pong", b[:n], err)
	}
}

func TestDialInNamespace(t *testing.T) {
	leaks(t)
	name := newNamespace(t)
	l := mustListen(t, "tcp://127.0.0.1:0?netns="+name)
	serveEcho(t, l)
	address := "tcp://127.0.0.1:" + l.Endpoint().Port
	checkEcho(t, mustDial(t, address+"?netns="+name), "inside")
	if failed, _ := dialFails(t, address); !errors.Is(failed, syscall.ECONNREFUSED) {
		t.Errorf("outside the namespace: %v, want ECONNREFUSED", failed)
	}
	failed, _ := dialFails(t, address+"?netns=no-such-namespace")
	if !errors.Is(failed, os.ErrNotExist) || !strings.Contains(failed.Error(), "no-such-namespace") {
		t.Errorf("error is %v, want that there is no such namespace", failed)
	}
}

// In a namespace of its own, with an address whose packets go nowhere.
func TestDialBlackholedFirstAddress(t *testing.T) {
	leaks(t)
	name := newNamespace(t)
	inNamespace(t, name, "ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1")
	inNamespace(t, name, "ip", "link", "set", "v1", "up")
	inNamespace(t, name, "ip", "link", "set", "v0", "up")
	inNamespace(t, name, "ip", "addr", "add", "2001:db8::1/64", "dev", "v0", "nodad")
	inNamespace(t, name, "ip", "neigh", "add", "2001:db8::99", "lladdr", "02:00:00:00:00:99", "dev", "v0", "nud", "permanent")
	l := mustListen(t, "tcp4://127.0.0.1:0?netns="+name)
	resolveTo(t, "2001:db8::99", "127.0.0.1")
	c, report, err := Dialer{}.Dial(testContext(t), mustParse(t, "tcp://two.test:"+l.Endpoint().Port+"?netns="+name))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if report.Duration < AttemptDelay || report.Duration > 5*time.Second {
		t.Errorf("it took %v, want little more than %v", report.Duration, AttemptDelay)
	}
	if len(report.Attempts) != 2 || !errors.Is(report.Attempts[0].Err, context.Canceled) {
		t.Errorf("attempts are %+v, want the first to have lost", report.Attempts)
	}
}
