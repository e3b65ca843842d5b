package engine

import (
	"net"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"sock/socket"
)

// acceptBatch bounds the connections that a loop accepts in one turn.
const acceptBatch = 64

// listener is one of the caller's listening sockets, as all loops see it.
type listener struct {
	// Immutable.
	s       *Server
	sock    *socket.Socket
	local   socket.Addr
	network string
	bound   bool // to one address: each connection has it too

	mu    sync.Mutex
	short int // guarded by mu: the loops that lack descriptors or memory
}

func newListener(s *Server, sock *socket.Socket) (*listener, error) {
	local, err := sock.LocalAddr()
	if err != nil {
		return nil, err
	}
	ip := local.AddrPort().Addr()
	return &listener{
		s: s, sock: sock, local: local, network: networkOf(sock),
		bound: !ip.IsValid() || !ip.IsUnspecified(),
	}, nil
}

// dup gives a loop a descriptor of its own, so that the caller's close leaves
// no loop with a number that means something else.
func (l *listener) dup() (fd int, err error) {
	err = l.sock.Control(func(of int) error {
		var err error
		fd, err = unix.FcntlInt(uintptr(of), unix.F_DUPFD_CLOEXEC, 0)
		return os.NewSyscallError("fcntl", err)
	})
	return fd, err
}

// localOf gives the local address of a connection: of one that is the same as
// the last one's, the same memory.
func (d *door) localOf(fd int) *socket.Addr {
	if d.listener.bound {
		return &d.listener.local
	}
	var name unix.RawSockaddrAny
	size := uint32(unix.SizeofSockaddrAny)
	_, _, errno := unix.RawSyscall(unix.SYS_GETSOCKNAME, uintptr(fd), uintptr(unsafe.Pointer(&name)), uintptr(unsafe.Pointer(&size)))
	if errno != 0 {
		return &d.listener.local
	}
	if local := rawAddr(&name, size); d.lastLocal == nil || *d.lastLocal != local {
		d.lastLocal = &local
	}
	return d.lastLocal
}

func rawAddr(name *unix.RawSockaddrAny, size uint32) socket.Addr {
	b := unsafe.Slice((*byte)(unsafe.Pointer(name)), unix.SizeofSockaddrAny)
	return socket.RawAddr(b[:min(int(size), len(b))])
}

// lacking counts the loops that cannot accept for want of descriptors or
// memory, and tells when the first begins and the last has recovered.
func (l *listener) lacking(change int, err error) {
	l.mu.Lock()
	l.short += change
	first, last := l.short == change, l.short == 0
	l.mu.Unlock()
	switch {
	case change > 0 && first:
		l.s.observe(Event{Kind: EventNotice, Local: l.local, Text: acceptWaits, Err: err})
	case change < 0 && last:
		l.s.observe(Event{Kind: EventNotice, Local: l.local, Text: acceptAgain})
	}
}

// door is a listener as one loop has it. Owned by the loop.
type door struct {
	lp        *loop
	listener  *listener
	number    int
	fd        int
	lastLocal *socket.Addr // of the connection before
	ready     bool         // a connection may be there
	backoff   time.Duration
	retry     time.Time // while backoff is positive
}

// patience is how long the loop may wait for the door's sake, if it cares.
func (d *door) patience() (time.Duration, bool) {
	switch {
	case d.ready:
		return 0, true
	case d.backoff > 0:
		return max(time.Until(d.retry), 0), true
	}
	return 0, false
}

// accept takes some of the connections that wait.
func (d *door) accept() {
	if d.backoff > 0 && !time.Now().Before(d.retry) {
		d.ready = true
	}
	for range acceptBatch {
		if !d.ready {
			return
		}
		fd, peer, errno := accept4(d.fd, d.lp.poller.acceptFlags())
		switch {
		case errno == 0:
			d.recovered()
			d.lp.accepted(fd, peer, d)
		case errno == syscall.EINTR:
		case isPending(errno):
			d.lp.s.counters.acceptErrors.Add(1)
		case errno == syscall.EAGAIN:
			d.recovered()
			d.ready = false
		default:
			d.ready = false
			d.failed(errno)
		}
	}
}

// failed waits for descriptors or memory, or gives up.
func (d *door) failed(errno syscall.Errno) {
	err := error(&net.OpError{
		Op: "accept", Net: d.listener.network, Addr: d.listener.local.NetAddr(socket.STREAM, 0),
		Err: os.NewSyscallError("accept4", errno),
	})
	if !isExhausted(err) {
		d.lp.crew.fail(err)
		return
	}
	d.lp.s.counters.acceptErrors.Add(1)
	if d.backoff == 0 {
		d.backoff = firstBackoff
		d.listener.lacking(1, err)
	} else {
		d.backoff = min(2*d.backoff, lastBackoff)
	}
	d.retry = time.Now().Add(d.backoff)
}

func (d *door) recovered() {
	if d.backoff > 0 {
		d.backoff = 0
		d.listener.lacking(-1, nil)
	}
}

func accept4(fd, flags int) (int, socket.Addr, syscall.Errno) {
	var name unix.RawSockaddrAny
	size := uint32(unix.SizeofSockaddrAny)
	n, _, errno := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(&name)), uintptr(unsafe.Pointer(&size)), uintptr(flags), 0, 0)
	if errno != 0 {
		return -1, socket.Addr{}, errno
	}
	return int(n), rawAddr(&name, size), 0
}
