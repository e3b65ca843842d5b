package diag

import (
	"net/netip"
)

// Code is a filter program for the kernel, which runs it on each Internet
// socket. It is a sequence of operations, each
//
//	0      1      2             4
//	| code | yes  | no          | argument …
//
// where yes and no are how far to go on from here, forwards. A socket passes
// when that leads exactly to the program's end; anything beyond the end is a
// no. The kernel checks that going by yes alone leads through every operation
// to the end, so yes is always the operation's own length, and no leads to
// another operation, to the end, or 4 bytes beyond it.
//
// The functions that combine programs rely on that last rule: a program says
// yes at its end, and no 4 bytes beyond. nil lets everything pass.
type Code []byte

// The operations: INET_DIAG_BC_*.
const (
	opJump               = 1
	opSourceAtLeast      = 2
	opSourceAtMost       = 3
	opDestinationAtLeast = 4
	opDestinationAtMost  = 5
	opSource             = 7
	opDestination        = 8
	opDevice             = 9
	opMark               = 10
)

// End is one of a socket's two ends.
type End uint8

// The ends: the socket's own, and its peer's.
const (
	Source End = iota
	Destination
)

// operation encodes one, with its argument.
func operation(code byte, argument []byte) Code {
	length := 4 + len(argument)
	b := append(Code{code, byte(length)}, 0, 0)
	native.PutUint16(b[2:], uint16(length+4))
	return append(b, argument...)
}

// PortAtLeast lets a socket pass whose port at that end is p or higher.
func PortAtLeast(end End, p uint16) Code {
	return operation(opSourceAtLeast+2*byte(end), portArgument(p))
}

// PortAtMost lets a socket pass whose port at that end is p or lower.
func PortAtMost(end End, p uint16) Code {
	return operation(opSourceAtMost+2*byte(end), portArgument(p))
}

// portArgument is a port where an operation has its no.
func portArgument(p uint16) []byte {
	return native.AppendUint16([]byte{0, 0}, p)
}

// Port lets a socket pass whose port at that end is p.
func Port(end End, p uint16) Code {
	return operation(opSource+byte(end), hostArgument(0, 0, int32(p), nil))
}

// Within lets a socket pass whose address at that end is in the prefix. An
// IPv4 prefix holds the IPv4-mapped addresses of IPv6 sockets too.
func Within(end End, prefix netip.Prefix) Code {
	family := byte(Inet6)
	if prefix.Addr().Is4() {
		family = Inet
	}
	return operation(opSource+byte(end), hostArgument(family, byte(prefix.Bits()), -1, prefix.Addr().AsSlice()))
}

// hostArgument is struct inet_diag_hostcond.
func hostArgument(family, bits byte, port int32, addr []byte) []byte {
	b := append(make([]byte, 0, 8+len(addr)), family, bits, 0, 0)
	b = native.AppendUint32(b, uint32(port))
	return append(b, addr...)
}

// Device lets a socket pass that is bound to the interface; 0 is to none.
func Device(index uint32) Code {
	return operation(opDevice, native.AppendUint32(nil, index))
}

// Mark lets a socket pass that has the mark. The kernel refuses it to those
// without CAP_NET_ADMIN.
func Mark(mark uint32) Code {
	return operation(opMark, native.AppendUint32(native.AppendUint32(nil, mark), ^uint32(0)))
}

// And lets a socket pass that passes both.
func And(a, b Code) Code {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	both := append(append(make(Code, 0, len(a)+len(b)), a...), b...)
	for at := 0; at < len(a); at += int(a[at+1]) {
		if no := int(native.Uint16(a[at+2:])); at+no == len(a)+4 {
			native.PutUint16(both[at+2:], uint16(no+len(b)))
		}
	}
	return both
}

// Or lets a socket pass that passes either: a's yes jumps over b, and a's no
// leads to 4 beyond a, which is behind that jump.
func Or(a, b Code) Code {
	if a == nil || b == nil {
		return nil
	}
	either := append(make(Code, 0, len(a)+4+len(b)), a...)
	return append(append(either, jump(len(b)+4)...), b...)
}

// Not lets a socket pass that a does not. The program that lets everything
// pass has no opposite: Not of nil is nil.
func Not(a Code) Code {
	if a == nil {
		return nil
	}
	return append(append(make(Code, 0, len(a)+4), a...), jump(8)...)
}

func jump(distance int) Code {
	return Code(native.AppendUint16([]byte{opJump, 4}, uint16(distance)))
}

// MaxCode is the length of a program that is worth sending, and that all
// distances in it have room for.
const MaxCode = 16 << 10
