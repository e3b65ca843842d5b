package engine

import (
	"time"

	"sock/socket"
)

// EventKind says what an Event is about.
type EventKind string

// The kinds of events. EventOpen and EventClose come in pairs.
const (
	EventOpen   EventKind = "open"   // a connection was accepted (a session began)
	EventClose  EventKind = "close"  // it has ended: Record is set
	EventRefuse EventKind = "refuse" // a peer was turned away: Err says why
	EventNotice EventKind = "notice" // something a person should know: Text
	EventError  EventKind = "error"  // something went wrong: Text, Err; a panic's Stack
)

// Event is what a Server reports to [Config].Observe.
type Event struct {
	Kind   EventKind
	Time   time.Time
	ID     uint64      // the connection; 0: none
	Peer   socket.Addr // open, close, refuse
	Local  socket.Addr // open, close, refuse
	Record *Record     // close
	Text   string      // notice, error: what happened, in words
	Err    error       // refuse, error: why
	Stack  []byte      // a panic's stack
	PID    int         // the child process that serves the connection
}
