package cli

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"sock/engine"
)

// The bounds of a conversation.
const (
	streamBuffer   = 256 << 10
	datagramBuffer = 65535                  // no UDP datagram is longer
	unixBuffer     = 4 << 20                // UNIX datagrams end at the sender's send buffer
	datagramMost   = 65507                  // the longest over IPv4
	quietAfterEOF  = time.Second            // --eof of datagrams, --peer-eof of streams
	refusalWait    = 200 * time.Millisecond // how long after the last datagram an ICMP error may come
	settleLimit    = 5 * time.Second        // how long unacknowledged data is watched without progress
	lookAgain      = 20 * time.Millisecond  // how often a peer that has finished is looked at
)

// rules say how a conversation ends.
type rules struct {
	eof      ending        // what the end of our input does
	peerEOF  ending        // what the peer's end does
	sendOnly bool          // what the peer says is dropped
	recvOnly bool          // our input is never read
	idle     time.Duration // the silence, both ways, that ends it; 0: none
	onTTY    bool          // a person types our input

	datagrams   bool // the peer is sent, and sends, datagrams
	unixPackets bool // over a UNIX socket that keeps the bounds of what is sent
	chunk       int  // the most that is sent at once; 0: streamBuffer
}

// orDefault fills in what the flags left unsaid. A datagram socket has no end
// of file to send, and so no peer that would answer it: replies are awaited
// for a moment of silence.
func (r rules) orDefault() rules {
	if r.eof.mode == unsaid {
		r.eof.mode = half
		if r.datagrams {
			r.eof = ending{waits, quietAfterEOF}
		}
	}
	if r.sendOnly {
		r.eof.mode = closes
	}
	if r.peerEOF.mode == unsaid {
		r.peerEOF = ending{waits, quietAfterEOF}
		if r.onTTY {
			r.peerEOF = ending{mode: closes}
		}
	}
	return r
}

// A talk carries standard input to a peer and the peer's bytes to standard
// output until both have ended. It is the one copying core of connect and of
// a listen that serves one connection.
//
// Three goroutines share it. The sender and the receiver move bytes, and end
// with their direction; run, which started them, decides when it is over. Run
// does not wait for a sender that is stuck in reading standard input: only the
// process's end wakes that.
type talk struct {
	conn net.Conn
	in   io.Reader
	out  io.Writer
	rules

	// Written by the sender and the receiver, read by run.
	sent, received atomic.Int64
	moved          atomic.Int64 // when bytes last moved, either way: UnixNano
	fed            atomic.Int64 // when our input last gave or wanted something, UnixNano
	waiting        atomic.Bool  // the sender is waiting for our input
	delivering     atomic.Bool  // the receiver is writing to our output

	// Owned by run.
	inputEnd, peerEnd time.Time // when each direction ended; zero: not yet
	sendErr, recvErr  error
	timedOut          bool
	settled           settling
	peer              watch
}

// run talks until it is over and says how it ended. The error is nil for an
// orderly end; it is ctx's cause when that was cancelled. The connection is
// still open afterwards: closing it is the caller's.
func (t *talk) run(ctx context.Context) (engine.End, error) {
	t.rules = t.orDefault()
	t.touch()
	sending, receiving := make(chan error, 1), make(chan error, 1)
	if t.recvOnly {
		t.inputEnd = time.Now()
	} else {
		go func() { sending <- t.send() }()
	}
	go func() { receiving <- t.receive() }()
	timer := time.NewTimer(t.patience())
	for !t.over(time.Now()) {
		timer.Reset(t.patience())
		select {
		case t.sendErr = <-sending:
			t.inputEnd = time.Now()
		case t.recvErr = <-receiving:
			t.peerEnd = time.Now()
		case <-timer.C:
		case <-ctx.Done():
			return engine.End{By: engine.Local, How: engine.FIN}, context.Cause(ctx)
		}
	}
	if t.recvErr != nil && !t.recvOnly {
		t.awaitSender(sending)
	}
	return t.end(ctx)
}

// awaitSender lets a write that a failed connection has ended be counted. The
// bound is for a write that nothing ends.
func (t *talk) awaitSender(sending <-chan error) {
	for end := time.Now().Add(lookAgain); t.inputEnd.IsZero() && !t.waiting.Load() && time.Now().Before(end); {
		select {
		case t.sendErr = <-sending:
			t.inputEnd = time.Now()
		case <-time.After(time.Millisecond):
		}
	}
}

func (t *talk) touch() { t.moved.Store(time.Now().UnixNano()) }

// send carries our input to the peer, and then its end. Nil means that the
// input has ended and the peer was told so.
func (t *talk) send() error {
	size := streamBuffer
	if t.chunk > 0 {
		size = t.chunk
	}
	b := make([]byte, size)
	for {
		t.fed.Store(time.Now().UnixNano())
		t.waiting.Store(true)
		n, err := t.in.Read(b)
		t.waiting.Store(false)
		if n > 0 {
			if _, err := t.conn.Write(b[:n]); err != nil {
				return err
			}
			t.sent.Add(int64(n))
			t.touch()
		}
		switch {
		case errors.Is(err, io.EOF):
			return t.sendEOF()
		case err != nil:
			return &inputError{err}
		}
	}
}

// inputError is a standard input that cannot be read.
type inputError struct{ err error }

func (e *inputError) Error() string { return "standard input: " + reason(e.err) }
func (e *inputError) Unwrap() error { return e.err }

// outputError is a standard output that cannot be written.
type outputError struct{ err error }

func (e *outputError) Error() string { return "standard output: " + reason(e.err) }
func (e *outputError) Unwrap() error { return e.err }

// sendEOF sends the FIN. That the peer has cut the connection by then is the
// receiver's to tell.
func (t *talk) sendEOF() error {
	closer, ok := t.conn.(interface{ CloseWrite() error })
	if !ok || t.datagrams {
		return nil
	}
	if err := closer.CloseWrite(); err != nil && !errors.Is(err, syscall.ENOTCONN) {
		return err
	}
	return nil
}

// receive carries the peer's bytes to our output until the peer's end, which
// is nil.
func (t *talk) receive() error {
	b := make([]byte, t.receiveSize())
	for {
		n, err := t.conn.Read(b)
		if n > 0 || t.datagrams && err == nil {
			t.received.Add(int64(n))
			t.touch()
			if err := t.deliver(b[:n]); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF) && t.expectsNothing():
			return nil
		case err != nil:
			return err
		}
	}
}

// receiveSize is room for all that one read may give: what has no room of a
// datagram, or of a packet of SEQPACKET, is lost.
func (t *talk) receiveSize() int {
	switch {
	case t.unixPackets:
		return unixBuffer
	case t.datagrams:
		return datagramBuffer
	}
	return streamBuffer
}

// expectsNothing reports whether a TLS connection that ends without
// close_notify can have cut nothing short: nothing came, or nothing is kept.
func (t *talk) expectsNothing() bool { return t.sendOnly || t.received.Load() == 0 }

func (t *talk) deliver(b []byte) error {
	if t.sendOnly || len(b) == 0 {
		return nil
	}
	t.delivering.Store(true)
	defer t.delivering.Store(false)
	if _, err := t.out.Write(b); err != nil {
		return &outputError{err}
	}
	t.touch()
	return nil
}

// patience is how long run may sleep before the clock alone can end it.
func (t *talk) patience() time.Duration {
	now := time.Now()
	wait := time.Hour
	if t.idle > 0 {
		wait = min(wait, t.idle-t.silence(now))
	}
	if !t.inputEnd.IsZero() && !t.recvOnly && t.eof.mode != half || !t.peerEnd.IsZero() {
		wait = min(wait, lookAgain)
	}
	return max(wait, time.Millisecond)
}

// silence is how long no byte has moved.
func (t *talk) silence(now time.Time) time.Duration {
	return now.Sub(time.Unix(0, t.moved.Load()))
}

// over decides whether the conversation has ended.
func (t *talk) over(now time.Time) bool {
	inputEnded, peerEnded := !t.inputEnd.IsZero(), !t.peerEnd.IsZero()
	switch {
	case t.recvErr != nil:
		return true
	case t.sendErr != nil:
		return peerEnded || t.datagrams || !peerLost(t.sendErr)
	case t.idle > 0 && t.silence(now) >= t.idle:
		t.timedOut = true
		return true
	case inputEnded && peerEnded:
		return true
	case peerEnded:
		return t.overAfterPeer(now)
	case inputEnded && !t.recvOnly:
		return t.overAfterInput(now)
	}
	return false
}

// peerLost reports whether a failed write says that the peer takes no more. It
// may have said something before: that is still received.
func peerLost(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)
}

// overAfterInput decides once our input has ended and the peer goes on.
func (t *talk) overAfterInput(now time.Time) bool {
	switch {
	case t.eof.mode == closes && t.datagrams:
		return now.Sub(t.inputEnd) >= refusalWait
	case t.eof.mode == closes:
		return t.settled.done(t.conn, now)
	case t.eof.mode == waits && t.datagrams:
		return !t.delivering.Load() && min(t.silence(now), now.Sub(t.inputEnd)) >= t.eof.wait
	case t.eof.mode == waits:
		return now.Sub(t.inputEnd) >= t.eof.wait
	}
	return false
}

// overAfterPeer decides once the peer has finished and our input goes on. The
// peer may have closed, or still be reading: nothing on the wire tells. Where
// the peer's socket can be seen (a UNIX socket, or one of this machine), that
// decides. Else our input decides: it is sent for as long as it has something.
func (t *talk) overAfterPeer(now time.Time) bool {
	if t.peerEOF.mode == closes {
		return true
	}
	switch t.peer.look(t.conn, now) {
	case gone:
		return !t.feeding(now)
	case present:
		return false
	}
	return t.peerEOF.mode == waits && t.starved(now) >= t.peerEOF.wait
}

// feeding reports whether our input had something within the last moment: then
// it goes first, and its write finds out what has become of the peer.
func (t *talk) feeding(now time.Time) bool { return t.starved(now) < lookAgain }

// starved is how long the sender has been waiting for our input.
func (t *talk) starved(now time.Time) time.Duration {
	if !t.waiting.Load() {
		return 0
	}
	return now.Sub(time.Unix(0, t.fed.Load()))
}

// end says how it ended, and which error that is, once over has decided. What
// was sent is watched until the peer has it.
func (t *talk) end(ctx context.Context) (engine.End, error) {
	err := t.recvErr
	if err == nil {
		err = t.sendErr
	}
	if err == nil && t.timedOut {
		err = os.ErrDeadlineExceeded
		return engine.End{By: engine.Local, How: engine.Timeout, Err: err}, err
	}
	if err == nil && !t.datagrams && !t.inputEnd.IsZero() {
		err = t.settle(ctx)
	}
	if err != nil {
		return endOf(err), err
	}
	by := engine.Local
	if !t.peerEnd.IsZero() && (t.inputEnd.IsZero() || t.recvOnly || t.peerEnd.Before(t.inputEnd)) {
		by = engine.Peer
	}
	return engine.End{By: by, How: engine.FIN}, nil
}

// settle waits until the peer has acknowledged everything, or cut.
func (t *talk) settle(ctx context.Context) error {
	for ctx.Err() == nil && !t.settled.done(t.conn, time.Now()) {
		time.Sleep(time.Millisecond)
	}
	return t.settled.err
}

// endOf classifies an error that ended a conversation.
func endOf(err error) engine.End {
	_, input := errors.AsType[*inputError](err)
	_, output := errors.AsType[*outputError](err)
	switch {
	case input, output:
		return engine.End{By: engine.Local, How: engine.Failed, Err: err}
	case peerLost(err):
		return engine.End{By: engine.Peer, How: engine.RST, Err: err}
	case errors.Is(err, syscall.ETIMEDOUT):
		return engine.End{By: engine.Peer, How: engine.Timeout, Err: err}
	}
	return engine.End{By: engine.Peer, How: engine.Failed, Err: err}
}
