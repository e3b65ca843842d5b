package netns

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// newNamespace makes a namespace that lasts as long as the test: that of a
// process which only waits.
func newNamespace(t *testing.T) (name string) {
	t.Helper()
	cmd := exec.Command("cat")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); errors.Is(err, os.ErrPermission) {
		t.Skip("a network namespace needs CAP_SYS_ADMIN")
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("cat = %v", err)
		}
	})
	return fmt.Sprintf("pid:%d", cmd.Process.Pid)
}

// where reads the identity of the calling thread's namespace.
func where(t *testing.T) string {
	t.Helper()
	id, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Error(err)
	}
	return id
}

func TestDoEntersAndLeaves(t *testing.T) {
	name := newNamespace(t)
	path, err := Path(name)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.Readlink(path)
	if err != nil {
		t.Fatal(err)
	}
	home := where(t)
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			err := Do(name, func() error {
				if got := where(t); got != want || got == home {
					t.Errorf("inside Do the namespace is %s, want %s (home is %s)", got, want, home)
				}
				return nil
			})
			if err != nil {
				t.Errorf("Do = %v", err)
			}
			if got := where(t); got != home {
				t.Errorf("after Do the namespace is %s, want %s", got, home)
			}
		})
	}
	group.Wait()
}

func TestDoCreatesSocketsThere(t *testing.T) {
	name := newNamespace(t)
	var fd int
	err := Do(name, func() (err error) {
		fd, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	// The new namespace's loopback is down: there is no route to anywhere.
	to := &syscall.SockaddrInet4{Port: 9, Addr: [4]byte{127, 0, 0, 1}}
	if err := syscall.Connect(fd, to); !errors.Is(err, syscall.ENETUNREACH) {
		t.Errorf("connect in the new namespace = %v, want ENETUNREACH", err)
	}
}

func TestDoReturnsTheFunctionsError(t *testing.T) {
	name := newNamespace(t)
	home := where(t)
	err := Do(name, func() error {
		_, err := net.InterfaceByName("eth0")
		return err
	})
	if err == nil {
		t.Error("the new namespace has an eth0, want none")
	}
	if got := where(t); got != home {
		t.Errorf("after Do the namespace is %s, want %s", got, home)
	}
}

func TestDoNotANamespace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	called := false
	err := Do(file, func() error { called = true; return nil })
	if !errors.Is(err, syscall.EINVAL) || called {
		t.Errorf("Do on a plain file = %v, f ran: %v; want EINVAL and f not run", err, called)
	}
	if err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("the error %q does not name %s", err, file)
	}
}

// A FIFO that nobody writes to is no namespace either, and is not waited for.
func TestDoFIFO(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- Do(fifo, func() error { return nil }) }()
	select {
	case err := <-done:
		if !errors.Is(err, syscall.EINVAL) {
			t.Errorf("Do on a FIFO = %v, want EINVAL", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("Do waits for somebody to write to a FIFO")
	}
}

func TestErrorSaysWhatIsNeeded(t *testing.T) {
	e := &Error{"blue", os.NewSyscallError("setns", syscall.EPERM)}
	if want := "network namespace blue: setns: operation not permitted (entering one needs CAP_SYS_ADMIN)"; e.Error() != want {
		t.Errorf("Error() = %q, want %q", e, want)
	}
}
