package endpoint

import (
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"

	"sock/socket"
)

func TestDialFrom(t *testing.T) {
	l := mustListen(t, "tcp://0") // both loopback addresses
	to := l.Endpoint().Port
	for _, tt := range []struct{ name, host, from, want string }{
		{"address", "127.0.0.1", "127.0.0.2", "127.0.0.2:*"},
		{"port", "127.0.0.1", ":FREE", "127.0.0.1:FREE"},
		{"address-and-port", "127.0.0.1", "127.0.0.3:FREE", "127.0.0.3:FREE"},
		{"ipv6-address", "[::1]", "[::1]", "[::1]:*"},
		{"ipv6-address-and-port", "[::1]", "[::1]:FREE", "[::1]:FREE"},
		{"port-of-a-name", "localhost", ":FREE", "[::1]:FREE"},
		{"address-chooses-the-family", "localhost", "127.0.0.4", "127.0.0.4:*"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			leaks(t)
			free := freePort(t)
			tt.from, tt.want = strings.ReplaceAll(tt.from, "FREE", free), strings.ReplaceAll(tt.want, "FREE", free)
			c, err := Dial(testContext(t), mustParse(t, "tcp://"+tt.host+":"+to+"?from="+tt.from))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			got := c.LocalAddr().String()
			if prefix, any := strings.CutSuffix(tt.want, "*"); got != tt.want && !(any && strings.HasPrefix(got, prefix)) {
				t.Errorf("bound to %s, want %s", got, tt.want)
			}
			tuple, err := socketOf(c).Tuple()
			if err != nil || tuple.Local.String() != got {
				t.Errorf("Tuple = %v, %v; want local %s", tuple, err, got)
			}
		})
	}
}

// The same source port serves again at once, for another server, while the
// first connection is in TIME_WAIT.
func TestDialFromPortAgain(t *testing.T) {
	port := freePort(t)
	for range 3 {
		l := mustListen(t, "tcp://127.0.0.1:0")
		c, err := Dial(testContext(t), mustParse(t, l.Endpoint().String()+"?from=:"+port))
		if err != nil {
			t.Fatal(err)
		}
		s, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		c.Close() // first: TIME_WAIT is at this end
		s.Close()
		l.Close()
	}
}

func TestDialFromReuseAddr(t *testing.T) {
	l := mustListen(t, "tcp://127.0.0.1:0")
	port := freePort(t)
	for _, tt := range []struct {
		options string
		want    bool
	}{
		{"?from=:" + port, true},
		{"?from=127.0.0.2", false},
		{"?from=:" + port + "&reuseaddr=0", false},
	} {
		c, err := Dial(testContext(t), mustParse(t, l.Endpoint().String()+tt.options))
		if err != nil && !tt.want && errors.Is(err, syscall.EADDRINUSE) {
			continue // the first connection is in TIME_WAIT: that is what it is without
		}
		if err != nil {
			t.Fatal(err)
		}
		checkOption(t, socketOf(c), socket.ReuseAddr, tt.want)
		c.Close()
	}
}

func TestDialFromAddressLeavesPortToConnect(t *testing.T) {
	l := mustListen(t, "tcp://127.0.0.1:0")
	c := mustDial(t, l.Endpoint().String()+"?from=127.0.0.2")
	checkOption(t, socketOf(c), socket.BindAddressNoPort, true)
}

func TestDialFromUDP(t *testing.T) {
	c := mustDial(t, "udp://127.0.0.1:9?from=127.0.0.2")
	if got := c.LocalAddr().(*net.UDPAddr); got.IP.String() != "127.0.0.2" || got.Port == 0 {
		t.Errorf("bound to %s, want 127.0.0.2 and a port", got)
	}
	checkOption(t, socketOf(c), socket.ReuseAddr, false)
}

func TestDialFromUnix(t *testing.T) {
	path := t.TempDir() + "/listener"
	l := mustListen(t, "unix://"+path)
	c := mustDial(t, "unix://"+path+"?from=@sock-from-test")
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got := s.RemoteAddr().String(); got != "@sock-from-test" || c.LocalAddr().String() != got {
		t.Errorf("the peer is %s, want @sock-from-test", got)
	}
}

func TestDialFromErrors(t *testing.T) {
	l := mustListen(t, "tcp://127.0.0.1:0")
	address := l.Endpoint().String()
	taken := l.Endpoint().Port
	for _, tt := range []struct {
		name, text, want string
		errno            syscall.Errno
	}{
		{"not-here", address + "?from=198.51.100.7", "bind 198.51.100.7:0: cannot assign requested address (EADDRNOTAVAIL)", syscall.EADDRNOTAVAIL},
		{"taken", address + "?from=127.0.0.1:" + taken, "bind 127.0.0.1:" + taken + ": address already in use (EADDRINUSE)", syscall.EADDRINUSE},
	} {
		t.Run(tt.name, func(t *testing.T) {
			failed, _ := dialFails(t, tt.text)
			if want := "connect " + address + ": " + tt.want; failed.Error() != want || !errors.Is(failed, tt.errno) {
				t.Errorf("error is %q, want %q", failed, want)
			}
		})
	}
	resolveTo(t, "::1")
	failed, _ := dialFails(t, "tcp://six.test:80?from=127.0.0.2")
	if want := "connect tcp://six.test:80: from=127.0.0.2 is IPv4, and six.test has only IPv6 addresses"; failed.Error() != want {
		t.Errorf("error is %q, want %q", failed, want)
	}
}

// A client bound to an address, whose port the kernel chooses, never finds
// itself connected to itself.
func TestDialNeverConnectsToItself(t *testing.T) {
	name := newNamespace(t)
	inNamespace(t, name, "sysctl", "-qw", "net.ipv4.ip_local_port_range=40000 40001")
	for _, from := range []string{"", "&from=127.0.0.1"} {
		for range 20 {
			failed, _ := dialFails(t, "tcp://127.0.0.1:40000?netns="+name+from)
			if !errors.Is(failed, syscall.ECONNREFUSED) && !errors.Is(failed, syscall.EADDRNOTAVAIL) {
				t.Fatalf("error is %v, want ECONNREFUSED", failed)
			}
		}
	}
}
