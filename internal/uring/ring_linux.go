package uring

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Flags of io_uring_setup(2), by their names in linux/io_uring.h.
const (
	setupCQSize       = 1 << 3
	setupClamp        = 1 << 4
	setupSubmitAll    = 1 << 7
	setupSingleIssuer = 1 << 12
	setupDeferTaskrun = 1 << 13
	setupNoSQArray    = 1 << 16

	featSingleMmap = 1 << 0
	featNoDrop     = 1 << 1
	featExtArg     = 1 << 8

	enterGetEvents      = 1 << 0
	enterExtArg         = 1 << 3
	enterRegisteredRing = 1 << 4

	registerProbe    = 8
	registerRingFDs  = 20
	registerPbufRing = 22

	offSQRing = 0
	offSQEs   = 0x10000000

	sqCQOverflow = 1 << 1
)

// params is struct io_uring_params.
type params struct {
	sqEntries, cqEntries, flags        uint32
	sqThreadCPU, sqThreadIdle          uint32
	features, wqFD                     uint32
	_                                  [3]uint32
	sqHead, sqTail, sqMask, sqRingSize uint32
	sqFlags, sqDropped, sqArray, _     uint32
	_                                  uint64
	cqHead, cqTail, cqMask, cqRingSize uint32
	cqOverflow, cqes, cqFlags, _       uint32
	_                                  uint64
}

// CQE is a completion (struct io_uring_cqe).
type CQE struct {
	UserData uint64 // what the submission carried
	Res      int32  // the call's result, or a negated errno
	Flags    uint32 // CQEBuffer, CQEMore, …
}

// Flags of a completion.
const (
	CQEBuffer       = 1 << 0 // a provided buffer was used; its number is Buffer
	CQEMore         = 1 << 1 // the submission goes on and will complete again
	CQESockNonempty = 1 << 2 // the socket holds more than was received
	CQENotification = 1 << 3 // a zero-copy send's memory is free again
	CQEBufferMore   = 1 << 4 // the buffer is not used up (incremental rings)
)

// Buffer is the number of the provided buffer that the completion used.
func (c CQE) Buffer() uint16 { return uint16(c.Flags >> 16) }

// Err is the errno of a failed call, or nil.
func (c CQE) Err() error {
	if c.Res >= 0 {
		return nil
	}
	return syscall.Errno(-c.Res)
}

// Config sizes a ring. Entries is the number of submissions that fit between
// two enters, rounded up to a power of two by the kernel; CQEntries is the
// number of completions that fit before the kernel has to keep them aside,
// by default four times Entries.
type Config struct{ Entries, CQEntries uint32 }

// Ring is one io_uring. It belongs to the thread that made it.
type Ring struct {
	// immutable after New
	fd         int
	enterFD    uintptr // fd, or its index once registered
	enterFlags uintptr
	rings      []byte // the mapping of both rings
	sqes       []SQE
	cqes       []CQE
	sqMask     uint32
	cqMask     uint32
	sqHead     *atomic.Uint32 // the kernel's
	sqTail     *atomic.Uint32 // ours
	sqFlags    *atomic.Uint32
	cqHead     *atomic.Uint32 // ours
	cqTail     *atomic.Uint32 // the kernel's

	// owned by the ring's thread
	tail    uint32 // entries handed out by Next
	pending uint32 // entries not yet told to the kernel
	arg     eventsArg
	timeout unix.Timespec
}

// eventsArg is struct io_uring_getevents_arg.
type eventsArg struct {
	sigmask     uint64
	sigmaskSize uint32
	minWaitUsec uint32
	timeout     uint64
}

// ErrUnsupported is what New returns, wrapped with the reason, where this
// kernel, or what confines this process, has no io_uring good enough: setup,
// DEFER_TASKRUN (Linux 6.1) and waiting with a timeout (5.11) are needed.
var ErrUnsupported = fmt.Errorf("io_uring: %w", errors.ErrUnsupported)

// New makes a ring for the calling thread, which must stay locked to its
// goroutine for as long as the ring is used.
func New(c Config) (*Ring, error) {
	p := params{cqEntries: c.CQEntries, flags: setupCQSize | setupClamp | setupSubmitAll | setupSingleIssuer | setupDeferTaskrun | setupNoSQArray}
	if p.cqEntries == 0 {
		p.cqEntries = 4 * c.Entries
	}
	fd, err := setup(c.Entries, &p)
	if errors.Is(err, syscall.EINVAL) { // NO_SQARRAY came with 6.6
		p.flags &^= setupNoSQArray
		fd, err = setup(c.Entries, &p)
	}
	if err != nil {
		return nil, refusal(err)
	}
	const needed = featSingleMmap | featNoDrop | featExtArg
	if p.features&needed != needed {
		unix.Close(fd)
		return nil, fmt.Errorf("%w: the kernel lacks features %#x", ErrUnsupported, needed&^p.features)
	}
	r := &Ring{fd: fd, enterFD: uintptr(fd)}
	if err := r.mapRings(&p); err != nil {
		unix.Close(fd)
		return nil, err
	}
	r.registerSelf()
	return r, nil
}

// refusal wraps what io_uring_setup(2) said. The kernel's ways of saying no
// (too old, forbidden by io_uring_disabled or by a seccomp filter) are
// ErrUnsupported; want of memory or descriptors is not.
func refusal(err error) error {
	wrapped := os.NewSyscallError("io_uring_setup", err)
	switch {
	case errors.Is(err, syscall.ENOSYS), errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EINVAL):
		return fmt.Errorf("%w: %w", ErrUnsupported, wrapped)
	}
	return fmt.Errorf("io_uring: %w", wrapped)
}

func setup(entries uint32, p *params) (int, error) {
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, uintptr(entries), uintptr(unsafe.Pointer(p)), 0)
	if errno != 0 {
		return -1, errno
	}
	unix.CloseOnExec(int(fd))
	return int(fd), nil
}

func (r *Ring) mapRings(p *params) error {
	size := p.cqes + p.cqEntries*uint32(unsafe.Sizeof(CQE{}))
	if p.flags&setupNoSQArray == 0 {
		size = max(size, p.sqArray+p.sqEntries*4)
	}
	rings, err := unix.Mmap(r.fd, offSQRing, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return fmt.Errorf("io_uring: %w", os.NewSyscallError("mmap", err))
	}
	entries, err := unix.Mmap(r.fd, offSQEs, int(p.sqEntries)*int(unsafe.Sizeof(SQE{})), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		unix.Munmap(rings)
		return fmt.Errorf("io_uring: %w", os.NewSyscallError("mmap", err))
	}
	word := func(offset uint32) *atomic.Uint32 { return (*atomic.Uint32)(unsafe.Pointer(&rings[offset])) }
	r.rings = rings
	r.sqes = unsafe.Slice((*SQE)(unsafe.Pointer(&entries[0])), p.sqEntries)
	r.cqes = unsafe.Slice((*CQE)(unsafe.Pointer(&rings[p.cqes])), p.cqEntries)
	r.sqHead, r.sqTail, r.sqFlags = word(p.sqHead), word(p.sqTail), word(p.sqFlags)
	r.cqHead, r.cqTail = word(p.cqHead), word(p.cqTail)
	r.sqMask, r.cqMask = p.sqEntries-1, p.cqEntries-1
	if p.flags&setupNoSQArray == 0 {
		for i := range p.sqEntries {
			word(p.sqArray + 4*i).Store(i)
		}
	}
	return nil
}

// registerSelf makes enter cheaper: the kernel then finds the ring by an
// index of this thread instead of by descriptor. Nothing is lost without.
func (r *Ring) registerSelf() {
	update := struct {
		offset, _ uint32
		data      uint64
	}{offset: ^uint32(0), data: uint64(r.fd)}
	n, _, errno := unix.Syscall6(unix.SYS_IO_URING_REGISTER, uintptr(r.fd), registerRingFDs, uintptr(unsafe.Pointer(&update)), 1, 0, 0)
	if errno == 0 && n == 1 {
		r.enterFD, r.enterFlags = uintptr(update.offset), enterRegisteredRing
	}
}

// Close ends the ring and what is still outstanding on it. The kernel may use
// the memory of cancelled requests for a moment longer.
func (r *Ring) Close() error {
	entries := unsafe.Slice((*byte)(unsafe.Pointer(&r.sqes[0])), len(r.sqes)*int(unsafe.Sizeof(SQE{})))
	err := unix.Close(r.fd)
	return errors.Join(err, unix.Munmap(entries), unix.Munmap(r.rings))
}

// Next returns a cleared submission entry, or nil while the ring is full:
// Submit makes room. It reaches the kernel with the next Submit or Wait.
func (r *Ring) Next() *SQE {
	if r.tail-r.sqHead.Load() > r.sqMask {
		return nil
	}
	e := &r.sqes[r.tail&r.sqMask]
	*e = SQE{}
	r.tail++
	r.pending++
	return e
}

// Pending is the number of submissions that wait for Submit or Wait.
func (r *Ring) Pending() int { return int(r.pending) }

// Submit hands over what Next gave out, without waiting.
func (r *Ring) Submit() error {
	if r.pending == 0 {
		return nil
	}
	return r.enter(0, 0, nil)
}

// Poll is Submit that also runs what the kernel has put off until this thread
// asks (DEFER_TASKRUN), so that its completions appear; it does not wait.
func (r *Ring) Poll() error {
	return r.enter(0, enterGetEvents, nil)
}

// Wait is Submit that waits until a completion is there or the time is up; a
// negative timeout waits for ever. That the time was up is no error.
func (r *Ring) Wait(timeout time.Duration) error {
	if r.Ready() {
		return r.Poll()
	}
	var arg *eventsArg
	if timeout >= 0 {
		r.timeout = unix.NsecToTimespec(int64(timeout))
		r.arg.timeout = uint64(uintptr(unsafe.Pointer(&r.timeout)))
		arg = &r.arg
	}
	return r.enter(1, enterGetEvents, arg)
}

// enter tells the kernel of the new tail and calls io_uring_enter(2). EBUSY
// (completions must be read first), EINTR and ETIME are not failures: what
// was not taken stays pending.
func (r *Ring) enter(least uint32, flags uintptr, arg *eventsArg) error {
	r.sqTail.Store(r.tail)
	flags |= r.enterFlags
	var size uintptr
	if arg != nil {
		flags |= enterExtArg
		size = unsafe.Sizeof(*arg)
	}
	call := unix.RawSyscall6
	if least > 0 {
		call = unix.Syscall6
	}
	n, _, errno := call(unix.SYS_IO_URING_ENTER, r.enterFD, uintptr(r.pending), uintptr(least), flags, uintptr(unsafe.Pointer(arg)), size)
	switch errno {
	case 0:
		r.pending -= min(uint32(n), r.pending)
	case unix.ETIME:
		r.pending = r.tail - r.sqHead.Load()
	case unix.EINTR, unix.EAGAIN, unix.EBUSY:
		r.pending = r.tail - r.sqHead.Load()
	default:
		return fmt.Errorf("io_uring: %w", os.NewSyscallError("io_uring_enter", errno))
	}
	return nil
}

// Ready reports whether a completion can be read without entering the kernel.
func (r *Ring) Ready() bool { return r.cqHead.Load() != r.cqTail.Load() }

// Overflowed reports that completions wait in the kernel because the ring is
// full: read, then Poll.
func (r *Ring) Overflowed() bool { return r.sqFlags.Load()&sqCQOverflow != 0 }

// Each hands every completion that is there to f, in order, and frees its
// place before f runs, so that f may submit. It returns how many there were.
func (r *Ring) Each(f func(CQE)) int {
	n, tail := 0, r.cqTail.Load()
	for head := r.cqHead.Load(); head != tail; n++ {
		c := r.cqes[head&r.cqMask]
		head++
		r.cqHead.Store(head)
		f(c)
	}
	return n
}
