package cli

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"github.com/spf13/cobra"

	"sock/engine"
	"sock/internal/syntax"
	"sock/service"
	"sock/up"
)

// serving is a set of service lines while it runs.
type serving struct {
	a      *app
	reload func(ctx context.Context, set *up.Set) // what SIGHUP does; nil: a notice that there is no file
	banner func()                                 // shown once all listen; nil: none

	mu        sync.Mutex
	endpoints []string // guarded by mu: what listens, in the order of the lines
}

// serveOne serves one line that a verb has put together from its flags. What
// is wrong with it is the user's mistake.
func (a *app) serveOne(cmd *cobra.Command, l service.Line) error {
	line, err := service.ParseLine(l.String())
	if err != nil {
		return usage(cmd, err)
	}
	return (&serving{a: a}).run(cmd.Context(), []service.Line{line})
}

// run serves the lines until ctx ends, and then lets what is open end.
func (s *serving) run(ctx context.Context, lines []service.Line) error {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	s.a.startTrace()
	set, err := up.Start(ctx, lines, up.Config{Observe: s.observe, Child: s.a.child, Drain: drainLimit})
	if err != nil {
		return causeOr(ctx, err)
	}
	s.mu.Lock()
	endpoints := s.endpoints
	s.mu.Unlock()
	if s.banner != nil {
		s.banner()
	}
	if err := s.a.ready(endpoints...); err != nil {
		return err
	}
	failed := s.wait(ctx, set, hangups)
	s.a.stopping(ctx)
	draining, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainLimit)
	defer cancel()
	_ = set.Shutdown(draining) // what had to be forced was told, connection by connection
	return failed
}

// causeOr prefers the reason why ctx ended to what came of that.
func causeOr(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// wait reloads at every hangup until ctx ends, or until no line is left that
// serves: then it returns why.
func (s *serving) wait(ctx context.Context, set *up.Set, hangups <-chan os.Signal) error {
	failed := make(chan error, 1)
	go func() { failed <- set.Wait(ctx) }() // ends with ctx, or by itself
	for {
		select {
		case err := <-failed:
			return err
		case <-hangups:
			if s.reload == nil {
				s.a.notice("", "hangup: the service lines did not come from a file, so there is nothing to read again")
				continue
			}
			s.reload(ctx, set)
		}
	}
}

// observe turns what a set reports into events and words. It is called from
// many goroutines.
func (s *serving) observe(e up.Event) {
	switch e.Kind {
	case up.Listening:
		s.listening(e)
	case up.Stopped:
		s.a.verbose("%s: listens no more", place(e.Endpoint))
		s.a.emit("stopped", stoppedEvent{Endpoint: place(e.Endpoint), Service: saying(e.Line)})
	case up.Notice:
		s.a.notice(place(e.Endpoint), withReason(e.Text, e.Conn.Err))
	case up.Error:
		s.a.trouble(place(e.Endpoint), engine.Event{Text: e.Text, Err: e.Err, Peer: e.Conn.Peer, Stack: e.Conn.Stack})
	default:
		s.a.observer(e.Endpoint)(e.Conn)
	}
}

func (s *serving) listening(e up.Event) {
	s.mu.Lock()
	s.endpoints = append(s.endpoints, place(e.Endpoint))
	s.mu.Unlock()
	told := listeningEvent{
		Endpoint: place(e.Endpoint), Addresses: []string{}, Port: int(e.Endpoint.PortNumber()),
		Service: saying(e.Line), Model: string(e.Model), Backend: string(e.Backend), Fingerprint: e.Fingerprint, PID: os.Getpid(),
	}
	for _, addr := range e.Addrs {
		told.Addresses = append(told.Addresses, addr.String())
	}
	if s.banner != nil {
		s.a.emit("listening", told)
		return
	}
	s.a.announce(told, nil)
}

// saying is a line without its endpoint: the service and its arguments.
func saying(l service.Line) string {
	_, text, _ := strings.Cut(l.String(), " ")
	return text
}

// childVerb is the hidden verb that serves one connection of a parent that
// runs the model process.
const childVerb = "serve-connection"

// child is the program that serves one connection under the model process:
// this one, told to show what its parent shows.
func (a *app) child(l service.Line) (*exec.Cmd, error) {
	args := []string{childVerb}
	if a.trace {
		args = append(args, "--trace")
	}
	if a.json {
		args = append(args, "--json")
	}
	return service.Child(l, args...)
}

func (a *app) childCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:    childVerb + " LINE",
		Short:  "serves one connection that a parent hands over",
		Hidden: true,
		Args:   a.between(1, 1, "service line"),
		RunE: func(cmd *cobra.Command, args []string) error {
			a.startTrace()
			// The parent says when to stop: an interrupt at a terminal reaches both.
			return service.ServeChild(context.WithoutCancel(cmd.Context()), args[0])
		},
	}
	cmd.Flags().BoolVar(&a.trace, "trace", false, "")
	cmd.Flags().BoolVar(&a.json, "json", false, "")
	return cmd
}

// isSyntax reports whether a person has written something wrong.
func isSyntax(err error) bool {
	_, ok := errors.AsType[*syntax.Error](err)
	return ok
}
