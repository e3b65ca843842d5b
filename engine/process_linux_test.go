package engine_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sock/engine"
	"sock/socket"
)

var inProcess = variant{name: "process", model: engine.Process, network: "tcp"}

// A crash takes one connection: it is reset, and its record has the status.
func TestProcessCrash(t *testing.T) {
	for word, status := range map[string]string{"exit": "exit status 7", "kill": "signal: killed"} {
		t.Run(word, func(t *testing.T) {
			s := inProcess.start(t, "crash", engine.Config{})
			other := s.dial(t)
			other.send("hold on")
			s.log.waitKind(engine.EventOpen)
			c := s.dial(t)
			c.send(word)
			c.wantReset()
			r := s.log.waitEnd(engine.Local, engine.Failed)
			var cause *engine.ChildError
			if !errors.As(r.End.Err, &cause) || cause.PID != r.PID || cause.Status != status {
				t.Errorf("cause: got %v, want child %d: %s", r.End.Err, r.PID, status)
			}
			if err := syscall.Kill(r.PID, 0); !errors.Is(err, syscall.ESRCH) {
				t.Errorf("the child after its record: got %v, want that it was reaped", err)
			}
			other.send("exit") // still served
			other.wantReset()
		})
	}
}

// The connection and the control socket are all that a child inherits, and
// programs that it starts inherit neither.
func TestProcessDescriptors(t *testing.T) {
	s := inProcess.start(t, "files", engine.Config{})
	for range 3 { // the server's own descriptors grow in number
		idle := s.dial(t)
		s.log.waitKind(engine.EventOpen)
		_ = idle
	}
	c := s.dial(t)
	c.send("?")
	c.wantEOF("own 2, of a program 0, <nil>") // the connection and the control socket
}

// A child that cannot be started costs its connection, not the server.
func TestProcessCannotStart(t *testing.T) {
	broken := errors.New("no such luck")
	commands := make(chan func() (*exec.Cmd, error), 3)
	commands <- func() (*exec.Cmd, error) { return nil, broken }
	commands <- func() (*exec.Cmd, error) { return exec.Command("/nonexistent"), nil }
	commands <- func() (*exec.Cmd, error) { return testChild(childHandler + "=echo"), nil }
	log := newEventLog(t)
	cfg := engine.Config{
		Model: engine.Process, Observe: log.observe,
		Child: func() (*exec.Cmd, error) { return (<-commands)() },
	}
	s := startServer(t, inProcess, cfg, listen(t, "tcp"))
	s.log = log
	for i, cause := range []error{broken, os.ErrNotExist} {
		s.wantTurnedAway(t)
		s.log.wait("close", func(engine.Event) bool { return s.log.count(engine.EventClose) == i+1 })
		s.log.wait("error", func(e engine.Event) bool {
			return e.Kind == engine.EventError && errors.Is(e.Err, cause)
		})
	}
	c := s.dial(t)
	c.send("x")
	c.want("x")
}

// Children do not outlive a server that is killed, not even deaf ones.
func TestProcessParentKilled(t *testing.T) {
	for _, child := range []string{childHandler + "=echo", childRole + "=deaf"} {
		t.Run(child, func(t *testing.T) { testParentKilled(t, child) })
	}
}

func testParentKilled(t *testing.T, variable string) {
	parent := testChild(childRole + "=server")
	parent.Env = append(parent.Env, serverOf+"="+variable)
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", strings.TrimSpace(addr))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, "x"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	child := childOf(t, parent.Process.Pid)
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // it was killed
	_, err = io.Copy(io.Discard, conn)
	if err != nil && !isReset(err) {
		t.Errorf("read: got %v, want the end", err)
	}
	for deadline := time.Now().Add(patience); alive(child); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("child %d outlives its server", child)
		}
	}
}

// childOf gives the one child of a process.
func childOf(t *testing.T, pid int) int {
	t.Helper()
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, task.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if child, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
			return child
		}
	}
	t.Fatalf("process %d has no child", pid)
	return 0
}

// alive reports whether a process runs: a zombie, of whoever adopted it, does not.
func alive(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(text), ") ")
	return !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X")
}

// A child that ignores every message is killed when Shutdown's context ends.
func TestProcessDeafChildIsKilled(t *testing.T) {
	log := newEventLog(t)
	cfg := engine.Config{
		Model: engine.Process, Observe: log.observe,
		Child: func() (*exec.Cmd, error) { return testChild(childRole + "=deaf"), nil },
	}
	s := startServer(t, inProcess, cfg, listen(t, "tcp"))
	c := s.dial(t)
	c.want("deaf")
	drain, err := s.stop(ended())
	if want := (engine.Drain{Forced: 1}); err == nil || drain != want {
		t.Errorf("Shutdown: got %+v and %v, want %+v and the context's error", drain, err, want)
	}
	c.wantReset()
	log.waitEnd(engine.Local, engine.RST)
}

func init() {
	roles["server"] = serverRole
	roles["deaf"] = deafRole
}

// serverOf is a variable for serverRole: what makes the test binary its child.
const serverOf = "SOCK_ENGINE_TEST_SERVER_OF"

// serverRole serves under the model process until it is killed.
func serverRole() error {
	l, addr, err := roleListener()
	if err != nil {
		return err
	}
	s, err := engine.New(engine.Config{
		Model: engine.Process,
		Child: func() (*exec.Cmd, error) {
			cmd := testChild(os.Getenv(serverOf))
			cmd.Env = append(without(cmd.Env, childRole), os.Getenv(serverOf))
			return cmd, nil
		},
	})
	if err != nil {
		return err
	}
	fmt.Println(addr)
	return s.Serve(context.Background(), l)
}

// deafRole is a child that says a word and then listens to nobody.
func deafRole() error {
	if _, err := syscall.Write(3, []byte("deaf")); err != nil {
		return err
	}
	time.Sleep(10 * patience)
	return errors.New("not killed")
}

func roleListener() (*socket.Socket, string, error) {
	l, err := socket.New(socket.INET, socket.STREAM, 0)
	if err != nil {
		return nil, "", err
	}
	if _, err := l.Listen(0); err != nil {
		return nil, "", err
	}
	local, err := l.LocalAddr()
	return l, fmt.Sprintf("127.0.0.1:%d", local.Port()), err
}
