package socket

import (
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Addr is a socket address of any family: a small comparable value, fit for a map's key, that is
// decoded from the kernel's form without an allocation for INET and INET6. The zero Addr is invalid.
//
// An IPv4-mapped IPv6 address (::ffff:192.0.2.1) is always held as the IPv4 address that it stands
// for, so that one peer has one Addr whichever socket saw it; a Socket of family INET6 maps it back.
type Addr struct {
	family uint16
	port   uint16   // INET, INET6: port. PACKET: Ethernet protocol. Host byte order.
	hatype uint16   // PACKET: hardware type
	pkt    uint8    // PACKET: packet type
	halen  uint8    // PACKET: length of the hardware address
	scope  uint32   // INET6: zone. PACKET: interface. VSOCK: context id. NETLINK: port id.
	extra  uint32   // VSOCK: port. NETLINK: groups.
	ip     [16]byte // INET: first four. INET6. PACKET: hardware address, first eight.
	path   string   // UNIX: path, or NUL and the abstract name, or "" for none.
}

// Wildcards of vsock(7), and the context ids that have a meaning.
const (
	VsockAny        uint32 = 0xffffffff // any context id, or any port
	VsockHypervisor uint32 = 0
	VsockLocal      uint32 = 1
	VsockHost       uint32 = 2
)

// AddrFrom gives the address of an IP address and port. The zone, if any, may be an interface's
// name or its index; a name that no interface has gives the invalid Addr.
func AddrFrom(ap netip.AddrPort) Addr {
	ip := ap.Addr().Unmap()
	switch {
	case ip.Is4():
		a := Addr{family: uint16(INET), port: ap.Port()}
		v4 := ip.As4()
		copy(a.ip[:], v4[:])
		return a
	case ip.Is6():
		scope, ok := zoneIndex(ip.Zone())
		if !ok {
			return Addr{}
		}
		return Addr{family: uint16(INET6), port: ap.Port(), ip: ip.As16(), scope: scope}
	}
	return Addr{}
}

// UnixAddr gives the address of a UNIX socket: a path, or an abstract name where name begins with
// "@" or a NUL byte, or no name where it is empty (binding to it asks the kernel for a free
// abstract name). A path that itself begins with "@" is written "./@…". unix(7).
func UnixAddr(name string) Addr {
	if strings.HasPrefix(name, "@") {
		name = "\x00" + name[1:]
	}
	return Addr{family: uint16(UNIX), path: name}
}

// VsockAddr gives the address of a port in a virtual machine (or its host). vsock(7).
func VsockAddr(cid, port uint32) Addr {
	return Addr{family: uint16(VSOCK), scope: cid, extra: port}
}

// NetlinkAddr gives a netlink address: a port id (0 is the kernel) and a mask of multicast groups. netlink(7).
func NetlinkAddr(pid, groups uint32) Addr {
	return Addr{family: uint16(NETLINK), scope: pid, extra: groups}
}

// PacketAddr gives a link-layer address: an Ethernet protocol in host byte order (3 is every one),
// an interface's index (0 is every one), and a hardware address of at most 8 bytes, which may be
// nil; what is longer is cut. packet(7).
func PacketAddr(protocol uint16, ifindex int, hw net.HardwareAddr) Addr {
	a := Addr{family: uint16(PACKET), port: protocol, scope: uint32(ifindex)}
	a.halen = uint8(copy(a.ip[:8], hw))
	return a
}

// FromNetAddr gives the Addr of a *net.TCPAddr, *net.UDPAddr, *net.IPAddr, *net.UnixAddr or Addr.
// An IP address that is nil means every address, as it does in package net, and gives "::".
// Another type, or a zone that no interface has, is an error.
func FromNetAddr(addr net.Addr) (Addr, error) {
	switch a := addr.(type) {
	case Addr:
		return a, nil
	case *net.TCPAddr:
		if a != nil {
			return fromIP(a.IP, a.Port, a.Zone)
		}
	case *net.UDPAddr:
		if a != nil {
			return fromIP(a.IP, a.Port, a.Zone)
		}
	case *net.IPAddr:
		if a != nil {
			return fromIP(a.IP, 0, a.Zone)
		}
	case *net.UnixAddr:
		if a != nil {
			return UnixAddr(a.Name), nil
		}
	}
	return Addr{}, &net.AddrError{Err: fmt.Sprintf("no socket address for a %T", addr), Addr: fmt.Sprint(addr)}
}

func fromIP(ip net.IP, port int, zone string) (Addr, error) {
	if port < 0 || port > 0xffff {
		return Addr{}, &net.AddrError{Err: "invalid port", Addr: strconv.Itoa(port)}
	}
	addr := netip.IPv6Unspecified()
	if len(ip) != 0 {
		var ok bool
		if addr, ok = netip.AddrFromSlice(ip); !ok {
			return Addr{}, &net.AddrError{Err: "invalid IP address", Addr: ip.String()}
		}
	}
	a := AddrFrom(netip.AddrPortFrom(addr.Unmap().WithZone(zone), uint16(port)))
	if !a.IsValid() {
		return Addr{}, &net.AddrError{Err: "no interface has this zone", Addr: zone}
	}
	return a, nil
}

// Family reports the address's family; 0 for the invalid Addr.
func (a Addr) Family() Family { return Family(a.family) }

// IsValid reports whether a is an address at all.
func (a Addr) IsValid() bool { return a.family != 0 }

// AddrPort gives the IP address and port of an INET or INET6 address, and the invalid
// netip.AddrPort for any other. It allocates only where the address has a zone.
func (a Addr) AddrPort() netip.AddrPort {
	switch Family(a.family) {
	case INET:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(a.ip[:4])), a.port)
	case INET6:
		ip := netip.AddrFrom16(a.ip)
		if a.scope != 0 {
			ip = ip.WithZone(zoneName(a.scope))
		}
		return netip.AddrPortFrom(ip, a.port)
	}
	return netip.AddrPort{}
}

// Port gives the port of an INET, INET6 or VSOCK address, and 0 for any other.
func (a Addr) Port() int {
	switch Family(a.family) {
	case INET, INET6:
		return int(a.port)
	case VSOCK:
		return int(a.extra)
	}
	return 0
}

// Path gives the path of a UNIX address, "@" and the name for an abstract one, and "" for an
// unnamed one or any other family. UnixAddr(a.Path()) == a for every UNIX address whose path does
// not itself begin with "@".
func (a Addr) Path() string {
	if strings.HasPrefix(a.path, "\x00") {
		return "@" + a.path[1:]
	}
	return a.path
}

// IsAbstract reports whether a is a UNIX address with an abstract name.
func (a Addr) IsAbstract() bool { return strings.HasPrefix(a.path, "\x00") }

// CID gives the context id of a VSOCK address, and 0 for any other.
func (a Addr) CID() uint32 {
	if Family(a.family) != VSOCK {
		return 0
	}
	return a.scope
}

// Netlink gives the port id and the groups of a NETLINK address, and zeros for any other.
func (a Addr) Netlink() (pid, groups uint32) {
	if Family(a.family) != NETLINK {
		return 0, 0
	}
	return a.scope, a.extra
}

// Packet gives the Ethernet protocol, the interface and the hardware address of a PACKET address,
// and zeros for any other.
func (a Addr) Packet() (protocol uint16, ifindex int, hw net.HardwareAddr) {
	if Family(a.family) != PACKET {
		return 0, 0, nil
	}
	return a.port, int(a.scope), net.HardwareAddr(append([]byte(nil), a.ip[:a.halen]...))
}

// Network names the family, as net.Addr asks: inet, inet6, unix, vsock, netlink or packet.
func (a Addr) Network() string {
	if !a.IsValid() {
		return ""
	}
	return strings.ToLower(strings.TrimPrefix(Family(a.family).String(), "AF_"))
}

// String gives the address as people write it: 127.0.0.1:80, [::1]:80, /run/x, @abstract,
// (unnamed), 2:1024 for VSOCK (with * for any), pid=1 groups=0x0, if2 0x0800 02:00:00:00:00:01.
func (a Addr) String() string {
	switch Family(a.family) {
	case 0:
		return "(invalid)"
	case INET, INET6:
		return a.AddrPort().String()
	case UNIX:
		return unixText(a.path)
	case VSOCK:
		return vsockText(a.scope) + ":" + vsockText(a.extra)
	case NETLINK:
		return fmt.Sprintf("pid=%d groups=%#x", a.scope, a.extra)
	case PACKET:
		return packetText(a)
	}
	return fmt.Sprintf("%s %s", Family(a.family), hex.EncodeToString(a.ip[:]))
}

func unixText(path string) string {
	switch {
	case path == "":
		return "(unnamed)"
	case path[0] == 0:
		path = "@" + path[1:]
	}
	quoted := strconv.Quote(path)
	if quoted[1:len(quoted)-1] == path {
		return path
	}
	return quoted
}

func vsockText(n uint32) string {
	if n == VsockAny {
		return "*"
	}
	return strconv.FormatUint(uint64(n), 10)
}

func packetText(a Addr) string {
	text := fmt.Sprintf("if%d %#04x", a.scope, a.port)
	if a.halen > 0 {
		text += " " + net.HardwareAddr(a.ip[:a.halen]).String()
	}
	return text
}

// NetAddr gives the address in package net's form for a socket of type t and protocol p:
// *net.TCPAddr, *net.UDPAddr, *net.IPAddr or *net.UnixAddr. Other families have no such form and
// give a itself; the invalid Addr gives nil.
func (a Addr) NetAddr(t Type, p Protocol) net.Addr {
	switch Family(a.family) {
	case 0:
		return nil
	case INET, INET6:
		return a.ipNetAddr(t)
	case UNIX:
		return &net.UnixAddr{Name: a.Path(), Net: networkName(UNIX, t, p)}
	}
	return a
}

func (a Addr) ipNetAddr(t Type) net.Addr {
	size := 16
	if Family(a.family) == INET {
		size = 4
	}
	ip := append(make(net.IP, 0, size), a.ip[:size]...)
	zone := ""
	if a.scope != 0 {
		zone = zoneName(a.scope)
	}
	switch t {
	case DGRAM:
		return &net.UDPAddr{IP: ip, Port: int(a.port), Zone: zone}
	case RAW:
		return &net.IPAddr{IP: ip, Zone: zone}
	}
	return &net.TCPAddr{IP: ip, Port: int(a.port), Zone: zone}
}
