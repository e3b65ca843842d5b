package engine

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"

	"sock/socket"
)

// awaitReadable waits until a receive or an accept on the socket would not
// wait, or until its read deadline or its end.
func awaitReadable(s *socket.Socket) error {
	raw, err := s.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Read(func(fd uintptr) bool {
		for {
			ready := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
			n, err := unix.Poll(ready, 0)
			if !errors.Is(err, syscall.EINTR) {
				return err != nil || n > 0
			}
		}
	})
}
