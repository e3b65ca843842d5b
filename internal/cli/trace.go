package cli

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"sock/socket"
)

// traceOrigin is the environment variable that gives a child process the time
// at which its parent's trace began, so that both count from there.
const traceOrigin = "SOCK_TRACE_ORIGIN"

// startTrace shows each socket call from now on, if --trace asks for it:
//
//	+0.000213  4  bind(127.0.0.1:65432) = 0
//
// the seconds since the start, the descriptor, and the call as socket(2) has
// it, with what it returned. A call that waited shows when it was over.
func (a *app) startTrace() {
	if !a.trace {
		return
	}
	origin := time.Now()
	if nanoseconds, err := strconv.ParseInt(os.Getenv(traceOrigin), 10, 64); err == nil {
		origin = time.Unix(0, nanoseconds)
	} else {
		_ = os.Setenv(traceOrigin, strconv.FormatInt(origin.UnixNano(), 10))
	}
	socket.SetTracer(func(c *socket.Call) { a.traced(origin, c) })
}

func (a *app) traced(origin time.Time, c *socket.Call) {
	if c.Errno == 0 && (errors.Is(c.Err, net.ErrClosed) || errors.Is(c.Err, os.ErrDeadlineExceeded)) {
		return // a wait that was called off: the kernel never refused anything
	}
	at := c.Start.Add(c.Duration).Sub(origin)
	if !a.json {
		a.report.line(fmt.Appendf(nil, "+%.6f  %2d  %s", at.Seconds(), c.FD, c))
		return
	}
	a.emit("call", callEvent{
		AtUS: microseconds(at), PID: os.Getpid(), FD: c.FD, Call: c.String(),
		DurationUS: microseconds(c.Duration), Errno: errnoName(c.Errno),
	})
}

// microseconds is d as events give it, to the nanosecond.
func microseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }
