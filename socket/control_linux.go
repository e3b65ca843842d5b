package socket

import (
	"encoding/binary"
	"iter"
	"net/netip"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A control message, in the host's byte order and word size (W = 8 on 64-bit systems):
//
//	0                W            W+4        W+8
//	length (W)       level (4)    type (4)   data …   padding to a multiple of W
//
// The length is that of the header and the data, without the padding.
const (
	wordSize   = int(unsafe.Sizeof(uintptr(0)))
	headerSize = unix.SizeofCmsghdr
)

// Numbers that x/sys does not name. linux/in.h, linux/udp.h, linux/time_types.h.
const (
	soTimestampNew   = 63 // SO_TIMESTAMP_NEW: two 64-bit numbers
	soTimestampNSNew = 64
	soTimestampsNew  = 65
)

// align rounds n up to the word size.
func align(n int) int { return (n + wordSize - 1) &^ (wordSize - 1) }

// ControlSpace gives the room that one control message of n data bytes takes in a buffer.
func ControlSpace(n int) int { return align(headerSize) + align(n) }

// nextControl splits the first control message off b. What is malformed ends the sequence with ok false.
func nextControl(b []byte) (m ControlMessage, rest []byte, ok bool) {
	if len(b) < headerSize {
		return ControlMessage{}, nil, false
	}
	length := word(b)
	if length < uint64(headerSize) || length > uint64(len(b)) {
		return ControlMessage{}, nil, false
	}
	ne := binary.NativeEndian
	m.Level = int(int32(ne.Uint32(b[wordSize:])))
	m.Type = int(int32(ne.Uint32(b[wordSize+4:])))
	m.Data = b[headerSize:length]
	return m, b[min(align(int(length)), len(b)):], true
}

func word(b []byte) uint64 {
	if wordSize == 8 {
		return binary.NativeEndian.Uint64(b)
	}
	return uint64(binary.NativeEndian.Uint32(b))
}

// ControlMessages gives the control messages of b one by one, up to the first that is malformed.
func ControlMessages(b []byte) iter.Seq[ControlMessage] {
	return func(yield func(ControlMessage) bool) {
		for len(b) > 0 {
			m, rest, ok := nextControl(b)
			if !ok || !yield(m) {
				return
			}
			b = rest
		}
	}
}

// Parse is ParseControl into c, whose Rights are used again: it allocates only for descriptors,
// credentials and queued errors.
func (c *Control) Parse(b []byte) error {
	*c = Control{Rights: c.Rights[:0]}
	for len(b) > 0 {
		m, rest, ok := nextControl(b)
		if !ok {
			return ErrControl
		}
		if seen, ok := c.take(m); ok {
			c.Seen |= seen
		} else {
			return ErrControl
		}
		b = rest
	}
	return nil
}

// take notes one control message, and says which it is; ok is false where its data is too short.
func (c *Control) take(m ControlMessage) (seen ControlSet, ok bool) {
	switch m.Level {
	case unix.SOL_SOCKET:
		return c.takeSocket(m)
	case unix.SOL_IP:
		return c.takeIP(m)
	case unix.SOL_IPV6:
		return c.takeIPv6(m)
	case unix.SOL_UDP:
		if m.Type == unix.UDP_GRO {
			return HasSegmentSize, takeInt(&c.SegmentSize, m.Data)
		}
	}
	return HasOther, true
}

func (c *Control) takeSocket(m ControlMessage) (seen ControlSet, ok bool) {
	ne := binary.NativeEndian
	switch m.Type {
	case unix.SCM_RIGHTS:
		for d := m.Data; len(d) >= 4; d = d[4:] {
			c.Rights = append(c.Rights, int(int32(ne.Uint32(d))))
		}
		return HasRights, len(m.Data)%4 == 0
	case unix.SCM_CREDENTIALS:
		if len(m.Data) < unix.SizeofUcred {
			return 0, false
		}
		d := m.Data
		c.Credentials = &Credentials{PID: int(int32(ne.Uint32(d))), UID: int(ne.Uint32(d[4:])), GID: int(ne.Uint32(d[8:]))}
		return HasCredentials, true
	case unix.SO_RXQ_OVFL:
		if len(m.Data) < 4 {
			return 0, false
		}
		c.Dropped = ne.Uint32(m.Data)
		return HasDropped, true
	}
	return c.takeTimestamp(m)
}

// takeTimestamp notes a time of one of the forms: a second and a microsecond, a second and a
// nanosecond, or three of the latter (software, unused, hardware). Zero is no time.
func (c *Control) takeTimestamp(m ControlMessage) (seen ControlSet, ok bool) {
	fields, scale := wordSize, int64(1)
	switch m.Type {
	case unix.SO_TIMESTAMP:
		scale = 1000
	case soTimestampNew:
		fields, scale = 8, 1000
	case unix.SO_TIMESTAMPNS, unix.SO_TIMESTAMPING:
	case soTimestampNSNew, soTimestampsNew:
		fields = 8
	default:
		return HasOther, true
	}
	if len(m.Data) < 2*fields {
		return 0, false
	}
	if t := timeOf(m.Data, fields, scale); !t.IsZero() {
		c.Timestamp, seen = t, HasTimestamp
	}
	if len(m.Data) >= 6*fields {
		if t := timeOf(m.Data[4*fields:], fields, scale); !t.IsZero() {
			c.HardwareTimestamp, seen = t, seen|HasHardwareTimestamp
		}
	}
	return seen, true
}

func timeOf(b []byte, field int, scale int64) time.Time {
	ne := binary.NativeEndian
	var sec, frac int64
	if field == 8 {
		sec, frac = int64(ne.Uint64(b)), int64(ne.Uint64(b[8:]))
	} else {
		sec, frac = int64(int32(ne.Uint32(b))), int64(int32(ne.Uint32(b[4:])))
	}
	if sec == 0 && frac == 0 {
		return time.Time{}
	}
	return time.Unix(sec, frac*scale)
}

func (c *Control) takeIP(m ControlMessage) (seen ControlSet, ok bool) {
	switch m.Type {
	case unix.IP_TTL, unix.IP_RECVTTL:
		return HasTTL, takeInt(&c.TTL, m.Data)
	case unix.IP_TOS, unix.IP_RECVTOS:
		return HasTOS, takeInt(&c.TOS, m.Data)
	case unix.IP_PKTINFO:
		if len(m.Data) < unix.SizeofInet4Pktinfo {
			return 0, false
		}
		c.PacketInfo = PacketInfo{
			Interface:   int(binary.NativeEndian.Uint32(m.Data)),
			Local:       netip.AddrFrom4([4]byte(m.Data[4:8])),
			Destination: netip.AddrFrom4([4]byte(m.Data[8:12])),
		}
		return HasPacketInfo, true
	case unix.IP_RECVORIGDSTADDR:
		c.OriginalDestination = decodeAddr(m.Data).AddrPort()
		return HasOriginalDestination, c.OriginalDestination.IsValid()
	case unix.IP_RECVERR:
		return HasError, c.takeError(m.Data)
	}
	return HasOther, true
}

func (c *Control) takeIPv6(m ControlMessage) (seen ControlSet, ok bool) {
	switch m.Type {
	case unix.IPV6_HOPLIMIT:
		return HasTTL, takeInt(&c.TTL, m.Data)
	case unix.IPV6_TCLASS:
		return HasTOS, takeInt(&c.TOS, m.Data)
	case unix.IPV6_PKTINFO:
		if len(m.Data) < unix.SizeofInet6Pktinfo {
			return 0, false
		}
		to := netip.AddrFrom16([16]byte(m.Data[:16])).Unmap()
		c.PacketInfo = PacketInfo{Interface: int(binary.NativeEndian.Uint32(m.Data[16:])), Destination: to}
		if !to.IsMulticast() {
			c.PacketInfo.Local = to
		}
		return HasPacketInfo, true
	case unix.IPV6_ORIGDSTADDR:
		c.OriginalDestination = decodeAddr(m.Data).AddrPort()
		return HasOriginalDestination, c.OriginalDestination.IsValid()
	case unix.IPV6_RECVERR:
		return HasError, c.takeError(m.Data)
	}
	return HasOther, true
}

// takeInt reads a number that is an int, or (type of service) a single byte.
func takeInt(to *int, b []byte) (ok bool) {
	switch {
	case len(b) >= 4:
		*to = int(int32(binary.NativeEndian.Uint32(b)))
	case len(b) == 2:
		*to = int(binary.NativeEndian.Uint16(b))
	case len(b) == 1:
		*to = int(b[0])
	}
	return len(b) > 0
}

// takeError reads a struct sock_extended_err and the offender's address behind it:
//
//	0      4       5     6     7    8     12    16
//	errno  origin  type  code  pad  info  data  sockaddr
func (c *Control) takeError(b []byte) (ok bool) {
	const size = 16
	if len(b) < size {
		return false
	}
	ne := binary.NativeEndian
	c.Error = &QueuedError{
		Errno:    syscall.Errno(ne.Uint32(b)),
		Origin:   Origin(b[4]),
		Type:     b[5],
		Code:     b[6],
		Info:     ne.Uint32(b[8:]),
		Data:     ne.Uint32(b[12:]),
		Offender: decodeAddr(b[size:]),
	}
	return true
}

// RecvError takes the oldest entry of the error queue, and into b as much as fits of the message
// that caused it; the count says how much that is. The socket must have IP_RECVERR or IPV6_RECVERR
// set. It never waits, not even its turn behind a receive, and no deadline ends it: an empty queue
// is EAGAIN. An error that has been queued also ends, once, a Recv or a Send. recvmsg(2) MSG_ERRQUEUE.
func (s *Socket) RecvError(b []byte) (QueuedError, int, error) {
	var room [512]byte
	m := Message{Buffers: [][]byte{b}, Control: room[:]}
	n, err := s.RecvMsg(&m, MsgErrQueue|MsgDontWait)
	if err != nil {
		return QueuedError{}, 0, err
	}
	control, err := ParseControl(m.Control[:m.NControl])
	if err != nil {
		return QueuedError{}, n, s.opError("recvmsg", err)
	}
	if control.Error == nil {
		return QueuedError{}, n, s.opError("recvmsg", ErrControl)
	}
	queued := *control.Error
	queued.Destination, queued.Timestamp = m.Addr, control.Timestamp
	return queued, n, nil
}
