package socket

import (
	"strconv"
	"strings"
)

// Family is an address family, the first argument of socket(2). The numbers are Linux's.
type Family int

// The address families. address_families(7).
const (
	UNIX    Family = 1  // unix(7): a path, an abstract name, or no name
	INET    Family = 2  // ip(7): IPv4
	INET6   Family = 10 // ipv6(7)
	NETLINK Family = 16 // netlink(7): talks to the kernel
	PACKET  Family = 17 // packet(7): link-layer frames; needs CAP_NET_RAW
	VSOCK   Family = 40 // vsock(7): a virtual machine and its host
)

// String gives the C name, as in AF_INET.
func (f Family) String() string {
	switch f {
	case 0:
		return "AF_UNSPEC"
	case UNIX:
		return "AF_UNIX"
	case INET:
		return "AF_INET"
	case INET6:
		return "AF_INET6"
	case NETLINK:
		return "AF_NETLINK"
	case PACKET:
		return "AF_PACKET"
	case VSOCK:
		return "AF_VSOCK"
	}
	return "AF_" + strconv.Itoa(int(f))
}

// Type is a socket's type, the second argument of socket(2): what one call to send hands over.
type Type int

// The socket types. socket(2).
const (
	STREAM    Type = 1 // bytes in order, no message boundaries
	DGRAM     Type = 2 // messages, each on its own
	RAW       Type = 3 // messages with the protocol's own header; needs CAP_NET_RAW
	SEQPACKET Type = 5 // messages in order over a connection
)

// String gives the C name, as in SOCK_STREAM.
func (t Type) String() string {
	switch t {
	case STREAM:
		return "SOCK_STREAM"
	case DGRAM:
		return "SOCK_DGRAM"
	case RAW:
		return "SOCK_RAW"
	case SEQPACKET:
		return "SOCK_SEQPACKET"
	}
	return "SOCK_" + strconv.Itoa(int(t))
}

// isStream reports whether the type carries bytes without boundaries.
func (t Type) isStream() bool { return t == STREAM }

// zeroIsEOF reports whether receiving nothing means that the peer has finished.
func (t Type) zeroIsEOF() bool { return t == STREAM || t == SEQPACKET }

// Protocol is the third argument of socket(2). Zero is the family's default for the type.
type Protocol int

// The protocols. protocols(5).
const (
	ICMP    Protocol = 1
	TCP     Protocol = 6
	UDP     Protocol = 17
	ICMPV6  Protocol = 58
	SCTP    Protocol = 132
	UDPLITE Protocol = 136
	MPTCP   Protocol = 262
)

// String gives the C name, as in IPPROTO_TCP; a protocol without a name here is a number.
func (p Protocol) String() string {
	switch p {
	case ICMP:
		return "IPPROTO_ICMP"
	case TCP:
		return "IPPROTO_TCP"
	case UDP:
		return "IPPROTO_UDP"
	case ICMPV6:
		return "IPPROTO_ICMPV6"
	case SCTP:
		return "IPPROTO_SCTP"
	case UDPLITE:
		return "IPPROTO_UDPLITE"
	case MPTCP:
		return "IPPROTO_MPTCP"
	}
	return strconv.Itoa(int(p))
}

// How says which direction [Socket.Shutdown] ends.
type How int

// The directions. shutdown(2).
const (
	ShutRD   How = 0 // nothing more is received
	ShutWR   How = 1 // nothing more is sent: the peer reads end of file (half-close)
	ShutRDWR How = 2 // both
)

// String gives the C name, as in SHUT_WR.
func (h How) String() string {
	switch h {
	case ShutRD:
		return "SHUT_RD"
	case ShutWR:
		return "SHUT_WR"
	case ShutRDWR:
		return "SHUT_RDWR"
	}
	return strconv.Itoa(int(h))
}

// Flags are the MSG_* flags of send(2) and recv(2). The numbers are Linux's.
//
// This package adds MsgNoSignal to every send and MsgCloseOnExec to every receive from a UNIX
// socket, so that no call raises SIGPIPE and no received descriptor leaks into a child.
type Flags int

// The flags. send(2), recv(2).
const (
	MsgOOB         Flags = 0x1        // urgent data
	MsgPeek        Flags = 0x2        // receive, and leave the data in the queue
	MsgDontRoute   Flags = 0x4        // send to directly connected hosts only
	MsgCTrunc      Flags = 0x8        // received: control messages did not fit
	MsgTrunc       Flags = 0x20       // received: the datagram did not fit; asked: return its real length
	MsgDontWait    Flags = 0x40       // fail with EAGAIN instead of waiting
	MsgEOR         Flags = 0x80       // end of a record
	MsgWaitAll     Flags = 0x100      // wait for the whole buffer (may still be short: see RecvInto)
	MsgConfirm     Flags = 0x800      // tell the link layer that the neighbour answers
	MsgErrQueue    Flags = 0x2000     // the error queue: see RecvError
	MsgNoSignal    Flags = 0x4000     // no SIGPIPE; always added
	MsgMore        Flags = 0x8000     // more follows: do not send a short segment yet
	MsgWaitForOne  Flags = 0x10000    // recvmmsg: wait for the first message only
	MsgZeroCopy    Flags = 0x4000000  // send from the caller's pages; completion in the error queue
	MsgFastOpen    Flags = 0x20000000 // send data in the SYN
	MsgCloseOnExec Flags = 0x40000000 // received descriptors are close-on-exec; always added
)

var flagNames = []struct {
	flag Flags
	name string
}{
	{MsgOOB, "MSG_OOB"},
	{MsgPeek, "MSG_PEEK"},
	{MsgDontRoute, "MSG_DONTROUTE"},
	{MsgCTrunc, "MSG_CTRUNC"},
	{MsgTrunc, "MSG_TRUNC"},
	{MsgDontWait, "MSG_DONTWAIT"},
	{MsgEOR, "MSG_EOR"},
	{MsgWaitAll, "MSG_WAITALL"},
	{MsgConfirm, "MSG_CONFIRM"},
	{MsgErrQueue, "MSG_ERRQUEUE"},
	{MsgNoSignal, "MSG_NOSIGNAL"},
	{MsgMore, "MSG_MORE"},
	{MsgWaitForOne, "MSG_WAITFORONE"},
	{MsgZeroCopy, "MSG_ZEROCOPY"},
	{MsgFastOpen, "MSG_FASTOPEN"},
	{MsgCloseOnExec, "MSG_CMSG_CLOEXEC"},
}

// String joins the C names with "|"; no flag is "0", and bits without a name are in hexadecimal.
func (f Flags) String() string {
	if f == 0 {
		return "0"
	}
	var names []string
	for _, row := range flagNames {
		if f&row.flag != 0 {
			names = append(names, row.name)
			f &^= row.flag
		}
	}
	if f != 0 {
		names = append(names, "0x"+strconv.FormatUint(uint64(uint32(f)), 16))
	}
	return strings.Join(names, "|")
}

// networkName is the name of a kind of socket in the words of package net where it has one.
// It is what errors say.
func networkName(f Family, t Type, p Protocol) string {
	switch f {
	case INET, INET6:
		return inetName(t, p)
	case UNIX:
		switch t {
		case DGRAM:
			return "unixgram"
		case SEQPACKET:
			return "unixpacket"
		}
		return "unix"
	case VSOCK:
		return "vsock"
	case NETLINK:
		return "netlink"
	case PACKET:
		return "packet"
	}
	return f.String()
}

func inetName(t Type, p Protocol) string {
	switch {
	case t == RAW:
		return "ip"
	case p == MPTCP:
		return "mptcp"
	case p == SCTP || t == SEQPACKET:
		return "sctp"
	case p == UDPLITE:
		return "udplite"
	case t == DGRAM && (p == ICMP || p == ICMPV6):
		return "icmp"
	case t == DGRAM:
		return "udp"
	}
	return "tcp"
}
