package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"syscall"
	"time"
)

// The control socket between a server and a child is a SEQPACKET pair. A
// message is one byte of kind and a body:
//
//	server → child                    child → server
//	S  setup (JSON), the first one    H  the handshake is done, is there a slot?
//	G  yes, go on                     E  an event of kind error or notice (JSON)
//	R  no, refused                    C  the connection has ended (JSON)
//	B  a message of the Bus           B  a message of the Bus
//	Q  Shutdown has begun
//	F  reset the connection
//
// End of file on either side means that the other process is gone.
const (
	msgSetup  = 'S'
	msgGo     = 'G'
	msgRefuse = 'R'
	msgBus    = 'B'
	msgStop   = 'Q'
	msgForce  = 'F'
	msgShaken = 'H'
	msgEvent  = 'E'
	msgEnd    = 'C'

	maxControl = 128 << 10 // bytes of one message: setup with its certificates is the longest
	maxStack   = 32 << 10  // bytes of a panic's stack in an event
	maxText    = 4 << 10   // bytes of an error's text: a handler may panic with anything
)

// The descriptors that a child inherits.
const (
	childConn    = 3
	childControl = 4
)

// setup is what a child must know.
type setup struct {
	ID               uint64
	Idle             time.Duration
	HandshakeTimeout time.Duration
	Linger           time.Duration
	ReadBuffer       int
	HighWater        int
	LowWater         int
	TLS              *tlsMaterial
}

func (c *Config) setup(id uint64) setup {
	return setup{
		ID: id, Idle: c.Idle, HandshakeTimeout: c.HandshakeTimeout, Linger: c.Linger,
		ReadBuffer: c.ReadBuffer, HighWater: c.HighWater, LowWater: c.LowWater,
	}
}

// apply puts what the parent sent into the child's own Config.
func (u *setup) apply(c *Config) error {
	c.Model = Goroutine
	c.Idle, c.HandshakeTimeout, c.Linger = u.Idle, u.HandshakeTimeout, u.Linger
	c.ReadBuffer, c.HighWater, c.LowWater = u.ReadBuffer, u.HighWater, u.LowWater
	c.MaxConns, c.Admit, c.TLS = 0, nil, nil
	if u.TLS == nil {
		return nil
	}
	var err error
	c.TLS, err = u.TLS.config()
	return err
}

// childEnd is the record of a connection on its way to the server.
type childEnd struct {
	Received, Sent int64
	By             Side
	How            How
	Err            string
	Errno          syscall.Errno
}

// childEvent is an event on its way to the server.
type childEvent struct {
	Kind  EventKind
	Text  string
	Err   string
	Errno syscall.Errno
	Stack []byte
}

// remoteError is an error that was met in a child.
type remoteError struct {
	text  string
	errno syscall.Errno
}

func (e *remoteError) Error() string { return e.text }

// Unwrap gives the errno, if there was one.
func (e *remoteError) Unwrap() error {
	if e.errno == 0 {
		return nil
	}
	return e.errno
}

// packError and unpackError carry an error across: its text and its errno.

func packError(err error) (text string, errno syscall.Errno) {
	if err == nil {
		return "", 0
	}
	errors.As(err, &errno)
	text = err.Error()
	return text[:min(len(text), maxText)], errno
}

func unpackError(text string, errno syscall.Errno) error {
	if text == "" {
		return nil
	}
	return &remoteError{text: text, errno: errno}
}

// message builds one message of the control socket.
func message(kind byte, body any) ([]byte, error) {
	encoded, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("engine: control message: %w", err)
	}
	if len(encoded) >= maxControl {
		return nil, fmt.Errorf("engine: control message of %d bytes: %w", len(encoded), ErrMessageTooLong)
	}
	return append([]byte{kind}, encoded...), nil
}

// ChildError is the cause of an End where the process that served the
// connection ended before it had reported one.
type ChildError struct {
	PID    int
	Status string // "signal: killed", "exit status 2", …
}

// Error names the process and its status.
func (e *ChildError) Error() string { return fmt.Sprintf("child %d: %s", e.PID, e.Status) }
