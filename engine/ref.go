package engine

// Ref names one connection for other goroutines. It is small, comparable and
// may be kept for as long as one likes: after the connection's end every
// method returns ErrStale, and never does it reach another connection. All
// methods are safe for concurrent use and never block. The zero Ref is stale.
type Ref struct {
	to         receiver
	slot       uint32
	generation uint32
}

// receiver takes what a Ref sends and carries it to the loop.
type receiver interface {
	post(slot, generation uint32, fn func(*Conn)) error
	write(slot, generation uint32, b []byte) error
	close(slot, generation uint32) error
}

// Post has fn called on the connection's loop. When Post returns nil, fn will
// be called exactly once, at the latest just before Handler.Close (its writes
// then fail with net.ErrClosed). ErrBusy: too many posts wait already.
func (r Ref) Post(fn func(*Conn)) error {
	if r.to == nil {
		return ErrStale
	}
	return r.to.post(r.slot, r.generation, fn)
}

// Write sends a copy of b on the connection, whole and in order with the other
// writes and posts of the calling goroutine. ErrBackpressure: the peer does
// not keep up and nothing was taken; on a stream [Drainer].Drained follows. (Of
// a datagram session it says that its socket's loop does not keep up: nothing
// follows, the next write may be taken.)
func (r Ref) Write(b []byte) error {
	if r.to == nil {
		return ErrStale
	}
	return r.to.write(r.slot, r.generation, b)
}

// Close closes the connection as [Conn.Close] does: what was written before is
// sent first.
func (r Ref) Close() error {
	if r.to == nil {
		return ErrStale
	}
	return r.to.close(r.slot, r.generation)
}
