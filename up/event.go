package up

import (
	"fmt"
	"time"

	"sock/endpoint"
	"sock/engine"
	"sock/service"
	"sock/socket"
)

// Kind says what an Event is about.
type Kind string

// The kinds of events. Those of a connection are the engine's.
const (
	Listening Kind = "listening" // clients can connect from now on
	Stopped   Kind = "stopped"   // the line accepts no more
	Open      Kind = "open"
	Close     Kind = "close"
	Refuse    Kind = "refuse"
	Notice    Kind = "notice"
	Error     Kind = "error"
)

// Event is what a Set reports to [Config].Observe.
type Event struct {
	Kind     Kind
	Time     time.Time
	Line     service.Line      // which line it is about
	Endpoint endpoint.Endpoint // the line's endpoint, with the real port

	// Of listening events.
	Addrs       []socket.Addr  // every address that is listened on
	Model       engine.Model   // how its connections are served
	Backend     engine.Backend // under the model event: with what
	Fingerprint string         // of the certificate, over TLS; else empty

	// Of open, close and refuse events, and of those notices and errors that
	// come from the engine: all it said. Conn.Kind is empty elsewhere.
	Conn engine.Event

	Text string // notice, error: what happened, in words
	Err  error  // error, refuse: why
}

// LineError says which line could not be served, and why.
type LineError struct {
	Line service.Line
	Err  error
}

// Error gives "sock.conf:3: " before the cause where the line stands in a
// file. On the command line the cause, which names the endpoint, says enough.
func (e *LineError) Error() string {
	if e.Line.File == "" {
		return e.Err.Error()
	}
	return fmt.Sprintf("%s: %s", e.Line.Where(), e.Err)
}

// Unwrap gives the cause.
func (e *LineError) Unwrap() error { return e.Err }

// emit reports an event about the slot's line.
func (s *slot) emit(e Event) {
	if s.cfg.Observe == nil {
		return
	}
	e.Line, e.Endpoint = s.line, s.endpoint
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	s.cfg.Observe(e)
}

// observer passes on what the engine says about one line.
func (s *slot) observer() func(engine.Event) {
	return func(e engine.Event) {
		s.emit(Event{Kind: Kind(e.Kind), Time: e.Time, Conn: e, Text: e.Text, Err: e.Err})
	}
}
