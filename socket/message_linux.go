package socket

import (
	"io"
	"os"
	"slices"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// msgOp is a sendmsg or a recvmsg under way; see dataOp.
type msgOp struct {
	recv, send func(fd uintptr) (done bool) // bound to this msgOp

	msg   *Message
	flags Flags
	wait  bool
	n     int
	errno syscall.Errno
	hdr   unix.Msghdr // points to iovs and name
	iovs  []unix.Iovec
	name  nameBuffer
}

var msgOps = sync.Pool{New: func() any {
	op := new(msgOp)
	op.recv, op.send = op.attemptRecv, op.attemptSend
	return op
}}

func newMsgOp(m *Message, f Flags) *msgOp {
	op := msgOps.Get().(*msgOp)
	op.msg, op.flags, op.wait = m, f|MsgDontWait, f&MsgDontWait == 0
	op.n, op.errno = 0, 0
	op.iovs = appendIovecs(op.iovs[:0], m.Buffers)
	op.hdr = unix.Msghdr{}
	setBuffers(&op.hdr, op.iovs)
	setControl(&op.hdr, m.Control)
	return op
}

func (op *msgOp) free() {
	clear(op.iovs)
	op.msg, op.hdr = nil, unix.Msghdr{}
	msgOps.Put(op)
}

// appendIovecs adds the buffers that are not empty.
func appendIovecs(iovs []unix.Iovec, buffers [][]byte) []unix.Iovec {
	for _, b := range buffers {
		if len(b) == 0 {
			continue
		}
		iovs = append(iovs, unix.Iovec{Base: &b[0]})
		iovs[len(iovs)-1].SetLen(len(b))
	}
	return iovs
}

func setBuffers(hdr *unix.Msghdr, iovs []unix.Iovec) {
	hdr.Iov = nil
	if len(iovs) > 0 {
		hdr.Iov = &iovs[0]
	}
	hdr.SetIovlen(len(iovs))
}

func setControl(hdr *unix.Msghdr, control []byte) {
	hdr.Control = nil
	if len(control) > 0 {
		hdr.Control = &control[0]
	}
	hdr.SetControllen(len(control))
}

func (op *msgOp) attemptRecv(fd uintptr) (done bool) {
	for {
		op.hdr.Name, op.hdr.Namelen = &op.name[0], uint32(len(op.name))
		setControl(&op.hdr, op.msg.Control)
		op.n, op.errno = sysRecvMsg(fd, &op.hdr, op.flags)
		if op.errno != syscall.EINTR {
			return op.errno != syscall.EAGAIN || !op.wait
		}
	}
}

func (op *msgOp) attemptSend(fd uintptr) (done bool) {
	for {
		op.n, op.errno = sysSendMsg(fd, &op.hdr, op.flags)
		if op.errno == syscall.EINPROGRESS {
			op.flags &^= MsgFastOpen // as in addrOp
		}
		if op.errno != syscall.EINTR {
			return !notYet(op.errno) || !op.wait
		}
	}
}

// setName points the header to the address to send to, if there is one.
func (op *msgOp) setName(to Addr, family Family) syscall.Errno {
	if !to.IsValid() {
		return 0
	}
	size, errno := encodeAddr(op.name[:], to, family)
	op.hdr.Name, op.hdr.Namelen = &op.name[0], uint32(size)
	return errno
}

// SendMsg sends m's buffers as one message, with m's control messages, to m.Addr if it is valid,
// and sets m.N. On a stream the kernel may take fewer bytes; control messages go with the first.
// sendmsg(2).
func (s *Socket) SendMsg(m *Message, f Flags) (int, error) {
	t := startTrace()
	op := newMsgOp(m, f|MsgNoSignal)
	var werr error
	if op.errno = op.setName(m.Addr, s.family); op.errno == 0 {
		raceSendBuffers(m.Buffers)
		werr = s.writeMsg(op, m.Addr)
	}
	n, errno := op.n, op.errno
	op.free()
	var err error
	switch {
	case werr != nil:
		n, err = 0, s.waitError("sendmsg", werr)
	case errno != 0 && m.Addr.IsValid():
		err = s.addrError("sendmsg", m.Addr, os.NewSyscallError("sendmsg", errno))
	case errno != 0:
		err = s.callError("sendmsg", "sendmsg", errno)
	}
	m.N = n
	if t.on() {
		t.endMessage("sendmsg", s, m, f, err)
	}
	return n, err
}

func (s *Socket) writeMsg(op *msgOp, to Addr) error {
	if s.polled(to) {
		return s.raw.Write(op.send)
	}
	wait := op.wait
	op.wait = false
	return s.writeUnpolled(op.send, &op.errno, wait)
}

// RecvMsg receives one message (on a stream: what there is) into m's buffers and control messages
// into m.Control, and sets m.N, m.NControl, m.Addr and m.Flags. Descriptors that come with it are
// close-on-exec and the caller's to close; those that m.Control has no room for the kernel closes,
// and MsgCTrunc tells. Errors are those of [Socket.Recv]. recvmsg(2).
func (s *Socket) RecvMsg(m *Message, f Flags) (int, error) {
	t := startTrace()
	err := s.recvMsg(m, f)
	if t.on() {
		t.endMessage("recvmsg", s, m, f, err)
	}
	return m.N, err
}

// receiveFlags adds what keeps received descriptors from children. Only UNIX sockets receive any,
// and those of other families may refuse the flag.
func (s *Socket) receiveFlags(f Flags) Flags {
	if s.family == UNIX {
		return f | MsgCloseOnExec
	}
	return f
}

func (s *Socket) recvMsg(m *Message, f Flags) error {
	op := newMsgOp(m, s.receiveFlags(f))
	defer op.free()
	m.N, m.NControl, m.Addr, m.Flags = 0, 0, Addr{}, 0
	if err := s.readMsg(op); err != nil {
		return s.waitError("recvmsg", err)
	}
	if op.errno != 0 {
		return s.callError("recvmsg", "recvmsg", op.errno)
	}
	m.N, m.NControl = op.n, int(op.hdr.Controllen)
	m.Addr = decodeAddr(op.name[:min(int(op.hdr.Namelen), len(op.name))])
	m.Flags = Flags(op.hdr.Flags) &^ MsgCloseOnExec
	raceRecvBuffers(m.Buffers, m.N)
	if s.ended(m, f) {
		return io.EOF
	}
	return nil
}

// readMsg receives in turn with other receives; but what only looks into the error queue waits for
// nobody, and no deadline means anything to it.
func (s *Socket) readMsg(op *msgOp) error {
	if op.wait || op.flags&MsgErrQueue == 0 {
		return s.raw.Read(op.recv)
	}
	return s.raw.Control(func(fd uintptr) { op.recv(fd) })
}

// ended reports whether a received message of no bytes is the end of the stream. A stream has none
// but that, and the kernel may give it control messages (TCP_INQ, SO_PASSCRED); a packet may be
// empty, and is taken for one where a control message came with it.
func (s *Socket) ended(m *Message, f Flags) bool {
	hasRoom := func(b []byte) bool { return len(b) > 0 }
	if m.N > 0 || f&MsgErrQueue != 0 || !slices.ContainsFunc(m.Buffers, hasRoom) {
		return false
	}
	return s.typ.isStream() || s.typ.zeroIsEOF() && m.NControl == 0
}

// endMessage reports a sendmsg or recvmsg.
func (t trace) endMessage(call string, s *Socket, m *Message, f Flags, err error) {
	length := 0
	for _, b := range m.Buffers {
		length += len(b)
	}
	var first []byte
	if len(m.Buffers) > 0 {
		first = m.Buffers[0]
	}
	t.endData(Call{Name: call, FD: s.fd, N: m.N, Network: s.network, Len: length, Flags: f, Addr: m.Addr, Err: err}, first)
}

func raceSendBuffers(buffers [][]byte) {
	if raceEnabled {
		for _, b := range buffers {
			raceSend(b)
		}
		raceSend(nil)
	}
}

func raceRecvBuffers(buffers [][]byte, n int) {
	if !raceEnabled {
		return
	}
	for _, b := range buffers {
		raceRecv(b, n)
		n -= min(n, len(b))
	}
	raceRecv(nil, 0)
}
