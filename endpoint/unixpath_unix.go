//go:build unix

package endpoint

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"sock/socket"
)

// lockPause is how long to wait before asking for a lock again. flock(2) that
// blocks cannot be called off; its holders keep it for a few system calls.
const lockPause = 2 * time.Millisecond

// lockLimit bounds the wait. After it the work goes on without the lock, on
// which some program may sit.
const lockLimit = 2 * time.Second

// flock is flock(2); a variable so that a test can stand for a file system without it.
var flock = unix.Flock

// lockDirectory takes the exclusive lock of a directory. A directory that
// cannot be opened for reading, or is on a file system that cannot lock, is not
// locked; what is wrong with it, the bind will say.
func lockDirectory(ctx context.Context, path string) (unlock func(), err error) {
	limit := time.Now().Add(lockLimit)
	dir, err := os.Open(path)
	if err != nil {
		return func() {}, nil
	}
	for isTaken(flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB)) && time.Now().Before(limit) {
		select {
		case <-time.After(lockPause):
		case <-ctx.Done():
			dir.Close()
			return nil, ctx.Err()
		}
	}
	return func() { dir.Close() }, nil
}

// isTaken reports whether a lock is another's, and may be had later.
func isTaken(err error) bool { return errors.Is(err, unix.EWOULDBLOCK) || errors.Is(err, unix.EINTR) }

// presetMode sets the permission that bind will create the file with. bind takes
// the mode of the socket's own inode less the umask, so that the file is at no
// moment more open than asked; what the umask takes away comes back afterwards.
func presetMode(s *socket.Socket, mode fs.FileMode) error {
	return s.Control(func(fd int) error { return os.NewSyscallError("fchmod", unix.Fchmod(fd, uint32(mode))) })
}
