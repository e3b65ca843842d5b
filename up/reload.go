package up

import (
	"context"
	"errors"
	"slices"
	"syscall"

	"sock/endpoint"
	"sock/service"
)

// A Change says what a reload did, line by line.
type Change struct {
	Kept    []service.Line // not touched
	Changed []service.Line // another service or other limits on the same listening socket
	Started []service.Line // opened
	Stopped []service.Line // no longer served: removed, or in the way of a started one
}

// Reload makes the given lines those that are served. Lines are compared by
// their canonical form. A line that was there before is not touched, nor are
// its connections. Where a line differs in its service or in a limit of the
// engine only (idle=, max-conns=, allow=, deny=, model=), the new service takes
// over the listening socket, and no client is refused. One whose socket or TLS
// options differ, or that had failed, is opened anew. What is no longer listed stops accepting, and
// its connections have Config.Drain to end.
//
// If the new lines cannot all be served, the old ones go on as they were, and
// the error is a *LineError that says which line it was.
func (s *Set) Reload(ctx context.Context, lines []service.Line) (Change, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return Change{}, ErrDown
	}
	if err := service.Check(lines); err != nil {
		return Change{}, err
	}
	for _, l := range lines {
		if err := check(l, s.cfg); err != nil {
			return Change{}, &LineError{l, err}
		}
	}
	p := newPlan(s.slots, lines, s.cfg)
	p.lost = s.lost
	if err := p.open(ctx); err != nil {
		p.undo(ctx)
		return Change{}, err
	}
	return s.commitLocked(p), nil
}

// A plan is the way from the running slots to new lines. Until commit nothing
// in it is served, and undo leads back.
type plan struct {
	cfg   Config
	lost  chan<- struct{}
	steps []*step // one per new line, in order
	gone  []*slot // running, and wanted by no new line
	shut  []*slot // of gone: closed to make room
}

// A step is what one new line needs.
type step struct {
	line service.Line
	old  *slot // the running slot it goes on with; nil: none
	same bool  // the line is old's own
	new  *slot // what is to be served; nil until opened
}

// newPlan finds for each line the slot that it can go on with: first its own,
// then one with the same socket.
func newPlan(running []*slot, lines []service.Line, cfg Config) *plan {
	p := &plan{cfg: cfg, gone: slices.Clone(running)}
	for _, l := range lines {
		p.steps = append(p.steps, &step{line: l})
	}
	for _, st := range p.steps {
		st.old = p.claim(func(old *slot) bool { return old.line.String() == st.line.String() })
		st.same = st.old != nil
	}
	for _, st := range p.steps {
		if st.old == nil {
			want := socketOf(st.line.Endpoint)
			st.old = p.claim(func(old *slot) bool { return socketOf(old.line.Endpoint) == want })
		}
	}
	return p
}

// claim takes the first slot that fits out of gone. One that has failed is to
// be opened anew.
func (p *plan) claim(fits func(*slot) bool) *slot {
	i := slices.IndexFunc(p.gone, func(old *slot) bool { return old.failure.Load() == nil && fits(old) })
	if i < 0 {
		return nil
	}
	old := p.gone[i]
	p.gone = slices.Delete(p.gone, i, i+1)
	return old
}

// engineOptions are the endpoint's options that the socket knows nothing of.
var engineOptions = []string{"idle", "max-conns", "allow", "deny", "model", "backend", "loops"}

// socketOf is what an endpoint asks of its listening sockets.
func socketOf(e endpoint.Endpoint) string {
	e.Options = slices.DeleteFunc(slices.Clone(e.Options), func(o endpoint.Option) bool {
		return slices.Contains(engineOptions, o.Name)
	})
	return e.String()
}

// open opens what the new lines need beyond what is open. Lines whose address
// is still held by a slot that is to go come last: for them it is closed.
func (p *plan) open(ctx context.Context) error {
	var late []*step
	for _, st := range p.steps {
		err := p.openStep(ctx, st)
		if errors.Is(err, syscall.EADDRINUSE) && p.makesRoom(st.line) {
			late = append(late, st)
			continue
		}
		if err != nil {
			return &LineError{st.line, err}
		}
	}
	for _, st := range late {
		p.makeRoom(st.line)
		if err := p.openStep(ctx, st); err != nil {
			return &LineError{st.line, err}
		}
	}
	return nil
}

// makesRoom reports whether a slot that is to go may be what is in a line's way.
func (p *plan) makesRoom(line service.Line) bool {
	return slices.ContainsFunc(p.gone, func(old *slot) bool { return collide(old.endpoint, line.Endpoint) })
}

// makeRoom closes such slots.
func (p *plan) makeRoom(line service.Line) {
	for _, old := range p.gone {
		if collide(old.endpoint, line.Endpoint) && !slices.Contains(p.shut, old) {
			p.shut = append(p.shut, old)
			_ = old.closeSockets() // what is wrong with it shows when the address is opened
		}
	}
}

// collide reports whether the sockets of two endpoints could be in each
// other's way: one path, or one port, whatever the addresses.
func collide(a, b endpoint.Endpoint) bool {
	return a.Port == b.Port && a.Path == b.Path && a.IsUnix() == b.IsUnix() && (a.IsUnix() || a.IsDatagram() == b.IsDatagram())
}

// openStep opens one line, or takes over the sockets that it goes on with.
func (p *plan) openStep(ctx context.Context, st *step) (err error) {
	switch {
	case st.same:
		st.new = st.old
	case st.old != nil:
		st.new, err = takeOver(st.old, st.line, p.cfg)
	default:
		st.new, err = open(ctx, st.line, p.cfg)
	}
	return err
}

// takeOver makes a slot for another line on the sockets of a running one,
// which goes on undisturbed for now.
func takeOver(old *slot, line service.Line, cfg Config) (*slot, error) {
	model, err := modelFor(line, cfg)
	if err != nil {
		return nil, err
	}
	s := &slot{cfg: cfg, line: line, model: model}
	if err := s.attach(old.bound); err != nil {
		return nil, err
	}
	return s, nil
}

// undo closes what was opened and opens again what was closed to make room.
func (p *plan) undo(ctx context.Context) {
	for _, st := range p.steps {
		if st.new == nil || st.same {
			continue
		}
		st.new.pause() // it has not begun
		if st.old == nil {
			_ = st.new.bound.Close() // nobody has used it yet
		}
	}
	for _, old := range p.shut {
		old.reopen(context.WithoutCancel(ctx), p.lost)
	}
}

// commitLocked goes through with a plan whose sockets are all open.
func (s *Set) commitLocked(p *plan) Change {
	var change Change
	for _, old := range p.gone {
		if !slices.Contains(p.shut, old) {
			_ = old.closeSockets() // the descriptors are gone either way
		}
		change.Stopped = append(change.Stopped, old.line)
		s.retire(old)
	}
	s.slots = nil
	for _, st := range p.steps {
		s.slots = append(s.slots, st.new)
	}
	s.joinRoomsLocked()
	for _, st := range p.steps {
		switch {
		case st.same:
			change.Kept = append(change.Kept, st.line)
		case st.old != nil:
			change.Changed = append(change.Changed, st.line)
			st.old.pause()
			st.new.serve(s.lost)
			s.retire(st.old)
		default:
			change.Started = append(change.Started, st.line)
			st.new.serve(s.lost)
		}
	}
	return change
}
