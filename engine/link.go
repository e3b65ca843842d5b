package engine

import (
	"time"

	"sock/socket"
)

// link is what every stream connection is made of, whoever serves it.
type link struct {
	s      *Server
	*solo  // nil on an event loop
	c      Conn
	slot   bool // it counts for MaxConns
	gentle bool // close without RST although the end is not orderly
	opened bool // Handler.Open was called
}

// solo is what a connection has that is a member of the server by itself.
type solo struct {
	self   member // as it is on the server's books
	sock   *socket.Socket
	shakes bool // it counts for maxHandshakes
	pid    int  // the child that serves it
}

// start fills in what is known when the connection was accepted.
func (l *link) start(s *Server, sock *socket.Socket, peer socket.Addr) {
	l.solo = &solo{sock: sock}
	local, _ := sock.LocalAddr() // fails only on a connection gone already
	l.meet(s, networkOf(sock), peer, &local)
}

func (l *link) meet(s *Server, network string, peer socket.Addr, local *socket.Addr) {
	l.s = s
	l.c.id = s.nextID.Add(1)
	l.c.network, l.c.peer, l.c.local = network, peer, local
	l.c.idle = s.cfg.Idle
	l.c.started = time.Now()
}

func (l *link) base() *link { return l }

func (l *link) traffic() (received, sent int64) { return l.c.bytes() }

// left takes the connection off the server's books and reports its end.
func (l *link) left() {
	l.forget()
	record := l.c.record()
	record.PID = l.pid
	l.s.depart(l.self, &record)
}

// record sums up a connection whose end is decided.
func (c *Conn) record() Record {
	received, sent := c.bytes()
	return Record{
		ID: c.id, Network: c.network, Peer: c.peer, Local: *c.local,
		Received: received, Sent: sent, End: *c.end,
		Started: c.started, Duration: time.Since(c.started),
	}
}

// forget gives back what the connection counts for.
func (l *link) forget() {
	l.shaken()
	if l.slot {
		l.slot = false
		l.s.slots.Add(-1)
	}
}

// shaken ends the count of the handshake.
func (l *link) shaken() {
	if l.solo != nil && l.shakes {
		l.shakes = false
		l.s.handshakes.Add(-1)
	}
}

// admitted takes the slot that a TLS connection needs after its handshake. If
// there is none, the end is decided.
func (l *link) admitted() bool {
	l.slot = l.s.askSlot()
	if !l.slot {
		l.s.refuse(l.c.peer, *l.c.local, ErrTooMany)
		l.c.finish(&End{By: Local, How: RST, Err: ErrTooMany})
	}
	return l.slot
}

// networkOf names the network of a socket as package net does.
func networkOf(s *socket.Socket) string {
	switch {
	case s.Family() != socket.UNIX:
		if s.Type() == socket.DGRAM {
			return "udp"
		}
		return "tcp"
	case s.Type() == socket.DGRAM:
		return "unixgram"
	case s.Type() == socket.SEQPACKET:
		return "unixpacket"
	}
	return "unix"
}
