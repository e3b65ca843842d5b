package socket

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// previewSize bounds the data bytes that a Call keeps.
const previewSize = 32

// Call is one finished socket call, as a tracer sees it. Only the call that finished is reported,
// with the whole time it took: not each attempt that found the socket not ready. A Call holds no
// memory of the caller's and may be kept.
type Call struct {
	Start    time.Time
	Duration time.Duration

	Name     string        // the system call: socket, bind, listen, accept, connect, send, …
	FD       int           // the descriptor; -1 where there was none
	N        int           // what the call returned, when it succeeded
	Errno    syscall.Errno // the kernel's refusal, or 0
	Err      error         // any failure, with those that have no errno: deadline, cancelled, closed
	Network  string        // tcp, udp, unix, …
	Family   Family        // of socket and socketpair
	Type     Type
	Protocol Protocol

	Addr  Addr  // bind, connect, sendto: the argument. accept, recvfrom, getsockname, getpeername: the answer.
	Len   int   // bytes offered to send or asked to receive; listen: the backlog; batches: messages
	Flags Flags // MSG_* flags as the caller gave them
	How   How   // shutdown
	Peer  int   // splice, socketpair, dup: the other descriptor

	Level, Option int    // getsockopt, setsockopt
	Value         []byte // getsockopt, setsockopt: at most previewSize bytes

	preview  [previewSize]byte
	previewN int
}

// Preview gives the first bytes that were sent or received, at most 32.
func (c *Call) Preview() []byte { return c.preview[:c.previewN] }

// tracer is nil while tracing is off.
var tracer atomic.Pointer[func(*Call)]

// SetTracer has fn called after every socket call of this process, from the goroutine that made the
// call; nil turns it off. fn must be safe for concurrent use and must not itself make socket calls.
// While it is off the cost is one atomic load per call. Safe for concurrent use.
func SetTracer(fn func(*Call)) {
	if fn == nil {
		tracer.Store(nil)
		return
	}
	tracer.Store(&fn)
}

// trace is a call under way; its fn is nil while tracing is off.
type trace struct {
	fn    *func(*Call)
	start time.Time
}

func startTrace() trace {
	if fn := tracer.Load(); fn != nil {
		return trace{fn: fn, start: time.Now()}
	}
	return trace{}
}

func (t trace) on() bool { return t.fn != nil }

// end reports the call. c.Err, if any, gives the errno.
func (t trace) end(c Call) {
	c.Start, c.Duration = t.start, time.Since(t.start)
	errors.As(c.Err, &c.Errno)
	(*t.fn)(&c)
}

// endData reports a call that carried b.
func (t trace) endData(c Call, b []byte) {
	if c.N > 0 {
		c.previewN = copy(c.preview[:], b[:min(c.N, len(b))])
	}
	t.end(c)
}

// String gives the call as a textbook prints it: bind(127.0.0.1:65432) = 0.
func (c *Call) String() string {
	text := c.Name + "(" + c.arguments() + ") = "
	switch {
	case c.failed():
		return text + "-1 " + c.reason()
	case c.Name == "accept":
		return text + strconv.Itoa(c.N) + " (" + c.Addr.String() + ")"
	}
	return text + strconv.Itoa(c.N)
}

func (c *Call) failed() bool { return c.Err != nil && !errors.Is(c.Err, io.EOF) }

// reason gives "ECONNREFUSED (connection refused)", or "(i/o timeout)" where there is no errno.
func (c *Call) reason() string {
	if c.Errno == 0 {
		err := c.Err
		for next := errors.Unwrap(err); next != nil; next = errors.Unwrap(err) {
			err = next
		}
		return "(" + err.Error() + ")"
	}
	name := errnoSymbol(c.Errno)
	if name == "" {
		name = strconv.Itoa(int(c.Errno))
	}
	return name + " (" + c.Errno.Error() + ")"
}

func (c *Call) arguments() string {
	switch c.Name {
	case "socket":
		return fmt.Sprintf("%v, %v, %v", c.Family, c.Type, c.Protocol)
	case "socketpair":
		return fmt.Sprintf("%v, %v, %v, [%d, %d]", c.Family, c.Type, c.Protocol, c.FD, c.Peer)
	case "bind", "connect":
		return c.Addr.String()
	case "getsockname", "getpeername":
		return c.answer()
	case "listen":
		return "backlog=" + strconv.Itoa(c.Len)
	case "shutdown":
		return c.How.String()
	case "setsockopt", "getsockopt":
		return c.optionText()
	case "splice":
		return fmt.Sprintf("from %d, %d", c.Peer, c.Len)
	case "sendfile":
		return strconv.Itoa(c.Len)
	case "sendmmsg", "recvmmsg":
		return strconv.Itoa(c.Len) + " messages" + c.flagText()
	case "accept", "close", "dup", "detach":
		return ""
	}
	return c.dataText()
}

func (c *Call) answer() string {
	if c.failed() {
		return ""
	}
	return c.Addr.String()
}

// dataText is the arguments of a call that sends or receives: "hello\n", 6, MSG_OOB.
func (c *Call) dataText() string {
	var text strings.Builder
	sent := strings.HasPrefix(c.Name, "send")
	if !c.failed() {
		text.WriteString(strconv.QuoteToASCII(string(c.Preview())))
		if c.N > c.previewN {
			text.WriteString("...")
		}
		text.WriteString(", ")
	}
	text.WriteString(strconv.Itoa(c.Len))
	text.WriteString(c.flagText())
	if c.Addr.IsValid() {
		if sent {
			text.WriteString(", to ")
		} else {
			text.WriteString(", from ")
		}
		text.WriteString(c.Addr.String())
	}
	return text.String()
}

func (c *Call) flagText() string {
	if c.Flags == 0 {
		return ""
	}
	return ", " + c.Flags.String()
}
