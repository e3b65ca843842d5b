package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"sock/engine"
)

// TestAcceptWithoutDescriptors: without descriptors the listener waits, says
// so once, does not spin, and goes on afterwards.
func TestAcceptWithoutDescriptors(t *testing.T) {
	inEach(t, func(t *testing.T, v variant) {
		cmd := testChild(childRole + "=exhausted-" + v.name)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v; it printed %s", err, out)
		}
		if got, want := string(out), "waiting\nrecovered\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func init() {
	for _, v := range loops {
		roles["exhausted-"+v.name] = func() error { return exhaustedRole(v) }
	}
}

// exhaustedRole runs out of descriptors and gets some back.
func exhaustedRole(v variant) error {
	notices := make(chan engine.Event, 100)
	s, err := engine.New(engine.Config{Model: v.model, Backend: v.backend, Handler: newEcho(), Observe: func(e engine.Event) {
		if e.Kind == engine.EventNotice {
			notices <- e
		}
	}})
	if err != nil {
		return err
	}
	l, addr, err := roleListener()
	if err != nil {
		return err
	}
	go s.Serve(context.Background(), l) // ends with the process
	first, err := net.Dial("tcp", addr) // it is served once the server has all that it needs itself
	if err != nil {
		return err
	}
	if err := echoOne(&client{Conn: first}); err != nil {
		return err
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 24, Max: 24}); err != nil {
		return err
	}
	var held []*os.File
	for {
		f, err := os.Open("/dev/null")
		if err != nil {
			break
		}
		held = append(held, f)
	}
	_ = held[len(held)-1].Close() // one for the client
	held = held[:len(held)-1]
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	if e := <-notices; !errors.Is(e.Err, syscall.EMFILE) {
		return fmt.Errorf("notice: got %v, want EMFILE", e.Err)
	}
	fmt.Println("waiting")
	before := cpuTime()
	time.Sleep(300 * time.Millisecond) // to see whether it spins
	if used := cpuTime() - before; used > 100*time.Millisecond {
		return fmt.Errorf("it spins: %v of CPU in 300ms", used)
	}
	for _, f := range held {
		_ = f.Close()
	}
	if e := <-notices; e.Err != nil || len(notices) > 0 {
		return fmt.Errorf("notice: got %v and %d more, want one that it is over", e.Err, len(notices))
	}
	fmt.Println("recovered")
	if _, err := io.WriteString(conn, "x"); err != nil {
		return err
	}
	_, err = io.ReadFull(conn, make([]byte, 1))
	return err
}

// cpuTime is what this process has used, user and system.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// Idle connections cost no CPU.
func TestIdleCostsNothing(t *testing.T) { inEach(t, testIdleCostsNothing) }

func testIdleCostsNothing(t *testing.T, v variant) {
	s := v.start(t, "echo", engine.Config{Idle: time.Hour})
	for range 50 {
		c := s.dial(t)
		c.send("x")
		c.want("x")
	}
	// Other tests run at the same time: take the best of some looks.
	best := time.Hour
	for range 20 {
		before := cpuTime()
		time.Sleep(50 * time.Millisecond) // what is measured
		best = min(best, cpuTime()-before)
	}
	if best > 5*time.Millisecond {
		t.Errorf("CPU in 50ms with idle connections: got %v, want nearly none", best)
	}
}
