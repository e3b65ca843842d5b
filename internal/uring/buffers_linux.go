package uring

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Buffers is a ring of provided buffers (io_uring_register(2),
// IORING_REGISTER_PBUF_RING, Linux 5.19): the kernel takes one when data has
// come, so that a connection that is silent holds none.
//
// The ring is an array of 16-byte entries,
//
//	0 address  8 length  12 buffer number  14 unused
//
// where the unused half-word of entry 0 is the ring's tail. It is written
// together with entry 0's buffer number, as one 32-bit store, because
// sync/atomic has none of 16 bits; the number is then what it was.
type Buffers struct {
	// immutable after NewBuffers
	group uint16
	size  int
	mask  uint32
	data  []byte
	ring  []byte

	// owned by the ring's thread
	tail uint16
	held int // buffers that the caller holds
}

// NewBuffers registers count buffers (a power of two, at most 32,768) of size
// bytes each as a group of the ring. Close takes them back.
func (r *Ring) NewBuffers(group uint16, count, size int) (*Buffers, error) {
	if count <= 0 || count > 1<<15 || count&(count-1) != 0 {
		panic(fmt.Sprintf("uring: %d buffers is not a power of two up to 32768", count))
	}
	ring, err := Arena(count * 16)
	if err != nil {
		return nil, err
	}
	data, err := Arena(count * size)
	if err != nil {
		return nil, errors.Join(err, unix.Munmap(ring))
	}
	b := &Buffers{group: group, size: size, mask: uint32(count - 1), data: data, ring: ring, held: count}
	request := struct {
		address  uint64
		entries  uint32
		group, _ uint16
		_        [3]uint64
	}{address: address(unsafe.Pointer(&ring[0])), entries: uint32(count), group: group}
	_, _, errno := unix.Syscall6(unix.SYS_IO_URING_REGISTER, uintptr(r.fd), registerPbufRing, uintptr(unsafe.Pointer(&request)), 1, 0, 0)
	if errno != 0 {
		return nil, errors.Join(fmt.Errorf("%w: buffer ring: %w", ErrUnsupported, os.NewSyscallError("io_uring_register", errno)), b.Close())
	}
	for i := range count {
		b.put(uint16(i))
	}
	b.publish()
	return b, nil
}

// Group is the number that RecvMultishot takes.
func (b *Buffers) Group() uint16 { return b.group }

// Bytes is the first n bytes of a buffer that a completion used. They are the
// caller's until Return.
func (b *Buffers) Bytes(buffer uint16, n int) []byte {
	start := int(buffer) * b.size
	return b.data[start : start+n : start+n]
}

// Take notes that a completion gave the buffer to the caller.
func (b *Buffers) Take() { b.held++ }

// Held is how many buffers the caller has: with all of them, receiving ends
// with ENOBUFS until one is returned.
func (b *Buffers) Held() int { return b.held }

// Return gives a buffer back to the kernel.
func (b *Buffers) Return(buffer uint16) {
	b.put(buffer)
	b.publish()
}

func (b *Buffers) put(buffer uint16) {
	entry := unsafe.Pointer(&b.ring[16*(uint32(b.tail)&b.mask)])
	*(*uint64)(entry) = address(unsafe.Pointer(&b.data[int(buffer)*b.size]))
	*(*uint32)(unsafe.Add(entry, 8)) = uint32(b.size)
	*(*uint16)(unsafe.Add(entry, 12)) = buffer
	b.tail++
	b.held--
}

func (b *Buffers) publish() {
	first := (*atomic.Uint32)(unsafe.Pointer(&b.ring[12]))
	first.Store(first.Load()&0xffff | uint32(b.tail)<<16)
}

// Close frees the memory. The ring must have been closed before, or must not
// receive into the group any more.
func (b *Buffers) Close() error {
	return errors.Join(unix.Munmap(b.ring), unix.Munmap(b.data))
}

// Arena is memory that never moves and that the collector does not know: for
// what submissions name. It is rounded up to whole pages; give it back whole,
// with unix.Munmap.
func Arena(size int) ([]byte, error) {
	page := os.Getpagesize()
	m, err := unix.Mmap(-1, 0, (size+page-1)/page*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, fmt.Errorf("uring: %w", os.NewSyscallError("mmap", err))
	}
	return m, nil
}
