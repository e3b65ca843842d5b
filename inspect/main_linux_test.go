package inspect

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"sock/internal/netns"
)

// someTime is longer than anything here takes; a wait that reaches it has failed.
const someTime = 10 * time.Second

// TestMain also serves the children of TestUnprivileged, which run this binary.
func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		os.Exit(child())
	}
	before := openFiles()
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
		runtime.GC()
		for _, f := range openFiles() {
			if !slices.Contains(before, f) {
				fmt.Fprintln(os.Stderr, "descriptor left open:", f)
				code = 1
			}
		}
	}
	os.Exit(code)
}

// openFiles lists this process's descriptors but for the poller's own.
func openFiles() []string {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		panic(err)
	}
	var files []string
	for _, e := range entries {
		target, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err != nil || strings.Contains(target, "anon_inode:") || strings.HasSuffix(target, "/fd") {
			continue
		}
		files = append(files, e.Name()+" -> "+target)
	}
	return files
}

// must returns v, or fails the test.
func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newNamespace makes a network namespace that lasts as long as the test, with
// its loopback up, and gives its name.
func newNamespace(t testing.TB) string {
	t.Helper()
	cmd := exec.Command("cat")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	in := must(cmd.StdinPipe())(t)
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
	name := fmt.Sprintf("pid:%d", cmd.Process.Pid)
	check(t, netns.Do(name, loopbackUp))
	return name
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request)
}

// fdOf is the descriptor of a connection or listener.
func fdOf(t testing.TB, c any) int {
	t.Helper()
	raw := must(c.(syscall.Conn).SyscallConn())(t)
	var number int
	check(t, raw.Control(func(fd uintptr) { number = int(fd) }))
	return number
}

// inodeOf asks the kernel which inode a descriptor is.
func inodeOf(t testing.TB, fd int) uint32 {
	t.Helper()
	var stat unix.Stat_t
	check(t, unix.Fstat(fd, &stat))
	return uint32(stat.Ino)
}

// plainTCP is a listener of TCP alone: package net's own default is MPTCP.
func plainTCP(t testing.TB, network, address string) *net.TCPListener {
	t.Helper()
	config := net.ListenConfig{}
	config.SetMultipathTCP(false)
	l := must(config.Listen(t.Context(), network, address))(t).(*net.TCPListener)
	t.Cleanup(func() { l.Close() })
	return l
}

// closing closes c when the test ends.
func closing[C interface{ Close() error }](t testing.TB, c C) C {
	t.Helper()
	t.Cleanup(func() { c.Close() })
	return c
}

// collect gives what a query does, and its notices.
func collect(t testing.TB, q Query) ([]Socket, []Notice) {
	t.Helper()
	var list []Socket
	var notices []Notice
	q.Notice = func(n Notice) { notices = append(notices, n) }
	for s, err := range Sockets(t.Context(), q) {
		check(t, err)
		list = append(list, s)
	}
	return list, notices
}
