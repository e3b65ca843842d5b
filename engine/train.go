package engine

import (
	"errors"
	"slices"
	"syscall"

	"sock/socket"
)

// Bounds of what is joined for the kernel to cut again.
const (
	trainPieces = 64       // UDP_MAX_SEGMENTS of the kernels before 6.9
	trainPiece  = 1452     // bytes: what fits an Ethernet frame over IPv6; longer ones might not be cut but refused
	trainBytes  = 63 << 10 // of the whole
)

// train says of a message how many datagrams it is. Datagrams of one size that
// go to one peer one after another are joined (the last may be shorter): they
// pass the kernel's stack as one and are cut by it, or by the device, at the
// end. udp(7) UDP_SEGMENT, Linux 4.18.
type train struct {
	pieces  int
	size    int    // bytes of each
	control []byte // the session's, and the size; used again
}

// canJoin reports whether the kernel cuts, and nobody has told it how already.
func canJoin(sock *socket.Socket) bool {
	size, err := socket.Segment.Get(sock)
	return err == nil && size == 0
}

// join appends a datagram to the last message, if they may travel together and
// there is room.
func (d *departures) join(from *session, b []byte) bool {
	last := d.n - 1
	if !d.joins || last < 0 || from.alone || d.from[last] != from {
		return false
	}
	t, m := &d.trains[last], &d.msgs[last]
	before := len(m.Buffers[0])
	switch {
	case len(b) == 0 || len(b) > t.size || t.size > trainPiece:
		return false
	case before != t.pieces*t.size: // a shorter one has ended it
		return false
	case t.pieces == trainPieces || before+len(b) > trainBytes:
		return false
	}
	copy(d.room[d.used:], b)
	m.Buffers[0] = d.room[d.used-before : d.used+len(b)]
	d.used += len(b)
	if t.pieces++; t.pieces == 2 {
		t.control = socket.AppendSegmentSize(append(t.control[:0], from.control...), t.size)
		m.Control = t.control
	}
	return true
}

// refused acts on a message that the kernel does not take: a datagram is
// dropped, as the network might have done, for its peer is gone or has no room;
// a train is sent in pieces.
func (d *departures) refused(i int, err error) {
	t, from := &d.trains[i], d.from[i]
	if t.pieces == 1 {
		d.dropped(1)
		return
	}
	switch {
	case isAny(err, syscall.EIO): // a device that does not compute checksums
		d.joins = false
	case isAny(err, syscall.EINVAL, syscall.EMSGSIZE, syscall.EOPNOTSUPP): // longer than this path takes, or it cannot
		from.alone = true
	}
	for piece := range slices.Chunk(d.msgs[i].Buffers[0], t.size) {
		one := socket.Message{Buffers: [][]byte{piece}, Addr: from.c.peer, Control: from.control}
		if _, err := d.sock.SendMsg(&one, socket.MsgDontWait); err != nil {
			d.dropped(1)
		} else {
			from.sentBytes(len(piece))
		}
	}
}

// isFull reports whether a send has found no room, where waiting makes some.
func (d *departures) isFull(err error) bool {
	return errors.Is(err, syscall.EAGAIN) && d.sock.Family() != socket.UNIX
}

// left counts the datagrams from a message on.
func (d *departures) left(i int) (n int) {
	for _, t := range d.trains[i:d.n] {
		n += t.pieces
	}
	return n
}
