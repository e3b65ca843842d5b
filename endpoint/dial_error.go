package endpoint

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"
)

// DialError says that an endpoint could not be reached: which, why, and what
// was tried. It unwraps to the cause. Where addresses were tried, that is the
// *net.OpError of the most telling one (what the destination itself said goes
// before what the way there said, and that before what is wrong at home), so
// that errors.Is(err, syscall.ECONNREFUSED) and os.ErrDeadlineExceeded work. Of
// a name that does not resolve it is a *net.DNSError, of TLS a [*TLSError].
type DialError struct {
	Endpoint Endpoint
	Attempts []Attempt // empty when it did not come to that
	Err      error

	timeout time.Duration // timeout=, if that is what ended the dial
}

// Error is "connect tcp://localhost:9: connection refused (ECONNREFUSED); tried
// [::1]:9, 127.0.0.1:9". Addresses that failed in another way say so.
func (e *DialError) Error() string {
	var b strings.Builder
	b.WriteString("connect " + e.Endpoint.withoutOptions().String() + ": ")
	main := e.phrase(e.Err)
	b.WriteString(main)
	if len(e.Attempts) == 0 || len(e.Attempts) == 1 && e.obvious(e.Attempts[0]) {
		return b.String()
	}
	b.WriteString("; tried ")
	for i, a := range e.Attempts {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(a.Addr.String() + e.remark(a, main))
	}
	return b.String()
}

// remark is what became of an attempt, where the main reason is not that.
func (e *DialError) remark(a Attempt, main string) string {
	if a.Err == nil {
		return " (connected)"
	}
	text := e.phrase(a.Err)
	if text == main {
		return ""
	}
	return " (" + strings.NewReplacer(" (", ", ", ")", "").Replace(text) + ")"
}

// obvious reports whether the endpoint already spells that address.
func (e *DialError) obvious(a Attempt) bool {
	return strings.Contains(e.Endpoint.withoutOptions().String(), a.Addr.String())
}

// Unwrap returns the cause.
func (e *DialError) Unwrap() error { return e.Err }

// Timeout reports whether time ran out: timeout=, a deadline or the kernel's patience.
func (e *DialError) Timeout() bool {
	var t interface{ Timeout() bool }
	return isDeadline(e.Err) || errors.As(e.Err, &t) && t.Timeout()
}

func (e *DialError) phrase(err error) string {
	var secure *TLSError
	switch {
	case e.timeout == 0 || !isDeadline(err) || errors.As(err, &secure):
		return phrase(err, "connect")
	case len(e.Attempts) == 0:
		return fmt.Sprintf("cannot resolve %s within %v", e.Endpoint.Host, e.timeout)
	}
	return fmt.Sprintf("no answer within %v", e.timeout)
}

func isDeadline(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded)
}

// withoutOptions is the endpoint as messages name it.
func (e Endpoint) withoutOptions() Endpoint {
	e.Options = nil
	return e
}

// failure wraps what ended a dial.
func (r *dialing) failure(ctx context.Context, err error) error {
	failed := &DialError{Endpoint: r.endpoint, Attempts: r.report.Attempts, Err: err}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) && isDeadline(err) {
		failed.timeout = r.endpoint.Timeout()
	}
	return failed
}

// mostTelling picks the error of the attempt that says most about why the
// endpoint cannot be reached; of equals, the first.
func mostTelling(attempts []Attempt) error {
	best := slices.MinFunc(attempts, func(a, b Attempt) int { return tells(a.Err) - tells(b.Err) })
	return best.Err
}

// telling lists the errnos from what the destination says, by what the way
// there says, down to what this host lacks.
var telling = []syscall.Errno{
	syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EACCES, syscall.EPERM, syscall.ETIMEDOUT,
	syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EADDRINUSE, syscall.EINVAL, syscall.EADDRNOTAVAIL, syscall.EAFNOSUPPORT,
}

// tells ranks an error: the less, the more telling. Silence (a deadline) says
// more than "no route from here", and less than an answer.
func tells(err error) int {
	var errno syscall.Errno
	switch {
	case errors.As(err, &errno):
		if i := slices.Index(telling, errno); i >= 0 {
			return 2 * i
		}
	case isDeadline(err):
		return 2*slices.Index(telling, syscall.ETIMEDOUT) + 1
	case errors.Is(err, context.Canceled):
		return 2*len(telling) + 2
	}
	return 2 * len(telling)
}

// phrase says in words what an error means, with the errno's name:
// "connection refused (ECONNREFUSED)". A call other than the one that was asked
// for is named with its address: "bind 127.0.0.2:80: permission denied (EACCES)".
func phrase(err error, asked string) string {
	var op *net.OpError
	var secure *TLSError
	switch {
	case errors.As(err, &secure):
		return secure.Error()
	case !errors.As(err, &op):
		return words(err)
	case op.Op == "resolve":
		return unresolved(op.Err)
	}
	text := words(op.Err)
	if op.Op == asked {
		return text
	}
	if op.Addr != nil {
		text = op.Addr.String() + ": " + text
	}
	return op.Op + " " + text
}

// unresolved says why a host has no address.
func unresolved(err error) string {
	var dns *net.DNSError
	var addr *net.AddrError
	switch {
	case errors.As(err, &dns) && dns.Server != "" && !dns.IsNotFound:
		return fmt.Sprintf("cannot resolve %s: %s (asked %s)", dns.Name, dns.Err, dns.Server)
	case errors.As(err, &dns):
		return fmt.Sprintf("cannot resolve %s: %s", dns.Name, dns.Err)
	case errors.As(err, &addr):
		return fmt.Sprintf("cannot resolve %s: %s", addr.Addr, addr.Err)
	}
	return "cannot resolve: " + err.Error()
}

// words says an error without the calls around it.
func words(err error) string {
	var call *os.SyscallError
	var errno syscall.Errno
	switch {
	case isDeadline(err):
		return "timed out"
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case errors.As(err, &call) && err.Error() == call.Error():
		err = call.Err
	}
	if errors.As(err, &errno) && err.Error() == errno.Error() {
		return errnoWords(errno)
	}
	return err.Error()
}

// errnoWords is "connection refused (ECONNREFUSED)".
func errnoWords(errno syscall.Errno) string {
	if name := errnoName(errno); name != "" {
		return errno.Error() + " (" + name + ")"
	}
	return errno.Error()
}
