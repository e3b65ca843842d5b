package endpoint

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sock/socket"
)

func TestUnixPathRemovedAtClose(t *testing.T) {
	leaks(t)
	for _, scheme := range []string{"unix", "unixpacket", "unixgram"} {
		path := filepath.Join(t.TempDir(), "s")
		l, err := listenAny(t, scheme+"://"+path)
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Lstat(path); err != nil || info.Mode().Type() != fs.ModeSocket {
			t.Errorf("%s: %v, %v; want a socket", scheme, info, err)
		}
		for range 2 { // the second does nothing
			if err := l.Close(); err != nil {
				t.Errorf("%s: Close = %v", scheme, err)
			}
		}
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: after Close: %v, want the path gone", scheme, err)
		}
	}
}

func listenAny(t *testing.T, text string) (io.Closer, error) {
	t.Helper()
	if e := mustParse(t, text); e.IsDatagram() {
		return ListenPacket(testContext(t), e)
	}
	return Listen(testContext(t), mustParse(t, text))
}

func TestUnixPathNotOursStays(t *testing.T) {
	for _, tt := range []struct {
		name    string
		replace func(path string) error
	}{
		{"a-file", func(path string) error { return os.WriteFile(path, []byte("precious"), 0o600) }},
		{"another-socket", func(path string) error {
			l, err := net.Listen("unix", path)
			if err == nil {
				t.Cleanup(func() { l.Close() })
			}
			return err
		}},
		{"nothing", func(path string) error { return nil }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "s")
			l := mustListen(t, "unix://"+path)
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if err := tt.replace(path); err != nil {
				t.Fatal(err)
			}
			before, _ := os.Lstat(path)
			if err := l.Close(); err != nil {
				t.Errorf("Close = %v", err)
			}
			after, err := os.Lstat(path)
			if before != nil && (err != nil || !os.SameFile(before, after)) {
				t.Errorf("after Close: %v, want the other's file untouched", err)
			}
		})
	}
}

func TestUnixPathSurvivesChdir(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	l := mustListen(t, "unix://./s")
	t.Chdir("/")
	l.Close()
	if _, err := os.Lstat(filepath.Join(dir, "s")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after chdir and Close: %v, want the path gone", err)
	}
}

func TestUnixPathDeadIsReplaced(t *testing.T) {
	leaks(t)
	for _, scheme := range []string{"unix", "unixpacket", "unixgram"} {
		path := filepath.Join(t.TempDir(), "s")
		makeDead(t, path)
		l, err := listenAny(t, scheme+"://"+path)
		if err != nil {
			t.Errorf("%s on a dead path: %v", scheme, err)
			continue
		}
		c, err := Dial(testContext(t), mustParse(t, scheme+"://"+path))
		if err != nil {
			t.Errorf("%s: %v", scheme, err)
		} else {
			c.Close()
		}
		l.Close()
	}
}

func TestUnixPathLiveIsNeverStolen(t *testing.T) {
	leaks(t)
	for _, tt := range []struct{ name, live string }{
		{"stream", "unix"},
		{"other-kind", "unixpacket"},
		{"datagram", "unixgram"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "s")
			l, err := listenAny(t, tt.live+"://"+path)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			before, err := os.Lstat(path)
			if err != nil {
				t.Fatal(err)
			}
			failed := listenFails(t, "unix://"+path)
			if want := "listen unix://" + path + ": address already in use (EADDRINUSE) by this process"; failed.Error() != want {
				t.Errorf("error is %q, want %q", failed, want)
			}
			if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) {
				t.Errorf("the live server's path: %v, want it untouched", err)
			}
		})
	}
}

func TestUnixPathFullBacklogIsAlive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l := mustListen(t, "unix://"+path+"?backlog=1")
	for range 2 {
		mustDial(t, "unix://"+path)
	}
	if failed := listenFails(t, "unix://"+path); !errors.Is(failed, syscall.EADDRINUSE) {
		t.Errorf("error is %v, want EADDRINUSE", failed)
	}
	if l.Addrs()[0].Path() != path {
		t.Errorf("Addrs = %v, want %s", l.Addrs(), path)
	}
}

// A server that has bound and not yet begun to listen refuses connections, and
// is alive all the same.
func TestUnixPathBoundIsAlive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	s, err := socket.New(socket.UNIX, socket.STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Bind(socket.UnixAddr(path)); err != nil {
		t.Fatal(err)
	}
	if failed := listenFails(t, "unix://"+path); !errors.Is(failed, syscall.EADDRINUSE) {
		t.Errorf("error is %v, want EADDRINUSE", failed)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the path: %v, want it untouched", err)
	}
}

func TestUnixPathOtherFilesStay(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct {
		name, words string
		make        func(path string) error
	}{
		{"file", "a file", func(path string) error { return os.WriteFile(path, []byte("precious"), 0o600) }},
		{"directory", "a directory", func(path string) error { return os.Mkdir(path, 0o700) }},
		{"fifo", "a FIFO", func(path string) error { return syscall.Mkfifo(path, 0o600) }},
		{"link", "a symbolic link", func(path string) error { return os.Symlink("/nowhere", path) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(dir, tt.name)
			if err := tt.make(path); err != nil {
				t.Fatal(err)
			}
			failed := listenFails(t, "unix://"+path)
			want := "listen unix://" + path + ": address already in use (EADDRINUSE): " + path + " is " + tt.words + ", not a socket; it is left alone"
			if failed.Error() != want {
				t.Errorf("error is %q, want %q", failed, want)
			}
			if _, err := os.Lstat(path); err != nil {
				t.Errorf("the file: %v, want it untouched", err)
			}
		})
	}
	failed := listenFails(t, "unix://"+dir+"/none/s")
	if want := "listen unix://" + dir + "/none/s: no such file or directory (ENOENT): there is no such directory"; failed.Error() != want {
		t.Errorf("error is %q, want %q", failed, want)
	}
}

func TestUnixPathMode(t *testing.T) {
	old := syscall.Umask(0o027)
	defer syscall.Umask(old)
	for _, tt := range []struct {
		option string
		want   fs.FileMode
	}{
		{"", 0o750},
		{"?mode=0666", 0o666},
		{"?mode=0600", 0o600},
		{"?mode=0", 0},
	} {
		path := filepath.Join(t.TempDir(), "s")
		l, err := Listen(testContext(t), mustParse(t, "unix://"+path+tt.option))
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Lstat(path)
		if err != nil || info.Mode().Perm() != tt.want {
			t.Errorf("%q: mode %v, %v; want %v", tt.option, info.Mode().Perm(), err, tt.want)
		}
		l.Close()
	}
}

// Many listeners start at once on a dead path: one gets it, and keeps it.
func TestUnixPathRace(t *testing.T) {
	leaks(t)
	for range 20 {
		path := filepath.Join(t.TempDir(), "s")
		makeDead(t, path)
		e := mustParse(t, "unix://"+path)
		var won atomic.Pointer[Listener]
		var winners atomic.Int32
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				l, err := Listen(t.Context(), e)
				switch {
				case err == nil:
					winners.Add(1)
					won.Store(l)
				case !errors.Is(err, syscall.EADDRINUSE):
					t.Errorf("Listen = %v, want EADDRINUSE", err)
				}
			})
		}
		group.Wait()
		if n := winners.Load(); n != 1 {
			t.Fatalf("%d listeners got the path, want 1", n)
		}
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatalf("the winner: %v", err)
		}
		c.Close()
		won.Load().Close()
	}
}

// The same, with processes that come and go: there is never a moment at which
// two serve, and the last one leaves nothing behind.
// A file system that cannot lock is not asked again and again.
func TestUnixPathWithoutLocks(t *testing.T) {
	asked := 0
	defer func(old func(int, int) error) { flock = old }(flock)
	flock = func(int, int) error { asked++; return syscall.ENOLCK }
	mustListen(t, "unix://"+filepath.Join(t.TempDir(), "s"))
	if asked != 1 {
		t.Errorf("the lock was asked for %d times, want once", asked)
	}
}

func TestUnixPathRaceOfProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	var group sync.WaitGroup
	for range 4 {
		cmd := child(t, "listen-often", "ENDPOINT=unix://"+path)
		group.Go(func() {
			if out, err := cmd.Output(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	group.Wait()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("afterwards: %v, want the path gone", err)
	}
}

func init() {
	children["listen-often"] = func() error {
		e, err := Parse(os.Getenv("ENDPOINT"))
		if err != nil {
			return err
		}
		deadline := time.Now().Add(700 * time.Millisecond)
		for time.Now().Before(deadline) {
			if err := listenAlone(e); err != nil {
				return err
			}
		}
		return nil
	}
}

// listenAlone listens and checks that who connects to the path reaches us.
func listenAlone(e Endpoint) error {
	ctx, cancel := contextWithin(5 * time.Second)
	defer cancel()
	l, err := Listen(ctx, e)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil
	}
	if err != nil {
		return err
	}
	defer l.Close()
	c, err := net.Dial("unix", e.Path)
	if err != nil {
		return fmt.Errorf("while listening: %w", err)
	}
	defer c.Close()
	_, _, err = l.AcceptSocket(ctx)
	if err != nil {
		return fmt.Errorf("somebody else got our connection: %w", err)
	}
	return nil
}

func TestUnixAbstractInUse(t *testing.T) {
	l := mustListen(t, "unix://@sock-abstract-test")
	failed := listenFails(t, "unix://@sock-abstract-test")
	if want := "listen unix://@sock-abstract-test: address already in use (EADDRINUSE) by this process"; failed.Error() != want {
		t.Errorf("error is %q, want %q", failed, want)
	}
	l.Close()
	mustListen(t, "unix://@sock-abstract-test")
}

func TestUnixDirectoryWithoutPermission(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("changing to another user needs root")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := child(t, "privileged", "ENDPOINT=unix://"+dir+"/s")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	cmd.Path = readableCopy(t)
	out, _ := cmd.Output()
	if !strings.Contains(string(out), "permission denied (EACCES)") {
		t.Errorf("error is %q, want permission denied (EACCES)", out)
	}
}
