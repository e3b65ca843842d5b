package uring

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// SQE is a submission (struct io_uring_sqe):
//
//	 0 opcode  1 flags  2 ioprio   4 fd
//	 8 off (addr2)                16 addr
//	24 len    28 call's flags     32 user data
//	40 buffer group  42 personality  44 file index
//	48 addr3  56 pad
type SQE struct {
	opcode, flags uint8
	ioprio        uint16
	fd            int32
	off, addr     uint64
	len, op       uint32
	UserData      uint64
	group, _      uint16
	file          int32
	_, _          uint64
}

// Operations.
const (
	opPollAdd     = 6
	opSendMsg     = 9
	opRecvMsg     = 10
	opTimeout     = 11
	opAccept      = 13
	opAsyncCancel = 14
	opConnect     = 16
	opClose       = 19
	opRead        = 22
	opSend        = 26
	opRecv        = 27
	opShutdown    = 34
	opSendZC      = 47

	sqeBufferSelect = 1 << 5
	sqeSkipSuccess  = 1 << 6

	ioprioPollFirst     = 1 << 0
	ioprioRecvMultishot = 1 << 1
	ioprioMultiAccept   = 1 << 0

	pollMulti = 1 << 0

	cancelAll = 1 << 0
	cancelFD  = 1 << 1
)

// Nop completes at once with 0.
func (e *SQE) Nop() { e.opcode = 0 }

// AcceptMultishot completes with a new descriptor for every connection until
// an error ends it, which the absence of CQEMore tells. The descriptors are
// close-on-exec and non-blocking.
func (e *SQE) AcceptMultishot(fd int) {
	e.opcode, e.fd, e.ioprio = opAccept, int32(fd), ioprioMultiAccept
	e.op = unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK
}

// RecvMultishot completes with data in a buffer of the group whenever some
// came, with 0 at the peer's end, until an error or a lack of buffers
// (ENOBUFS) ends it. The first attempt waits for the socket to be readable
// where pollFirst is set, which saves a futile call on a socket known empty.
func (e *SQE) RecvMultishot(fd int, group uint16, pollFirst bool) {
	e.opcode, e.fd, e.group, e.flags = opRecv, int32(fd), group, sqeBufferSelect
	e.ioprio = ioprioRecvMultishot
	if pollFirst {
		e.ioprio |= ioprioPollFirst
	}
}

// RecvInto completes once, with data in a buffer of the group, 0 at the peer's
// end, or an error.
func (e *SQE) RecvInto(fd int, group uint16) {
	e.opcode, e.fd, e.group, e.flags = opRecv, int32(fd), group, sqeBufferSelect
}

// RecvMsgMultishot is RecvMultishot for recvmsg(2): each buffer holds a
// recvmsg_out header, the name, the control data and the payload.
func (e *SQE) RecvMsgMultishot(fd int, m *unix.Msghdr, group uint16) {
	e.opcode, e.fd, e.group, e.flags = opRecvMsg, int32(fd), group, sqeBufferSelect
	e.ioprio, e.addr, e.len = ioprioRecvMultishot, address(unsafe.Pointer(m)), 1
}

// Send is send(2). The bytes must stay in place until it completes.
func (e *SQE) Send(fd int, b []byte, flags uint32) {
	e.opcode, e.fd, e.op = opSend, int32(fd), flags
	e.addr, e.len = address(unsafe.Pointer(unsafe.SliceData(b))), uint32(len(b))
}

// SendZeroCopy is Send without a copy into the kernel. It completes twice:
// with the result and CQEMore, and with CQENotification once the bytes are
// the caller's again.
func (e *SQE) SendZeroCopy(fd int, b []byte, flags uint32) {
	e.Send(fd, b, flags)
	e.opcode = opSendZC
}

// SendMsg is sendmsg(2). The header and all it names must stay in place.
func (e *SQE) SendMsg(fd int, m *unix.Msghdr, flags uint32) {
	e.opcode, e.fd, e.op = opSendMsg, int32(fd), flags
	e.addr, e.len = address(unsafe.Pointer(m)), 1
}

// Connect is connect(2) to a socket address in memory that stays in place.
func (e *SQE) Connect(fd int, name unsafe.Pointer, size uint32) {
	e.opcode, e.fd, e.addr, e.off = opConnect, int32(fd), address(name), uint64(size)
}

// Read is read(2); for an eventfd, whose eight bytes must stay in place.
func (e *SQE) Read(fd int, b []byte) {
	e.opcode, e.fd, e.off = opRead, int32(fd), ^uint64(0)
	e.addr, e.len = address(unsafe.Pointer(unsafe.SliceData(b))), uint32(len(b))
}

// PollMultishot completes with the ready events of a descriptor every time
// they change (poll(2) masks).
func (e *SQE) PollMultishot(fd int, events uint32) {
	e.opcode, e.fd, e.op, e.len = opPollAdd, int32(fd), events, pollMulti
}

// Shutdown is shutdown(2).
func (e *SQE) Shutdown(fd, how int) {
	e.opcode, e.fd, e.len = opShutdown, int32(fd), uint32(how)
}

// CloseFD is close(2). It does not cancel what is outstanding on the
// descriptor: cancel first, and wait.
func (e *SQE) CloseFD(fd int) { e.opcode, e.fd = opClose, int32(fd) }

// Cancel asks that the submission with this user data end early: that one
// completes with ECANCELED, this one with 0, or ENOENT or EALREADY.
func (e *SQE) Cancel(userData uint64) {
	e.opcode, e.fd, e.addr = opAsyncCancel, -1, userData
}

// CancelFD asks that every submission on the descriptor end early; it
// completes with their number.
func (e *SQE) CancelFD(fd int) {
	e.opcode, e.fd, e.op = opAsyncCancel, int32(fd), cancelFD|cancelAll
}

// Quiet suppresses the completion of a call that succeeds.
func (e *SQE) Quiet() { e.flags |= sqeSkipSuccess }

// address hides a pointer in a number: whoever submits keeps the memory alive
// and in place.
func address(p unsafe.Pointer) uint64 { return uint64(uintptr(p)) }
