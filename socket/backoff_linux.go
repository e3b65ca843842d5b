package socket

import (
	"context"
	"syscall"
	"time"
)

// A UNIX socket can be refused for want of room in the peer's queue (the backlog of a listener, the
// messages of a datagram socket that one is not connected to), and nothing tells when there is room.
// Such a call is tried again, after a wait that doubles from the least to the most.
const (
	minBackoff = 100 * time.Microsecond
	maxBackoff = 50 * time.Millisecond
)

// pause waits d, or until the context or the write deadline ends it.
func (s *Socket) pause(ctx context.Context, d time.Duration) error {
	if left, bounded := s.writeDeadline.remaining(); bounded {
		d = min(d, left)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return &contextError{ctx.Err()}
	case <-timer.C:
		return nil
	}
}

// polled reports whether the poller can tell when a send to this address may go on.
func (s *Socket) polled(to Addr) bool {
	return s.family != UNIX || s.typ != DGRAM || !to.IsValid()
}

// writeUnpolled makes attempts to send, which leave their result in errno, until one has an answer
// other than "there is no room"; or makes one, if wait is false.
func (s *Socket) writeUnpolled(attempt func(fd uintptr) bool, errno *syscall.Errno, wait bool) error {
	for backoff := minBackoff; ; backoff = min(2*backoff, maxBackoff) {
		*errno = 0
		if err := s.raw.Write(attempt); err != nil || *errno != syscall.EAGAIN || !wait {
			return err
		}
		_ = s.pause(context.Background(), backoff) // that context does not end
	}
}
