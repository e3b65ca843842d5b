package engine

import "sync"

// Buffers come in three pooled sizes, so that a connection holds little and a
// busy one reads and writes much at a time. Larger ones are made and left to
// the collector. The smallest is for output that leaves at once: of a thousand
// connections it fits a processor's cache.
const (
	tinyBlock  = 512
	smallBlock = 4 << 10
	largeBlock = 64 << 10
)

var (
	tinyBlocks  = sync.Pool{New: func() any { return new([tinyBlock]byte) }}
	smallBlocks = sync.Pool{New: func() any { return new([smallBlock]byte) }}
	largeBlocks = sync.Pool{New: func() any { return new([largeBlock]byte) }}
)

// getBlock gives an empty slice with room for n bytes or more.
func getBlock(n int) []byte {
	switch {
	case n <= tinyBlock:
		return tinyBlocks.Get().(*[tinyBlock]byte)[:0]
	case n <= smallBlock:
		return smallBlocks.Get().(*[smallBlock]byte)[:0]
	case n <= largeBlock:
		return largeBlocks.Get().(*[largeBlock]byte)[:0]
	}
	return make([]byte, 0, n)
}

// putBlock takes back what getBlock gave. Nobody may use b after that.
func putBlock(b []byte) {
	switch cap(b) {
	case tinyBlock:
		tinyBlocks.Put((*[tinyBlock]byte)(b[:tinyBlock]))
	case smallBlock:
		smallBlocks.Put((*[smallBlock]byte)(b[:smallBlock]))
	case largeBlock:
		largeBlocks.Put((*[largeBlock]byte)(b[:largeBlock]))
	}
}

// input holds the bytes that wait for the handler:
//
//	buf  | consumed | waiting | free, up to limit |
//	     0          r         w
type input struct {
	buf  []byte // len is the room in use, at most the limit
	r, w int
	full bool // the last read filled the free part: more is likely to come
}

func (in *input) len() int     { return in.w - in.r }
func (in *input) peek() []byte { return in.buf[in.r:in.w:in.w] }

// space gives the free part, at least one byte unless limit bytes wait. An
// empty buffer that was grown for a burst is exchanged for a small one.
func (in *input) space(limit int) []byte {
	waiting := in.len()
	switch {
	case waiting == 0 && len(in.buf) > smallBlock && !in.full:
		in.release()
	case waiting == 0:
		in.r, in.w = 0, 0
	}
	if in.full || in.w == len(in.buf) {
		in.resize(waiting, limit)
	}
	return in.buf[in.w:]
}

// resize moves what waits to the front, into a larger buffer where that helps.
func (in *input) resize(waiting, limit int) {
	want := min(limit, smallBlock)
	if in.buf != nil && (in.full || waiting >= len(in.buf)/2) {
		want = max(min(limit, largeBlock), min(limit, 2*waiting))
	}
	if want <= len(in.buf) {
		copy(in.buf, in.buf[in.r:in.w])
		in.r, in.w = 0, waiting
		return
	}
	block := getBlock(want)
	block = block[:min(cap(block), limit)]
	copy(block, in.buf[in.r:in.w])
	putBlock(in.buf)
	in.buf, in.r, in.w = block, 0, waiting
}

// reserve gives the free part of a buffer that is as large as the limit, for a
// message that must be read in one piece.
func (in *input) reserve(limit int) []byte {
	waiting := in.len()
	if len(in.buf) == limit {
		copy(in.buf, in.peek())
	} else {
		block := getBlock(limit)[:limit]
		copy(block, in.peek())
		putBlock(in.buf)
		in.buf = block
	}
	in.r, in.w, in.full = 0, waiting, false
	return in.buf[waiting:]
}

// filled notes that n bytes were read into space.
func (in *input) filled(n int) {
	in.w += n
	in.full = in.w == len(in.buf)
}

// add copies b to the end; there must be room for it below the limit.
func (in *input) add(b []byte, limit int) {
	for len(b) > 0 {
		n := copy(in.space(limit), b)
		in.filled(n)
		b = b[n:]
	}
}

func (in *input) release() {
	putBlock(in.buf)
	*in = input{}
}

// output holds the bytes that wait for the kernel, from off on.
type output struct {
	buf []byte
	off int
}

func (o *output) len() int     { return len(o.buf) - o.off }
func (o *output) peek() []byte { return o.buf[o.off:] }

// append copies b to the end.
func (o *output) append(b []byte) {
	if len(o.buf)+len(b) > cap(o.buf) {
		o.grow(len(b))
	}
	o.buf = append(o.buf, b...)
}

// grow makes room for n more bytes, first by moving what waits to the front.
func (o *output) grow(n int) {
	waiting := o.len()
	if waiting+n <= cap(o.buf) && o.off >= waiting {
		copy(o.buf[:waiting], o.buf[o.off:])
	} else {
		block := append(getBlock(waiting+max(n, waiting/2)), o.peek()...)
		putBlock(o.buf)
		o.buf = block
	}
	o.buf, o.off = o.buf[:waiting], 0
}

// sent drops n bytes from the front; an empty buffer goes back to its pool.
func (o *output) sent(n int) {
	if o.off += n; o.off == len(o.buf) {
		o.release()
	}
}

func (o *output) release() {
	putBlock(o.buf)
	*o = output{}
}
