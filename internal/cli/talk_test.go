package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sock/engine"
)

// silentConn is a peer of which nothing can be seen: it has finished sending,
// and takes what it is sent.
type silentConn struct {
	net.Conn
	mu   sync.Mutex
	sent bytes.Buffer
	fail error // of the next write
}

func (c *silentConn) Read([]byte) (int, error) { return 0, io.EOF }
func (c *silentConn) CloseWrite() error        { return nil }
func (c *silentConn) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fail != nil {
		return 0, c.fail
	}
	return c.sent.Write(b)
}

// TestTalkUnseenPeer: the peer has finished and nothing tells whether it still
// reads. What we have to say goes out; once we are silent it is over.
func TestTalkUnseenPeer(t *testing.T) {
	in, feed := io.Pipe()
	conn := &silentConn{}
	talk := &talk{conn: conn, in: in, out: io.Discard, rules: rules{peerEOF: ending{waits, 200 * time.Millisecond}}}
	go func() {
		for range 5 { // five times half of the wait: longer than it in all
			_, _ = feed.Write([]byte("more\n"))
			time.Sleep(100 * time.Millisecond)
		}
	}()
	end, err := talk.run(context.Background())
	if err != nil || end.By != engine.Peer || end.How != engine.FIN {
		t.Errorf("run = %+v, %v; want an end by the peer's FIN", end, err)
	}
	if got, want := conn.sent.String(), strings.Repeat("more\n", 5); got != want {
		t.Errorf("sent %q, want %q", got, want)
	}
}

// TestTalkPeerEOF goes through what the peer's end may do to an input that
// stays open and silent.
func TestTalkPeerEOF(t *testing.T) {
	for _, tt := range []struct {
		name  string
		rules rules
		ends  bool
	}{
		{"default", rules{}, true},
		{"close", rules{peerEOF: ending{mode: closes}}, true},
		{"wait", rules{peerEOF: ending{waits, 10 * time.Millisecond}}, true},
		{"half", rules{peerEOF: ending{mode: half}}, false},
		{"terminal", rules{onTTY: true}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in, feed := io.Pipe()
			defer feed.Close()
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			defer cancel()
			_, err := (&talk{conn: &silentConn{}, in: in, out: io.Discard, rules: tt.rules}).run(ctx)
			if ended := err == nil; ended != tt.ends {
				t.Errorf("run = %v, ended by itself: %v, want %v", err, ended, tt.ends)
			}
		})
	}
}

func TestTalkErrors(t *testing.T) {
	reset := &net.OpError{Op: "write", Err: os.NewSyscallError("send", syscall.ECONNRESET)}
	for _, tt := range []struct {
		name string
		conn net.Conn
		in   io.Reader
		want engine.End
	}{
		{"write-reset", &silentConn{fail: reset}, strings.NewReader("x"), engine.End{By: engine.Peer, How: engine.RST}},
		{"input", &silentConn{}, badReader{}, engine.End{By: engine.Local, How: engine.Failed}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			end, err := (&talk{conn: tt.conn, in: tt.in, out: io.Discard}).run(context.Background())
			if err == nil || end.By != tt.want.By || end.How != tt.want.How {
				t.Errorf("run = %s %s, %v; want %s %s and an error", end.By, end.How, err, tt.want.By, tt.want.How)
			}
		})
	}
}

type badReader struct{}

func (badReader) Read([]byte) (int, error) { return 0, errors.New("the disk is gone") }

// TestTalkOutputFails: an output that cannot be written is ours to answer for.
func TestTalkOutputFails(t *testing.T) {
	ours, peers := net.Pipe()
	go func() { _, _ = peers.Write([]byte("hello")) }()
	in, feed := io.Pipe()
	defer feed.Close()
	end, err := (&talk{conn: ours, in: in, out: badWriter{}}).run(context.Background())
	if end.By != engine.Local || end.How != engine.Failed || err == nil || err.Error() != "standard output: the disk is full" {
		t.Errorf("run = %s %s, %v; want local error, standard output: the disk is full", end.By, end.How, err)
	}
}

type badWriter struct{}

func (badWriter) Write([]byte) (int, error) { return 0, errors.New("the disk is full") }

func TestEndingValue(t *testing.T) {
	for _, tt := range []struct {
		text string
		want ending
		err  string
	}{
		{"half", ending{mode: half}, ""},
		{"close", ending{mode: closes}, ""},
		{"wait=1m30s", ending{waits, 90 * time.Second}, ""},
		{"wait=0", ending{waits, 0}, ""},
		{"wait", ending{}, "wait needs a duration, as in wait=2s"},
		{"wait=-1s", ending{}, "a duration cannot be negative"},
		{"half=1s", ending{}, `"half=1s" is none of half, close and wait=DURATION; did you mean "half"?`},
		{"", ending{}, `"" is none of half, close and wait=DURATION`},
	} {
		var got ending
		err := endingValue{&got}.Set(tt.text)
		if message := errorText(err); message != tt.err || err == nil && got != tt.want {
			t.Errorf("Set(%q) = %+v, %q; want %+v, %q", tt.text, got, message, tt.want, tt.err)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestReadyKeepsStandardStreams: the descriptor of --ready-fd 1 stays that of
// standard output, which a second file for it would close once it is collected.
func TestReadyKeepsStandardStreams(t *testing.T) {
	a := newApp(nil)
	for fd, want := range []*os.File{a.stdin, a.stdout, a.stderr} {
		if got := a.descriptor(fd); got != want {
			t.Errorf("descriptor %d: a file of its own, want the one that there is", fd)
		}
	}
}
