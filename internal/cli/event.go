package cli

import (
	"encoding/json"
	"io"
	"sync"
	"time"
)

// The events. Each is one object on one line of standard error, when --json is
// given; docs/events.md describes every field, and a test holds the two to
// each other. A field that does not apply is left out.

// listeningEvent says that a client can connect from now on.
type listeningEvent struct {
	Endpoint    string   `json:"endpoint"`
	Addresses   []string `json:"addresses"`
	Port        int      `json:"port,omitempty"`
	Service     string   `json:"service,omitempty"`
	Model       string   `json:"model,omitempty"`
	Backend     string   `json:"backend,omitempty"`
	Fingerprint string   `json:"fingerprint,omitempty"`
	PID         int      `json:"pid"`
}

// attemptEvent is one address that was tried before a connection stood.
type attemptEvent struct {
	Endpoint   string  `json:"endpoint"`
	Address    string  `json:"address"`
	DurationMS float64 `json:"duration_ms"`
	Error      string  `json:"error,omitempty"`
	Errno      string  `json:"errno,omitempty"`
}

// openEvent is a connection, or a UDP session, that begins.
type openEvent struct {
	ID       uint64 `json:"id"`
	Endpoint string `json:"endpoint"`
	Local    string `json:"local"`
	Peer     string `json:"peer"`
	TLS      string `json:"tls,omitempty"`
	ALPN     string `json:"alpn,omitempty"`
}

// closeEvent is the record of a connection that has ended.
type closeEvent struct {
	ID         uint64  `json:"id"`
	Endpoint   string  `json:"endpoint"`
	Local      string  `json:"local"`
	Peer       string  `json:"peer"`
	Received   int64   `json:"received"`
	Sent       int64   `json:"sent"`
	ClosedBy   string  `json:"closed_by"`
	How        string  `json:"how"`
	DurationMS float64 `json:"duration_ms"`
	Error      string  `json:"error,omitempty"`
	Errno      string  `json:"errno,omitempty"`
}

// deniedEvent is a client that was turned away.
type deniedEvent struct {
	Endpoint string `json:"endpoint"`
	Peer     string `json:"peer"`
	Reason   string `json:"reason"`
}

// noticeEvent is something worth knowing that ends nothing.
type noticeEvent struct {
	Endpoint string `json:"endpoint,omitempty"`
	Message  string `json:"message"`
}

// errorEvent is why the command ends, or why it carries on as before.
type errorEvent struct {
	Message    string `json:"message"`
	Op         string `json:"op,omitempty"`
	Endpoint   string `json:"endpoint,omitempty"`
	Errno      string `json:"errno,omitempty"`
	Hint       string `json:"hint,omitempty"`
	File       string `json:"file,omitempty"`
	Line       int    `json:"line,omitempty"`
	Column     int    `json:"column,omitempty"`
	Text       string `json:"text,omitempty"`
	Offset     *int   `json:"offset,omitempty"`
	Length     int    `json:"length,omitempty"`
	Suggestion string `json:"suggestion,omitempty"`
	Exit       *int   `json:"exit,omitempty"`
}

// reloadEvent says what a reload of the file changed.
type reloadEvent struct {
	File    string   `json:"file"`
	Kept    []string `json:"kept"`
	Changed []string `json:"changed"`
	Started []string `json:"started"`
	Stopped []string `json:"stopped"`
}

// stoppedEvent says that one of several endpoints is served no more.
type stoppedEvent struct {
	Endpoint string `json:"endpoint"`
	Service  string `json:"service,omitempty"`
}

// stoppingEvent says that the server accepts no more and lets what it has end.
type stoppingEvent struct {
	Reason string `json:"reason"`
}

// callEvent is one socket call, with --trace.
type callEvent struct {
	AtUS       float64 `json:"at_us"`
	PID        int     `json:"pid"`
	FD         int     `json:"fd"`
	Call       string  `json:"call"`
	DurationUS float64 `json:"duration_us"`
	Errno      string  `json:"errno,omitempty"`
}

// reporter writes lines to standard error, each with one write, so that lines
// of several goroutines (and of several processes) never mix. Safe for
// concurrent use.
type reporter struct {
	out io.Writer
	mu  sync.Mutex
}

func (r *reporter) line(text []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, _ = r.out.Write(append(text, '\n'))
}

// emit writes one event, if --json asks for events.
func (a *app) emit(name string, fields any) {
	if !a.json {
		return
	}
	body, err := json.Marshal(fields)
	if err != nil {
		panic("cli: event " + name + ": " + err.Error())
	}
	head, _ := json.Marshal(struct {
		Event string    `json:"event"`
		Time  time.Time `json:"time"`
	}{name, time.Now()})
	line := append(head[:len(head)-1], ',')
	a.report.line(append(line, body[1:]...))
}

// milliseconds is d as events give it, to the microsecond.
func milliseconds(d time.Duration) float64 {
	return float64(d.Microseconds()) / 1000
}
