package socket

import (
	"io"
	"os"
	"slices"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxBatch is the most messages of one sendmmsg or recvmmsg: the kernel's UIO_MAXIOV.
const maxBatch = 1024

// The room for each message's address: enough for INET and INET6, or for any family.
const (
	inetStride = 32
	anyStride  = 128
)

// mmsghdr is struct mmsghdr of sendmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
}

// batchOp is a sendmmsg or recvmmsg under way; see dataOp. Its arrays grow to the largest batch
// seen and are used again:
//
//	hdrs[i] → names[i*stride:]   the address
//	        → iovs[k:]           one entry for each buffer of message i that is not empty
type batchOp struct {
	recv, send func(fd uintptr) (done bool) // bound to this batchOp

	hdrs   []mmsghdr
	iovs   []unix.Iovec
	names  []byte
	stride int

	flags Flags
	wait  bool
	quick bool // few and small enough, and of a family, for RawSyscall
	done  int  // messages of hdrs that are sent or received
	errno syscall.Errno
}

var batchOps = sync.Pool{New: func() any {
	op := new(batchOp)
	op.recv, op.send = op.attemptRecv, op.attemptSend
	return op
}}

// newBatchOp gives a batchOp whose headers point to the messages' buffers and control messages.
func newBatchOp(family Family, msgs []Message, f Flags) *batchOp {
	op := batchOps.Get().(*batchOp)
	op.flags, op.wait = f|MsgDontWait, f&MsgDontWait == 0
	op.done, op.errno = 0, 0
	op.stride = anyStride
	if family.isInet() {
		op.stride = inetStride
	}
	op.size(msgs)
	total := op.point(msgs)
	op.quick = family.isInet() && len(msgs) <= rawBatch && total <= rawLimit
	return op
}

// size makes the arrays as long as the messages need.
func (op *batchOp) size(msgs []Message) {
	buffers := 0
	for i := range msgs {
		buffers += len(msgs[i].Buffers)
	}
	if cap(op.hdrs) < len(msgs) {
		op.hdrs = make([]mmsghdr, len(msgs))
	}
	if cap(op.iovs) < buffers {
		op.iovs = make([]unix.Iovec, buffers)
	}
	if need := len(msgs) * op.stride; cap(op.names) < need {
		op.names = make([]byte, need)
	}
	op.hdrs, op.iovs, op.names = op.hdrs[:len(msgs)], op.iovs[:buffers], op.names[:len(msgs)*op.stride]
}

// point fills the headers, with the room for an address in each, and returns the size of it all.
func (op *batchOp) point(msgs []Message) (total int) {
	k := 0
	for i := range msgs {
		m, hdr := &msgs[i], &op.hdrs[i].hdr
		first := k
		for _, b := range m.Buffers {
			if len(b) > 0 {
				op.iovs[k].Base = &b[0]
				op.iovs[k].SetLen(len(b))
				total += len(b)
				k++
			}
		}
		hdr.Iov = nil
		if k > first {
			hdr.Iov = &op.iovs[first]
		}
		hdr.SetIovlen(k - first)
		setControl(hdr, m.Control)
		hdr.Name, hdr.Namelen = &op.names[i*op.stride], uint32(op.stride)
		hdr.Flags = 0
	}
	return total
}

// free forgets the caller's memory and keeps the arrays.
func (op *batchOp) free() {
	clear(op.iovs)
	for i := range op.hdrs {
		op.hdrs[i].hdr.Control = nil
	}
	batchOps.Put(op)
}

// attemptRecv receives what there is, once.
func (op *batchOp) attemptRecv(fd uintptr) (done bool) {
	for {
		op.done, op.errno = sysBatch(unix.SYS_RECVMMSG, fd, op.hdrs, op.flags, op.quick)
		if op.errno != syscall.EINTR {
			return op.errno != syscall.EAGAIN || !op.wait
		}
	}
}

// attemptSend sends until all are sent. The kernel stops at a message that fails, and tells why
// when that message is the first of the next call.
func (op *batchOp) attemptSend(fd uintptr) (done bool) {
	for op.done < len(op.hdrs) {
		n, errno := sysBatch(unix.SYS_SENDMMSG, fd, op.hdrs[op.done:], op.flags, op.quick)
		switch {
		case errno == 0:
			op.done += n
		case errno == syscall.EINTR:
		case errno == syscall.EAGAIN && op.wait:
			return false
		default:
			op.errno = errno
			return true
		}
	}
	return true
}

// SendBatch sends messages in order, each as SendMsg does, in as few calls as the kernel allows,
// and returns how many were sent; it waits for room in the send buffer. If n < len(msgs) the error
// says why msgs[n] was not sent. Each sent message's N is set. sendmmsg(2).
func (s *Socket) SendBatch(msgs []Message, f Flags) (n int, err error) {
	t := startTrace()
	for n < len(msgs) && err == nil {
		var sent int
		sent, err = s.sendSome(msgs[n:min(len(msgs), n+maxBatch)], f)
		n += sent
	}
	if t.on() {
		t.end(Call{Name: "sendmmsg", FD: s.fd, N: n, Network: s.network, Len: len(msgs), Flags: f, Err: err})
	}
	return n, err
}

func (s *Socket) sendSome(msgs []Message, f Flags) (int, error) {
	op := newBatchOp(s.family, msgs, f|MsgNoSignal)
	defer op.free()
	ready, unsendable := op.setNames(s.family, msgs)
	op.hdrs = op.hdrs[:ready]
	werr := s.writeBatch(op, msgs)
	for i := range msgs[:op.done] {
		msgs[i].N = int(op.hdrs[i].n)
	}
	errno := op.errno
	switch {
	case werr != nil:
		return op.done, s.waitError("sendmmsg", werr)
	case errno == 0 && unsendable == 0:
		return op.done, nil
	case errno == 0:
		errno = unsendable
	}
	if to := msgs[op.done].Addr; to.IsValid() {
		return op.done, s.addrError("sendmmsg", to, os.NewSyscallError("sendmmsg", errno))
	}
	return op.done, s.callError("sendmmsg", "sendmmsg", errno)
}

func (s *Socket) writeBatch(op *batchOp, msgs []Message) error {
	unpolled := func(m Message) bool { return !s.polled(m.Addr) }
	if s.family != UNIX || !slices.ContainsFunc(msgs, unpolled) {
		return s.raw.Write(op.send)
	}
	wait := op.wait
	op.wait = false
	return s.writeUnpolled(op.send, &op.errno, wait)
}

// setNames writes the addresses to send to, up to the first that no socket of the family can send
// to; it returns how many messages come before that one, and what is wrong with it.
func (op *batchOp) setNames(family Family, msgs []Message) (ready int, errno syscall.Errno) {
	for i := range msgs {
		raceSendBuffers(msgs[i].Buffers)
		hdr, to := &op.hdrs[i].hdr, msgs[i].Addr
		if !to.IsValid() {
			hdr.Name, hdr.Namelen = nil, 0
			continue
		}
		if !fitsStride(to, op.stride) {
			return i, syscall.EAFNOSUPPORT
		}
		size, errno := encodeAddr(op.names[i*op.stride:(i+1)*op.stride], to, family)
		if errno != 0 {
			return i, errno
		}
		hdr.Namelen = uint32(size)
	}
	return len(msgs), 0
}

// fitsStride keeps an address of a family that the socket cannot use out of the room for INET6.
func fitsStride(a Addr, stride int) bool {
	return stride == anyStride || Family(a.family) == INET || Family(a.family) == INET6
}

// RecvBatch waits for one message, receives as many as there are, at most len(msgs), each as
// RecvMsg does, and returns how many. A stream that has ended gives io.EOF. recvmmsg(2).
func (s *Socket) RecvBatch(msgs []Message, f Flags) (n int, err error) {
	if len(msgs) == 0 {
		return 0, nil
	}
	t := startTrace()
	n, err = s.recvBatch(msgs[:min(len(msgs), maxBatch)], f)
	if t.on() {
		t.end(Call{Name: "recvmmsg", FD: s.fd, N: n, Network: s.network, Len: len(msgs), Flags: f, Err: err})
	}
	return n, err
}

func (s *Socket) recvBatch(msgs []Message, f Flags) (int, error) {
	op := newBatchOp(s.family, msgs, s.receiveFlags(f))
	defer op.free()
	if err := s.raw.Read(op.recv); err != nil {
		return 0, s.waitError("recvmmsg", err)
	}
	if op.errno != 0 {
		return 0, s.callError("recvmmsg", "recvmmsg", op.errno)
	}
	for i := range op.done {
		op.take(&msgs[i], i)
	}
	if s.ended(&msgs[0], f) {
		return 0, io.EOF
	}
	return op.done, nil
}

// take copies what the kernel said of message i into m.
func (op *batchOp) take(m *Message, i int) {
	h := &op.hdrs[i]
	m.N, m.NControl = int(h.n), int(h.hdr.Controllen)
	m.Flags = Flags(h.hdr.Flags) &^ MsgCloseOnExec
	name := op.names[i*op.stride : (i+1)*op.stride]
	m.Addr = decodeAddr(name[:min(int(h.hdr.Namelen), op.stride)])
	raceRecvBuffers(m.Buffers, m.N)
}
