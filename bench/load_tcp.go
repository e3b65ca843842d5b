//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"
)

// roundTrips is a closed loop: every connection sends a message of a fixed
// size, waits for all of it to come back, and sends the next.
type roundTrips struct {
	epoll   int
	conns   map[int32]*trip
	message []byte
	scratch []byte
	events  []unix.EpollEvent
}

// trip is one connection's message on its way.
type trip struct {
	fd             int
	unsent, unread int
	since          time.Time
}

func newRoundTrips(port, conns, size int) (flow, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	f := &roundTrips{epoll: epoll, conns: map[int32]*trip{}, message: make([]byte, size), scratch: make([]byte, 256<<10), events: make([]unix.EpollEvent, 512)}
	for range conns {
		fd, err := connectStream(port)
		if err != nil {
			f.close()
			return nil, err
		}
		t := &trip{fd: fd}
		f.conns[int32(fd)] = t
		event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLET&0xffffffff, Fd: int32(fd)}
		if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
			f.close()
			return nil, err
		}
		if err := f.begin(t); err != nil {
			f.close()
			return nil, err
		}
	}
	return f, nil
}

func connectStream(port int) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	err = unix.Connect(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: port})
	if err == nil {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	if err == nil { // closed by a reset: nothing is left in TIME_WAIT
		err = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func (f *roundTrips) begin(t *trip) error {
	t.unsent, t.unread, t.since = len(f.message), len(f.message), time.Now()
	return f.send(t)
}

func (f *roundTrips) send(t *trip) error {
	for t.unsent > 0 {
		n, err := unix.Write(t.fd, f.message[len(f.message)-t.unsent:])
		if errors.Is(err, unix.EAGAIN) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("write: %w", err)
		}
		t.unsent -= n
	}
	return nil
}

// step handles one epoll_wait's worth of connections.
func (f *roundTrips) step(record func(time.Duration)) (messages int64, err error) {
	n, err := unix.EpollWait(f.epoll, f.events, 10)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return 0, err
	}
	for _, e := range f.events[:max(n, 0)] {
		done, err := f.turn(f.conns[e.Fd], record)
		if err != nil {
			return messages, err
		}
		messages += done
	}
	return messages, nil
}

func (f *roundTrips) turn(t *trip, record func(time.Duration)) (messages int64, err error) {
	if err := f.send(t); err != nil {
		return 0, err
	}
	for {
		n, err := unix.Read(t.fd, f.scratch)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return messages, nil
		case err != nil:
			return messages, fmt.Errorf("read: %w", err)
		case n == 0:
			return messages, io.ErrUnexpectedEOF
		}
		if t.unread -= n; t.unread < 0 {
			return messages, fmt.Errorf("%d bytes more came back than were sent", -t.unread)
		}
		if t.unread > 0 {
			continue
		}
		record(time.Since(t.since))
		messages++
		if err := f.begin(t); err != nil {
			return messages, err
		}
		if n < len(f.scratch) {
			return messages, nil
		}
	}
}

func (f *roundTrips) lost() int64 { return 0 }

func (f *roundTrips) close() {
	for _, t := range f.conns {
		unix.Close(t.fd)
	}
	unix.Close(f.epoll)
}
