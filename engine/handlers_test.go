package engine_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"sock/engine"
)

// handler is a Handler of functions; nil ones do nothing.
type handler struct {
	open, data func(c *engine.Conn)
	close      func(c *engine.Conn, err error)
}

func (h *handler) Open(c *engine.Conn) {
	if h.open != nil {
		h.open(c)
	}
}

func (h *handler) Data(c *engine.Conn) {
	if h.data != nil {
		h.data(c)
	}
}

func (h *handler) Close(c *engine.Conn, err error) {
	if h.close != nil {
		h.close(c, err)
	}
}

// halfCloser also goes on after the peer's end of file.
type halfCloser struct {
	handler
	half func(c *engine.Conn)
}

func (h *halfCloser) HalfClosed(c *engine.Conn) { h.half(c) }

// drainer also writes on when there is room.
type drainer struct {
	handler
	drained func(c *engine.Conn)
}

func (h *drainer) Drained(c *engine.Conn) { h.drained(c) }

// stopper also decides how it ends.
type stopper struct {
	handler
	stop func(c *engine.Conn)
}

func (h *stopper) Stop(c *engine.Conn) { h.stop(c) }

// bigSize is more than all buffers between two ends of a connection hold.
const bigSize = 12 << 20

// pattern gives n bytes that differ from place to place.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return b
}

// namedHandlers are the services of the conformance suite: by name, so that a
// child process finds them too.
var namedHandlers = map[string]func() engine.Handler{
	"echo":           newEcho,
	"chunk-echo":     newChunkEcho,
	"ref-echo":       newRefEcho,
	"upper-lines":    newUpperLines,
	"late-reply":     newLateReply,
	"reply-and-shut": newReplyAndShut,
	"big-open":       newBigOpen,
	"flood":          newFlood,
	"sink":           newSink,
	"consume-none":   func() engine.Handler { return &handler{} },
	"panic-open":     func() engine.Handler { return &handler{open: func(*engine.Conn) { panic("at open") }} },
	"panic-data":     func() engine.Handler { return &handler{data: func(*engine.Conn) { panic("at data") }} },
	"panic-close":    newPanicClose,
	"abort":          func() engine.Handler { return &handler{data: func(c *engine.Conn) { c.Abort() }} },
	"close":          func() engine.Handler { return &handler{data: func(c *engine.Conn) { c.Close() }} },
	"poster":         newPoster,
	"chat":           newChat,
	"blocking-echo":  newBlockingEcho,
	"blocking-late":  newBlockingLate,
	"blocking-fail":  newBlockingFail,
	"blocking-panic": newBlockingPanic,
	"blocking-close": newBlockingClose,
	"blocking-wait":  newBlockingWait,
	"stop-bye":       newStopBye,
	"crash":          newCrash,
	"files":          newFiles,
}

func handlerNamed(name string) engine.Handler {
	make, ok := namedHandlers[name]
	if !ok {
		panic("no handler " + name)
	}
	return make()
}

// newEcho sends back what it gets; what does not fit now stays for later.
func newEcho() engine.Handler {
	return &handler{data: func(c *engine.Conn) {
		n, err := c.Write(c.Peek())
		c.Discard(n)
		if err != nil && !errors.Is(err, engine.ErrBackpressure) {
			panic(fmt.Sprintf("echo: got %v, want nil or backpressure", err))
		}
	}}
}

// newChunkEcho sends back little at a time and leaves the rest when it may not.
func newChunkEcho() engine.Handler {
	return &handler{data: func(c *engine.Conn) {
		for c.Buffered() > 0 {
			n, err := c.Write(c.Peek()[:min(c.Buffered(), 100)])
			if c.Discard(n); err != nil {
				return
			}
		}
	}}
}

// newRefEcho sends back what it gets through another goroutine.
func newRefEcho() engine.Handler {
	return &handler{data: func(c *engine.Conn) {
		data, ref := bytes.Clone(c.Next(c.Buffered())), c.Ref()
		c.Pause() // until it is written
		go func() {
			for errors.Is(ref.Write(data), engine.ErrBackpressure) {
				time.Sleep(time.Millisecond)
			}
			_ = ref.Post((*engine.Conn).Resume)
		}()
	}}
}

// newUpperLines answers each whole line, however it arrives.
func newUpperLines() engine.Handler {
	return &handler{data: func(c *engine.Conn) {
		for {
			end := bytes.IndexByte(c.Peek(), '\n')
			if end < 0 {
				return
			}
			line := c.Next(end + 1)
			if _, err := c.WriteString(strings.ToUpper(string(line))); err != nil {
				panic(err)
			}
		}
	}}
}

// newLateReply counts to end of file, and answers a while after it.
func newLateReply() engine.Handler {
	h := &halfCloser{}
	h.open = func(c *engine.Conn) { c.SetValue(0) }
	h.data = func(c *engine.Conn) { c.SetValue(c.Value().(int) + c.Discard(c.Buffered())) }
	h.half = func(c *engine.Conn) {
		ref, got := c.Ref(), c.Value().(int)
		if c.SetValue(-1); got < 0 {
			panic("HalfClosed was called twice")
		}
		time.AfterFunc(50*time.Millisecond, func() {
			_ = ref.Write(fmt.Appendf(nil, "%d bytes", got))
			_ = ref.Close()
		})
	}
	return h
}

// newReplyAndShut answers the first bytes with many and closes, whatever the
// peer still sends.
func newReplyAndShut() engine.Handler {
	return &handler{data: func(c *engine.Conn) {
		reply := pattern(1 << 20)
		_, _ = c.Write(reply)
		clear(reply) // it was copied
		c.Close()
		if _, err := c.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			panic(fmt.Sprintf("write after Close: got %v, want net.ErrClosed", err))
		}
	}}
}

func newBigOpen() engine.Handler {
	h := newEcho().(*handler)
	h.open = func(c *engine.Conn) { _, _ = c.Write(pattern(bigSize)) }
	return h
}

// newFlood writes for ever, as much as is allowed.
func newFlood() engine.Handler {
	chunk := pattern(8 << 10)
	h := &drainer{}
	h.drained = func(c *engine.Conn) {
		for {
			if _, err := c.Write(chunk); err != nil {
				return
			}
		}
	}
	h.open = h.drained
	h.data = func(c *engine.Conn) { c.Discard(c.Buffered()) }
	return h
}

func newSink() engine.Handler {
	return &handler{data: func(c *engine.Conn) { c.Discard(c.Buffered()) }}
}

func newPanicClose() engine.Handler {
	h := newEcho().(*handler)
	h.close = func(*engine.Conn, error) { panic("at close") }
	return h
}

// newPoster answers from other goroutines: "post", "write" or "close".
func newPoster() engine.Handler {
	return &handler{data: func(c *engine.Conn) {
		ref := c.Ref()
		switch word := string(c.Next(c.Buffered())); word {
		case "post":
			go func() { _ = ref.Post(func(c *engine.Conn) { _, _ = c.WriteString("posted") }) }()
		case "write":
			go func() { _ = ref.Write([]byte("written")) }()
		case "close":
			go func() {
				_ = ref.Write([]byte("last words"))
				_ = ref.Close()
			}()
		}
	}}
}

// newChat gives what one peer says to all others.
func newChat() engine.Handler {
	h := &handler{}
	h.open = func(c *engine.Conn) {
		ref, me := c.Ref(), fmt.Appendf(nil, "%d:", c.ID())
		c.SetValue(c.Bus().Subscribe(func(msg []byte) error {
			if bytes.HasPrefix(msg, me) {
				return nil
			}
			return ref.Write(msg[bytes.IndexByte(msg, ':')+1:])
		}))
		_, _ = c.WriteString("welcome\n")
	}
	h.data = func(c *engine.Conn) {
		_ = c.Bus().Publish(fmt.Appendf(nil, "%d:%s", c.ID(), c.Next(c.Buffered())))
	}
	h.close = func(c *engine.Conn, _ error) { c.Value().(func())() }
	return h
}

func newBlockingEcho() engine.Handler {
	return engine.Blocking(func(_ context.Context, conn net.Conn) error {
		_, err := io.Copy(conn, conn)
		return err
	})
}

func newBlockingLate() engine.Handler {
	return engine.Blocking(func(_ context.Context, conn net.Conn) error {
		got, err := io.ReadAll(conn)
		if err == nil {
			_, err = fmt.Fprintf(conn, "%d bytes", len(got))
		}
		return err
	})
}

var errOfService = errors.New("of the service")

func newBlockingFail() engine.Handler {
	return engine.Blocking(func(_ context.Context, conn net.Conn) error {
		_, _ = conn.Write([]byte("sorry"))
		return errOfService
	})
}

func newBlockingPanic() engine.Handler {
	return engine.Blocking(func(context.Context, net.Conn) error { panic("while blocking") })
}

// newBlockingClose answers 1 MiB and closes with data unread.
func newBlockingClose() engine.Handler {
	return engine.Blocking(func(_ context.Context, conn net.Conn) error {
		if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
			return err
		}
		if _, err := conn.Write(pattern(1 << 20)); err != nil {
			return err
		}
		if err := conn.Close(); err != nil {
			return err
		}
		if _, err := conn.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("write after Close: got %v, want net.ErrClosed", err)
		}
		return nil
	})
}

// newBlockingWait says "bye" when the server shuts down.
func newBlockingWait() engine.Handler {
	return engine.Blocking(func(ctx context.Context, conn net.Conn) error {
		if _, err := conn.Write([]byte("hello")); err != nil {
			return err
		}
		<-ctx.Done()
		_, err := conn.Write([]byte("bye"))
		return err
	})
}

// newStopBye ends with a word when the server shuts down.
func newStopBye() engine.Handler {
	h := &stopper{handler: *newEcho().(*handler)}
	h.stop = func(c *engine.Conn) {
		_, _ = c.WriteString("bye")
		c.Close()
	}
	return h
}

// newCrash ends its process: "exit" with status 7, "kill" by a signal.
func newCrash() engine.Handler {
	return &handler{data: func(c *engine.Conn) {
		said := string(c.Next(c.Buffered()))
		switch {
		case strings.HasSuffix(said, "exit"):
			os.Exit(7)
		case strings.HasSuffix(said, "kill"):
			self, _ := os.FindProcess(os.Getpid()) // never fails for oneself
			_ = self.Kill()
		}
	}}
}

// newFiles answers with the sockets among the descriptors of this process and
// of a program that it starts.
func newFiles() engine.Handler {
	return &handler{data: func(c *engine.Conn) {
		c.Discard(c.Buffered())
		cmd := testChild(childRole + "=sockets")
		cmd.Env = without(cmd.Env, childHandler)
		theirs, err := cmd.Output()
		_, _ = fmt.Fprintf(c, "own %d, of a program %s, %v", openSockets(), theirs, err)
		c.Close()
	}}
}

func openSockets() (n int) {
	for _, f := range openFiles() {
		if strings.Contains(f, "socket:") {
			n++
		}
	}
	return n
}
