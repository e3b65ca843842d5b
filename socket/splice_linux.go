package socket

import (
	"errors"
	"io"
	"math"
	"net"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// pipeSize is how much a pipe between two sockets holds, where the kernel allows: with it the most
// that Splice can have read and not delivered. Half a mebibyte is enough to keep both ends busy.
const pipeSize = 512 << 10

// pipe carries bytes from one socket to another inside the kernel.
type pipe struct {
	r, w int
	held int // bytes in it
}

// idlePipes keeps a few for the next Splice. A pipe in it is empty.
var idlePipes = make(chan *pipe, 4)

func newPipe() (*pipe, error) {
	select {
	case p := <-idlePipes:
		return p, nil
	default:
	}
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return nil, err
	}
	// A smaller pipe, where the user's allowance is used up, also does.
	_, _ = unix.FcntlInt(uintptr(fds[1]), unix.F_SETPIPE_SZ, pipeSize)
	return &pipe{r: fds[0], w: fds[1]}, nil
}

// free keeps an empty pipe or closes it.
func (p *pipe) free() {
	if p.held == 0 {
		select {
		case idlePipes <- p:
			return
		default:
		}
	}
	p.close()
}

func (p *pipe) close() {
	_ = unix.Close(p.r) // nothing is left to lose
	_ = unix.Close(p.w)
}

// drain takes the bytes out.
func (p *pipe) drain() []byte {
	b := make([]byte, p.held)
	n := 0
	for n < len(b) {
		got, err := unix.Read(p.r, b[n:])
		if err == unix.EINTR {
			continue
		}
		if err != nil || got <= 0 {
			break
		}
		n += got
	}
	p.held = 0
	return b[:n]
}

// fill moves at most n bytes into the empty pipe, waiting for some. Nothing is the end.
func (p *pipe) fill(src syscall.RawConn, n int) error {
	var errno syscall.Errno
	err := src.Read(func(fd uintptr) bool {
		p.held, errno = spliceOnce(int(fd), p.w, n)
		return errno != syscall.EAGAIN
	})
	if err == nil && errno != 0 {
		return errno
	}
	return err
}

// empty moves the pipe's bytes to dst, waiting for room.
func (p *pipe) empty(dst syscall.RawConn) (moved int, err error) {
	var errno syscall.Errno
	err = dst.Write(func(fd uintptr) bool {
		for p.held > 0 {
			var n int
			if n, errno = spliceOnce(p.r, int(fd), p.held); errno != 0 {
				return errno != syscall.EAGAIN
			}
			p.held -= n
			moved += n
		}
		return true
	})
	if err == nil && errno != 0 {
		return moved, errno
	}
	return moved, err
}

func spliceOnce(from, to, n int) (int, syscall.Errno) {
	for {
		moved, err := unix.Splice(from, nil, to, nil, n, unix.SPLICE_F_NONBLOCK|unix.SPLICE_F_MOVE)
		if errno := errnoOf(err); errno != syscall.EINTR {
			return int(max(moved, 0)), errno
		}
	}
}

// Splice moves n bytes from one stream to this one without copying them through the process, or, if
// n is negative, all up to the end of from; where the kernel cannot splice, or there is no descriptor
// left for a pipe, it copies them after all. It returns how many bytes arrived here: fewer than n,
// without an error, where from ended. Both sockets' deadlines apply. If this socket fails while it
// is owed bytes already read, the error is a *SpliceError, which has them. splice(2).
func (s *Socket) Splice(from *Socket, n int64) (int64, error) {
	if !s.typ.isStream() || !from.typ.isStream() {
		return 0, s.callError("splice", "splice", syscall.EINVAL)
	}
	return s.splice("splice", from.raw, from, n)
}

// splicing is one Splice under way.
type splicing struct {
	name string
	dst  *Socket
	src  syscall.RawConn
	from *Socket // nil where the source is not one of ours
	left int64
	done int64
}

func (s *Socket) splice(name string, src syscall.RawConn, from *Socket, n int64) (int64, error) {
	t := startTrace()
	if n < 0 {
		n = math.MaxInt64
	}
	sp := &splicing{name: name, dst: s, src: src, from: from, left: n}
	err := sp.run()
	if t.on() {
		call := Call{Name: "splice", FD: s.fd, Peer: -1, N: int(sp.done), Network: s.network, Len: callLen(n), Err: err}
		if from != nil {
			call.Peer = from.fd
		}
		t.end(call)
	}
	return sp.done, err
}

func (sp *splicing) run() error {
	p, err := newPipe()
	if err != nil {
		return sp.copy() // out of descriptors or of memory for pipes: the slower way has no need of any
	}
	defer func() { p.free() }()
	for sp.left > 0 {
		err := p.fill(sp.src, int(min(sp.left, pipeSize)))
		switch {
		case err == syscall.EINVAL && sp.done == 0:
			return sp.copy()
		case err != nil:
			return sp.sourceError(err)
		case p.held == 0:
			return nil
		}
		if err := sp.deliver(p); err != nil {
			return err
		}
	}
	return nil
}

// deliver moves what is in the pipe on, and hands back what did not go.
func (sp *splicing) deliver(p *pipe) error {
	n, err := p.empty(sp.dst.raw)
	sp.count(n)
	if err != nil {
		return sp.undelivered(sp.dst.splitError(sp.name, err), p.drain())
	}
	return nil
}

func (sp *splicing) count(n int) {
	sp.done += int64(n)
	sp.left -= int64(n)
}

func (sp *splicing) undelivered(err error, rest []byte) error {
	return &SpliceError{Delivered: sp.done, Undelivered: rest, Err: err}
}

// splitError is the failure of a splice on s: of the call, if it is an errno, or of the wait.
func (s *Socket) splitError(name string, err error) error {
	if errno, ok := err.(syscall.Errno); ok {
		return s.callError(name, "splice", errno)
	}
	return s.waitError(name, err)
}

func (sp *splicing) sourceError(err error) error {
	switch {
	case sp.from != nil:
		return sp.from.splitError(sp.name, err)
	default:
		var op *net.OpError
		if errors.As(err, &op) {
			return err
		}
		return &net.OpError{Op: sp.name, Net: "socket", Err: err}
	}
}

// copyBuffers are for streams that the kernel cannot splice.
var copyBuffers = sync.Pool{New: func() any { return new([64 << 10]byte) }}

// copy is what run does where the kernel cannot splice the source or has no pipe to give.
func (sp *splicing) copy() error {
	buffer := copyBuffers.Get().(*[64 << 10]byte)
	defer copyBuffers.Put(buffer)
	for sp.left > 0 {
		n, err := sp.receive(buffer[:min(sp.left, int64(len(buffer)))])
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		sent, err := sp.dst.send(sp.name, buffer[:n], 0, true)
		sp.count(sent)
		if err != nil {
			return sp.undelivered(err, append([]byte(nil), buffer[sent:n]...))
		}
	}
	return nil
}

// receive receives from the source, ours or not.
func (sp *splicing) receive(b []byte) (n int, err error) {
	if sp.from != nil {
		return sp.from.recv(sp.name, b, 0, false)
	}
	op := newDataOp(b, 0, UNIX) // or TCP; no other stream comes from net
	err = sp.src.Read(op.recv)
	n, errno := op.n, op.errno
	op.free()
	switch {
	case err != nil:
		return 0, sp.sourceError(err)
	case errno != 0:
		return 0, sp.sourceError(errno)
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// isUnsendable reports whether sendfile refused the kind of file or socket, as opposed to failing.
func isUnsendable(err error) bool {
	return errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOSYS) || errors.Is(err, syscall.EOPNOTSUPP)
}
