package socket

import (
	"io"
	"sync"
	"syscall"
)

// dataOp is a send or a receive under way. The poller takes a function; one made for each call
// would be an allocation, so a dataOp keeps its two, and is used again.
type dataOp struct {
	recv, send func(fd uintptr) (done bool) // bound to this dataOp

	b     []byte
	flags Flags
	quick bool // may go to the kernel behind the scheduler's back
	wait  bool // for the poller when the kernel says EAGAIN; else that is the answer
	all   bool // go on until all of b is sent or filled
	n     int
	errno syscall.Errno
}

var dataOps = sync.Pool{New: func() any {
	op := new(dataOp)
	op.recv, op.send = op.attemptRecv, op.attemptSend
	return op
}}

// newDataOp gives a dataOp to fill; free it after the call.
func newDataOp(b []byte, f Flags, family Family) *dataOp {
	op := dataOps.Get().(*dataOp)
	op.quick = family.isQuick()
	op.b, op.flags, op.wait, op.all = b, f|MsgDontWait, f&MsgDontWait == 0, false
	op.n, op.errno = 0, 0
	return op
}

func (op *dataOp) free() {
	op.b = nil
	dataOps.Put(op)
}

// attemptRecv receives once, or until b is full.
func (op *dataOp) attemptRecv(fd uintptr) (done bool) {
	for {
		n, errno := sysRecv(fd, op.b[op.n:], op.flags, op.quick)
		switch {
		case errno == 0:
			op.n += n
			if !op.all || n == 0 || op.n == len(op.b) {
				return true
			}
		case errno == syscall.EINTR:
		case errno == syscall.EAGAIN && op.wait:
			return false
		default:
			op.errno = errno
			return true
		}
	}
}

// attemptSend sends once, or until all of b is sent.
func (op *dataOp) attemptSend(fd uintptr) (done bool) {
	for {
		n, errno := sysSend(fd, op.b[op.n:], op.flags, op.quick)
		switch {
		case errno == 0:
			op.n += n
			if !op.all || op.n == len(op.b) {
				return true
			}
		case errno == syscall.EINTR:
		case notYet(errno) && op.wait:
			return false
		default:
			op.errno = errno
			return true
		}
	}
}

// notYet reports whether a send has to wait: for room, or for the connect that a first send with TCP
// fast open starts where the SYN could not take the data. tcp(7) TCP_FASTOPEN_CONNECT.
func notYet(errno syscall.Errno) bool {
	return errno == syscall.EAGAIN || errno == syscall.EINPROGRESS
}

// Send sends b, waiting for room in the send buffer, and returns how many bytes the kernel took:
// on a stream perhaps not all of them (see [Socket.SendAll]). A broken connection is EPIPE or
// ECONNRESET; no signal is raised. With MsgDontWait it fails with EAGAIN instead of waiting. send(2).
func (s *Socket) Send(b []byte, f Flags) (int, error) {
	return s.send("send", b, f, false)
}

// SendAll sends b whole. If it fails it returns how many bytes were sent before. Concurrent calls
// do not mix their bytes.
func (s *Socket) SendAll(b []byte, f Flags) (int, error) {
	return s.send("send", b, f, s.typ.isStream())
}

func (s *Socket) send(name string, b []byte, f Flags, all bool) (int, error) {
	t := startTrace()
	op := newDataOp(b, f|MsgNoSignal, s.family)
	op.all = all
	werr := s.raw.Write(op.send)
	n, errno := op.n, op.errno
	op.free()
	var err error
	if werr != nil {
		err = s.waitError(name, werr)
	} else if errno != 0 {
		err = s.callError(name, "sendto", errno)
	}
	if t.on() {
		t.endData(Call{Name: "send", FD: s.fd, N: n, Network: s.network, Len: len(b), Flags: f, Err: err}, b)
	}
	return n, err
}

// Recv receives what there is, at most len(b) bytes or one message, waiting until there is
// something. When the peer of a stream has finished, the error is io.EOF. A datagram that does not
// fit is cut; with MsgTrunc the count is its real length, which may exceed len(b). MsgPeek leaves
// the data in the queue. Urgent data is received with MsgOOB: EINVAL says that there is none, and
// that is not waited for. With MsgDontWait it fails with EAGAIN instead of waiting. recv(2).
func (s *Socket) Recv(b []byte, f Flags) (int, error) {
	return s.recv("recv", b, f, false)
}

// RecvInto fills b from a stream: recv with MSG_WAITALL, made reliable. When the peer finishes
// first, the error is io.ErrUnexpectedEOF, or io.EOF if not one byte came; in each case the count
// says how many bytes of b are filled. MsgPeek and sockets other than a stream give EINVAL.
func (s *Socket) RecvInto(b []byte, f Flags) (int, error) {
	if f&(MsgPeek|MsgErrQueue|MsgOOB) != 0 || !s.typ.isStream() {
		return 0, s.callError("recv", "recvfrom", syscall.EINVAL)
	}
	if len(b) == 0 {
		return 0, nil // it is full; the kernel would wait for more
	}
	n, err := s.recv("recv", b, f&^MsgWaitAll, true)
	if err == nil && n < len(b) {
		return n, io.ErrUnexpectedEOF
	}
	return n, err
}

func (s *Socket) recv(name string, b []byte, f Flags, all bool) (int, error) {
	t := startTrace()
	op := newDataOp(b, f, s.family)
	op.all = all
	werr := s.raw.Read(op.recv)
	n, errno := op.n, op.errno
	op.free()
	var err error
	switch {
	case werr != nil:
		err = s.waitError(name, werr)
	case errno != 0:
		err = s.callError(name, "recvfrom", errno)
	case n == 0 && len(b) > 0 && s.typ.zeroIsEOF():
		err = io.EOF
	}
	if t.on() {
		t.endData(Call{Name: "recv", FD: s.fd, N: n, Network: s.network, Len: len(b), Flags: f, Err: err}, b)
	}
	return n, err
}

// addrOp is a sendto or a recvfrom under way; see dataOp.
type addrOp struct {
	recv, send func(fd uintptr) (done bool) // bound to this addrOp

	b     []byte
	flags Flags
	quick bool
	wait  bool
	n     int
	errno syscall.Errno
	name  nameBuffer
	size  uint32
}

var addrOps = sync.Pool{New: func() any {
	op := new(addrOp)
	op.recv, op.send = op.attemptRecv, op.attemptSend
	return op
}}

func newAddrOp(b []byte, f Flags, quick bool) *addrOp {
	op := addrOps.Get().(*addrOp)
	op.quick = quick
	op.b, op.flags, op.wait = b, f|MsgDontWait, f&MsgDontWait == 0
	op.n, op.errno = 0, 0
	return op
}

func (op *addrOp) free() {
	op.b = nil
	addrOps.Put(op)
}

func (op *addrOp) attemptRecv(fd uintptr) (done bool) {
	for {
		op.size = uint32(len(op.name))
		op.n, op.errno = sysRecvFrom(fd, op.b, op.flags, op.quick, &op.name, &op.size)
		if op.errno != syscall.EINTR {
			return op.errno != syscall.EAGAIN || !op.wait
		}
	}
}

func (op *addrOp) attemptSend(fd uintptr) (done bool) {
	for {
		op.n, op.errno = sysSendTo(fd, op.b, op.flags, op.quick, &op.name, op.size)
		if op.errno == syscall.EINPROGRESS {
			op.flags &^= MsgFastOpen // the connect is started; the data is still to be sent
		}
		if op.errno != syscall.EINTR {
			return !notYet(op.errno) || !op.wait
		}
	}
}

// SendTo sends b as one message to an address. An INET address on an INET6 socket is mapped. On a
// TCP socket it connects and sends with MsgFastOpen. sendto(2).
func (s *Socket) SendTo(b []byte, f Flags, to Addr) (int, error) {
	return s.sendTo("sendto", b, f, to)
}

func (s *Socket) sendTo(name string, b []byte, f Flags, to Addr) (int, error) {
	t := startTrace()
	op := newAddrOp(b, f|MsgNoSignal, s.family.isInet())
	size, errno := encodeAddr(op.name[:], to, s.family)
	n := 0
	var werr error
	if errno == 0 {
		op.size = uint32(size)
		werr = s.writeTo(op, to)
		n, errno = op.n, op.errno
	}
	op.free()
	err := s.sendToError(name, to, werr, errno)
	if err != nil {
		n = 0
	}
	if t.on() {
		t.endData(Call{Name: "sendto", FD: s.fd, N: n, Network: s.network, Len: len(b), Flags: f, Addr: to, Err: err}, b)
	}
	return n, err
}

func (s *Socket) writeTo(op *addrOp, to Addr) error {
	if s.polled(to) {
		return s.raw.Write(op.send)
	}
	wait := op.wait
	op.wait = false
	return s.writeUnpolled(op.send, &op.errno, wait)
}

// RecvFrom receives one message and its sender's address, which is invalid where the sender has
// none (an unbound UNIX socket) or the socket is a connected stream. See [Socket.Recv]. recvfrom(2).
func (s *Socket) RecvFrom(b []byte, f Flags) (int, Addr, error) {
	return s.recvFrom("recvfrom", b, f)
}

func (s *Socket) recvFrom(name string, b []byte, f Flags) (n int, from Addr, err error) {
	t := startTrace()
	op := newAddrOp(b, f, s.family.isQuick())
	werr := s.raw.Read(op.recv)
	n, errno := op.n, op.errno
	if werr == nil && errno == 0 {
		from = decodeAddr(op.name[:min(int(op.size), len(op.name))])
	}
	op.free()
	switch {
	case werr != nil:
		n, err = 0, s.waitError(name, werr)
	case errno != 0:
		err = s.callError(name, "recvfrom", errno)
	case n == 0 && len(b) > 0 && s.typ.zeroIsEOF():
		err = io.EOF
	}
	if t.on() {
		t.endData(Call{Name: "recvfrom", FD: s.fd, N: n, Network: s.network, Len: len(b), Flags: f, Addr: from, Err: err}, b)
	}
	return n, from, err
}
