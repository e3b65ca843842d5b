package engine

import (
	"context"
	"net"
)

// Handler is a service. One Handler serves all connections of a [Server]; what
// belongs to one connection goes into [Conn.SetValue]. All calls for one
// connection come from its loop, one after the other; calls for different
// connections may run at the same time. A call must not block: that would
// stall the loop, and under the model EventLoop all its connections, see
// [Blocking].
//
// A panic in a handler ends its connection with a reset and is reported as an
// [Event] with the stack; Close is still called.
type Handler interface {
	// Open is the first call, when the connection is established (over TLS:
	// after the handshake). It may write.
	Open(c *Conn)

	// Data says that bytes (of a datagram socket: one datagram) are waiting
	// in the connection's buffer. What the handler does not consume of a
	// stream stays, and Data comes again when more has arrived or when a
	// reason to pause is over; what it does not consume of a datagram is
	// dropped. Views of the buffer are valid until Data returns.
	//
	// A full buffer ([Config].ReadBuffer) of which Data consumes nothing ends
	// the connection with [ErrBufferFull].
	Data(c *Conn)

	// Close is the last call, exactly once for each Open. The error is never
	// nil and always an *[End], which says who ended the connection and how.
	// Nothing can be read or written any more.
	Close(c *Conn, err error)
}

// Drainer is a Handler that wants to know when it may write again.
type Drainer interface {
	// Drained follows a Write, of the Conn or of a Ref, that returned
	// [ErrBackpressure], or output that stood above the high-water mark, once no
	// more than LowWater bytes wait, unless the connection is closing by then.
	// Datagram sessions keep no output and are not told.
	Drained(c *Conn)
}

// HalfCloser is a Handler that goes on after the peer's end of file. Without
// it the engine flushes the output and closes.
type HalfCloser interface {
	// HalfClosed says that the peer has sent its FIN: all its bytes were
	// given to Data, no more will come, writing still works. The connection
	// ends when the handler calls CloseWrite or Close.
	HalfClosed(c *Conn)
}

// Stopper is a Handler that decides itself how its connections end when the
// server shuts down. Without it a connection that is draining goes on until its
// peer ends it, or has sent nothing for a second: then it is closed as by
// [Conn.Close]. What the peer sends even later is answered with a reset, never
// dropped behind an orderly end.
type Stopper interface {
	// Stop says that [Server.Shutdown] has begun. The connection goes on
	// until the handler or the peer ends it, or until Shutdown's context
	// does, which resets it.
	Stop(c *Conn)
}

// Blocking makes a Handler of a function that reads and writes its connection
// as plain Go code does. It runs in the connection's goroutine, directly on
// the connection: no pipe and no copy stands between. The net.Conn also is a
// *socket.Conn or, over TLS, a *tls.Conn in all but name: CloseWrite,
// SyscallConn, ReadFrom, WriteTo and ConnectionState are there. Bytes are
// still counted for the [Record]. Without TLS there also is AddTraffic(received,
// sent int64): a handler that gives the descriptor to another program tells the
// Record with it what went by. And always Closed() <-chan struct{}, for a handler
// that neither reads nor writes: it is closed when the engine has closed the
// connection under the handler.
//
// When the function returns, the connection is closed in order, so that what
// was written arrives; an error that is not the connection's own end goes into
// the Record. The context is done when [Server.Shutdown] begins: the function
// is then expected to come to its end. When Shutdown's own context ends, the
// connection is reset under the function, whose calls from then on return
// [net.ErrClosed]. The idle limit of [Config] closes the connection likewise.
// A panic resets it.
//
// Such a handler serves streams only: [Server.ServePacket] refuses it.
func Blocking(serve func(ctx context.Context, conn net.Conn) error) Handler {
	return &blocking{serve: serve}
}

// blocking is recognised by the models, which call serve.
type blocking struct {
	serve func(ctx context.Context, conn net.Conn) error
}

// The Handler's methods are there for the type only: no model calls them.
func (*blocking) Open(*Conn)         {}
func (*blocking) Data(*Conn)         {}
func (*blocking) Close(*Conn, error) {}
