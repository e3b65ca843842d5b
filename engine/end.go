package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"sock/socket"
)

// Errors of a Conn, a Ref and a Bus. Compare with errors.Is.
var (
	// ErrBackpressure says that the peer does not take what is written: the
	// output stands at or above HighWater and nothing of this write was taken.
	ErrBackpressure = errors.New("engine: output above the high-water mark")

	// ErrStale says that the connection of a Ref has ended.
	ErrStale = errors.New("engine: connection has ended")

	// ErrBusy says that too many posted functions wait for the loop.
	ErrBusy = errors.New("engine: too many posts are waiting")

	// ErrBufferFull ends a connection whose handler consumes nothing of a
	// full buffer: the peer's message is longer than the service takes.
	ErrBufferFull = errors.New("engine: message longer than the read buffer")

	// ErrMessageTooLong says that a datagram or a message of a Bus is too
	// long to be sent as one.
	ErrMessageTooLong = errors.New("engine: message too long")

	// ErrUnnamedPeer says that a datagram's sender has no address to answer.
	ErrUnnamedPeer = errors.New("engine: the peer has no address to answer")

	// ErrTooMany is why a connection above MaxConns is refused.
	ErrTooMany = errors.New("engine: as many connections as allowed are open")

	// ErrShutdown ends connections that are still open when Shutdown's
	// context ends, and is what Serve returns on a server already shut down.
	ErrShutdown = errors.New("engine: server is shutting down")
)

// Side says who ended a connection.
type Side string

// The two sides of a connection.
const (
	Peer  Side = "peer"
	Local Side = "local"
)

// How says in which way a connection ended.
type How string

// The ways a connection ends.
const (
	FIN     How = "fin"     // in order, by the first FIN (a datagram session: closed)
	RST     How = "rst"     // by a reset
	Timeout How = "timeout" // nothing happened for too long
	Failed  How = "error"   // anything else: a panic, a protocol error, a failed handshake
)

// End says who ended a connection and how. It is the error that
// [Handler].Close gets and part of the connection's [Record].
type End struct {
	By  Side
	How How
	Err error // the cause; nil for an orderly end
}

// Error gives the end in words: "closed by peer: rst: connection reset by peer".
func (e *End) Error() string {
	text := fmt.Sprintf("closed by %s: %s", e.By, e.How)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap gives the cause, so that errors.Is finds the errno.
func (e *End) Unwrap() error { return e.Err }

// PanicError is the cause of an End where the handler panicked.
type PanicError struct {
	Value any
	Stack []byte
}

// Error gives the panic's value.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Record is what remains of a connection.
type Record struct {
	ID       uint64      // as Conn.ID
	Network  string      // "tcp", "unix", "udp", …
	Peer     socket.Addr // the other side
	Local    socket.Addr // this side
	Received int64       // bytes of payload from the peer (over TLS: decrypted)
	Sent     int64       // bytes of payload that the kernel took
	End      End
	Started  time.Time
	Duration time.Duration
	PID      int // the child process that served it; 0: this process
}

// MarshalJSON gives the fields of a "close" event.
func (r Record) MarshalJSON() ([]byte, error) {
	var text string
	if r.End.Err != nil {
		text = r.End.Err.Error()
	}
	return json.Marshal(struct {
		ID       uint64 `json:"id"`
		Network  string `json:"network"`
		Peer     string `json:"peer"`
		Local    string `json:"local"`
		Received int64  `json:"received"`
		Sent     int64  `json:"sent"`
		By       Side   `json:"closed_by"`
		How      How    `json:"how"`
		Err      string `json:"error,omitempty"`
		Millis   int64  `json:"duration_ms"`
		PID      int    `json:"pid,omitempty"`
	}{
		r.ID, r.Network, r.Peer.String(), r.Local.String(), r.Received, r.Sent,
		r.End.By, r.End.How, text, r.Duration.Milliseconds(), r.PID,
	})
}

// endOf classifies what a read or a write of the connection returned. Over TLS
// the peer may also end it by an alert, or by a FIN in the middle of a record.
func endOf(err error) *End {
	var op *net.OpError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &op) && op.Op == "remote error": // as crypto/tls gives them
		return &End{By: Peer, How: Failed, Err: err}
	case errors.Is(err, io.EOF):
		return &End{By: Peer, How: FIN}
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE),
		errors.Is(err, syscall.ECONNABORTED):
		return &End{By: Peer, How: RST, Err: err}
	case errors.Is(err, syscall.ETIMEDOUT), errors.Is(err, syscall.EHOSTUNREACH),
		errors.Is(err, syscall.ENETUNREACH):
		return &End{By: Peer, How: Timeout, Err: err}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &End{By: Local, How: Timeout, Err: err}
	}
	return &End{By: Local, How: Failed, Err: err}
}
