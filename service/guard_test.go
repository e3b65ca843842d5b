package service

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"sock/engine"
	"sock/socket"
)

func addr(text string) socket.Addr { return socket.AddrFrom(netip.MustParseAddrPort(text)) }

func TestGuardMuted(t *testing.T) {
	for _, tt := range []struct {
		name        string
		local, peer socket.Addr
		want        bool
	}{
		{"ordinary", addr("192.0.2.1:7007"), addr("192.0.2.9:40000"), false},
		{"echo", addr("192.0.2.1:7007"), addr("192.0.2.9:7"), true},
		{"daytime", addr("192.0.2.1:7007"), addr("192.0.2.9:13"), true},
		{"qotd", addr("192.0.2.1:7007"), addr("192.0.2.9:17"), true},
		{"chargen", addr("192.0.2.1:7007"), addr("192.0.2.9:19"), true},
		{"time", addr("192.0.2.1:7007"), addr("192.0.2.9:37"), true},
		{"dns", addr("192.0.2.1:7007"), addr("192.0.2.9:53"), true},
		{"port-zero", addr("192.0.2.1:7007"), addr("192.0.2.9:0"), true},
		{"same-port", addr("192.0.2.1:7007"), addr("192.0.2.9:7007"), true},
		{"itself", addr("127.0.0.1:7007"), addr("127.0.0.1:7007"), true},
		{"unix-named", socket.UnixAddr("/s"), socket.UnixAddr("/c"), false},
		{"unix-unnamed", socket.UnixAddr("/s"), socket.UnixAddr(""), true},
		{"unix-no-address", socket.UnixAddr("/s"), socket.Addr{}, true},
		{"unix-itself", socket.UnixAddr("/s"), socket.UnixAddr("/s"), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newGuard(tt.local, tt.peer, time.Now())
			defer g.close()
			if g.muted != tt.want {
				t.Errorf("muted %v, want %v", g.muted, tt.want)
			}
		})
	}
}

// TestGuardOwnServices: two services of this process are not set on each
// other, as long as both have sessions.
func TestGuardOwnServices(t *testing.T) {
	now := time.Now()
	first := newGuard(addr("127.0.0.1:7007"), addr("127.0.0.1:40000"), now)
	for text, want := range map[string]bool{"127.0.0.1:7007": true, "[::1]:7007": true, "192.0.2.1:7007": true, "192.0.2.9:7007": false} {
		g := newGuard(addr("192.0.2.1:7008"), addr(text), now)
		if g.muted != want {
			t.Errorf("peer %s: muted %v, want %v", text, g.muted, want)
		}
		g.close()
	}
	first.close()
	if g := newGuard(addr("127.0.0.1:7008"), addr("127.0.0.1:7007"), now); g.muted {
		t.Error("still muted after the other service's last session")
	} else {
		g.close()
	}
	if len(served.ports) != 0 {
		t.Errorf("ports left: %v", served.ports)
	}
}

func TestGuardRate(t *testing.T) {
	now := time.Now()
	g := newGuard(addr("127.0.0.1:7007"), addr("127.0.0.1:40000"), now)
	defer g.close()
	count := func(at time.Time) (n int) {
		for range 10 * answersPerSecond {
			if g.allow(at) {
				n++
			}
		}
		return n
	}
	for _, tt := range []struct {
		after time.Duration
		want  int
	}{{0, answersPerSecond}, {0, 0}, {time.Second / 2, answersPerSecond / 2}, {time.Hour, answersPerSecond}} {
		now = now.Add(tt.after)
		if got := count(now); got != tt.want {
			t.Errorf("after %v: %d answers, want %d", tt.after, got, tt.want)
		}
	}
}

// TestGuardSamePort: a peer with the service's own port is not answered by any
// service, on real sockets.
func TestGuardSamePort(t *testing.T) {
	for _, name := range []string{"echo", "chargen", "daytime", "time", "greet", "chat"} {
		t.Run(name, func(t *testing.T) {
			r := serve(t, "udp4://127.0.0.1:0 "+name, engine.Goroutine)
			port := int(r.endpoint.PortNumber())
			conn, err := net.DialUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2), Port: port}, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			c := &client{t, conn}
			c.send("x")
			for end := time.Now().Add(patience); r.server.Stats().Accepted != 1; time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					t.Fatal("the datagram has not arrived")
				}
			}
			c.hearsNothing()
		})
	}
}
