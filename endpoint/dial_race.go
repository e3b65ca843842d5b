package endpoint

import (
	"context"
	"time"

	"sock/socket"
)

// race tries the addresses of the report and returns the first socket that
// connects. At most one attempt begins per AttemptDelay, so that the number
// under way is bounded by the time that a connect takes.
func (r *dialing) race(ctx context.Context) (*socket.Socket, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := contest{dialing: r, results: make(chan result, len(r.report.Addrs))}
	winner := c.run(ctx)
	cancel()
	c.drain()
	if winner == nil {
		return nil, mostTelling(r.report.Attempts)
	}
	return winner, nil
}

// contest is the state of a race. Only the goroutine of Dial touches it; the
// attempts, one goroutine each, send exactly one result to a channel that has
// room for all of them, and drain waits for every one.
type contest struct {
	*dialing
	results chan result
	running int
}

type result struct {
	index int // into report.Attempts
	s     *socket.Socket
	err   error
}

func (c *contest) run(ctx context.Context) *socket.Socket {
	timer := time.NewTimer(c.AttemptDelay)
	defer timer.Stop()
	c.begin(ctx)
	for c.running > 0 {
		var due <-chan time.Time
		if c.left() {
			due = timer.C
		}
		select {
		case <-due:
			c.begin(ctx)
			timer.Reset(c.AttemptDelay)
		case res := <-c.results:
			if c.finish(res, res.err); res.err == nil {
				return res.s
			}
			if c.left() && ctx.Err() == nil {
				c.begin(ctx) // a failure need not wait for the clock
				timer.Reset(c.AttemptDelay)
			}
		}
	}
	return nil
}

// left reports whether there is an address that was not tried.
func (c *contest) left() bool { return len(c.report.Attempts) < len(c.report.Addrs) }

// begin starts an attempt at the next address.
func (c *contest) begin(ctx context.Context) {
	index := len(c.report.Attempts)
	addr := c.report.Addrs[index]
	c.report.Attempts = append(c.report.Attempts, Attempt{Addr: addr, Start: time.Now()})
	c.running++
	go func() { // ends with its connect, which ctx cancels; drain waits for it
		s, err := connect(ctx, c.endpoint, c.from, addr)
		c.results <- result{index, s, err}
	}()
}

// finish enters the outcome of an attempt into the report.
func (c *contest) finish(res result, err error) {
	c.running--
	a := &c.report.Attempts[res.index]
	a.Duration, a.Err = time.Since(a.Start), err
	if c.Attempts != nil {
		c.Attempts(*a)
	}
}

// drain waits for the attempts that lost, and closes what still connected.
// Where nothing won it has nothing to do.
func (c *contest) drain() {
	for c.running > 0 {
		res := <-c.results
		if res.s != nil {
			res.s.Close()
		}
		if res.err == nil {
			res.err = context.Canceled
		}
		c.finish(res, res.err)
	}
}
