package up

import (
	"context"
	"errors"
	"os/exec"
	"slices"
	"sync"
	"time"

	"sock/engine"
	"sock/service"
)

// DefaultDrain is how long connections may take to end by themselves.
const DefaultDrain = 10 * time.Second

// Config says how a Set serves its lines. The zero Config works, without the
// model process. It does not change after Start.
type Config struct {
	// Model serves the lines that have no model= of their own. Default
	// engine.Goroutine. Datagram lines do not look at it.
	Model engine.Model

	// Observe, if set, receives every Event. It is called from many
	// goroutines, must not block, and must not call the Set.
	Observe func(Event)

	// Child gives the program that serves one connection of a line under the
	// model process; see service.Child. Without it that model is an error.
	Child func(service.Line) (*exec.Cmd, error)

	// Drain bounds how long the connections of a line that a reload has
	// removed or changed may go on before they are reset; Run gives
	// the same time to all when it ends. Default DefaultDrain.
	Drain time.Duration
}

// A Set is a running set of lines. Its methods are safe for concurrent use.
type Set struct {
	cfg Config // immutable

	// kill is done when the connections of former lines must end.
	kill     context.Context
	killNow  context.CancelFunc
	draining sync.WaitGroup // the servers of former lines

	lost chan struct{} // holds one where a line has failed since Wait looked

	mu    sync.Mutex
	slots []*slot          // guarded by mu; in the order of the lines
	rooms map[string]*room // guarded by mu
	down  bool             // guarded by mu: Shutdown has begun
}

// ErrDown is what Reload returns once Shutdown has begun.
var ErrDown = errors.New("up: shutting down")

// Start opens every line's endpoint and then serves them all. If one line
// cannot be served, none is, and the error is a *LineError that says which.
// The context bounds the opening only.
func Start(ctx context.Context, lines []service.Line, cfg Config) (*Set, error) {
	if cfg.Drain <= 0 {
		cfg.Drain = DefaultDrain
	}
	s := &Set{cfg: cfg, rooms: map[string]*room{}, lost: make(chan struct{}, 1)}
	s.kill, s.killNow = context.WithCancel(context.Background())
	if _, err := s.Reload(ctx, lines); err != nil {
		s.killNow()
		return nil, err
	}
	return s, nil
}

// Run starts the lines and serves them until the context ends, or until no line
// is left that serves; then it shuts down and gives the connections Config.Drain
// to end. It returns nil after the context's end, else why the lines could not
// be started or what Wait has returned.
func Run(ctx context.Context, lines []service.Line, cfg Config) error {
	s, err := Start(ctx, lines, cfg)
	if err != nil {
		return err
	}
	err = s.Wait(ctx)
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.Drain)
	defer cancel()
	_ = s.Shutdown(drain) // what had to be forced was reported, connection by connection
	return err
}

// Wait waits for the context's end, and returns nil. It returns earlier if no
// line is left that serves, because accepting on each has failed for good: then
// the error holds a *LineError for each. One line's failure among others is an
// Error event only; a reload that has the line again opens it anew. A Set
// without lines has none that failed. One call at a time.
func (s *Set) Wait(ctx context.Context) error {
	for {
		if err := s.failed(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.lost:
		}
	}
}

// failed gives why the lines serve no more, or nil while one does.
func (s *Set) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, slot := range s.slots {
		failure := slot.failure.Load()
		if failure == nil {
			return nil
		}
		errs = append(errs, failure)
	}
	return errors.Join(errs...)
}

// Lines gives the lines being served, in their order. The endpoints are as
// written, not with the real ports: see Event.
func (s *Set) Lines() []service.Line {
	s.mu.Lock()
	defer s.mu.Unlock()
	lines := make([]service.Line, len(s.slots))
	for i, slot := range s.slots {
		lines[i] = slot.line
	}
	return lines
}

// Stats gives the counters of each line being served, in the order of Lines.
// A line whose service was changed by a reload counts from then.
func (s *Set) Stats() []engine.Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := make([]engine.Stats, len(s.slots))
	for i, slot := range s.slots {
		stats[i] = slot.server.Stats()
	}
	return stats
}

// Shutdown stops accepting on every line, closes the listening sockets, and
// lets the connections end until the context does; those that are left then
// are reset. It returns the context's error if any had to be. A second call,
// with a context that ends sooner, forces what the first one waits for.
func (s *Set) Shutdown(ctx context.Context) error {
	slots := s.close()
	errs := make([]error, len(slots))
	var all sync.WaitGroup
	for i, slot := range slots {
		all.Go(func() { errs[i] = slot.end(ctx) })
	}
	all.Wait()
	stop := context.AfterFunc(ctx, s.killNow)
	s.draining.Wait()
	stop()
	return firstError(errs)
}

func firstError(errs []error) error {
	i := slices.IndexFunc(errs, func(err error) bool { return err != nil })
	if i < 0 {
		return nil
	}
	return errs[i]
}

// close stops accepting everywhere and gives the slots, whose connections go
// on.
func (s *Set) close() []*slot {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return s.slots
	}
	s.down = true
	for _, r := range s.rooms {
		r.part()
	}
	for _, slot := range s.slots {
		if err := slot.closeSockets(); err != nil {
			slot.emit(Event{Kind: Error, Text: "closing", Err: err})
		}
	}
	return s.slots
}

// retire lets the connections of a former line end, in the background.
// Shutdown waits for it.
func (s *Set) retire(former *slot) {
	s.draining.Go(func() {
		ctx, cancel := context.WithTimeout(s.kill, s.cfg.Drain)
		defer cancel()
		_ = former.end(ctx) // what had to be forced was reported, connection by connection
	})
}
