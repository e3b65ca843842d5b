package socket

import (
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// New makes a socket: non-blocking, close-on-exec. Where this kernel has not got the family, type
// or protocol, the error matches errors.ErrUnsupported and the errno, and names what is missing.
//
//	New(INET, STREAM, TCP)
//	New(UNIX, DGRAM, 0)
//
// socket(2).
func New(family Family, typ Type, proto Protocol) (*Socket, error) {
	t := startTrace()
	fd, err := unix.Socket(int(family), int(typ)|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, kernelProtocol(family, proto))
	if err != nil {
		err = openError("socket", family, typ, proto, errnoOf(err))
	}
	if t.on() {
		network := networkName(family, typ, proto)
		t.end(Call{Name: "socket", FD: fd, N: fd, Network: network, Family: family, Type: typ, Protocol: proto, Err: err})
	}
	if err != nil {
		return nil, err
	}
	return newSocket(fd, family, typ, chosenProtocol(fd, family, typ, proto))
}

// kernelProtocol gives the protocol as socket(2) wants it: packet(7) wants it in network byte order.
func kernelProtocol(family Family, proto Protocol) int {
	if family == PACKET {
		return int(uint16(proto)<<8 | uint16(proto)>>8)
	}
	return int(proto)
}

// chosenProtocol gives the protocol that 0 stands for.
func chosenProtocol(fd int, family Family, typ Type, proto Protocol) Protocol {
	switch {
	case proto != 0 || !family.isInet():
		return proto
	case typ == STREAM:
		return TCP
	case typ == DGRAM:
		return UDP
	}
	if p, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PROTOCOL); err == nil {
		return Protocol(p)
	}
	return 0
}

// Pair makes two sockets that are connected to each other; the family is UNIX. socketpair(2).
func Pair(family Family, typ Type, proto Protocol) (a, b *Socket, err error) {
	t := startTrace()
	fds, err := unix.Socketpair(int(family), int(typ)|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, int(proto))
	if err != nil {
		err = openError("socketpair", family, typ, proto, errnoOf(err))
		fds = [2]int{-1, -1}
	}
	if t.on() {
		t.end(Call{
			Name: "socketpair", FD: fds[0], Peer: fds[1], Network: networkName(family, typ, proto),
			Family: family, Type: typ, Protocol: proto, Err: err,
		})
	}
	if err != nil {
		return nil, nil, err
	}
	if a, err = newSocket(fds[0], family, typ, proto); err != nil {
		_ = unix.Close(fds[1])
		return nil, nil, err
	}
	if b, err = newSocket(fds[1], family, typ, proto); err != nil {
		_ = a.Close() // the other's failure is what is told
		return nil, nil, err
	}
	return a, b, nil
}

// FromFD makes a Socket of an open descriptor, such as one inherited from a service manager. It
// takes the descriptor over, makes it non-blocking and close-on-exec, and asks the kernel for its
// family, type and protocol. What is not a socket (ENOTSOCK, EBADF), or has an owner in this process
// already, a Socket or a connection of package net (EEXIST), is left as it is.
func FromFD(fd int) (*Socket, error) {
	k, err := describe(fd)
	if err != nil {
		return nil, fileError(fd, err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, fileError(fd, os.NewSyscallError("fcntl", err))
	}
	unix.CloseOnExec(fd)
	s := k.socket(fd)
	if err := s.register(); err != nil {
		notOurs.keep(s.file)
		return nil, fileError(fd, err)
	}
	return s, nil
}

// notOurs keeps the os.File of each descriptor that the poller refused, because it has an owner
// already: collected as garbage it would close what is the other's.
var notOurs keptFiles

type keptFiles struct {
	mu    sync.Mutex
	files []*os.File // guarded by mu
}

func (k *keptFiles) keep(f *os.File) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.files = append(k.files, f)
}

// kind is what describe finds out of a descriptor.
type kind struct {
	family Family
	typ    Type
	proto  Protocol
}

// describe asks the kernel what fd is.
func describe(fd int) (k kind, err error) {
	ask := func(option int) (n int) {
		if err == nil {
			n, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, option)
		}
		return n
	}
	k = kind{Family(ask(unix.SO_DOMAIN)), Type(ask(unix.SO_TYPE)), Protocol(ask(unix.SO_PROTOCOL))}
	if k.family == PACKET {
		k.proto = Protocol(kernelProtocol(PACKET, k.proto))
	}
	return k, os.NewSyscallError("getsockopt", err)
}

// socket is the Socket of a descriptor that came from elsewhere, yet to be registered.
func (k kind) socket(fd int) *Socket {
	s := &Socket{fd: fd, family: k.family, typ: k.typ, proto: k.proto, network: networkName(k.family, k.typ, k.proto)}
	s.bound.Store(true) // perhaps: its past is not known
	return s
}

func fileError(fd int, err error) error {
	return &net.OpError{Op: "file", Net: "fd" + strconv.Itoa(fd), Err: err}
}

// FromConn makes a Socket of a connection or listener of package net (or anything with a
// SyscallConn) by duplicating its descriptor: both then refer to one socket, and each is closed on
// its own. A *Socket, *Conn, *Listener or *PacketConn of this package gives its own Socket, with
// nothing duplicated.
func FromConn(c syscall.Conn) (*Socket, error) {
	switch own := c.(type) {
	case *Socket:
		return own, nil
	case interface{ Socket() *Socket }:
		return own.Socket(), nil
	}
	fd, err := duplicateOf(c)
	if err != nil {
		return nil, fileError(fd, err)
	}
	s, err := FromFD(fd)
	if err != nil {
		_ = unix.Close(fd) // a new number: nobody else has it
		return nil, err
	}
	return s, nil
}

func duplicateOf(c syscall.Conn) (fd int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return -1, err
	}
	var errno error
	fd = -1
	err = raw.Control(func(original uintptr) { fd, errno = duplicate(int(original)) })
	if err != nil {
		return -1, err
	}
	return fd, os.NewSyscallError("fcntl", errno)
}

// duplicate gives a new close-on-exec descriptor of the same open file description.
func duplicate(fd int) (int, error) {
	return unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
}

// Dup makes a second Socket for the same socket: one queue, one set of options, one state; each is
// closed on its own, and the connection ends with the last. dup(2).
func (s *Socket) Dup() (*Socket, error) {
	t := startTrace()
	fd, err := s.dupFD("dup")
	if t.on() {
		t.end(Call{Name: "dup", FD: s.fd, N: fd, Network: s.network, Err: err})
	}
	if err != nil {
		return nil, err
	}
	twin, err := newSocket(fd, s.family, s.typ, s.proto)
	if err != nil {
		return nil, err
	}
	twin.bound.Store(s.bound.Load())
	twin.peer.Store(s.peer.Load())
	return twin, nil
}

func (s *Socket) dupFD(op string) (int, error) {
	fd := -1
	err := s.control(op, "fcntl", func(original uintptr) syscall.Errno {
		var err error
		fd, err = duplicate(int(original))
		return errnoOf(err)
	})
	return fd, err
}

// Detach takes the socket out of the Socket, which is closed thereby, and gives its descriptor to
// the caller, who closes it. The descriptor is a new number for the same open file description
// (the runtime's poller lets go of a number only by closing it); it is non-blocking and
// close-on-exec. The connection, its queues and options are untouched; calls that wait on the
// Socket return an error that wraps net.ErrClosed.
func (s *Socket) Detach() (fd int, err error) {
	t := startTrace()
	fd, err = s.detach()
	if t.on() {
		t.end(Call{Name: "detach", FD: s.fd, N: fd, Network: s.network, Err: err})
	}
	return fd, err
}

func (s *Socket) detach() (int, error) {
	fd, err := s.dupFD("detach")
	if err != nil {
		return -1, err
	}
	if err := s.close("detach"); err != nil {
		_ = unix.Close(fd) // another Close came first: the socket is gone
		return -1, err
	}
	return fd, nil
}

// SyscallConn gives the socket's descriptor to other packages, with the waiting of this one: the
// functions given to Read and Write return false to wait until the socket is ready. syscall.Conn.
func (s *Socket) SyscallConn() (syscall.RawConn, error) {
	if s.closed.Load() {
		return nil, s.opError("raw", net.ErrClosed)
	}
	return rawConn{s}, nil
}

// rawConn is the poller's own RawConn with this package's errors.
type rawConn struct{ s *Socket }

func (c rawConn) Control(f func(fd uintptr)) error { return c.wrap("raw-control", c.s.raw.Control(f)) }

func (c rawConn) Read(f func(fd uintptr) bool) error { return c.wrap("raw-read", c.s.raw.Read(f)) }

func (c rawConn) Write(f func(fd uintptr) bool) error { return c.wrap("raw-write", c.s.raw.Write(f)) }

func (c rawConn) wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	return c.s.waitError(op, err)
}

// blockingFile gives a duplicate in blocking mode.
func (s *Socket) blockingFile() (*os.File, error) {
	fd, err := s.dupFD("file")
	if err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(fd, false); err != nil {
		_ = unix.Close(fd)
		return nil, s.callError("file", "fcntl", errnoOf(err))
	}
	return os.NewFile(uintptr(fd), s.network), nil
}
