package endpoint

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"sock/internal/netns"
	"sock/internal/proc"
	"sock/socket"
)

// A UNIX socket's path outlives the socket: bind(2) creates the file, and only
// unlink(2) removes it. After a crash the path is there and nobody listens; the
// next bind fails with EADDRINUSE just as it does while a server runs. So a
// listener has to find out which it is, and must not be wrong:
//
//   - connect(2) to the path tells. ECONNREFUSED: nobody; the path is dead.
//     Anything else (success, EAGAIN for a full backlog, EPROTOTYPE for another
//     kind of socket): somebody lives there.
//   - A server between its bind and its listen looks dead to connect. It shows
//     in /proc/net/unix as a bound socket, and counts as living.
//   - Two listeners may both find the path dead; the slower one would then
//     unlink what the quicker one has just bound. So asking, unlinking and
//     binding happen under flock(2) of the directory, which leaves no file
//     behind and is released when its holder dies. It binds only those who take
//     it too, which every listener of this package does. Against others there
//     remains the moment between the last look at the inode and the unlink.
//   - When closing, the path is removed only while it is still the inode that
//     was bound, and before the socket closes. As long as the socket is open the
//     kernel keeps its inode, so that no other file can have its number.
//
// unix(7), flock(2).
type unixPath struct {
	path string      // absolute, so that a later chdir does no harm
	file fs.FileInfo // of what was bound

	once sync.Once
	err  error
}

// openUnix opens the one socket of a UNIX endpoint.
func (b *binding) openUnix(ctx context.Context, begin start) error {
	at := socket.UnixAddr(b.endpoint.Path)
	s, err := newSocket(b.endpoint, socket.UNIX)
	if err != nil {
		return b.failure(at, err)
	}
	err = setOptions(s, b.endpoint, socket.BeforeBind, 0)
	if err == nil && at.IsAbstract() {
		err = s.Bind(at)
	} else if err == nil {
		err = b.bindPath(ctx, s, at)
	}
	if err == nil {
		b.sockets, b.addrs = []*socket.Socket{s}, []socket.Addr{at}
		err = b.ready(s, begin)
	}
	if err != nil {
		err = b.failure(at, errors.Join(err, b.path.remove()))
		s.Close()
	}
	return err
}

func (b *binding) ready(s *socket.Socket, begin start) error {
	if err := setOptions(s, b.endpoint, socket.BeforeListen, socket.BeforeBind); err != nil {
		return err
	}
	return begin(s, b)
}

// bindPath binds s to a path, in place of a dead socket if there is one.
func (b *binding) bindPath(ctx context.Context, s *socket.Socket, at socket.Addr) error {
	unlock, err := lockDirectory(ctx, filepath.Dir(at.Path()))
	if err != nil {
		return err
	}
	defer unlock()
	mode, chosen := b.endpoint.Mode()
	if chosen {
		if err := presetMode(s, mode); err != nil {
			return err
		}
	}
	err = s.Bind(at)
	if errors.Is(err, syscall.EADDRINUSE) {
		var kept *pathError
		if why := b.removeDead(ctx, at); errors.As(why, &kept) {
			return errors.Join(err, kept)
		} else if why != nil {
			return why
		}
		err = s.Bind(at)
	}
	if err != nil {
		return err
	}
	return b.own(at.Path(), mode, chosen)
}

// own remembers what was bound, and gives it the permission that was asked for
// where the umask took some away.
func (b *binding) own(path string, mode fs.FileMode, chosen bool) error {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	file, err := os.Lstat(absolute)
	if err != nil {
		return err
	}
	b.path = &unixPath{path: absolute, file: file}
	if chosen && file.Mode().Perm() != mode {
		return os.Chmod(absolute, mode)
	}
	return nil
}

// removeDead unlinks a path on which nobody listens. The caller holds the
// directory's lock. It returns nil when the path is free now.
func (b *binding) removeDead(ctx context.Context, at socket.Addr) error {
	path := at.Path()
	before, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case before.Mode().Type() != fs.ModeSocket:
		return &pathError{fmt.Sprintf("%s is %s, not a socket; it is left alone", path, typeWords(before.Mode()))}
	case b.lives(ctx, at):
		return &pathError{}
	}
	if now, err := os.Lstat(path); err != nil || !os.SameFile(before, now) {
		return &pathError{"another program is taking it at this moment"}
	}
	return os.Remove(path)
}

// probeLimit bounds the question whether a path is alive. The kernel answers at
// once.
const probeLimit = 100 * time.Millisecond

// lives reports whether a server has the path; in doubt, it has.
func (b *binding) lives(ctx context.Context, at socket.Addr) bool {
	s, err := newSocket(b.endpoint, socket.UNIX)
	if err != nil {
		return true
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(ctx, probeLimit) // Connect waits for a full backlog, a sure sign of life
	defer cancel()
	errno, err := s.ConnectEx(ctx, at)
	if err != nil || errno != syscall.ECONNREFUSED {
		return true
	}
	bound := false
	err = netns.Do(b.endpoint.NetNS(), func() error {
		_, bound = proc.PathHolder(at.Path())
		return nil
	})
	return bound || err != nil
}

// A pathError adds to EADDRINUSE why a path is not free; without a reason it is
// that a server lives there.
type pathError struct{ reason string }

func (e *pathError) Error() string { return e.reason }

// typeWords names a file's type.
func typeWords(mode fs.FileMode) string {
	switch mode.Type() {
	case fs.ModeDir:
		return "a directory"
	case fs.ModeSymlink:
		return "a symbolic link"
	case fs.ModeNamedPipe:
		return "a FIFO"
	case 0:
		return "a file"
	}
	return "a device"
}

// remove unlinks the path if it is still what was bound. Safe on nil, and more
// than once.
func (p *unixPath) remove() error {
	if p == nil {
		return nil
	}
	p.once.Do(func() {
		now, err := os.Lstat(p.path)
		if err == nil && os.SameFile(now, p.file) {
			err = os.Remove(p.path)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			p.err = err
		}
	})
	return p.err
}
