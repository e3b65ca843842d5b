package endpoint

import (
	"sync"

	"sock/socket"
)

// maxQueued bounds how many queued errors one failed call clears away. The
// queue is bounded by the receive buffer; the rest goes with the next failure.
const maxQueued = 256

// lastQueued keeps the newest of a socket's queued errors. Safe for concurrent use.
type lastQueued struct {
	mu    sync.Mutex
	last  socket.QueuedError
	known bool
}

// collect empties s's error queue.
func (q *lastQueued) collect(s *socket.Socket) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for range maxQueued {
		e, _, err := s.RecvError(nil)
		if err != nil {
			return // empty, or no such queue
		}
		q.last, q.known = e, true
	}
}

func (q *lastQueued) get() (socket.QueuedError, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.last, q.known
}
