package engine

import (
	"errors"
	"os"
	"time"

	"sock/socket"
)

// Sizes of a datagram loop's buffers.
const (
	recvBatch    = 32        // datagrams taken by one call
	sendBatch    = 64        // datagrams sent by one call
	maxDatagram  = 65507     // bytes: the longest over IPv4, and the bound here for all
	recvRoom     = 64 << 10  // bytes for each received datagram; untouched pages cost nothing
	sendRoom     = 256 << 10 // bytes for all datagrams of a batch
	controlRoom  = 256       // bytes of control messages: packet information, segment size, and what else is switched on
	sendPatience = 100 * time.Millisecond
)

// arrivals are the buffers of a receive. Owned by the loop.
type arrivals struct {
	msgs []socket.Message
}

func newArrivals(withControl bool) arrivals {
	a := arrivals{msgs: make([]socket.Message, recvBatch)}
	room := make([]byte, recvBatch*recvRoom)
	for i := range a.msgs {
		a.msgs[i].Buffers = [][]byte{room[i*recvRoom : (i+1)*recvRoom : (i+1)*recvRoom]}
		if withControl {
			a.msgs[i].Control = make([]byte, controlRoom)
		}
	}
	return a
}

// departures are datagrams that wait for the end of the turn. Owned by the loop.
type departures struct {
	sock    *socket.Socket
	dropped func(n int) // counts what could not be sent

	msgs   []socket.Message // the first n are in use
	from   []*session       // who sends msgs[i]
	trains []train          // how many datagrams msgs[i] is
	n      int
	room   []byte // what the datagrams stand in, one after another
	used   int
	joins  bool // several datagrams may become one message
}

func newDepartures(sock *socket.Socket, dropped func(n int)) *departures {
	d := &departures{
		sock: sock, dropped: dropped,
		msgs: make([]socket.Message, sendBatch), from: make([]*session, sendBatch), trains: make([]train, sendBatch),
		room: make([]byte, sendRoom), joins: canJoin(sock),
	}
	for i := range d.msgs {
		d.msgs[i].Buffers = make([][]byte, 1)
	}
	return d
}

// add copies a datagram, after a flush if there is no room.
func (d *departures) add(from *session, b []byte) {
	if d.used+len(b) > len(d.room) {
		d.flush()
	}
	if d.join(from, b) {
		return
	}
	if d.n == len(d.msgs) {
		d.flush()
	}
	copied := d.room[d.used : d.used+len(b)]
	copy(copied, b)
	m := &d.msgs[d.n]
	m.Buffers[0], m.Addr, m.Control = copied, from.c.peer, from.control
	d.from[d.n] = from
	d.trains[d.n].pieces, d.trains[d.n].size = 1, len(b)
	d.n++
	d.used += len(b)
}

// flush sends what waits.
func (d *departures) flush() {
	for i := 0; i < d.n; {
		sent, err := d.sock.SendBatch(d.msgs[i:d.n], socket.MsgDontWait)
		d.count(i, sent)
		i += sent
		if i == d.n {
			break
		}
		if d.isFull(err) {
			i += d.patiently(i)
			continue
		}
		d.refused(i, err)
		i++
	}
	clear(d.from[:d.n])
	d.n, d.used = 0, 0
}

// patiently waits a moment for room in the socket's buffer, which fills when
// the network is slower than we are. It returns how many messages are done
// with. (A UNIX socket is full when its peer's queue is: then nobody waits, so
// that a peer who does not read delays only itself. If that peer is connected,
// Linux bounds its queue by our send buffer alone, and answers to others are
// dropped too until it reads or leaves.)
func (d *departures) patiently(i int) int {
	_ = d.sock.SetWriteDeadline(time.Now().Add(sendPatience)) // fails only on a closed socket, as the send does
	sent, err := d.sock.SendBatch(d.msgs[i:d.n], 0)
	_ = d.sock.SetWriteDeadline(time.Time{})
	d.count(i, sent)
	switch {
	case err == nil:
		return sent
	case errors.Is(err, os.ErrDeadlineExceeded):
		d.dropped(d.left(i + sent))
		return d.n - i
	}
	d.refused(i+sent, err)
	return sent + 1
}

// count adds what was sent to the sessions' counters.
func (d *departures) count(first, n int) {
	for i := first; i < first+n; i++ {
		d.from[i].sentBytes(len(d.msgs[i].Buffers[0]))
	}
}
