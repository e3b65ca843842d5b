package engine

import (
	"errors"
	"io"
	"os"
	"time"

	"sock/socket"
)

// Bounds of a connection's end.
const (
	closeStall   = 2 * time.Minute        // output without progress after Close, where there is no idle limit
	closeLingers = 5                      // Lingers: a lingering close in all
	lingerBytes  = 64 << 20               // dropped by a lingering close before it gives up
	drainQuiet   = time.Second            // a draining connection is closed when nothing has come for so long
	drainLinger  = 250 * time.Millisecond // Linger while the server shuts down
)

var errExited = errors.New("engine: handler ended its goroutine")

// hangUp ends what serve has left: posts that were accepted are run, and an
// orderly close waits for the peer.
func (st *stream) hangUp() {
	c := &st.c
	st.apply(st.box.close())
	switch {
	case c.end != nil:
	case c.eof:
		c.finish(&End{By: st.first, How: FIN})
	default:
		c.finish(st.linger())
	}
}

// linger reads and drops what the peer still sends, until its FIN or for a
// while: to close with unread data would send RST, which destroys what is on
// its way to the peer.
//
// RFC 1122, 4.2.2.13; RFC 9112, 9.6.
func (st *stream) linger() *End {
	quiet := st.s.lingerTime()
	last := time.Now().Add(closeLingers * quiet)
	block := getBlock(largeBlock)
	defer func() { putBlock(block) }()
	for dropped := 0; dropped < lingerBytes && time.Now().Before(last); {
		until := time.Now().Add(quiet)
		st.box.arm(until)
		n, err := st.sock.Recv(block[:cap(block)], 0)
		dropped += n
		if n > 0 && st.cut {
			return severed()
		}
		if err == nil {
			continue
		}
		if end := st.lingered(err, until); end != nil {
			return end
		}
		quiet = st.s.lingerTime()
	}
	return &End{By: Local, How: FIN}
}

// lingered acts on the error of a lingering read: the end, or nil to go on.
func (st *stream) lingered(err error, until time.Time) *End {
	switch {
	case errors.Is(err, io.EOF):
		return &End{By: Local, How: FIN}
	case !errors.Is(err, os.ErrDeadlineExceeded):
		return endOf(err)
	case st.box.pending.Load():
		if _, signal := st.box.take(until); signal&signalForce != 0 {
			return &End{By: Local, How: RST, Err: ErrShutdown}
		}
	case !time.Now().Before(until):
		return &End{By: Local, How: FIN}
	}
	return nil
}

// leave is the end in every case. After it nothing of the connection is left
// but its record.
func (st *stream) leave() {
	c := &st.c
	defer st.left() // even if Handler.Close ends the goroutine
	c.finish(&End{By: Local, How: Failed, Err: errExited})
	st.apply(st.box.close())
	st.box.leave()
	st.disconnect()
	st.in().release()
	st.out.release()
	if st.opened {
		st.call(func(c *Conn) { st.s.handler.close(c, c.end) })
	}
}

func (st *stream) in() *input { return &st.c.in }

// parting is how the descriptor of a connection is closed.
type parting int

const (
	partClose parting = iota // in order: FIN was sent, or close(2) does it
	partFIN                  // FIN first, for what is unread would make a reset of it
	partRST                  // the end was not an orderly one: the peer must not take a part for the whole
)

// parting gives what the connection's end asks for.
func (l *link) parting(unsent bool) parting {
	end := l.c.end
	switch {
	case end.How == Timeout && end.By == Local && !unsent:
		return partFIN
	case end.How != FIN && !l.gentle || unsent:
		return partRST
	}
	return partClose
}

// disconnect closes the socket.
func (st *stream) disconnect() {
	switch st.parting(st.unsent() > 0) {
	case partRST:
		reset(st.sock)
		return
	case partFIN:
		_ = st.sock.Shutdown(socket.ShutWR) // fails only on a connection gone already
	}
	_ = st.sock.Close()
}

// reset closes a socket so that the peer sees RST. Families without linger
// just close.
func reset(sock *socket.Socket) {
	_ = socket.Linger.Set(sock, 0)
	_ = sock.Close()
}
