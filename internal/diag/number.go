package diag

import "encoding/binary"

// Families, as the kernel numbers them on every system that could send us its
// messages. The syscall package's own numbers are those of the build's system.
const (
	Unix    = 1
	Inet    = 2
	Netlink = 16
	Packet  = 17
	Inet6   = 10
	Vsock   = 40
)

// Protocols of the Internet families.
const (
	TCP     = 6
	UDP     = 17
	UDPLite = 136
	Raw     = 255
	MPTCP   = 262
)

// States, of every family. A UNIX, packet or UDP socket is Established when it
// has a peer and Closed when not; NewSynRecv never leaves the kernel.
const (
	Established = 1 + iota
	SynSent
	SynRecv
	FinWait1
	FinWait2
	TimeWait
	Closed
	CloseWait
	LastAck
	Listen
	Closing
)

// Bound, in a request, asks for TCP sockets that are bound and nothing else; the
// kernel (since Linux 6.8) tells of them as Closed.
const Bound = 13

// AllStates asks for every state, and is a bitmap as requests take it.
const AllStates uint32 = 1<<(Closing+1) - 1 | 1<<Bound

// Memory is SK_MEMINFO_*: what a socket's queues take, in bytes, and at its
// end how many packets were dropped for want of room. On a listener Drops is
// how many connections it refused because its queue was full.
type Memory struct {
	ReceiveAlloc, ReceiveBuffer uint32
	SendAlloc, SendBuffer       uint32
	Forward                     uint32
	SendQueued                  uint32
	Option                      uint32
	Backlog                     uint32
	Drops                       uint32
}

// words is how many numbers a Memory has today; an older kernel sends fewer.
const words = 9

func (m *Memory) parse(b []byte) bool {
	if len(b) < 8*4 {
		return false
	}
	var w [words]uint32
	for i := range w {
		if len(b) >= 4*(i+1) {
			w[i] = native.Uint32(b[4*i:])
		}
	}
	*m = Memory{w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7], w[8]}
	return true
}

var native = binary.NativeEndian

// cookie joins the two halves in which the kernel sends it.
func cookie(b []byte) uint64 {
	return uint64(native.Uint32(b)) | uint64(native.Uint32(b[4:]))<<32
}

// attributes walks over netlink attributes:
//
//	0        2        4
//	| length | type   | value … | padding to 4 |
//
// It ends at the first that does not fit. visit gets the type without its flags.
func attributes(b []byte, visit func(kind uint16, value []byte)) {
	for len(b) >= 4 {
		length, kind := int(native.Uint16(b)), native.Uint16(b[2:])
		if length < 4 || length > len(b) {
			return
		}
		visit(kind&0x3fff, b[4:length])
		b = b[min((length+3)&^3, len(b)):]
	}
}

// appendAttribute adds one.
func appendAttribute(b []byte, kind uint16, value []byte) []byte {
	b = native.AppendUint16(b, uint16(4+len(value)))
	b = native.AppendUint16(b, kind)
	b = append(b, value...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// text is a string that the kernel ends with a NUL.
func text(b []byte) []byte {
	for i, c := range b {
		if c == 0 {
			return b[:i]
		}
	}
	return b
}
