package endpoint

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sock/internal/netns"
	"sock/socket"
)

func TestListenAnswersOn(t *testing.T) {
	for _, tt := range []struct {
		listen  string
		sockets int
		answers string
		silent  string
	}{
		{"tcp://:0", 1, "127.0.0.1 ::1", ""},
		{"tcp://0", 2, "127.0.0.1 ::1", "127.0.0.2"},
		{"tcp://localhost:0", 2, "127.0.0.1 ::1", "127.0.0.2"},
		{"tcp://:0?v6only=1", 1, "::1", "127.0.0.1"},
		{"tcp://:0?v6only=0", 1, "127.0.0.1 ::1", ""},
		{"tcp://0?v6only", 1, "::1", "127.0.0.1"},
		{"tcp://[::]:0", 1, "127.0.0.1 ::1", ""},
		{"tcp://0.0.0.0:0", 1, "127.0.0.1 127.0.0.2", "::1"},
		{"tcp4://:0", 1, "127.0.0.1", "::1"},
		{"tcp6://:0", 1, "::1", "127.0.0.1"},
		{"tcp6://[::]:0?v6only=0", 1, "127.0.0.1 ::1", ""},
		{"tcp4://localhost:0", 1, "127.0.0.1", "::1"},
		{"tcp6://localhost:0", 1, "::1", "127.0.0.1"},
		{"tcp://127.0.0.1:0", 1, "127.0.0.1", "::1 127.0.0.2"},
		{"http://localhost:0", 2, "127.0.0.1 ::1", ""},
	} {
		t.Run(tt.listen, func(t *testing.T) {
			leaks(t)
			l := mustListen(t, tt.listen)
			if len(l.Sockets()) != tt.sockets || len(l.Addrs()) != tt.sockets {
				t.Errorf("sockets at %v, want %d", l.Addrs(), tt.sockets)
			}
			for _, a := range l.Addrs() {
				if strconv.Itoa(a.Port()) != l.Endpoint().Port || a.Port() == 0 {
					t.Errorf("address %v, want port %s", a, l.Endpoint().Port)
				}
			}
			for _, host := range strings.Fields(tt.answers) {
				checkAnswers(t, l, host)
			}
			for _, host := range strings.Fields(tt.silent) {
				if c, err := net.Dial("tcp", net.JoinHostPort(host, l.Endpoint().Port)); err == nil {
					c.Close()
					t.Errorf("%s answers, want it refused", host)
				}
			}
		})
	}
}

// checkAnswers connects to a host and accepts that very connection.
func checkAnswers(t *testing.T, l *Listener, host string) {
	t.Helper()
	c, err := net.Dial("tcp", net.JoinHostPort(host, l.Endpoint().Port))
	if err != nil {
		t.Errorf("%s: %v", host, err)
		return
	}
	defer c.Close()
	s, peer, err := l.AcceptSocket(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if want := c.LocalAddr().(*net.TCPAddr).AddrPort(); peer.AddrPort() != want {
		t.Errorf("%s: the peer is %v, want %v", host, peer, want)
	}
}

func TestListenPortZeroIsFreeOnBoth(t *testing.T) {
	leaks(t)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 20 {
				l, err := Listen(t.Context(), mustParse(t, "tcp://0"))
				if err != nil {
					t.Error(err)
					continue
				}
				if a := l.Addrs(); len(a) != 2 || a[0].Port() != a[1].Port() {
					t.Errorf("listening on %v, want two addresses on one port", a)
				}
				l.Close()
			}
		})
	}
	group.Wait()
}

func TestListenWithoutIPv6(t *testing.T) {
	name := newNamespace(t)
	inNamespace(t, name, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
	leaks(t)
	l := mustListen(t, "tcp://0?netns="+name)
	if a := l.Addrs(); len(a) != 1 || a[0].AddrPort().Addr().String() != "127.0.0.1" {
		t.Errorf("listening on %v, want 127.0.0.1 alone", a)
	}
	if n := l.Notices(); len(n) != 1 || !strings.Contains(n[0], "::1 is left out") {
		t.Errorf("notices are %q, want that ::1 is left out", n)
	}
	failed := listenFails(t, "tcp://[::1]:0?netns="+name)
	if want := "listen tcp://[::1]:0: cannot assign requested address (EADDRNOTAVAIL): ::1 is not an address of this host"; failed.Error() != want {
		t.Errorf("error is %q, want %q", failed, want)
	}
}

func TestListenInUseNamesOwner(t *testing.T) {
	leaks(t)
	held := mustListen(t, "tcp://127.0.0.1:0")
	port := held.Endpoint().Port
	for _, tt := range []struct{ text, want string }{
		{"tcp://127.0.0.1:" + port, "address already in use (EADDRINUSE) by this process"},
		{"tcp://:" + port, "address already in use (EADDRINUSE) by this process, which has 127.0.0.1:" + port},
		{"tcp://localhost:" + port, "127.0.0.1:" + port + ": address already in use (EADDRINUSE) by this process"},
	} {
		failed := listenFails(t, tt.text)
		if want := "listen " + tt.text + ": " + tt.want; failed.Error() != want {
			t.Errorf("error is\n%s, want\n%s", failed, want)
		}
		var op *net.OpError
		if !errors.Is(failed, syscall.EADDRINUSE) || !errors.As(failed, &op) || failed.Owner.PID != os.Getpid() {
			t.Errorf("error %#v, want EADDRINUSE in a *net.OpError, and the owner's pid", failed)
		}
	}
}

func init() {
	children["hold"] = func() error {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		fmt.Println(l.Addr().(*net.TCPAddr).Port)
		_, err = os.Stdin.Read(make([]byte, 1)) // until the test is done
		l.Close()
		if err != nil && err.Error() == "EOF" {
			return nil
		}
		return err
	}
}

func TestListenInUseByAnotherProcess(t *testing.T) {
	cmd := child(t, "hold")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}()
	var port int
	if _, err := fmt.Fscan(out, &port); err != nil {
		t.Fatal(err)
	}
	comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("tcp://127.0.0.1:%d", port)
	want := fmt.Sprintf("listen %s: address already in use (EADDRINUSE) by %s (pid %d)", text, strings.TrimSpace(string(comm)), cmd.Process.Pid)
	if failed := listenFails(t, text); failed.Error() != want {
		t.Errorf("error is %q, want %q", failed, want)
	}
}

func TestListenNotAvailable(t *testing.T) {
	failed := listenFails(t, "tcp://198.51.100.7:80")
	want := "listen tcp://198.51.100.7:80: cannot assign requested address (EADDRNOTAVAIL): 198.51.100.7 is not an address of this host"
	if failed.Error() != want || !errors.Is(failed, syscall.EADDRNOTAVAIL) {
		t.Errorf("error is %q, want %q", failed, want)
	}
}

func init() {
	children["privileged"] = func() error {
		e, err := Parse(os.Getenv("ENDPOINT"))
		if err != nil {
			return err
		}
		l, err := Listen(context.Background(), e)
		if err != nil {
			return err
		}
		return l.Close()
	}
}

func TestListenPrivilegedPort(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("changing to another user needs root")
	}
	cmd := child(t, "privileged", "ENDPOINT=tcp://127.0.0.1:80")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	cmd.Path = readableCopy(t)
	out, err := cmd.Output()
	want := "listen tcp://127.0.0.1:80: permission denied (EACCES): ports below 1024 need root or CAP_NET_BIND_SERVICE (net.ipv4.ip_unprivileged_port_start)"
	if string(out) != want || err == nil {
		t.Errorf("error is %q (%v), want %q", out, err, want)
	}
}

// readableCopy copies this test program to where every user may run it.
func readableCopy(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.CreateTemp("/tmp", "sock-endpoint-test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(file.Name()) })
	if _, err := file.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := file.Chmod(0o755); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Name()
}

func TestListenBacklog(t *testing.T) {
	text, err := os.ReadFile("/proc/sys/net/core/somaxconn")
	if err != nil {
		t.Fatal(err)
	}
	most, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	over := strconv.Itoa(most + 1)
	for _, tt := range []struct {
		text   string
		notice string
	}{
		{"tcp://127.0.0.1:0", ""},
		{"tcp://127.0.0.1:0?backlog=3", ""},
		{"tcp://0?backlog=" + over, fmt.Sprintf("backlog=%s: the kernel caps it at %d (net.core.somaxconn)", over, most)},
	} {
		l := mustListen(t, tt.text)
		if got := strings.Join(l.Notices(), "\n"); got != tt.notice {
			t.Errorf("%s: notices are %q, want %q", tt.text, got, tt.notice)
		}
	}
}

// The cap is that of the namespace in which the socket is.
func TestListenBacklogInNamespace(t *testing.T) {
	name := newNamespace(t)
	err := netns.Do(name, func() error {
		return os.WriteFile("/proc/sys/net/core/somaxconn", []byte("7"), 0)
	})
	if err != nil {
		t.Fatal(err)
	}
	want := "backlog=9: the kernel caps it at 7 (net.core.somaxconn)"
	l := mustListen(t, "tcp://127.0.0.1:0?backlog=9&netns="+name)
	if got := strings.Join(l.Notices(), "\n"); got != want {
		t.Errorf("notices are %q, want %q", got, want)
	}
}

func TestListenOptionsReachConnections(t *testing.T) {
	l := mustListen(t, "tcp://127.0.0.1:0?nodelay=0&quickack=0&ttl=9&keepalive=30s&user-timeout=4s")
	mustDial(t, "tcp://127.0.0.1:"+l.Endpoint().Port)
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s := socketOf(c)
	checkOption(t, s, socket.NoDelay, false)
	checkOption(t, s, socket.QuickAck, false)
	checkOption(t, s, socket.TTL, 9)
	checkOption(t, s, socket.UserTimeout, 4*time.Second)
	checkOption(t, s, socket.KeepAlive, true)
	checkOption(t, l.Sockets()[0], socket.ReuseAddr, true)
}

func TestListenReuseAddrOff(t *testing.T) {
	l := mustListen(t, "tcp://127.0.0.1:0?reuseaddr=0")
	checkOption(t, l.Sockets()[0], socket.ReuseAddr, false)
}

func TestNoDelayOnBothSidesByDefault(t *testing.T) {
	l := mustListen(t, "tcp://127.0.0.1:0")
	near := mustDial(t, l.Endpoint().String())
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	checkOption(t, socketOf(near), socket.NoDelay, true)
	checkOption(t, socketOf(far), socket.NoDelay, true)
}

func TestListenReusePort(t *testing.T) {
	l := mustListen(t, "tcp://127.0.0.1:0?reuseport")
	mustListen(t, "tcp://127.0.0.1:"+l.Endpoint().Port+"?reuseport")
}

func TestListenName(t *testing.T) {
	leaks(t)
	resolveTo(t, "127.0.0.2", "127.0.0.3", "198.51.100.7", "127.0.0.2")
	l := mustListen(t, "tcp://name.test:0")
	if a := l.Addrs(); len(a) != 2 || a[0].Port() != a[1].Port() {
		t.Errorf("listening on %v, want 127.0.0.2 and 127.0.0.3 on one port", a)
	}
	want := "198.51.100.7 is left out: cannot assign requested address (EADDRNOTAVAIL)"
	if n := l.Notices(); len(n) != 1 || n[0] != want {
		t.Errorf("notices are %q, want %q", n, want)
	}
}

func TestListenUnresolvable(t *testing.T) {
	stubLookup(t)
	failed := listenFails(t, "tcp://none.example:80")
	if want := "listen tcp://none.example:80: cannot resolve none.example: no such host"; failed.Error() != want {
		t.Errorf("error is %q, want %q", failed, want)
	}
}

func TestListenWrongKind(t *testing.T) {
	if _, err := Listen(t.Context(), mustParse(t, "udp://127.0.0.1:0")); err == nil {
		t.Error("Listen on udp succeeded, want an error")
	}
	if _, err := ListenPacket(t.Context(), mustParse(t, "tcp://127.0.0.1:0")); err == nil {
		t.Error("ListenPacket on tcp succeeded, want an error")
	}
	if failed := listenFails(t, "tcp://127.0.0.1:0?timeout=5s"); !strings.Contains(failed.Error(), "timeout") {
		t.Errorf("error is %v, want one about timeout=", failed)
	}
}

func TestListenerCloseWakesAccept(t *testing.T) {
	for _, text := range []string{"tcp://127.0.0.1:0", "tcp://0"} {
		t.Run(text, func(t *testing.T) {
			leaks(t)
			l := mustListen(t, text)
			errs := make(chan error, 4)
			for range cap(errs) {
				go func() {
					_, err := l.Accept()
					errs <- err
				}()
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			for range cap(errs) {
				if err := <-errs; !errors.Is(err, net.ErrClosed) {
					t.Errorf("Accept = %v, want net.ErrClosed", err)
				}
			}
			if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("Accept after Close = %v, want net.ErrClosed", err)
			}
		})
	}
}

func TestListenerAcceptContext(t *testing.T) {
	for _, text := range []string{"tcp://127.0.0.1:0", "tcp://0"} {
		l := mustListen(t, text)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, _, err := l.AcceptSocket(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: AcceptSocket = %v, want context.Canceled", text, err)
		}
		checkAnswers(t, l, "127.0.0.1") // and the listener is none the worse
	}
}

func TestListenerCloseDropsWhatNobodyTook(t *testing.T) {
	leaks(t)
	l := mustListen(t, "tcp://0")
	checkAnswers(t, l, "127.0.0.1") // starts the goroutines
	c, err := net.Dial("tcp", "127.0.0.1:"+l.Endpoint().Port)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	l.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	if n, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Read = %d, %v; want the connection ended", n, err)
	}
}

func TestAccessList(t *testing.T) {
	for _, tt := range []struct{ rules, permits, refuses string }{
		{"", "10.0.0.1 ::1 fe80::1%lo", ""},
		{"allow=10.0.0.0/8", "10.1.2.3 ::ffff:10.1.2.3", "11.0.0.1 ::1"},
		{"deny=10.0.0.0/8", "11.0.0.1 ::1", "10.1.2.3 ::ffff:10.1.2.3"},
		{"allow=10.0.0.0/8&deny=10.1.0.0/16", "10.2.0.1", "10.1.0.1 11.0.0.1"},
		{"deny=10.0.0.0/8&allow=10.1.2.3", "", "10.1.2.3 10.1.2.4 11.0.0.1"}, // a deny is a deny
		{"allow=10.0.0.1,fd00::/8", "10.0.0.1 fd00::1", "10.0.0.2 fe80::1"},
		{"allow=::/0", "::1 fe80::1%lo", "127.0.0.1"},
		{"allow=0.0.0.0/0", "127.0.0.1 ::ffff:127.0.0.1", "::1"},
		{"deny=fe80::/10", "::1", "fe80::1%lo"},
	} {
		t.Run(tt.rules, func(t *testing.T) {
			text := "tcp://:80"
			if tt.rules != "" {
				text += "?" + tt.rules
			}
			list := mustParse(t, text).Access()
			check := func(peers string, want bool) {
				for _, p := range strings.Fields(peers) {
					a := socket.AddrFrom(netip.AddrPortFrom(netip.MustParseAddr(p), 1))
					if got := list.Permits(a); got != want {
						t.Errorf("Permits(%s) = %v, want %v", p, got, want)
					}
				}
			}
			check(tt.permits, true)
			check(tt.refuses, false)
		})
	}
}

func TestAccessListMappedRule(t *testing.T) {
	list := NewAccessList([]netip.Prefix{netip.MustParsePrefix("::ffff:10.0.0.0/104")}, nil)
	peer := socket.AddrFrom(netip.MustParseAddrPort("10.9.9.9:1"))
	if !list.Permits(peer) {
		t.Errorf("Permits(%v) = false, want true: the rule is 10.0.0.0/8", peer)
	}
	if list.Permits(socket.UnixAddr("@peer")) {
		t.Error("a UNIX peer is let in by an allow for addresses, want it refused")
	}
	if n := testing.AllocsPerRun(100, func() { list.Permits(peer) }); n != 0 {
		t.Errorf("Permits allocates %v times, want 0", n)
	}
}
