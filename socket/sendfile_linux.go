package socket

import (
	"io"
	"math"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxChunk is the most bytes asked of one sendfile or splice: what fits the kernel's own bound.
const maxChunk = 1 << 30

// sendfileOp is a sendfile under way.
type sendfileOp struct {
	file   int
	offset *int64 // nil: the file's own position
	left   int64
	sent   int64
	errno  syscall.Errno
}

func (op *sendfileOp) attempt(fd uintptr) (done bool) {
	for op.left > 0 {
		n, err := unix.Sendfile(int(fd), op.file, op.offset, int(min(op.left, maxChunk)))
		switch errno := errnoOf(err); {
		case errno == syscall.EINTR:
		case errno == syscall.EAGAIN:
			return false
		case errno != 0:
			op.errno = errno
			return true
		case n == 0:
			return true
		default:
			op.sent += int64(n)
			op.left -= int64(n)
		}
	}
	return true
}

// SendFile sends n bytes of a regular file, from offset on, without copying them through the
// process, and returns how many were sent: fewer than n, without an error, where the file ends.
// A negative n sends up to the end of the file. A negative offset starts at the file's own position
// and moves it; otherwise the position stays. Sockets other than a stream give EINVAL. sendfile(2).
func (s *Socket) SendFile(f *os.File, offset, n int64) (int64, error) {
	if !s.typ.isStream() {
		return 0, s.callError("sendfile", "sendfile", syscall.EINVAL)
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, s.opError("sendfile", err)
	}
	return s.sendRaw("sendfile", raw, offset, n)
}

// sendRaw is SendFile of a file that is known by its RawConn.
func (s *Socket) sendRaw(name string, file syscall.RawConn, offset, n int64) (int64, error) {
	t := startTrace()
	if n < 0 {
		n = math.MaxInt64
	}
	op := &sendfileOp{left: n}
	if offset >= 0 {
		op.offset = &offset
	}
	var werr error
	err := file.Control(func(fd uintptr) { // keeps the file open
		op.file = int(fd)
		werr = s.raw.Write(op.attempt)
	})
	switch {
	case err != nil:
		err = s.opError(name, os.ErrClosed) // the file is
	case werr != nil:
		err = s.waitError(name, werr)
	case op.errno != 0:
		err = s.callError(name, "sendfile", op.errno)
	}
	if t.on() {
		t.end(Call{Name: "sendfile", FD: s.fd, N: int(op.sent), Network: s.network, Len: callLen(n), Err: err})
	}
	return op.sent, err
}

// callLen is a count for a trace; "all of it" is -1.
func callLen(n int64) int {
	if n == math.MaxInt64 {
		return -1
	}
	return int(n)
}

// sendRegular sends from r, if it is a regular file, at its own position; handled is false, and
// nothing is sent, where it is not.
func (s *Socket) sendRegular(name string, r io.Reader, n int64) (sent int64, handled bool, err error) {
	file, ok := r.(interface {
		syscall.Conn
		Stat() (os.FileInfo, error)
	})
	if !ok || !s.typ.isStream() {
		return 0, false, nil
	}
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return 0, false, nil // reading it will tell
	}
	raw, err := file.SyscallConn()
	if err != nil {
		return 0, false, nil // the same
	}
	sent, err = s.sendRaw(name, raw, -1, n)
	if sent == 0 && isUnsendable(err) {
		return 0, false, nil
	}
	return sent, true, err
}
