package socket

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Socket is a socket: a descriptor from socket(2) and the calls one makes on it.
//
// The descriptor is non-blocking and registered with the runtime's poller, so a call that waits
// costs a parked goroutine, not a thread; it ends early when its deadline passes or the socket is
// closed. All methods are safe for concurrent use. Receives on one socket take turns, and so do
// sends; a receive and a send do not wait for each other.
//
// Close it, or Detach it. A Socket that is garbage-collected is closed.
type Socket struct {
	// Immutable after the socket is made.
	file    *os.File // owns the descriptor
	raw     syscall.RawConn
	fd      int
	family  Family
	typ     Type
	proto   Protocol
	network string // for errors: tcp, udp, …

	closed atomic.Bool
	bound  atomic.Bool // the caller chose the local address, or may have: it is not ours

	// What is known of the addresses, so that an error can name them when the kernel no longer does.
	local atomic.Pointer[Addr] // of a connected socket, once asked
	peer  atomic.Pointer[Addr] // from accept or connect

	readDeadline, writeDeadline deadline
}

// newSocket makes the Socket of a non-blocking descriptor, which it owns from here on, also when it fails.
func newSocket(fd int, family Family, typ Type, proto Protocol) (*Socket, error) {
	s := &Socket{fd: fd, family: family, typ: typ, proto: proto, network: networkName(family, typ, proto)}
	if err := s.register(); err != nil {
		_ = s.file.Close() // never used
		return nil, s.opError("socket", err)
	}
	return s, nil
}

// register hands the descriptor to the runtime's poller.
func (s *Socket) register() (err error) {
	s.file = os.NewFile(uintptr(s.fd), s.network)
	if s.raw, err = s.file.SyscallConn(); err != nil {
		return err
	}
	s.readDeadline.init(s.file.SetReadDeadline)
	s.writeDeadline.init(s.file.SetWriteDeadline)
	if s.file.SetDeadline(time.Time{}) != nil {
		return refusal(s.fd)
	}
	return nil
}

// refusal finds out why the poller did not take a descriptor, which the runtime keeps to itself.
// What this system has run out of (ENOSPC: the user's watches; ENOMEM) it refuses another poller
// too; what another takes, the runtime's has already. epoll_ctl(2).
func refusal(fd int) error {
	poller, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	defer unix.Close(poller)
	if err := unix.EpollCtl(poller, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{}); err != nil {
		return os.NewSyscallError("epoll_ctl", err)
	}
	return os.NewSyscallError("epoll_ctl", syscall.EEXIST)
}

// Family reports the address family.
func (s *Socket) Family() Family { return s.family }

// Type reports the socket type.
func (s *Socket) Type() Type { return s.typ }

// Protocol reports the protocol: the kernel's choice, where New was given 0.
func (s *Socket) Protocol() Protocol { return s.proto }

func (s *Socket) networkName() string { return s.network }

// FD gives the descriptor's number, or -1 once the socket is closed. The number alone keeps nothing
// open: use [Socket.Control] where another goroutine might close the socket meanwhile, and leave
// the descriptor non-blocking.
func (s *Socket) FD() int {
	if s.closed.Load() {
		return -1
	}
	return s.fd
}

// Close closes the socket. Calls that wait on it return an error that wraps net.ErrClosed; so does
// a second Close. close(2).
func (s *Socket) Close() error {
	t := startTrace()
	err := s.close("close")
	if t.on() {
		t.end(Call{Name: "close", FD: s.fd, Network: s.network, Err: err})
	}
	return err
}

func (s *Socket) close(op string) error {
	if s.closed.Swap(true) {
		return s.opError(op, net.ErrClosed)
	}
	if err := s.file.Close(); err != nil {
		var errno syscall.Errno
		if errors.As(err, &errno) {
			return s.callError(op, "close", errno)
		}
		return s.opError(op, err)
	}
	return nil
}

// Control runs f with the descriptor, which stays open until f returns even if the socket is closed
// meanwhile: that Close waits for f, which therefore must not itself close the socket. It returns
// f's error, or one that wraps net.ErrClosed, in which case f did not run.
func (s *Socket) Control(f func(fd int) error) error {
	var ferr error
	if err := s.raw.Control(func(fd uintptr) { ferr = f(int(fd)) }); err != nil {
		return s.waitError("control", err)
	}
	return ferr
}

// control is Control for a single system call named call.
func (s *Socket) control(op, call string, f func(fd uintptr) syscall.Errno) error {
	var errno syscall.Errno
	if err := s.raw.Control(func(fd uintptr) { errno = f(fd) }); err != nil {
		return s.waitError(op, err)
	}
	if errno != 0 {
		return s.callError(op, call, errno)
	}
	return nil
}

// SetDeadline sets both deadlines; see [Socket.SetReadDeadline].
func (s *Socket) SetDeadline(t time.Time) error {
	if err := s.SetReadDeadline(t); err != nil {
		return err
	}
	return s.SetWriteDeadline(t)
}

// SetReadDeadline sets when calls that receive or accept stop waiting, those under way included;
// they then return an error that wraps os.ErrDeadlineExceeded. The zero time means never, which is
// the default.
func (s *Socket) SetReadDeadline(t time.Time) error {
	return s.deadlineError(s.readDeadline.set(t))
}

// SetWriteDeadline is SetReadDeadline for calls that send or connect.
func (s *Socket) SetWriteDeadline(t time.Time) error {
	return s.deadlineError(s.writeDeadline.set(t))
}

func (s *Socket) deadlineError(err error) error {
	switch {
	case s.closed.Load():
		return s.opError("set", net.ErrClosed)
	case err != nil:
		return s.opError("set", err)
	}
	return nil
}

// LocalAddr asks the kernel for the socket's own address. getsockname(2).
func (s *Socket) LocalAddr() (Addr, error) {
	return s.askName("getsockname", unix.SYS_GETSOCKNAME)
}

// PeerAddr asks the kernel for the peer's address; ENOTCONN says that there is none. getpeername(2).
func (s *Socket) PeerAddr() (Addr, error) {
	return s.askName("getpeername", unix.SYS_GETPEERNAME)
}

func (s *Socket) askName(call string, number uintptr) (Addr, error) {
	t := startTrace()
	var a Addr
	err := s.control(call, call, func(fd uintptr) (errno syscall.Errno) {
		a, errno = nameOf(fd, number)
		return errno
	})
	if t.on() {
		t.end(Call{Name: call, FD: s.fd, Network: s.network, Addr: a, Err: err})
	}
	return a, err
}

// nameOf is getsockname or getpeername on a bare descriptor.
func nameOf(fd, number uintptr) (Addr, syscall.Errno) {
	name := new(nameBuffer)
	size := uint32(len(name))
	if errno := sysName(number, fd, name, &size); errno != 0 {
		return Addr{}, errno
	}
	return decodeAddr(name[:min(int(size), len(name))]), 0
}

// Tuple gives the socket pair as one value: the protocol and both addresses. Without a peer,
// Tuple.Peer is invalid; that is no error.
func (s *Socket) Tuple() (Tuple, error) {
	local, err := s.LocalAddr()
	if err != nil {
		return Tuple{}, err
	}
	peer, err := s.PeerAddr()
	if err != nil && !errors.Is(err, syscall.ENOTCONN) && !errors.Is(err, syscall.EOPNOTSUPP) {
		return Tuple{}, err // EOPNOTSUPP: the family has no peers
	}
	return Tuple{Protocol: s.network, Local: local, Peer: peer}, nil
}

// Shutdown ends one or both directions, for every descriptor of the socket. After ShutWR the peer
// reads end of file, and this side can still receive. shutdown(2).
func (s *Socket) Shutdown(how How) error {
	t := startTrace()
	err := s.control("shutdown", "shutdown", func(fd uintptr) syscall.Errno {
		return errnoOf(unix.Shutdown(int(fd), int(how)))
	})
	if t.on() {
		t.end(Call{Name: "shutdown", FD: s.fd, Network: s.network, How: how, Err: err})
	}
	return err
}

// AtMark reports whether the next byte to receive is the one after urgent data. tcp(7) SIOCATMARK.
func (s *Socket) AtMark() (bool, error) {
	var at int
	err := s.control("sockatmark", "ioctl", func(fd uintptr) syscall.Errno {
		var err error
		at, err = unix.IoctlGetInt(int(fd), unix.SIOCATMARK)
		return errnoOf(err)
	})
	return at != 0, err
}

// setsockopt sets an option to bytes in the kernel's layout.
func (s *Socket) setsockopt(level, name int, value []byte) error {
	t := startTrace()
	err := s.control("setsockopt", "setsockopt", func(fd uintptr) syscall.Errno {
		return sysSetOption(fd, level, name, value)
	})
	if t.on() {
		t.end(s.optionCall("setsockopt", level, name, value, err))
	}
	return err
}

// getsockopt reads an option's bytes into b and returns how many there are.
func (s *Socket) getsockopt(level, name int, b []byte) (int, error) {
	t := startTrace()
	size := uint32(len(b))
	err := s.control("getsockopt", "getsockopt", func(fd uintptr) syscall.Errno {
		return sysGetOption(fd, level, name, b, &size)
	})
	n := min(int(size), len(b))
	if err != nil {
		n = 0
	}
	if t.on() {
		t.end(s.optionCall("getsockopt", level, name, b[:n], err))
	}
	return n, err
}

func (s *Socket) optionCall(call string, level, name int, value []byte, err error) Call {
	kept := append([]byte(nil), value[:min(len(value), previewSize)]...)
	return Call{Name: call, FD: s.fd, Network: s.network, Level: level, Option: name, Value: kept, Err: err}
}

// errnoOf gives the errno of an error from x/sys, which returns nothing else.
func errnoOf(err error) syscall.Errno {
	if err == nil {
		return 0
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return syscall.EIO
}
