package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"sock/endpoint"
	"sock/engine"
	"sock/socket"
)

// bound is what a Listener and a PacketListener have in common.
type bound interface {
	Endpoint() endpoint.Endpoint
	Addrs() []socket.Addr
	Notices() []string
}

// listeningOf describes a listener that is ready.
func listeningOf(l bound) listeningEvent {
	ep := l.Endpoint()
	e := listeningEvent{Endpoint: place(ep), Port: int(ep.PortNumber()), Addresses: []string{}, PID: os.Getpid()}
	for _, addr := range l.Addrs() {
		e.Addresses = append(e.Addresses, addr.String())
	}
	if secure, ok := l.(interface{ Fingerprint() string }); ok {
		e.Fingerprint = secure.Fingerprint()
	}
	return e
}

// announce says that a client can connect: as an event, or in words.
func (a *app) announce(e listeningEvent, notices []string) {
	text := "listening on " + e.Endpoint
	if e.Service != "" {
		text += "  " + e.Service
	}
	if e.Backend != "" {
		text += "  (event loops on " + e.Backend + ")"
	}
	a.say("sock: %s", text)
	if e.Fingerprint != "" {
		a.say("sock: the certificate's fingerprint is %s", e.Fingerprint)
	}
	a.emit("listening", e)
	for _, n := range notices {
		a.notice(e.Endpoint, n)
	}
}

// ready writes the endpoints to the descriptor of --ready-fd and closes it.
func (a *app) ready(endpoints ...string) error {
	if a.readyFD < 0 {
		return nil
	}
	f := a.descriptor(a.readyFD)
	for _, e := range endpoints {
		if _, err := fmt.Fprintln(f, e); err != nil {
			return &failure{op: "write", endpoint: fmt.Sprintf("--ready-fd %d", a.readyFD), err: err, advice: fmt.Sprintf("the descriptor must be open for writing, as in %d>FILE", a.readyFD)}
		}
	}
	if a.readyFD > 2 {
		return f.Close()
	}
	return nil
}

// descriptor is an inherited descriptor as a file. The standard streams have
// one already, and may have no other: the runtime closes the descriptor of a
// file that nobody refers to any more.
func (a *app) descriptor(fd int) *os.File {
	if standard := [...]*os.File{a.stdin, a.stdout, a.stderr}; fd < len(standard) {
		return standard[fd]
	}
	return os.NewFile(uintptr(fd), "ready-fd")
}

// observer turns what an engine reports into events and words.
func (a *app) observer(ep endpoint.Endpoint) func(engine.Event) {
	where := place(ep)
	return func(e engine.Event) {
		switch e.Kind {
		case engine.EventOpen:
			a.verbose("%s: open, %s to %s", where, e.Local, e.Peer)
			a.emit("open", openEvent{ID: e.ID, Endpoint: where, Local: e.Local.String(), Peer: e.Peer.String()})
		case engine.EventClose:
			a.closed(ep, *e.Record, e.Record.Local.String(), e.Record.Peer.String())
			if end := e.Record.End; end.How == engine.Failed && end.By == engine.Local && !a.verbosely && end.Err != nil {
				a.say("sock: %s", printable(where+": "+e.Record.Peer.String()+": "+reason(end.Err)))
			}
		case engine.EventRefuse:
			a.denied(ep, e.Peer, e.Err)
		case engine.EventNotice:
			a.notice(where, withReason(e.Text, e.Err))
		case engine.EventError:
			a.trouble(where, e)
		}
	}
}

func withReason(text string, err error) string {
	if err == nil {
		return text
	}
	return text + ": " + reason(err)
}

// trouble tells of something that went wrong with one connection, and not with
// the server.
func (a *app) trouble(where string, e engine.Event) {
	text := withReason(e.Text, e.Err)
	if e.Peer.IsValid() {
		text = e.Peer.String() + ": " + text
	}
	if len(e.Stack) > 0 && a.verbosely {
		text += "\n" + string(e.Stack)
	}
	a.notice(where, text)
}

// denied tells of a client that was turned away.
func (a *app) denied(ep endpoint.Endpoint, peer socket.Addr, why error) {
	e := deniedEvent{Endpoint: place(ep), Peer: peer.String(), Reason: "access"}
	if errors.Is(why, engine.ErrTooMany) {
		e.Reason = "max-conns"
	}
	a.verbose("%s: %s turned away: %v", e.Endpoint, e.Peer, why)
	a.emit("denied", e)
}

// errAccess is why a peer that allow= and deny= do not let in is refused.
var errAccess = errors.New("not allowed to connect (allow=, deny=)")

// admit is the endpoint's access list as an engine asks it; nil lets everyone in.
func admit(ep endpoint.Endpoint) func(socket.Addr) error {
	list := ep.Access()
	if list.IsEmpty() {
		return nil
	}
	return func(peer socket.Addr) error {
		if list.Permits(peer) {
			return nil
		}
		return errAccess
	}
}

// drainLimit bounds how long a server that was interrupted lets its
// connections end by themselves. A second interrupt ends it at once.
const drainLimit = 10 * time.Second

// stopping tells that the server accepts no more, and why.
func (a *app) stopping(ctx context.Context) {
	why := context.Cause(ctx).Error()
	a.verbose("stopping: %s", why)
	a.emit("stopping", stoppingEvent{Reason: why})
}
