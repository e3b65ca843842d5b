package engine

import (
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Numbers of an epoll backend.
const (
	epollBatch  = 512       // events taken by one call
	epollRoom   = 64 << 10  // bytes read by one call
	epollDoor   = 1<<32 - 1 // in place of a generation: a door, the slot is its number
	epollWake   = 1<<32 - 2 // in place of a generation: the eventfd
	epollOnce   = unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET
	epollShared = unix.EPOLLIN | unix.EPOLLEXCLUSIVE | unix.EPOLLET
)

// epoll is the backend on epoll(7), edge-triggered: a connection is registered
// once, for everything, and never touched again. An event's data is the
// generation and the slot, so that one for a connection that has ended is
// known as such.
type epoll struct {
	lp     *loop
	fd     int
	events []unix.EpollEvent
	room   []byte // what recv reads into
}

func newEpoll(lp *loop) (poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("engine: %w", os.NewSyscallError("epoll_create1", err))
	}
	p := &epoll{lp: lp, fd: fd, events: make([]unix.EpollEvent, epollBatch), room: make([]byte, epollRoom)}
	if err := p.add(lp.box.wakeFD, unix.EPOLLIN|unix.EPOLLET, 0, epollWake); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// add registers a descriptor. epoll_event's data is Fd and Pad.
func (p *epoll) add(fd int, events, slot, generation uint32) error {
	e := unix.EpollEvent{Events: events, Fd: int32(slot), Pad: int32(generation)}
	if err := unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &e); err != nil {
		return fmt.Errorf("engine: %w", os.NewSyscallError("epoll_ctl", err))
	}
	return nil
}

func (p *epoll) watch(d *door) error {
	d.ready = true // accept tells whether it is a listener at all
	return p.add(d.fd, epollShared, uint32(d.number), epollDoor)
}

// unwatch: the caller's descriptor shares the file, so that closing ours does
// not end it.
func (p *epoll) unwatch(d *door) {
	_ = unix.EpollCtl(p.fd, unix.EPOLL_CTL_DEL, d.fd, nil) // fails only where it is not registered
}

func (p *epoll) open(l *line) error {
	return p.add(int(l.fd), epollOnce, l.c.ref.slot, l.c.ref.generation)
}

func (p *epoll) acceptFlags() int { return unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK }

func (p *epoll) quiet(*line) bool { return true }

func (p *epoll) close() { _ = unix.Close(p.fd) }

func (p *epoll) wait(timeout time.Duration) error {
	n, errno := epollWait(p.fd, p.events, timeout)
	switch errno {
	case 0:
	case syscall.EINTR:
		return nil
	default:
		return fmt.Errorf("engine: %w", os.NewSyscallError("epoll_wait", errno))
	}
	for i := range p.events[:n] {
		p.happened(&p.events[i])
	}
	return nil
}

// happened notes what an event says.
func (p *epoll) happened(e *unix.EpollEvent) {
	slot, generation := uint32(e.Fd), uint32(e.Pad)
	switch {
	case generation == epollWake:
		return // the next event comes with the next write: it need not be read
	case generation == epollDoor:
		if int(slot) < len(p.lp.doors) {
			p.lp.doors[slot].ready = true
		}
		return
	}
	l := p.lp.box.slots[slot]
	if l == nil || l.c.ref.generation != generation {
		return
	}
	if e.Events&^unix.EPOLLOUT != 0 {
		l.readable = true
	}
	if e.Events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		l.hup = true
	}
	if e.Events&^(unix.EPOLLIN|unix.EPOLLRDHUP) != 0 {
		l.writable = true
	}
	p.lp.enqueue(l)
}

// recv reads until less comes than was asked for: then the next event tells.
func (p *epoll) recv(l *line, limit int) ([]byte, reception, error) {
	if !l.readable {
		return nil, recvNone, nil
	}
	b := p.room[:min(limit, len(p.room))]
	n, errno := recvFD(int(l.fd), b)
	switch {
	case errno == syscall.EAGAIN:
		l.readable = false
		return nil, recvNone, nil
	case errno != 0:
		return nil, recvEnded, l.failure("read", "recvfrom", errno)
	case n == 0:
		return nil, recvEnded, io.EOF
	}
	l.readable = n == len(b) || l.hup
	return b[:n:n], recvGot, nil
}

func (p *epoll) send(l *line) bool {
	if !l.writable {
		return false
	}
	b := l.out.peek()
	n, errno := sendFD(int(l.fd), b)
	switch {
	case errno == syscall.EAGAIN:
		l.writable = false
		return false
	case errno != 0:
		l.failed("write", "sendto", errno)
		return true
	}
	l.out.sent(n)
	l.sent(n)
	return true
}

// Calls that cannot block, and so need not tell the scheduler.

func recvFD(fd int, b []byte) (int, syscall.Errno) { return recvFDFlags(fd, b, unix.MSG_DONTWAIT) }

func recvFDFlags(fd int, b []byte, flags uintptr) (int, syscall.Errno) {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), flags, 0, 0)
		if errno != syscall.EINTR {
			return int(n), errno
		}
	}
}

func sendFD(fd int, b []byte) (int, syscall.Errno) {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		if errno != syscall.EINTR {
			return int(n), errno
		}
	}
}

// shutdownFD sends FIN.
func shutdownFD(fd int) syscall.Errno {
	_, _, errno := unix.RawSyscall(unix.SYS_SHUTDOWN, uintptr(fd), unix.SHUT_WR, 0)
	return errno
}

// epollWait is epoll_wait(2), whose timeout is rounded up to milliseconds.
func epollWait(fd int, events []unix.EpollEvent, timeout time.Duration) (int, syscall.Errno) {
	call := unix.Syscall6
	ms := -1
	switch {
	case timeout == 0:
		call, ms = unix.RawSyscall6, 0
	case timeout > 0:
		ms = int(min((timeout+time.Millisecond-1)/time.Millisecond, 1<<30))
	}
	n, _, errno := call(unix.SYS_EPOLL_PWAIT, uintptr(fd), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), uintptr(ms), 0, 0)
	return int(n), errno
}
