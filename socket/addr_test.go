package socket

import (
	"net"
	"net/netip"
	"strings"
	"testing"
)

func TestAddrString(t *testing.T) {
	anyPort := VsockAny // a variable: as a constant it is no int on a 32-bit system
	for _, c := range []struct {
		addr    Addr
		want    string
		network string
		port    int
		path    string
	}{
		{Addr{}, "(invalid)", "", 0, ""},
		{AddrFrom(netip.MustParseAddrPort("127.0.0.1:80")), "127.0.0.1:80", "inet", 80, ""},
		{AddrFrom(netip.MustParseAddrPort("[::1]:80")), "[::1]:80", "inet6", 80, ""},
		{AddrFrom(netip.MustParseAddrPort("[::ffff:192.0.2.1]:7")), "192.0.2.1:7", "inet", 7, ""},
		{UnixAddr("/run/x"), "/run/x", "unix", 0, "/run/x"},
		{UnixAddr("@x"), "@x", "unix", 0, "@x"},
		{UnixAddr("\x00x"), "@x", "unix", 0, "@x"},
		{UnixAddr("\x00a\x00b"), `"@a\x00b"`, "unix", 0, "@a\x00b"},
		{UnixAddr(""), "(unnamed)", "unix", 0, ""},
		{VsockAddr(2, 1024), "2:1024", "vsock", 1024, ""},
		{VsockAddr(VsockAny, VsockAny), "*:*", "vsock", int(anyPort), ""},
		{NetlinkAddr(7, 3), "pid=7 groups=0x3", "netlink", 0, ""},
		{PacketAddr(0x0800, 2, net.HardwareAddr{2, 0, 0, 0, 0, 1}), "if2 0x0800 02:00:00:00:00:01", "packet", 0, ""},
	} {
		if got := c.addr.String(); got != c.want {
			t.Errorf("String: got %s, want %s", got, c.want)
		}
		if got := c.addr.Network(); got != c.network {
			t.Errorf("%s: Network: got %s, want %s", c.want, got, c.network)
		}
		if got := c.addr.Port(); got != c.port {
			t.Errorf("%s: Port: got %d, want %d", c.want, got, c.port)
		}
		if got := c.addr.Path(); got != c.path {
			t.Errorf("%s: Path: got %q, want %q", c.want, got, c.path)
		}
	}
}

func TestAddrMappedEqualsIPv4(t *testing.T) {
	mapped := AddrFrom(netip.MustParseAddrPort("[::ffff:192.0.2.1]:7"))
	plain := AddrFrom(netip.MustParseAddrPort("192.0.2.1:7"))
	if mapped != plain {
		t.Errorf("got %#v, want %#v", mapped, plain)
	}
}

func TestAddrFromNet(t *testing.T) {
	for _, c := range []struct {
		from net.Addr
		want string
	}{
		{&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80}, "127.0.0.1:80"},
		{&net.UDPAddr{IP: net.IPv6loopback, Port: 80}, "[::1]:80"},
		{&net.TCPAddr{Port: 80}, "[::]:80"},
		{&net.IPAddr{IP: net.IPv4(10, 0, 0, 1)}, "10.0.0.1:0"},
		{&net.UnixAddr{Name: "/run/x", Net: "unix"}, "/run/x"},
		{VsockAddr(1, 2), "1:2"},
	} {
		got, err := FromNetAddr(c.from)
		if err != nil || got.String() != c.want {
			t.Errorf("FromNetAddr(%#v): got %v, %v, want %s", c.from, got, err, c.want)
		}
	}
	for _, bad := range []net.Addr{
		nil,
		(*net.UDPAddr)(nil),
		&net.TCPAddr{IP: net.IP{1, 2, 3}},
		&net.TCPAddr{IP: net.IPv4(1, 2, 3, 4), Port: 1 << 16},
		&net.UDPAddr{IP: net.ParseIP("fe80::1"), Zone: "no-such-interface"},
		&net.IPNet{},
	} {
		if got, err := FromNetAddr(bad); err == nil {
			t.Errorf("FromNetAddr(%#v): got %v, want an error", bad, got)
		}
	}
}

// Zones go by name and by number; the loopback interface has both everywhere.
func TestAddrZone(t *testing.T) {
	lo := loopbackInterface(t)
	byName := AddrFrom(netip.AddrPortFrom(netip.MustParseAddr("fe80::1").WithZone(lo.Name), 80))
	if got, want := byName.String(), "[fe80::1%"+lo.Name+"]:80"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if a := byName.NetAddr(DGRAM, 0).(*net.UDPAddr); a.Zone != lo.Name {
		t.Errorf("NetAddr: zone is %q, want %q", a.Zone, lo.Name)
	}
	unknown := AddrFrom(netip.MustParseAddrPort("[fe80::1%no-such-interface]:80"))
	if unknown.IsValid() {
		t.Errorf("unknown zone: got %v, want the invalid address", unknown)
	}
	if nobody := AddrFrom(netip.MustParseAddrPort("[fe80::1%4000000000]:80")); nobody.String() != "[fe80::1%4000000000]:80" {
		t.Errorf("a number without an interface: got %v", nobody)
	}
}

func loopbackInterface(t *testing.T) net.Interface {
	t.Helper()
	all, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, ifi := range all {
		if ifi.Flags&net.FlagLoopback != 0 {
			return ifi
		}
	}
	t.Fatal("no loopback interface")
	return net.Interface{}
}

func TestAddrNetAddr(t *testing.T) {
	v4 := AddrFrom(netip.MustParseAddrPort("127.0.0.1:80"))
	for _, c := range []struct {
		addr          Addr
		typ           Type
		network, text string
	}{
		{v4, STREAM, "tcp", "127.0.0.1:80"},
		{v4, DGRAM, "udp", "127.0.0.1:80"},
		{v4, RAW, "ip", "127.0.0.1"},
		{UnixAddr("/x"), STREAM, "unix", "/x"},
		{UnixAddr("@x"), DGRAM, "unixgram", "@x"},
		{UnixAddr("/x"), SEQPACKET, "unixpacket", "/x"},
		{VsockAddr(1, 2), STREAM, "vsock", "1:2"},
	} {
		got := c.addr.NetAddr(c.typ, 0)
		if got.Network() != c.network || got.String() != c.text {
			t.Errorf("%v %v: got %s %s, want %s %s", c.addr, c.typ, got.Network(), got, c.network, c.text)
		}
		if back, err := FromNetAddr(got); err != nil || back != withoutPort(c.addr, c.typ) {
			t.Errorf("%v %v: back: got %v, %v", c.addr, c.typ, back, err)
		}
	}
	if got := (Addr{}).NetAddr(STREAM, 0); got != nil {
		t.Errorf("invalid address: got %#v, want nil", got)
	}
}

// withoutPort is what a raw socket's address keeps of a.
func withoutPort(a Addr, typ Type) Addr {
	if typ == RAW {
		a.port = 0
	}
	return a
}

func TestTupleReverse(t *testing.T) {
	a, b := AddrFrom(netip.MustParseAddrPort("127.0.0.1:1")), AddrFrom(netip.MustParseAddrPort("127.0.0.1:2"))
	tuple := Tuple{Protocol: "tcp", Local: a, Peer: b}
	if got, want := tuple.String(), "tcp 127.0.0.1:1 -> 127.0.0.1:2"; got != want {
		t.Errorf("String: got %s, want %s", got, want)
	}
	if got, want := (Tuple{Protocol: "tcp", Local: b, Peer: a}), tuple.Reverse(); got != want {
		t.Errorf("Reverse: got %v, want %v", want, got)
	}
	if got := (Tuple{Protocol: "tcp", Local: a}).String(); !strings.HasSuffix(got, "-> *") {
		t.Errorf("without a peer: got %s", got)
	}
}

func TestNames(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{INET.String(), "AF_INET"},
		{Family(99).String(), "AF_99"},
		{SEQPACKET.String(), "SOCK_SEQPACKET"},
		{Type(9).String(), "SOCK_9"},
		{MPTCP.String(), "IPPROTO_MPTCP"},
		{Protocol(0).String(), "0"},
		{ShutWR.String(), "SHUT_WR"},
		{Flags(0).String(), "0"},
		{(MsgPeek | MsgDontWait).String(), "MSG_PEEK|MSG_DONTWAIT"},
		{(MsgOOB | 0x200).String(), "MSG_OOB|0x200"},
		{networkName(INET, DGRAM, ICMP), "icmp"},
		{networkName(INET6, STREAM, SCTP), "sctp"},
	} {
		if c.got != c.want {
			t.Errorf("got %s, want %s", c.got, c.want)
		}
	}
}
