package socket

import (
	"encoding/binary"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// The kernel's socket addresses. Numbers are in host byte order but for those marked be.
//
//	            0        2         4         8                    16        20        24       28
//	INET        family   port be   address   (unused)
//	INET6       family   port be   flow      address …                                zone
//	UNIX        family   path, up to 108 bytes; its length is the address's length minus 2
//	VSOCK       family   0         port      cid        flags
//	NETLINK     family   0         pid       groups
//	PACKET      family   proto be  ifindex   hatype,pkttype,halen   hardware address (8, at 12)
const (
	sizeInet    = unix.SizeofSockaddrInet4
	sizeInet6   = unix.SizeofSockaddrInet6
	sizeVsock   = unix.SizeofSockaddrVM
	sizeNetlink = unix.SizeofSockaddrNetlink
	sizePacket  = unix.SizeofSockaddrLinklayer
	sizeAny     = unix.SizeofSockaddrAny

	maxUnixPath = 107 // bytes of a path, without the NUL; an abstract name has 107 after its NUL too
)

// nameBuffer holds any socket address.
type nameBuffer [sizeAny]byte

// encodeAddr writes a into b, which has room for any address of its family, in the form that a
// socket of the given family takes, and returns its length.
func encodeAddr(b []byte, a Addr, family Family) (int, syscall.Errno) {
	ne, be := binary.NativeEndian, binary.BigEndian
	ne.PutUint16(b, a.family)
	switch Family(a.family) {
	case INET:
		if family == INET6 {
			return encodeMapped(b, a), 0
		}
		be.PutUint16(b[2:], a.port)
		copy(b[4:8], a.ip[:4])
		clear(b[8:sizeInet])
		return sizeInet, 0
	case INET6:
		be.PutUint16(b[2:], a.port)
		ne.PutUint32(b[4:], 0)
		copy(b[8:24], a.ip[:])
		ne.PutUint32(b[24:], a.scope)
		return sizeInet6, 0
	case UNIX:
		return encodeUnix(b, a.path)
	}
	return encodeRare(b, a)
}

// encodeMapped writes an IPv4 address as ::ffff:a.b.c.d. RFC 4291 section 2.5.5.2.
func encodeMapped(b []byte, a Addr) int {
	clear(b[:sizeInet6])
	binary.NativeEndian.PutUint16(b, uint16(INET6))
	binary.BigEndian.PutUint16(b[2:], a.port)
	b[18], b[19] = 0xff, 0xff
	copy(b[20:24], a.ip[:4])
	return sizeInet6
}

func encodeUnix(b []byte, path string) (int, syscall.Errno) {
	switch {
	case len(path) > maxUnixPath+1, path != "" && path[0] != 0 && len(path) > maxUnixPath:
		return 0, syscall.ENAMETOOLONG
	case path == "" || path[0] == 0:
		return 2 + copy(b[2:], path), 0
	case strings.IndexByte(path, 0) >= 0:
		return 0, syscall.EINVAL
	}
	n := 2 + copy(b[2:], path)
	b[n] = 0
	return n + 1, 0
}

func encodeRare(b []byte, a Addr) (int, syscall.Errno) {
	ne := binary.NativeEndian
	switch Family(a.family) {
	case VSOCK:
		clear(b[:sizeVsock])
		ne.PutUint16(b, a.family)
		ne.PutUint32(b[4:], a.extra)
		ne.PutUint32(b[8:], a.scope)
		return sizeVsock, 0
	case NETLINK:
		ne.PutUint16(b[2:], 0)
		ne.PutUint32(b[4:], a.scope)
		ne.PutUint32(b[8:], a.extra)
		return sizeNetlink, 0
	case PACKET:
		binary.BigEndian.PutUint16(b[2:], a.port)
		ne.PutUint32(b[4:], a.scope)
		ne.PutUint16(b[8:], a.hatype)
		b[10], b[11] = a.pkt, a.halen
		copy(b[12:20], a.ip[:8])
		return sizePacket, 0
	}
	return 0, syscall.EAFNOSUPPORT
}

// decodeAddr reads the address that the kernel wrote. What is empty or too short is invalid.
func decodeAddr(b []byte) (a Addr) {
	if len(b) < 2 {
		return Addr{}
	}
	ne, be := binary.NativeEndian, binary.BigEndian
	a.family = ne.Uint16(b)
	switch family := Family(a.family); {
	case family == INET && len(b) >= 8:
		a.port = be.Uint16(b[2:])
		copy(a.ip[:4], b[4:8])
	case family == INET6 && len(b) >= sizeInet6:
		a.port = be.Uint16(b[2:])
		decodeIPv6(&a, b)
	case family == UNIX:
		a.path = decodeUnix(b[2:])
	default:
		return decodeRare(b)
	}
	return a
}

// decodeIPv6 reads the address and the zone; a mapped address becomes the IPv4 address it stands for.
func decodeIPv6(a *Addr, b []byte) {
	be := binary.BigEndian
	if be.Uint64(b[8:]) == 0 && be.Uint32(b[16:]) == 0xffff {
		a.family = uint16(INET)
		copy(a.ip[:4], b[20:24])
		return
	}
	copy(a.ip[:], b[8:24])
	a.scope = binary.NativeEndian.Uint32(b[24:])
}

// decodeUnix reads a path, which the kernel may or may not end with a NUL, or an abstract name,
// in which a NUL is a byte like any other.
func decodeUnix(b []byte) string {
	if len(b) > 0 && b[0] != 0 {
		path, _, _ := strings.Cut(string(b), "\x00")
		return path
	}
	return string(b)
}

func decodeRare(b []byte) Addr {
	ne := binary.NativeEndian
	a := Addr{family: ne.Uint16(b)}
	switch family := Family(a.family); {
	case family == VSOCK && len(b) >= sizeVsock:
		a.extra, a.scope = ne.Uint32(b[4:]), ne.Uint32(b[8:])
	case family == NETLINK && len(b) >= sizeNetlink:
		a.scope, a.extra = ne.Uint32(b[4:]), ne.Uint32(b[8:])
	case family == PACKET && len(b) >= 12:
		a.port, a.scope, a.hatype = binary.BigEndian.Uint16(b[2:]), ne.Uint32(b[4:]), ne.Uint16(b[8:])
		a.pkt = b[10]
		a.halen = uint8(copy(a.ip[:8], b[12:min(len(b), 12+int(b[11]))]))
	default:
		return Addr{}
	}
	return a
}

// RawAddr gives an address in the kernel's form, as accept(2) or getpeername(2) wrote it, for those
// who make such calls themselves; what is empty, too short or of another family is the invalid Addr.
func RawAddr(b []byte) Addr { return decodeAddr(b) }
