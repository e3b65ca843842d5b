package socket

import (
	"bytes"
	"context"
	"math"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Bind gives the socket its local address. Port 0, VsockAny and the unnamed UNIX address let the
// kernel choose; [Socket.LocalAddr] tells what it chose. bind(2).
func (s *Socket) Bind(a Addr) error {
	t := startTrace()
	err := s.bind(a)
	if t.on() {
		t.end(Call{Name: "bind", FD: s.fd, Network: s.network, Addr: a, Err: err})
	}
	return err
}

func (s *Socket) bind(a Addr) error {
	name := new(nameBuffer)
	size, errno := encodeAddr(name[:], a, s.family)
	if errno == 0 {
		err := s.raw.Control(func(fd uintptr) { errno = sysBind(fd, name, size) })
		if err != nil {
			return s.addrError("bind", a, s.waitCause(err))
		}
	}
	if errno != 0 {
		return s.addrError("bind", a, os.NewSyscallError("bind", errno))
	}
	s.bound.Store(true)
	return nil
}

// somaxconn is the system's bound on a backlog, of this network namespace. listen(2).
const somaxconn = "/proc/sys/net/core/somaxconn"

// Listen makes the socket accept connections, of which the kernel holds up to backlog until they
// are accepted. Zero or less asks for the system's maximum. It returns the backlog that the kernel
// granted: less than what was asked where net.core.somaxconn caps it; where that cannot be read,
// what was asked. listen(2).
func (s *Socket) Listen(backlog int) (granted int, err error) {
	if backlog <= 0 || backlog > math.MaxInt32 {
		backlog = math.MaxInt32
	}
	t := startTrace()
	err = s.control("listen", "listen", func(fd uintptr) syscall.Errno {
		return errnoOf(unix.Listen(int(fd), backlog))
	})
	if err == nil {
		granted = min(backlog, systemBacklog())
	}
	if t.on() {
		t.end(Call{Name: "listen", FD: s.fd, Network: s.network, Len: granted, Err: err})
	}
	return granted, err
}

// systemBacklog reads the bound, or gives the largest number where it cannot.
func systemBacklog() int {
	text, err := os.ReadFile(somaxconn)
	if err != nil {
		return math.MaxInt32
	}
	n, err := strconv.Atoi(string(bytes.TrimSpace(text)))
	if err != nil {
		return math.MaxInt32
	}
	return n
}

// Accept waits for a connection and returns its socket (non-blocking, close-on-exec) and the peer's
// address. It ends early with the context, the read deadline, or Close. A connection that was
// aborted before it could be accepted is passed over. EMFILE and ENFILE are returned as they are;
// the connection stays in the backlog. accept(2).
func (s *Socket) Accept(ctx context.Context) (*Socket, Addr, error) {
	t := startTrace()
	conn, peer, err := s.accept(ctx)
	if t.on() {
		call := Call{Name: "accept", FD: s.fd, Network: s.network, Addr: peer, Err: err}
		if conn != nil {
			call.N = conn.fd
		}
		t.end(call)
	}
	return conn, peer, err
}

// acceptOp is an accept under way.
type acceptOp struct {
	name  nameBuffer
	size  uint32
	fd    int
	errno syscall.Errno
}

func (op *acceptOp) attempt(fd uintptr) (done bool) {
	for {
		op.size = uint32(len(op.name))
		op.fd, op.errno = sysAccept(fd, &op.name, &op.size)
		switch op.errno {
		case syscall.EINTR, syscall.ECONNABORTED:
			continue
		}
		return op.errno != syscall.EAGAIN
	}
}

func (s *Socket) accept(ctx context.Context) (*Socket, Addr, error) {
	op := new(acceptOp)
	attempt := op.attempt
	err := s.readDeadline.wait(ctx, func() error { return s.raw.Read(attempt) })
	if err != nil {
		return nil, Addr{}, s.waitError("accept", err)
	}
	if op.errno != 0 {
		return nil, Addr{}, s.callError("accept", "accept4", op.errno)
	}
	conn, err := newSocket(op.fd, s.family, s.typ, s.proto)
	if err != nil {
		return nil, Addr{}, err
	}
	peer := decodeAddr(op.name[:min(int(op.size), len(op.name))])
	conn.bound.Store(true)
	conn.peer.Store(&peer)
	return conn, peer, nil
}
