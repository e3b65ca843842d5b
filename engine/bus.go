package engine

import (
	"errors"
	"sync"
)

// Bus carries short messages between all connections of one server, in every
// process that serves it: what one publishes, every subscriber gets, its own
// process' subscribers included, each publisher's messages in their order.
//
// Nothing waits for a slow subscriber. There is no queue: Publish calls the
// subscribers of this process itself, and what one of them refuses is lost to
// it. To other processes messages go through the supervisor's sockets; where
// one is full, the message is lost to that process. Each loss is counted in
// [Stats].BusDropped.
//
// All methods are safe for concurrent use.
type Bus struct {
	counters *counters // immutable

	// forward carries a message to the other processes; nil where there are
	// none. Immutable after the server or the child has started.
	forward func(msg []byte)

	mu          sync.Mutex
	subscribers map[*subscriber]struct{} // guarded by mu
	snapshot    []*subscriber            // guarded by mu; nil: to be made anew
}

type subscriber struct {
	deliver func(msg []byte) error
}

// Publish gives a message to every subscriber. It does not block. The only
// error is ErrMessageTooLong, above MaxMessage bytes.
func (b *Bus) Publish(msg []byte) error {
	if len(msg) > MaxMessage {
		return ErrMessageTooLong
	}
	b.deliver(msg)
	if b.forward != nil {
		b.forward(msg)
	}
	return nil
}

// Subscribe has deliver called with every message, until cancel. deliver runs
// on the publisher's goroutine, so it must not block, and the message is only
// valid until it returns. An error says that the message was not taken and is
// counted; ErrStale also ends the subscription. The usual argument is a
// connection's own Write:
//
//	cancel := c.Bus().Subscribe(c.Ref().Write)
func (b *Bus) Subscribe(deliver func(msg []byte) error) (cancel func()) {
	s := &subscriber{deliver: deliver}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.subscribers[s] = struct{}{}
	b.snapshot = nil
	return func() { b.remove(s) }
}

func newBus(c *counters) *Bus {
	return &Bus{counters: c, subscribers: make(map[*subscriber]struct{})}
}

func (b *Bus) remove(s *subscriber) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.subscribers, s)
	b.snapshot = nil
}

// deliver calls the subscribers of this process, outside the lock.
func (b *Bus) deliver(msg []byte) {
	for _, s := range b.current() {
		err := s.deliver(msg)
		if errors.Is(err, ErrStale) {
			b.remove(s)
		} else if err != nil {
			b.counters.busDropped.Add(1)
		}
	}
}

// current gives the subscribers as they are now, in a slice never changed.
func (b *Bus) current() []*subscriber {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.snapshot == nil {
		b.snapshot = make([]*subscriber, 0, len(b.subscribers))
		for s := range b.subscribers {
			b.snapshot = append(b.snapshot, s)
		}
	}
	return b.snapshot
}
