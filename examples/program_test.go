package examples

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience bounds every wait; it is reached only when something is broken.
const patience = 20 * time.Second

// program is a running example, or a running peer.
type program struct {
	cmd    *exec.Cmd
	stderr bytes.Buffer
	lines  chan string // its output; closed at its end
	ended  chan error  // receives what Wait returned
	once   sync.Once
}

// start runs an example in the background and ends it with the test.
func start(t *testing.T, name string, args ...string) *program {
	t.Helper()
	return startCommand(t, exec.Command(filepath.Join(built, name), args...))
}

func startCommand(t *testing.T, cmd *exec.Cmd) *program {
	t.Helper()
	p := &program{cmd: cmd, lines: make(chan string, 10000), ended: make(chan error, 1)}
	cmd.Stderr = &p.stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.read(stdout) // ends with the program's output; Cleanup waits for it
	t.Cleanup(func() {
		cmd.Process.Kill()
		p.wait(t)
	})
	return p
}

// read hands on the output line by line, then waits for the program's end.
func (p *program) read(stdout io.Reader) {
	for scanner := bufio.NewScanner(stdout); scanner.Scan(); {
		p.lines <- scanner.Text()
	}
	close(p.lines)
	p.ended <- p.cmd.Wait()
}

// wait returns the program's end; the first time it is called.
func (p *program) wait(t *testing.T) (err error) {
	t.Helper()
	p.once.Do(func() {
		select {
		case err = <-p.ended:
		case <-time.After(patience):
			t.Errorf("%s did not end within %v", p.cmd.Path, patience)
		}
	})
	return err
}

// line returns the next line of the output that begins with prefix, without it.
func (p *program) line(t *testing.T, prefix string) string {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				t.Fatalf("%s ended without a line %q; stderr: %s", p.cmd.Path, prefix, p.stderr.Bytes())
			}
			if rest, ok := strings.CutPrefix(line, prefix); ok {
				return rest
			}
		case <-deadline:
			t.Fatalf("%s printed no line %q within %v", p.cmd.Path, prefix, patience)
		}
	}
}

// run runs an example to its end and returns its output, and its error's text
// when it failed.
func run(t *testing.T, name string, args ...string) (stdout, failure string) {
	t.Helper()
	return runCommand(t, "", filepath.Join(built, name), args...)
}

// runCommand runs any program to its end, with the given input.
func runCommand(t *testing.T, input, name string, args ...string) (stdout, failure string) {
	t.Helper()
	if strings.IndexByte(name, '/') < 0 {
		need(t, name)
	}
	var out, stderr bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &out, &stderr
	timer := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	defer timer.Stop()
	var exit *exec.ExitError
	if err := cmd.Run(); errors.As(err, &exit) {
		return out.String(), fmt.Sprintf("%v: %s", err, stderr.Bytes())
	} else if err != nil {
		t.Fatal(err)
	}
	return out.String(), ""
}

// need skips the test, by name, where a program is not installed.
func need(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not installed", name)
	}
}

// hostPort splits an address into the two words most programs want.
func hostPort(t *testing.T, address string) (host, port string) {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return host, port
}

// nc talks to the server as a person with nc would: sends, half-closes, reads.
func nc(t *testing.T, input, address string) string {
	t.Helper()
	host, port := hostPort(t, address)
	out, failure := runCommand(t, input, "nc", "-N", host, port)
	if failure != "" {
		t.Errorf("nc -N %s %s: %s", host, port, failure)
	}
	return out
}

// curl fetches a page.
func curl(t *testing.T, url string, args ...string) string {
	t.Helper()
	out, failure := runCommand(t, "", "curl", append([]string{"-sS", url}, args...)...)
	if failure != "" {
		t.Errorf("curl %s: %s", url, failure)
	}
	return out
}

// eventually waits until the condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// children counts a process's child processes, zombies among them.
func children(t *testing.T, pid int) int {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil || len(tasks) == 0 {
		t.Fatalf("cannot read the children of process %d: %v", pid, err)
	}
	count := 0
	for _, path := range tasks {
		text, _ := os.ReadFile(path) // a thread may end meanwhile
		count += len(strings.Fields(string(text)))
	}
	return count
}
