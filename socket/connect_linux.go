package socket

import (
	"context"
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Connect connects to a peer and waits until that has succeeded or failed. It ends early with the
// context, the write deadline, or Close; the socket is then good for nothing but Close. On a
// datagram socket it only sets the peer, and may be called again.
//
// A UNIX listener whose backlog is full is waited for. A TCP socket that the kernel connected to
// itself, which happens when nothing listens on a port that it may pick for the source, is refused
// with ECONNREFUSED, unless the caller bound it. connect(2).
func (s *Socket) Connect(ctx context.Context, a Addr) error {
	t := startTrace()
	err := s.connect(ctx, a)
	if t.on() {
		t.end(Call{Name: "connect", FD: s.fd, Network: s.network, Addr: a, Err: err})
	}
	return err
}

// ConnectEx is Connect that gives the kernel's refusal as a value: 0 when connected, ECONNREFUSED,
// and so on. The error is for what is no refusal: the context, the deadline, Close. The errno is then 0
// too, so look at the error first.
func (s *Socket) ConnectEx(ctx context.Context, a Addr) (syscall.Errno, error) {
	err := s.Connect(ctx, a)
	var call *os.SyscallError
	var errno syscall.Errno
	if errors.As(err, &call) && errors.As(call.Err, &errno) {
		return errno, nil
	}
	return 0, err
}

// connectOp is a connect under way.
type connectOp struct {
	name    nameBuffer
	size    int
	started bool
	call    string
	errno   syscall.Errno
}

func (s *Socket) connect(ctx context.Context, a Addr) error {
	op := &connectOp{call: "connect"}
	if op.size, op.errno = encodeAddr(op.name[:], a, s.family); op.errno == 0 {
		if err := s.runConnect(ctx, op); err != nil {
			return s.addrError("connect", a, s.waitCause(err))
		}
	}
	if op.errno != 0 {
		return s.addrError("connect", a, os.NewSyscallError(op.call, op.errno))
	}
	local, peer := s.quietName(unix.SYS_GETSOCKNAME), s.quietName(unix.SYS_GETPEERNAME)
	if s.isOwnPeer(local, peer) {
		_ = s.raw.Control(dissolve) // it is refused in any case
		return s.addrError("connect", a, os.NewSyscallError("connect", syscall.ECONNREFUSED))
	}
	if !peer.IsValid() {
		peer = a // already reset: this is what it was
	}
	s.local.Store(&local)
	s.peer.Store(&peer)
	return nil
}

// runConnect makes attempts until one has an answer other than "the backlog is full".
func (s *Socket) runConnect(ctx context.Context, op *connectOp) error {
	attempt := op.attempt
	backoff := minBackoff
	for {
		err := s.writeDeadline.wait(ctx, func() error { return s.raw.Write(attempt) })
		if err != nil || op.errno != syscall.EAGAIN || s.family != UNIX {
			return err
		}
		if err := s.pause(ctx, backoff); err != nil {
			return err
		}
		op.started = false
		backoff = min(2*backoff, maxBackoff)
	}
}

// attempt starts the connect, and once the poller says that the socket is writable asks for the answer.
func (op *connectOp) attempt(fd uintptr) (done bool) {
	if op.started {
		return op.answer(fd)
	}
	op.started = true
	op.errno = sysConnect(fd, &op.name, op.size)
	switch op.errno {
	case syscall.EINPROGRESS, syscall.EALREADY, syscall.EINTR:
		op.errno = 0
		return false
	}
	return true
}

// answer asks how the connect ended. The poller also wakes for no reason, and for what it saw
// before the connect: without an error and without a peer the connect is still under way.
func (op *connectOp) answer(fd uintptr) (done bool) {
	pending, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		op.call, op.errno = "getsockopt", errnoOf(err)
		return true
	}
	switch errno := syscall.Errno(pending); errno {
	case syscall.EINPROGRESS, syscall.EALREADY, syscall.EINTR:
		return false
	case 0, syscall.EISCONN:
		_, errno := nameOf(fd, unix.SYS_GETPEERNAME)
		return errno == 0
	default:
		op.errno = errno
		return true
	}
}

// isOwnPeer reports a TCP connection whose both ends are this socket by accident: the source port
// that the kernel picked is the very port that was asked for, where nobody listens.
func (s *Socket) isOwnPeer(local, peer Addr) bool {
	return s.family.isInet() && s.typ == STREAM && !s.bound.Load() && local.IsValid() && local == peer
}

// dissolve is connect with AF_UNSPEC: the socket has no peer any more. connect(2).
func dissolve(fd uintptr) {
	sysConnect(fd, new(nameBuffer), 2)
}
