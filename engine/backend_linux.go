package engine

import "fmt"

// probeBackend returns an error that wraps errors.ErrUnsupported where the
// kernel, or what confines this process, lacks a backend.
func probeBackend(b Backend) error {
	if b != Uring {
		return nil
	}
	if err := probeUring(); err != nil {
		return fmt.Errorf("engine: backend uring: %w", err)
	}
	return nil
}

// newPoller makes a loop's poller, on the loop's thread.
func newPoller(lp *loop) (poller, error) {
	if lp.s.backend == Uring {
		return newRing(lp)
	}
	return newEpoll(lp)
}
