package socket

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pattern gives n bytes in which a lost, repeated or moved block shows.
func pattern(n int) []byte {
	b := make([]byte, 0, n+sha256.Size)
	sum := sha256.Sum256(nil)
	for len(b) < n {
		b = append(b, sum[:]...)
		sum = sha256.Sum256(sum[:])
	}
	return b[:n]
}

// feed writes b to s and half-closes it, in a goroutine that wait waits for.
func feed(t *testing.T, s *Socket, b []byte) (wait func()) {
	var done sync.WaitGroup
	done.Go(func() {
		if _, err := s.SendAll(b, 0); err != nil {
			t.Errorf("feeding: %v", err)
		}
		if err := s.Shutdown(ShutWR); err != nil {
			t.Error(err)
		}
	})
	return done.Wait
}

// collect reads s to its end, in a goroutine.
func collect(t *testing.T, s *Socket) <-chan []byte {
	got := make(chan []byte, 1)
	go func() {
		b, err := io.ReadAll(s.Conn())
		if err != nil {
			t.Errorf("collecting: %v", err)
		}
		got <- b
	}()
	return got
}

func TestSplice(t *testing.T) {
	want := pattern(3 << 20)
	for _, from := range streams[:5] {
		for _, to := range []stream{streams[0], streams[2], streams[4]} {
			t.Run(from.name+"-to-"+to.name, func(t *testing.T) {
				source, in := connected(t, from.family, from.typ, from.proto)
				out, sink := connected(t, to.family, to.typ, to.proto)
				wait, got := feed(t, source, want), collect(t, sink)
				n, err := out.Splice(in, -1)
				check(t, out.Shutdown(ShutWR))
				wait()
				if b := <-got; n != int64(len(want)) || err != nil || !bytes.Equal(b, want) {
					t.Errorf("got %d, %v, and %d bytes arrived, want all %d, the same", n, err, len(b), len(want))
				}
			})
		}
	}
}

// Where there is no descriptor left for a pipe, the bytes go through the process.
func TestSpliceOutOfDescriptors(t *testing.T) {
	source, in := connected(t, INET, STREAM, TCP)
	out, sink := connected(t, UNIX, STREAM, 0)
	must(source.Send([]byte("0123456789"), 0))(t)
	drainPipes()
	var old unix.Rlimit
	check(t, unix.Prlimit(0, unix.RLIMIT_NOFILE, nil, &old))
	check(t, unix.Prlimit(0, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 3, Max: old.Max}, nil))
	n, err := out.Splice(in, 10)
	check(t, unix.Prlimit(0, unix.RLIMIT_NOFILE, &old, nil))
	if n != 10 || err != nil {
		t.Fatalf("got %d, %v, want 10", n, err)
	}
	buf := make([]byte, 16)
	if n := must(sink.Recv(buf, 0))(t); string(buf[:n]) != "0123456789" {
		t.Errorf("arrived %q, want all ten", buf[:n])
	}
}

// A bound leaves the rest in the source.
func TestSpliceBounded(t *testing.T) {
	source, in := connected(t, INET, STREAM, TCP)
	out, sink := connected(t, UNIX, STREAM, 0)
	must(source.Send([]byte("0123456789"), 0))(t)
	if n := must(out.Splice(in, 4))(t); n != 4 {
		t.Errorf("got %d, want 4", n)
	}
	if n := must(out.Splice(in, 0))(t); n != 0 {
		t.Errorf("of nothing: got %d, want 0", n)
	}
	buf := make([]byte, 16)
	if n := must(sink.Recv(buf, 0))(t); string(buf[:n]) != "0123" {
		t.Errorf("arrived %q, want %q", buf[:n], "0123")
	}
	if n := must(in.Recv(buf, 0))(t); string(buf[:n]) != "456789" {
		t.Errorf("left %q, want %q", buf[:n], "456789")
	}
}

// When the destination takes no more, what arrived and what did not make up what was read.
func TestSpliceDestinationFails(t *testing.T) {
	want := pattern(4 << 20)
	for _, c := range []struct {
		name string
		fail func(t *testing.T, out, sink *Socket)
		want error
	}{
		{"deadline", func(t *testing.T, out, _ *Socket) {
			check(t, out.SetWriteDeadline(time.Now().Add(100*time.Millisecond)))
		}, os.ErrDeadlineExceeded},
		{"shutdown", func(t *testing.T, out, _ *Socket) { check(t, out.Shutdown(ShutWR)) }, syscall.EPIPE},
	} {
		for _, from := range []stream{streams[0], streams[2]} { // spliced; copied, where the kernel cannot
			t.Run(c.name+"-"+from.name, func(t *testing.T) {
				source, in := connected(t, from.family, from.typ, from.proto)
				out, sink := connected(t, UNIX, STREAM, 0)
				wait := feed(t, source, want)
				c.fail(t, out, sink)
				n, err := out.Splice(in, -1)
				var failed *SpliceError
				if !errors.As(err, &failed) || !errors.Is(err, c.want) || failed.Delivered != n || len(failed.Undelivered) == 0 {
					t.Fatalf("got %d, %v, want a SpliceError of %v", n, err, c.want)
				}
				checkNesting(t, err)
				rest := collect(t, in)
				check(t, out.Close())
				whole := must(io.ReadAll(sink.Conn()))(t)
				if int64(len(whole)) != n {
					t.Errorf("%d bytes arrived, Splice said %d", len(whole), n)
				}
				whole = append(append(whole, failed.Undelivered...), <-rest...)
				wait()
				if !bytes.Equal(whole, want) {
					t.Errorf("arrived, undelivered and unread make %d bytes that differ from the %d sent", len(whole), len(want))
				}
			})
		}
	}
}

func TestSpliceSourceFails(t *testing.T) {
	_, in := connected(t, INET, STREAM, TCP)
	out, sink := connected(t, INET, STREAM, TCP)
	check(t, in.SetReadDeadline(time.Now().Add(20*time.Millisecond)))
	n, err := out.Splice(in, -1)
	if n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %d, %v, want 0, os.ErrDeadlineExceeded", n, err)
	}
	checkNesting(t, err)
	must(out.Send([]byte("x"), 0))(t) // its own deadline is another
	must(sink.Recv(make([]byte, 1), 0))(t)
	d, _ := boundTest(t, INET, UDP)
	if _, err := out.Splice(d, -1); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("of datagrams: got %v, want EINVAL", err)
	}
}

// fileOf gives a file with these bytes, at its beginning.
func fileOf(t *testing.T, b []byte) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f")
	check(t, os.WriteFile(path, b, 0o600))
	f := must(os.Open(path))(t)
	t.Cleanup(func() { f.Close() })
	return f
}

func TestSendFile(t *testing.T) {
	want := pattern(5 << 20)
	f := fileOf(t, want)
	for _, k := range streams[:5] {
		t.Run(k.name, func(t *testing.T) {
			a, b := connected(t, k.family, k.typ, k.proto)
			got := collect(t, b)
			if n := must(a.SendFile(f, 0, -1))(t); n != int64(len(want)) {
				t.Errorf("sent %d, want %d", n, len(want))
			}
			if n := must(a.SendFile(f, 100, 50))(t); n != 50 {
				t.Errorf("a part: sent %d, want 50", n)
			}
			if n := must(a.SendFile(f, int64(len(want))-7, 50))(t); n != 7 {
				t.Errorf("past the end: sent %d, want 7", n)
			}
			check(t, a.Shutdown(ShutWR))
			expected := bytes.Join([][]byte{want, want[100:150], want[len(want)-7:]}, nil)
			if b := <-got; !bytes.Equal(b, expected) {
				t.Errorf("%d bytes arrived that differ from the %d sent", len(b), len(expected))
			}
			if at := must(f.Seek(0, io.SeekCurrent))(t); at != 0 {
				t.Errorf("the file's position moved to %d", at)
			}
		})
	}
}

func TestSendFileFails(t *testing.T) {
	a, _ := connected(t, INET, STREAM, TCP)
	f := fileOf(t, pattern(64<<20))
	check(t, a.SetWriteDeadline(time.Now().Add(100*time.Millisecond)))
	n, err := a.SendFile(f, 0, -1)
	if n == 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("nobody reads: got %d, %v, want some bytes and os.ErrDeadlineExceeded", n, err)
	}
	checkNesting(t, err)
	check(t, f.Close())
	if _, err := a.SendFile(f, 0, -1); !errors.Is(err, os.ErrClosed) {
		t.Errorf("closed file: got %v, want os.ErrClosed", err)
	}
}

// sources are what Conn.ReadFrom may be given; each holds want.
func sources(t *testing.T, want []byte) map[string]func(t *testing.T) (r io.Reader, wait func()) {
	none := func() {}
	return map[string]func(t *testing.T) (io.Reader, func()){
		"file":   func(t *testing.T) (io.Reader, func()) { return fileOf(t, want), none },
		"reader": func(t *testing.T) (io.Reader, func()) { return strings.NewReader(string(want)), none },
		"limited-file": func(t *testing.T) (io.Reader, func()) {
			return io.LimitReader(fileOf(t, append(bytes.Clone(want), "more"...)), int64(len(want))), none
		},
		"conn": func(t *testing.T) (io.Reader, func()) {
			source, in := connected(t, INET, STREAM, TCP)
			return in.Conn(), feed(t, source, want)
		},
		"limited-conn": func(t *testing.T) (io.Reader, func()) {
			source, in := connected(t, UNIX, STREAM, 0)
			return io.LimitReader(in.Conn(), int64(len(want))), feed(t, source, want)
		},
		"net-tcp": func(t *testing.T) (io.Reader, func()) {
			l, addr := listenTest(t, INET, STREAM, TCP)
			conn := must(net.Dial("tcp", addr.String()))(t)
			t.Cleanup(func() { conn.Close() })
			source, _, err := l.Accept(within(t))
			check(t, err)
			return conn, feed(t, closeAtEnd(t, source), want)
		},
		"pipe": func(t *testing.T) (io.Reader, func()) {
			r, w, err := os.Pipe()
			check(t, err)
			t.Cleanup(func() { r.Close() })
			var done sync.WaitGroup
			done.Go(func() { _, _ = w.Write(want); w.Close() })
			return r, done.Wait
		},
	}
}

func TestConnReadFrom(t *testing.T) {
	want := pattern(2 << 20)
	for name, source := range sources(t, want) {
		for _, how := range []string{"readfrom", "copy"} {
			t.Run(name+"-"+how, func(t *testing.T) {
				r, wait := source(t)
				a, b := connected(t, INET, STREAM, TCP)
				got := collect(t, b)
				c := a.Conn()
				var n int64
				var err error
				if how == "copy" {
					n, err = io.Copy(c, r)
				} else {
					n, err = c.ReadFrom(r)
				}
				check(t, c.CloseWrite())
				wait()
				if b := <-got; n != int64(len(want)) || err != nil || !bytes.Equal(b, want) {
					t.Errorf("got %d, %v, and %d bytes arrived, want %d, the same", n, err, len(b), len(want))
				}
				if limited, ok := r.(*io.LimitedReader); ok && limited.N != 0 {
					t.Errorf("the limit says %d more, want 0", limited.N)
				}
			})
		}
	}
}

// A file that is copied with sendfile, also by io.Copy, is seen to be so.
func TestConnReadFromUsesKernel(t *testing.T) {
	calls := recordCalls(t)
	a, b := connected(t, INET, STREAM, TCP)
	source, in := connected(t, INET, STREAM, TCP)
	must(io.Copy(a.Conn(), fileOf(t, []byte("file"))))(t)
	feed(t, source, []byte("conn"))()
	must(io.Copy(a.Conn(), in.Conn()))(t)
	buf := make([]byte, 8)
	must(b.RecvInto(buf, 0))(t)
	if string(buf) != "fileconn" {
		t.Errorf("got %q, want %q", buf, "fileconn")
	}
	for _, name := range []string{"sendfile", "splice"} {
		if !calls.has(a.FD(), name) {
			t.Errorf("no %s in:\n%s", name, calls)
		}
	}
}

func TestConnWriteTo(t *testing.T) {
	want := pattern(1 << 20)
	source, in := connected(t, INET, STREAM, TCP)
	wait := feed(t, source, want)
	var buffer bytes.Buffer
	n, err := io.Copy(&buffer, in.Conn())
	wait()
	if n != int64(len(want)) || err != nil || !bytes.Equal(buffer.Bytes(), want) {
		t.Errorf("got %d, %v, want %d", n, err, len(want))
	}
}
