package service

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sock/engine"
)

func TestExecCat(t *testing.T) {
	eachStream(t, "exec cat", func(t *testing.T, r *running) {
		c := r.dial()
		want := make([]byte, 300<<10)
		_, _ = rand.Read(want)
		go func() {
			_, _ = c.Write(want)
			_ = c.Conn.(interface{ CloseWrite() error }).CloseWrite()
		}()
		if got := c.rest(); got != string(want) {
			t.Errorf("got %d bytes back, want the %d sent", len(got), len(want))
		}
		if end := r.record().End; end.How != engine.FIN {
			t.Errorf("end %+v, want fin", end)
		}
	})
}

// TestExecInstant: what a command says arrives, however soon it is gone, and
// whether or not the client has said something that nobody reads.
func TestExecInstant(t *testing.T) {
	eachStream(t, `exec "echo here and gone"`, func(t *testing.T, r *running) {
		c := r.dial()
		if got := c.rest(); got != "here and gone\n" {
			t.Errorf("got %q", got)
		}
		_ = c.Close()
		c = r.dial()
		_, _ = c.Write([]byte(strings.Repeat("unread", 1000)))
		if got := c.rest(); got != "here and gone\n" {
			t.Errorf("with unread input: got %q", got)
		}
	})
}

// TestExecLateReply: the command reads to end of file, waits and then answers.
func TestExecLateReply(t *testing.T) {
	eachStream(t, `exec sh -c 'n=$(wc -c); sleep 0.2; echo $n bytes'`, func(t *testing.T, r *running) {
		c := r.dial()
		c.send("12345")
		c.closeWrite()
		if got := strings.TrimSpace(c.rest()); got != "5 bytes" {
			t.Errorf("got %q, want the late reply", got)
		}
	})
}

func TestExecStatus(t *testing.T) {
	eachStream(t, "exec sh -c 'echo no; exit 3'", func(t *testing.T, r *running) {
		if got := r.dial().rest(); got != "no\n" {
			t.Errorf("got %q, want the output and an end of file", got)
		}
		end := r.record().End
		if end.How != engine.Failed || end.By != engine.Local || !strings.Contains(fmt.Sprint(end.Err), "exec sh: exit status 3") {
			t.Errorf("end %+v, want a local error: exec sh: exit status 3", end)
		}
		if exit, ok := errors.AsType[*ExitError](end.Err); r.line.Endpoint.IsTLS() && ok && exit.State.ExitCode() != 3 {
			t.Errorf("exit code %d, want 3", exit.State.ExitCode())
		}
	})
}

func TestExecSignalled(t *testing.T) {
	r := serve(t, "tcp4://127.0.0.1:0 exec sh -c 'kill -9 $$'", engine.Goroutine)
	_ = r.dial().rest()
	end := r.record().End
	exit, ok := errors.AsType[*ExitError](end.Err)
	if !ok || !strings.Contains(exit.Error(), "signal: killed") {
		t.Errorf("end %+v, want an *ExitError: signal: killed", end)
	}
}

func TestExecNoSuchProgram(t *testing.T) {
	const text = "tcp4://127.0.0.1:0 exec no-such-program-anywhere"
	l, err := ParseLine(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Prepare(); err == nil || !strings.Contains(err.Error(), "no-such-program-anywhere") {
		t.Errorf("Prepare: %v, want an error that names the program", err)
	}
	r := serve(t, text, engine.Goroutine)
	if got := r.dial().rest(); got != "" {
		t.Errorf("got %q, want nothing", got)
	}
	if end := r.record().End; end.How != engine.Failed || !strings.Contains(fmt.Sprint(end.Err), "no-such-program-anywhere") {
		t.Errorf("end %+v, want an error that names the program", end)
	}
}

func TestExecEnvironment(t *testing.T) {
	t.Setenv("TCPREMOTEIP", "stale")
	t.Setenv("SOCK_TEST_KEPT", "kept")
	eachStream(t, "exec env", func(t *testing.T, r *running) {
		c := r.dial()
		env := map[string]string{}
		for line := range strings.Lines(c.rest()) {
			name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
			if _, twice := env[name]; twice {
				t.Errorf("%s is there twice", name)
			}
			env[name] = value
		}
		want := map[string]string{"SOCK_TEST_KEPT": "kept"}
		if r.endpoint.IsUnix() {
			want["SOCK_PROTO"], want["SOCK_LOCAL_ADDR"], want["SOCK_PEER_ADDR"] = "unix", r.endpoint.Path, ""
			if stale, ok := env["TCPREMOTEIP"]; ok {
				t.Errorf("TCPREMOTEIP=%s on a UNIX socket", stale)
			}
		} else {
			host, port, _ := net.SplitHostPort(c.LocalAddr().String())
			want["SOCK_PROTO"], want["NCAT_PROTO"], want["PROTO"] = "tcp", "TCP", "TCP"
			for _, name := range []string{"SOCK_PEER", "NCAT_REMOTE", "SOCAT_PEER"} {
				want[strings.TrimSuffix(name+"_ADDR", "")] = host
				want[name+"_PORT"] = port
			}
			delete(want, "SOCAT_PEER_ADDR")
			delete(want, "SOCAT_PEER_PORT")
			want["SOCAT_PEERADDR"], want["SOCAT_PEERPORT"] = host, port
			want["TCPREMOTEIP"], want["TCPREMOTEPORT"] = host, port
			want["SOCK_LOCAL_ADDR"], want["SOCK_LOCAL_PORT"] = host, r.endpoint.Port
			want["TCPLOCALIP"], want["TCPLOCALPORT"] = host, r.endpoint.Port
		}
		for name, value := range want {
			if env[name] != value {
				t.Errorf("%s=%q, want %q", name, env[name], value)
			}
		}
	})
}

// TestExecDescriptors: the command has 0, 1 and 2 and no other, and its
// standard input blocks as every program expects.
func TestExecDescriptors(t *testing.T) {
	const script = `exec sh -c 'for f in /proc/self/fd/*; do echo ${f##*/}; done; cat /proc/self/fdinfo/0'`
	eachStream(t, script, func(t *testing.T, r *running) {
		c := r.dial()
		got := c.rest()
		// The shell's own glob needs one more while it lasts, and lists it.
		numbers, info, _ := strings.Cut(got, "pos:")
		if numbers != "0\n1\n2\n3\n" && numbers != "0\n1\n2\n" {
			t.Errorf("descriptors %q, want 0, 1, 2 and the one that reads the list", numbers)
		}
		_, flags, _ := strings.Cut(info, "flags:")
		octal, err := strconv.ParseInt(strings.Fields(flags)[0], 8, 64)
		if err != nil || octal&syscall.O_NONBLOCK != 0 {
			t.Errorf("flags of standard input %q (%v), want O_NONBLOCK off", flags, err)
		}
	})
}

// TestExecIsTheSocket: on a plain connection there is no pipe in between, with
// an idle limit or TLS there is.
func TestExecIsTheSocket(t *testing.T) {
	for _, tt := range []struct{ endpoint, want string }{
		{"tcp4://127.0.0.1:0", "socket:"},
		{"tcp4://127.0.0.1:0?idle=10s", "pipe:"},
		{"tls://127.0.0.1:0", "pipe:"},
	} {
		t.Run(tt.want, func(t *testing.T) {
			r := serve(t, tt.endpoint+" exec readlink /proc/self/fd/0 /proc/self/fd/1", engine.Goroutine)
			for line := range strings.Lines(r.dial().rest()) {
				if !strings.HasPrefix(line, tt.want) {
					t.Errorf("%s: %q, want %s…", tt.endpoint, line, tt.want)
				}
			}
		})
	}
}

// TestExecIdle: bytes keep a connection alive, silence ends it. On a machine so
// busy that a gap becomes long, it starts anew with a longer limit.
func TestExecIdle(t *testing.T) {
	for idle := 400 * time.Millisecond; ; idle *= 2 {
		r := serve(t, fmt.Sprintf("tcp4://127.0.0.1:0?idle=%s exec cat", idle), engine.Goroutine)
		c := r.dial()
		longest, err := keepTalking(c, idle)
		if err != nil {
			if longest < idle/2 || idle > patience {
				t.Fatalf("with gaps of %v at the most and an idle limit of %v: %v", longest, idle, err)
			}
			continue
		}
		if end := r.record().End; end.How != engine.Timeout || end.By != engine.Local {
			t.Errorf("end %+v, want a local timeout", end)
		}
		return
	}
}

// keepTalking goes on for longer than the idle limit and measures the gaps.
func keepTalking(c *client, idle time.Duration) (longest time.Duration, err error) {
	last := time.Now()
	for range 6 {
		time.Sleep(idle / 4) // the traffic itself, not a wait for something
		if _, err = c.Write([]byte("x")); err == nil {
			_, err = c.Read(make([]byte, 1))
		}
		longest = max(longest, time.Since(last))
		if err != nil {
			return longest, err
		}
		last = time.Now()
	}
	return longest, nil
}

// TestExecNoZombie: every command is waited for.
func TestExecNoZombie(t *testing.T) {
	for _, model := range models {
		t.Run(string(model), func(t *testing.T) {
			r := serve(t, "tcp4://127.0.0.1:0 exec true", model)
			for range 10 {
				c := r.dial()
				_ = c.rest()
				_ = c.Close()
			}
			for range 10 {
				r.record()
			}
			r.shutdown()
			if got := children(t); len(got) > 0 {
				t.Errorf("children left: %q", got)
			}
		})
	}
}

// children lists the child processes of this one, zombies included.
func children(t *testing.T) []string {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // gone meanwhile
		}
		fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
		if fields[1] == strconv.Itoa(os.Getpid()) {
			found = append(found, string(b[:40]))
		}
	}
	return found
}

// TestExecNoLeak: nothing is left open in the server.
func TestExecNoLeak(t *testing.T) {
	for _, e := range []string{"tcp4://127.0.0.1:0", "tls://127.0.0.1:0"} {
		r := serve(t, e+" exec cat", engine.Goroutine)
		once := func() {
			c := r.dial()
			c.send("x")
			c.closeWrite()
			_ = c.rest()
			_ = c.Close()
			r.record()
		}
		once() // whatever is opened once and kept
		before := descriptors(t)
		for range 10 {
			once()
		}
		if after := descriptors(t); after > before {
			t.Errorf("%s: %d descriptors after 10 connections, %d before", e, after, before)
		}
	}
}

// descriptors counts this process's, after those on their way out have gone.
func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// TestExecPeerGone: a peer that leaves is an end of file to the command, which
// may go on as long as it likes.
func TestExecPeerGone(t *testing.T) {
	eachStream(t, "exec sh -c 'cat >/dev/null; echo nobody hears'", func(t *testing.T, r *running) {
		c := r.dial()
		c.send("x")
		_ = c.Close()
		r.record()
	})
}

// TestExecShutdown: a command may finish what it does while the server drains.
func TestExecShutdown(t *testing.T) {
	eachStream(t, "exec sh -c 'echo ready; cat; echo bye'", func(t *testing.T, r *running) {
		c := r.dial()
		if got := c.line(); got != "ready\n" {
			t.Fatalf("got %q", got)
		}
		r.stop()
		down := make(chan error, 1)
		go func() {
			_, err := r.server.Shutdown(context.Background())
			down <- err
		}()
		c.send("still here\n")
		if got := c.line(); got != "still here\n" {
			t.Errorf("got %q", got)
		}
		c.closeWrite()
		if got := c.rest(); got != "bye\n" {
			t.Errorf("got %q, want the command's last words", got)
		}
		_ = c.Close()
		if err := <-down; err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	})
}

// TestExecForced: with the context over, the command and what it has started
// are gone, even if they do not care for SIGTERM.
func TestExecForced(t *testing.T) {
	const script = `exec sh -c 'trap "" TERM; (while :; do sleep 0.1; done) & echo $$ $!; while :; do sleep 0.1; done'`
	eachStream(t, script, func(t *testing.T, r *running) {
		c := r.dial()
		pids := strings.Fields(c.line())
		r.stop()
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_, _ = r.server.Shutdown(ctx) // in time, or with an error on a machine that is very busy
		for _, text := range pids {
			pid, err := strconv.Atoi(text)
			if err != nil {
				t.Fatal(err)
			}
			awaitGone(t, pid)
		}
		end := r.record().End
		if end.How != engine.RST || end.By != engine.Local || !errors.Is(end.Err, engine.ErrShutdown) {
			t.Errorf("end %+v, want a local reset at shutdown", end)
		}
	})
}

// awaitGone waits until a process is no more, or only a zombie of somebody else.
func awaitGone(t *testing.T, pid int) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || strings.Contains(string(b), ") Z ") {
			return
		}
	}
	t.Errorf("process %d is still there", pid)
	_ = syscall.Kill(pid, syscall.SIGKILL)
}

func TestExecMany(t *testing.T) {
	r := serve(t, "tcp4://127.0.0.1:0 exec cat", engine.Goroutine)
	var all []*client
	for range 20 {
		all = append(all, r.dial())
	}
	for i, c := range all {
		c.send(fmt.Sprintf("I am %d\n", i))
	}
	for i, c := range all {
		if got, want := c.line(), fmt.Sprintf("I am %d\n", i); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestExecTraffic: the record has the bytes, although the command has read and
// written them itself. The kernel counts those of TCP.
func TestExecTraffic(t *testing.T) {
	for _, model := range models {
		t.Run(string(model), func(t *testing.T) {
			r := serve(t, "tcp4://127.0.0.1:0 exec cat", model)
			c := r.dial()
			const size = 300_000
			go func() {
				_, _ = c.Write(make([]byte, size))
				_ = c.Conn.(interface{ CloseWrite() error }).CloseWrite()
			}()
			if got := c.rest(); len(got) != size {
				t.Errorf("got %d bytes back, want %d", len(got), size)
			}
			if record := r.record(); record.Received != size || record.Sent != size {
				t.Errorf("record: %d received, %d sent; want %d each", record.Received, record.Sent, size)
			}
		})
	}
}

// TestExecServerKilled: a server that is killed takes its commands with it,
// whichever process has started them.
func TestExecServerKilled(t *testing.T) {
	for _, model := range models {
		t.Run(string(model), func(t *testing.T) {
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			server := exec.Command(self, serverVerb, string(model), "tcp4://127.0.0.1:0 exec sh -c 'echo $$; exec sleep 1000'")
			out, err := server.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := server.Start(); err != nil {
				t.Fatal(err)
			}
			address, err := bufio.NewReader(out).ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			conn, err := net.Dial("tcp", strings.TrimSpace(address))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(patience))
			c := &client{t, conn}
			pid, err := strconv.Atoi(strings.TrimSpace(c.line()))
			if err != nil {
				t.Fatal(err)
			}
			if err := server.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = server.Wait() // it was killed
			awaitGone(t, pid)
		})
	}
}
