package socket

import (
	"errors"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// opError is err as the failure of op on s, with the addresses that are known.
func (s *Socket) opError(op string, err error) error {
	return &net.OpError{Op: op, Net: s.network, Source: s.knownLocal(), Addr: s.knownPeer(), Err: err}
}

// callError is the refusal of a system call.
func (s *Socket) callError(op, call string, errno syscall.Errno) error {
	err := os.NewSyscallError(call, errno)
	if errno == syscall.EAGAIN {
		// The answer to MsgDontWait: frequent, and about time, not about addresses.
		return &net.OpError{Op: op, Net: s.network, Err: err}
	}
	return s.opError(op, err)
}

// addrError is the refusal of a system call that had an address for its argument.
func (s *Socket) addrError(op string, a Addr, err error) error {
	return &net.OpError{Op: op, Net: s.network, Source: s.knownLocal(), Addr: a.NetAddr(s.typ, s.proto), Err: err}
}

// sendToError is the failure of a send to an address: of the wait, or of the call; nil for neither.
func (s *Socket) sendToError(op string, to Addr, werr error, errno syscall.Errno) error {
	switch {
	case werr != nil:
		return s.addrError(op, to, s.waitCause(werr))
	case errno != 0:
		return s.addrError(op, to, os.NewSyscallError("sendto", errno))
	}
	return nil
}

// waitCause says why the poller did not let a call go on: a deadline passed, the context of it
// ended, or the socket was closed.
func (s *Socket) waitCause(err error) error {
	var ended *contextError
	switch {
	case errors.As(err, &ended):
		return ended
	case errors.Is(err, os.ErrDeadlineExceeded):
		return os.ErrDeadlineExceeded
	case s.closed.Load():
		return net.ErrClosed
	}
	return err
}

func (s *Socket) waitError(op string, err error) error { return s.opError(op, s.waitCause(err)) }

// knownLocal gives the local address in net's form, or nil.
func (s *Socket) knownLocal() net.Addr {
	if a := s.localAddr(); a.IsValid() {
		return a.NetAddr(s.typ, s.proto)
	}
	return nil
}

// localAddr gives the local address without a trace; invalid where it is not known. Only that of a
// connected socket is remembered: until then it may change.
func (s *Socket) localAddr() Addr {
	if a := s.local.Load(); a != nil {
		return *a
	}
	a := s.quietName(unix.SYS_GETSOCKNAME)
	if a.IsValid() && s.peer.Load() != nil {
		s.local.Store(&a)
	}
	return a
}

// knownPeer gives the peer's address in net's form, or nil.
func (s *Socket) knownPeer() net.Addr {
	if a := s.peerAddr(); a.IsValid() {
		return a.NetAddr(s.typ, s.proto)
	}
	return nil
}

func (s *Socket) peerAddr() Addr {
	if a := s.peer.Load(); a != nil {
		return *a
	}
	return s.quietName(unix.SYS_GETPEERNAME)
}

func (s *Socket) quietName(number uintptr) (a Addr) {
	if s.raw == nil {
		return Addr{}
	}
	_ = s.raw.Control(func(fd uintptr) { a, _ = nameOf(fd, number) }) // unknown is an answer
	return a
}

// notHere reports whether the errno of socket(2) says that this kernel lacks what was asked.
func notHere(errno syscall.Errno) bool {
	switch errno {
	case syscall.EAFNOSUPPORT, syscall.EPROTONOSUPPORT, syscall.ESOCKTNOSUPPORT, syscall.EPFNOSUPPORT:
		return true
	}
	return false
}

// openError is the failure of socket(2) or socketpair(2).
func openError(call string, family Family, typ Type, proto Protocol, errno syscall.Errno) error {
	err := os.NewSyscallError(call, errno)
	if notHere(errno) {
		what := family.String() + " " + typ.String()
		if proto != 0 {
			what += " " + proto.String()
		}
		err = &UnsupportedError{What: what, Err: err}
	}
	return &net.OpError{Op: call, Net: networkName(family, typ, proto), Err: err}
}
