package socket

import (
	"context"
	"errors"
	"os"
	"strconv"
)

// Every error of a call is a *net.OpError, whose Err is one of
//
//	*os.SyscallError       the kernel said no; its Err is the syscall.Errno
//	*UnsupportedError      the same, where what failed is missing from this kernel
//	os.ErrDeadlineExceeded a deadline set with SetDeadline and its like passed
//	*contextError          the context of Accept or Connect ended
//	net.ErrClosed          the socket is closed
//	os.ErrClosed           the file given to SendFile is closed
//	ErrControl             RecvError could not read what the kernel queued
//
// and two stand alone, as readers expect them: io.EOF and io.ErrUnexpectedEOF. A *SpliceError may
// stand above the *net.OpError.

// UnsupportedError says that this kernel has not got a family, type or protocol. It matches
// errors.ErrUnsupported and, by what it wraps, the errno.
type UnsupportedError struct {
	What string // as in "AF_INET SOCK_STREAM IPPROTO_SCTP"
	Err  error  // the *os.SyscallError
}

// Error says what is missing, then what the kernel said.
func (e *UnsupportedError) Error() string {
	return "this kernel has no " + e.What + ": " + e.Err.Error()
}

// Unwrap gives errors.ErrUnsupported and the *os.SyscallError.
func (e *UnsupportedError) Unwrap() []error { return []error{errors.ErrUnsupported, e.Err} }

// contextError is the end of a context in the shape that net gives it: it matches the context's own
// error and, when time ran out, os.ErrDeadlineExceeded.
type contextError struct{ err error }

func (e *contextError) Error() string {
	if e.Timeout() {
		return "i/o timeout"
	}
	return "operation was canceled"
}

func (e *contextError) Unwrap() error   { return e.err }
func (e *contextError) Timeout() bool   { return errors.Is(e.err, context.DeadlineExceeded) }
func (e *contextError) Temporary() bool { return e.Timeout() }
func (e *contextError) Is(target error) bool {
	return target == os.ErrDeadlineExceeded && e.Timeout()
}

// SpliceError says that Splice, or a copy by it, took bytes from the source that the destination
// did not take. Nothing is lost: they are in Undelivered.
type SpliceError struct {
	Delivered   int64  // bytes that the destination took
	Undelivered []byte // the bytes after those, already read from the source
	Err         error  // why the destination took no more: a *net.OpError
}

// Error gives the cause and the two counts.
func (e *SpliceError) Error() string {
	return e.Err.Error() + " (" + strconv.FormatInt(e.Delivered, 10) + " bytes delivered, " +
		strconv.Itoa(len(e.Undelivered)) + " read and not delivered)"
}

// Unwrap gives the cause.
func (e *SpliceError) Unwrap() error { return e.Err }

// Timeout reports whether the cause is a deadline.
func (e *SpliceError) Timeout() bool { return errors.Is(e.Err, os.ErrDeadlineExceeded) }
