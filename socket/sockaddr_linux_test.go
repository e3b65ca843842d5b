package socket

import (
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
)

var everyAddr = []struct {
	name   string
	addr   Addr
	family Family // of the socket
}{
	{"inet", AddrFrom(netip.MustParseAddrPort("192.0.2.1:65535")), INET},
	{"inet6", AddrFrom(netip.MustParseAddrPort("[2001:db8::1]:1")), INET6},
	{"inet6-zone", AddrFrom(netip.MustParseAddrPort("[fe80::1%4000000000]:1")), INET6},
	{"mapped", AddrFrom(netip.MustParseAddrPort("192.0.2.1:80")), INET6},
	{"unix-path", UnixAddr("/run/x"), UNIX},
	{"unix-longest", UnixAddr(strings.Repeat("p", 107)), UNIX},
	{"abstract", UnixAddr("@x"), UNIX},
	{"abstract-nul", UnixAddr("\x00a\x00b"), UNIX},
	{"abstract-longest", UnixAddr("@" + strings.Repeat("p", 107)), UNIX},
	{"unnamed", UnixAddr(""), UNIX},
	{"vsock", VsockAddr(3, 0x80000001), VSOCK},
	{"netlink", NetlinkAddr(123456, 0x11), NETLINK},
	{"packet", PacketAddr(0x88cc, 7, net.HardwareAddr{1, 2, 3, 4, 5, 6}), PACKET},
}

func TestSockaddrRoundTrip(t *testing.T) {
	for _, c := range everyAddr {
		t.Run(c.name, func(t *testing.T) {
			var b nameBuffer
			n, errno := encodeAddr(b[:], c.addr, c.family)
			if errno != 0 {
				t.Fatalf("encode: %v", errno)
			}
			if got := decodeAddr(b[:n]); got != c.addr {
				t.Errorf("got %#v, want %#v", got, c.addr)
			}
		})
	}
}

func TestSockaddrRefuses(t *testing.T) {
	for _, c := range []struct {
		addr Addr
		want syscall.Errno
	}{
		{Addr{}, syscall.EAFNOSUPPORT},
		{UnixAddr(strings.Repeat("p", 108)), syscall.ENAMETOOLONG},
		{UnixAddr("@" + strings.Repeat("p", 108)), syscall.ENAMETOOLONG},
		{UnixAddr("a\x00b"), syscall.EINVAL},
	} {
		var b nameBuffer
		if _, got := encodeAddr(b[:], c.addr, INET); got != c.want {
			t.Errorf("%q: got %v, want %v", c.addr.Path(), got, c.want)
		}
	}
}

// A truncated address is invalid or shorter, and never read past its end.
func TestSockaddrTruncated(t *testing.T) {
	for _, c := range everyAddr {
		var b nameBuffer
		n, _ := encodeAddr(b[:], c.addr, c.family)
		for size := range n {
			got := decodeAddr(append([]byte(nil), b[:size]...))
			if got == c.addr && !strings.Contains(c.name, "unix") && c.name != "inet" && c.name != "packet" {
				t.Errorf("%s: %d of %d bytes decode to the whole address", c.name, size, n)
			}
		}
	}
}

func TestSockaddrDecodeAllocatesNothing(t *testing.T) {
	if raceEnabled {
		return
	}
	for _, c := range everyAddr[:2] {
		var b nameBuffer
		n, _ := encodeAddr(b[:], c.addr, c.family)
		var got Addr
		if allocs := testing.AllocsPerRun(100, func() { got = decodeAddr(b[:n]) }); allocs != 0 || !got.IsValid() {
			t.Errorf("%s: %v allocations, want 0", c.name, allocs)
		}
	}
}

// Whatever the kernel might write decodes without a panic, and what decodes encodes to the same address.
func FuzzSockaddr(f *testing.F) {
	for _, c := range everyAddr {
		var b nameBuffer
		n, _ := encodeAddr(b[:], c.addr, c.family)
		f.Add(b[:n])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		a := decodeAddr(b)
		_ = a.String()
		var again nameBuffer
		n, errno := encodeAddr(again[:], a, a.Family())
		if errno != 0 {
			return // invalid, or a path that is too long
		}
		if got := decodeAddr(again[:n]); got != a {
			t.Errorf("%x: got %#v, then %#v", b, a, got)
		}
	})
}
