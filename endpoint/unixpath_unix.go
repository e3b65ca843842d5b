//go:build unix

package endpoint

import (
	"context"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"sock/socket"
)

// lockPause is how long to wait before asking for a lock again. flock(2) that
// blocks cannot be called off; its holders keep it for a few system calls.
const lockPause = 2 * time.Millisecond

// lockLimit bounds the wait. After it the work goes on without the lock: a
// directory may be on a file system that cannot lock, or some program may sit on it.
const lockLimit = 2 * time.Second

// lockDirectory takes the exclusive lock of a directory. A directory that
// cannot be opened for reading is not locked; what is wrong with it, the bind
// will say.
func lockDirectory(ctx context.Context, path string) (unlock func(), err error) {
	limit := time.Now().Add(lockLimit)
	dir, err := os.Open(path)
	if err != nil {
		return func() {}, nil
	}
	for unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil && time.Now().Before(limit) {
		select {
		case <-time.After(lockPause):
		case <-ctx.Done():
			dir.Close()
			return nil, ctx.Err()
		}
	}
	return func() { dir.Close() }, nil
}

// presetMode sets the permission that bind will create the file with. bind takes
// the mode of the socket's own inode less the umask, so that the file is at no
// moment more open than asked; what the umask takes away comes back afterwards.
func presetMode(s *socket.Socket, mode fs.FileMode) error {
	return s.Control(func(fd int) error { return os.NewSyscallError("fchmod", unix.Fchmod(fd, uint32(mode))) })
}
