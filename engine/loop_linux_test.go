package engine_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"sock/engine"
	"sock/socket"
)

// onLoops are the variants on event loops.
func onLoops() (list []variant) {
	for _, v := range loops {
		if v.model == engine.EventLoop {
			list = append(list, v)
		}
	}
	return list
}

func init() {
	roles["forbidden"] = forbiddenRole
}

// A slot that is used again is another connection's: each of many short lives
// in one slot has a Ref of its own, and the earlier ones are stale.
func TestSlotReuse(t *testing.T) {
	for _, v := range onLoops() {
		t.Run(v.name, func(t *testing.T) {
			h, refs := capture()
			s := v.start(t, "", engine.Config{Handler: h, Loops: 1})
			seen := make(map[engine.Ref]bool)
			for i := range 50 {
				c := s.dial(t)
				ref := <-refs
				for old := range seen {
					if err := old.Write([]byte("stale")); !errors.Is(err, engine.ErrStale) {
						t.Fatalf("Write to an earlier life of the slot: got %v, want %v", err, engine.ErrStale)
					}
				}
				seen[ref] = true
				if err := ref.Write([]byte("live")); err != nil {
					t.Fatal(err)
				}
				c.want("live")
				_ = c.Close()
				s.log.wait("close", func(engine.Event) bool { return s.log.count(engine.EventClose) == i+1 })
			}
			if len(seen) != 50 {
				t.Errorf("Refs: got %d different ones, want 50", len(seen))
			}
		})
	}
}

// Backend tells what is in use; the other models have none.
func TestBackend(t *testing.T) {
	for _, v := range loops {
		s, err := engine.New(engine.Config{Model: v.model, Backend: v.backend, Handler: newEcho()})
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Backend(); got != v.backend {
			t.Errorf("%s: got backend %q, want %q", v.name, got, v.backend)
		}
	}
	for name, cfg := range map[string]engine.Config{
		"unknown backend": {Model: engine.EventLoop, Backend: "kqueue"},
		"Loops is -1":     {Model: engine.EventLoop, Loops: -1},
		"has neither":     {Model: engine.Goroutine, Backend: engine.Epoll},
	} {
		cfg.Handler = newEcho()
		if _, err := engine.New(cfg); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("New: got %v, want an error with %q", err, name)
		}
	}
}

// TestBackendForbidden: where a seccomp filter forbids io_uring, asking for it
// is an error, and auto falls back and says so once.
func TestBackendForbidden(t *testing.T) {
	out, err := testChild(childRole + "=forbidden").Output()
	if err != nil {
		t.Fatalf("%v; it printed %s", err, out)
	}
	if got, want := string(out), "unsupported\nepoll\nthe event loops use epoll\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func forbiddenRole() error {
	if err := forbid(unix.SYS_IO_URING_SETUP); err != nil {
		return err
	}
	_, err := engine.New(engine.Config{Model: engine.EventLoop, Backend: engine.Uring, Handler: newEcho()})
	if !errors.Is(err, errors.ErrUnsupported) || !errors.Is(err, syscall.EPERM) {
		return fmt.Errorf("New: got %v, want ErrUnsupported and EPERM", err)
	}
	fmt.Println("unsupported")
	notices := make(chan engine.Event, 10)
	s, err := engine.New(engine.Config{Model: engine.EventLoop, Handler: newEcho(), Observe: func(e engine.Event) { notices <- e }})
	if err != nil {
		return err
	}
	fmt.Println(s.Backend())
	for range 2 {
		l, _, err := roleListener()
		if err != nil {
			return err
		}
		if err := s.Serve(ended(), l); err != nil {
			return err
		}
	}
	e := <-notices
	fmt.Println(e.Text)
	if e.Kind != engine.EventNotice || len(notices) > 0 {
		return fmt.Errorf("got %s and %d events more, want one notice", e.Kind, len(notices))
	}
	return nil
}

// forbid has a system call fail with EPERM in the whole process: seccomp(2).
func forbid(call uint32) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl", err)
	}
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // the call's number
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: 0, Jf: 1, K: call},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(syscall.EPERM)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		return os.NewSyscallError("seccomp", errno)
	}
	return nil
}

// A loop whose handler has ended the goroutine goes on, also where the next
// one panics, and the one after that does it again.
func TestLoopSurvivesGoexit(t *testing.T) {
	for _, v := range onLoops() {
		t.Run(v.name, func(t *testing.T) {
			h := newEcho().(*handler)
			echo := h.data
			h.data = func(c *engine.Conn) {
				switch string(c.Peek()) {
				case "exit":
					exitGoroutine()
				case "panic":
					panic("as asked")
				}
				echo(c)
			}
			s := v.start(t, "", engine.Config{Handler: h, Loops: 1})
			stays := s.dial(t)
			for _, word := range []string{"exit", "panic", "exit", "exit", "panic"} {
				c := s.dial(t)
				c.send(word)
				c.wantReset()
				stays.send("x")
				stays.want("x")
			}
		})
	}
}

// Many loops share one listener, and each of the connections is served.
func TestManyLoops(t *testing.T) {
	for _, v := range onLoops() {
		t.Run(v.name, func(t *testing.T) {
			s := v.start(t, "chat", engine.Config{Loops: 4})
			var clients []*client
			for range 20 {
				c := s.dial(t)
				c.want("welcome\n")
				clients = append(clients, c)
			}
			clients[0].send("hello\n")
			for _, c := range clients[1:] {
				c.want("hello\n")
			}
		})
	}
}

// A connection with an idle limit keeps to it on a loop that has much to do
// for others.
func TestLoopTimers(t *testing.T) {
	for _, v := range onLoops() {
		t.Run(v.name, func(t *testing.T) {
			h := newEcho().(*handler)
			h.open = func(c *engine.Conn) { c.SetIdle(time.Duration(1+c.ID()%5) * 50 * time.Millisecond) }
			s := v.start(t, "", engine.Config{Handler: h, Loops: 1})
			for range 20 {
				s.dial(t)
			}
			s.log.wait("close of all", func(engine.Event) bool { return s.log.count(engine.EventClose) == 20 })
			s.log.mu.Lock()
			defer s.log.mu.Unlock()
			for _, e := range s.log.events {
				if e.Kind != engine.EventClose {
					continue
				}
				limit := time.Duration(1+e.ID%5) * 50 * time.Millisecond
				if r := e.Record; r.End.How != engine.Timeout || r.Duration < limit {
					t.Errorf("connection %d: got %v after %v, want a timeout after %v", e.ID, &r.End, r.Duration, limit)
				}
			}
		})
	}
}

// A listener bound to every address: each connection tells which one it is to.
func TestLoopLocalAddress(t *testing.T) {
	for _, v := range onLoops() {
		t.Run(v.name, func(t *testing.T) {
			l, err := socket.New(socket.INET, socket.STREAM, 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := l.Listen(0); err != nil {
				t.Fatal(err)
			}
			s := startServer(t, v, engine.Config{Model: v.model, Backend: v.backend, Handler: newEcho()}, l)
			local, err := l.LocalAddr()
			if err != nil {
				t.Fatal(err)
			}
			conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.2:%d", local.Port()))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if got, want := s.log.waitKind(engine.EventOpen).Local.String(), conn.RemoteAddr().String(); got != want {
				t.Errorf("local address: got %s, want %s", got, want)
			}
		})
	}
}
