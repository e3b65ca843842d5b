package socket

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// appendControl appends the header of a control message and n zero bytes of data, and returns the
// buffer and those bytes.
func appendControl(b []byte, level, kind, n int) (whole, data []byte) {
	start := len(b)
	whole = append(b, make([]byte, ControlSpace(n))...)
	header := whole[start:]
	ne := binary.NativeEndian
	if wordSize == 8 {
		ne.PutUint64(header, uint64(headerSize+n))
	} else {
		ne.PutUint32(header, uint32(headerSize+n))
	}
	ne.PutUint32(header[wordSize:], uint32(level))
	ne.PutUint32(header[wordSize+4:], uint32(kind))
	return whole, header[headerSize : headerSize+n]
}

func appendControlInt(b []byte, level, kind, value int) []byte {
	b, data := appendControl(b, level, kind, 4)
	binary.NativeEndian.PutUint32(data, uint32(int32(value)))
	return b
}

// AppendControl appends a control message that this package has no function for.
func AppendControl(b []byte, m ControlMessage) []byte {
	b, data := appendControl(b, m.Level, m.Type, len(m.Data))
	copy(data, m.Data)
	return b
}

// AppendRights appends descriptors for the receiver, who gets duplicates; at most 253. On a stream
// at least one byte of data must go with them. unix(7) SCM_RIGHTS.
func AppendRights(b []byte, fds ...int) []byte {
	b, data := appendControl(b, unix.SOL_SOCKET, unix.SCM_RIGHTS, 4*len(fds))
	for i, fd := range fds {
		binary.NativeEndian.PutUint32(data[4*i:], uint32(int32(fd)))
	}
	return b
}

// AppendCredentials appends the sender's identity. unix(7) SCM_CREDENTIALS.
func AppendCredentials(b []byte, c Credentials) []byte {
	b, data := appendControl(b, unix.SOL_SOCKET, unix.SCM_CREDENTIALS, unix.SizeofUcred)
	ne := binary.NativeEndian
	ne.PutUint32(data, uint32(int32(c.PID)))
	ne.PutUint32(data[4:], uint32(c.UID))
	ne.PutUint32(data[8:], uint32(c.GID))
	return b
}

// AppendPacketInfo appends the interface and the local address to send from, in the form for an
// IPv4 or an IPv6 packet as Local is. ip(7) IP_PKTINFO, ipv6(7) IPV6_PKTINFO.
func AppendPacketInfo(b []byte, p PacketInfo) []byte {
	if p.Local.Is4() {
		b, data := appendControl(b, unix.SOL_IP, unix.IP_PKTINFO, unix.SizeofInet4Pktinfo)
		binary.NativeEndian.PutUint32(data, uint32(p.Interface))
		local := p.Local.As4()
		copy(data[4:], local[:])
		return b
	}
	b, data := appendControl(b, unix.SOL_IPV6, unix.IPV6_PKTINFO, unix.SizeofInet6Pktinfo)
	if p.Local.IsValid() {
		local := p.Local.As16()
		copy(data, local[:])
	}
	binary.NativeEndian.PutUint32(data[16:], uint32(p.Interface))
	return b
}

// AppendTTL appends the time to live of this IPv4 packet, 1 to 255. ip(7) IP_TTL.
func AppendTTL(b []byte, ttl int) []byte { return appendControlInt(b, unix.SOL_IP, unix.IP_TTL, ttl) }

// AppendHopLimit appends the hop limit of this IPv6 packet, 0 to 255. ipv6(7) IPV6_HOPLIMIT.
func AppendHopLimit(b []byte, limit int) []byte {
	return appendControlInt(b, unix.SOL_IPV6, unix.IPV6_HOPLIMIT, limit)
}

// AppendTOS appends the type of service of this IPv4 packet. ip(7) IP_TOS.
func AppendTOS(b []byte, tos int) []byte { return appendControlInt(b, unix.SOL_IP, unix.IP_TOS, tos) }

// AppendTrafficClass appends the traffic class of this IPv6 packet. ipv6(7) IPV6_TCLASS.
func AppendTrafficClass(b []byte, class int) []byte {
	return appendControlInt(b, unix.SOL_IPV6, unix.IPV6_TCLASS, class)
}

// AppendSegmentSize appends the size of the datagrams into which the kernel, or the device, cuts
// this message: the last may be shorter; at most 64 of them, 65,507 bytes in all. udp(7) UDP_SEGMENT.
func AppendSegmentSize(b []byte, size int) []byte {
	b, data := appendControl(b, unix.SOL_UDP, unix.UDP_SEGMENT, 2)
	binary.NativeEndian.PutUint16(data, uint16(size))
	return b
}
