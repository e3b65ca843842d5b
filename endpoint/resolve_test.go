package endpoint

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"sock/socket"
)

// stubLookup answers for a few names until the test ends.
func stubLookup(t *testing.T) {
	previous := lookup
	t.Cleanup(func() { lookup = previous })
	lookup = func(ctx context.Context, network, host string) ([]netip.Addr, error) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		switch host {
		case "both.example":
			return []netip.Addr{
				netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1"),
				netip.MustParseAddr("::ffff:192.0.2.1"), netip.MustParseAddr("192.0.2.2"),
			}, nil
		case "six.example":
			return []netip.Addr{netip.MustParseAddr("2001:db8::6")}, nil
		}
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
}

func TestEndpointResolve(t *testing.T) {
	stubLookup(t)
	for _, tt := range []struct{ text, listen, peer string }{ // peer empty: as listen
		{"127.0.0.1:80", "127.0.0.1:80", ""},
		{"[::1]:80", "[::1]:80", ""},
		{"8080", "[::1]:8080 127.0.0.1:8080", ""},
		{"localhost:8080", "[::1]:8080 127.0.0.1:8080", ""},
		{"LOCALHOST.:8080", "[::1]:8080 127.0.0.1:8080", ""},
		{"tcp4://8080", "127.0.0.1:8080", ""},
		{"udp6://8080", "[::1]:8080", ""},
		{":8080", "[::]:8080", "[::1]:8080 127.0.0.1:8080"},
		{"tcp4://:8080", "0.0.0.0:8080", "127.0.0.1:8080"},
		{"udp6://:8080", "[::]:8080", "[::1]:8080"},
		{"0.0.0.0:8080", "0.0.0.0:8080", "127.0.0.1:8080"},
		{"[::]:8080", "[::]:8080", "[::1]:8080"},
		{"both.example:1", "192.0.2.1:1 [2001:db8::1]:1 192.0.2.2:1", ""},
		{"tls://both.example:1", "192.0.2.1:1 [2001:db8::1]:1 192.0.2.2:1", ""},
		{"tcp6://both.example:1", "[2001:db8::1]:1", ""},
		{"tcp4://both.example:1", "192.0.2.1:1 192.0.2.2:1", ""},
		{"http://both.example", "192.0.2.1:80 [2001:db8::1]:80 192.0.2.2:80", ""},
		{"/run/x", "/run/x", ""},
		{"@x", "@x", ""},
		{"[fe80::1%1]:80", "[fe80::1%" + interfaceName(t, 1) + "]:80", ""},
	} {
		t.Run(tt.text, func(t *testing.T) {
			e := mustParse(t, tt.text)
			if tt.peer == "" {
				tt.peer = tt.listen
			}
			if got := resolved(t, e.Resolve); got != tt.listen {
				t.Errorf("Resolve: got %s, want %s", got, tt.listen)
			}
			if got := resolved(t, e.ResolvePeer); got != tt.peer {
				t.Errorf("ResolvePeer: got %s, want %s", got, tt.peer)
			}
		})
	}
}

// interfaceName is the name of the interface with that index, or the index.
func interfaceName(t *testing.T, index int) string {
	ifi, err := net.InterfaceByIndex(index)
	if err != nil {
		t.Fatal(err)
	}
	return ifi.Name
}

func TestEndpointResolveErrors(t *testing.T) {
	stubLookup(t)
	for _, tt := range []struct {
		name, text, want string
		target           any
	}{
		{"no-such-host", "none.example:80", "resolve tcp tcp://none.example:80: lookup none.example: no such host", new(*net.DNSError)},
		{"no-such-family", "tcp4://six.example:80", "no suitable address for tcp4", new(*net.AddrError)},
		{"no-such-zone", "[fe80::1%nosuchif]:80", `no network interface has the zone "nosuchif"`, new(*net.AddrError)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := mustParse(t, tt.text)
			addrs, err := e.Resolve(t.Context())
			var op *net.OpError
			if !errors.As(err, &op) || !errors.As(err, tt.target) || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, %v, want a *net.OpError around a %T that says %q", addrs, err, tt.target, tt.want)
			}
			if at, ok := op.Addr.(Endpoint); !ok || !at.Equal(e) {
				t.Errorf("error's address: got %v, want %v", op.Addr, e)
			}
		})
	}
	if _, err := mustParse(t, "fd://3").Resolve(t.Context()); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("fd://3: got %v, want errors.ErrUnsupported", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := mustParse(t, "both.example:1").Resolve(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("with a cancelled context: got %v, want context.Canceled", err)
	}
}

// resolved gives the addresses in one line.
func resolved(t *testing.T, resolve func(context.Context) ([]socket.Addr, error)) string {
	t.Helper()
	addrs, err := resolve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, a := range addrs {
		words = append(words, a.String())
	}
	return strings.Join(words, " ")
}
