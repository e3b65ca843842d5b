package cli

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"syscall"

	"sock/endpoint"
	"sock/internal/syntax"
)

// errReported ends a verb with exit code 1 when what went wrong has been told
// already.
var errReported = errors.New("cli: reported")

// A failure is an error with what the terminal shows around it: the verb's
// word for what was being done, and the endpoint it was done to.
type failure struct {
	op       string // connect, listen, send, receive, write
	endpoint string
	err      error
	advice   string // a hint that knows more than hintFor; may be empty
}

func (f *failure) Error() string {
	return strings.Join(nonempty(f.op, f.endpoint), " ") + ": " + reason(f.err)
}

func (f *failure) Unwrap() error { return f.err }

func nonempty(words ...string) []string {
	kept := words[:0]
	for _, w := range words {
		if w != "" {
			kept = append(kept, w)
		}
	}
	return kept
}

// subject is what was being done, and to which endpoint, when err happened.
func subject(err error) (op, ep string) {
	if f, ok := errors.AsType[*failure](err); ok {
		return f.op, f.endpoint
	}
	if dial, ok := errors.AsType[*endpoint.DialError](err); ok {
		return "connect", place(dial.Endpoint)
	}
	if listen, ok := errors.AsType[*endpoint.ListenError](err); ok {
		return "listen", place(listen.Endpoint)
	}
	return "", ""
}

// fail wraps err once, for the terminal. It returns nil for nil.
func fail(op string, ep endpoint.Endpoint, err error) error {
	if err == nil {
		return nil
	}
	return &failure{op: op, endpoint: place(ep), err: err}
}

// place is the endpoint without its options: what a person recognises.
func place(ep endpoint.Endpoint) string {
	ep.Options = nil
	return ep.String()
}

// reason is the innermost cause in words, with the errno's symbol: "connection
// refused (ECONNREFUSED)". The call and the address around it are told apart.
func reason(err error) string {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno.Error() + bracketed(errnoName(errno))
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return "timed out" + bracketed("ETIMEDOUT")
	case errors.Is(err, context.Canceled):
		return "interrupted"
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return dnsReason(dns)
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err.Error()
	}
	return err.Error()
}

func bracketed(name string) string {
	if name == "" {
		return ""
	}
	return " (" + name + ")"
}

func dnsReason(err *net.DNSError) string {
	switch {
	case err.IsNotFound:
		return "no such host: " + err.Name
	case err.IsTimeout:
		return "the name server did not answer for " + err.Name
	}
	return "cannot resolve " + err.Name + ": " + err.Err
}

// errnoOf is the symbol of the errno inside err, or empty.
func errnoOf(err error) string {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errnoName(errno)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
		return "ETIMEDOUT"
	}
	return ""
}

// describe tells of an error that ends the command with code.
func (a *app) describe(err error, code int) {
	if a.json {
		e := a.errorFields(err)
		e.Exit = &code
		a.emit("error", e)
		return
	}
	a.tell(err)
}

// tell writes an error for a person: the message, where a text is wrong the
// text with carets under it, the hint.
func (a *app) tell(err error) {
	lines := []string{a.paint(a.stderr, red, "sock:") + " " + syntax.Printable(err.Error())}
	if wrong, ok := errors.AsType[*syntax.Error](err); ok && wrong.Text != "" {
		lines = append(lines, indent(wrong.Underline(), "  "))
	}
	if hint := hintFor(err); hint != "" {
		lines = append(lines, a.paint(a.stderr, faint, "hint:")+" "+hint)
	}
	a.report.line([]byte(strings.Join(lines, "\n")))
}

// errorFields gives an error as an event.
func (a *app) errorFields(err error) errorEvent {
	e := errorEvent{Message: err.Error(), Errno: errnoOf(err), Hint: hintFor(err)}
	e.Op, e.Endpoint = subject(err)
	if wrong, ok := errors.AsType[*syntax.Error](err); ok {
		e.Message = wrong.Message
		e.File, e.Line, e.Column = wrong.File, wrong.Line, wrong.Column
		e.Text, e.Offset, e.Length, e.Suggestion = wrong.Text, &wrong.Offset, wrong.Length, wrong.Suggestion
	}
	return e
}
