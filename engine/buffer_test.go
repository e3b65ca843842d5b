package engine

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// Memory is kept after a burst; a connection costs much before it has sent anything.
func TestInputShrinksAfterBurst(t *testing.T) {
	var in input
	in.filled(copy(in.space(largeBlock), make([]byte, largeBlock)))
	if got := len(in.buf); got != smallBlock {
		t.Errorf("first buffer: got %d bytes, want %d", got, smallBlock)
	}
	in.filled(copy(in.space(largeBlock), make([]byte, largeBlock)))
	if got := len(in.buf); got != largeBlock {
		t.Errorf("buffer in a burst: got %d bytes, want %d", got, largeBlock)
	}
	in.r = in.w // all consumed
	in.full = false
	in.space(largeBlock)
	if got := len(in.buf); got != smallBlock {
		t.Errorf("buffer after the burst: got %d bytes, want %d", got, smallBlock)
	}
}

// The limit is exact, and space is empty only when it is reached.
func TestInputLimit(t *testing.T) {
	for _, limit := range []int{1, 10, smallBlock, smallBlock + 1, largeBlock, largeBlock + 5, 300_000} {
		var in input
		total := 0
		for range 100 {
			free := in.space(limit)
			if len(free) == 0 {
				break
			}
			total += len(free)
			in.filled(len(free))
		}
		if total != limit || in.len() != limit {
			t.Errorf("limit %d: got %d bytes in, %d waiting", limit, total, in.len())
		}
	}
}

// Bytes come out as they went in, whatever the sizes.
func TestInputAgainstModel(t *testing.T) {
	const limit = 20_000
	rng := rand.New(rand.NewPCG(1, 2))
	var in input
	var model []byte
	next := byte(0)
	for step := range 20_000 {
		free := in.space(limit)
		if len(free) == 0 && in.len() < limit {
			t.Fatalf("step %d: no space with %d bytes waiting", step, in.len())
		}
		n := rng.IntN(len(free) + 1)
		for i := range n {
			free[i] = next
			model = append(model, next)
			next++
		}
		in.filled(n)
		if !bytes.Equal(in.peek(), model) {
			t.Fatalf("step %d: the waiting bytes differ from the model's %d", step, len(model))
		}
		used := rng.IntN(len(model) + 1)
		in.r += used
		model = model[used:]
	}
}

func TestOutputAgainstModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var out output
	var model []byte
	next := byte(0)
	for step := range 20_000 {
		piece := make([]byte, rng.IntN(1+rng.IntN(9000)))
		for i := range piece {
			piece[i] = next
			next++
		}
		out.append(piece)
		model = append(model, piece...)
		clear(piece) // the caller's buffer is its own again
		if !bytes.Equal(out.peek(), model) {
			t.Fatalf("step %d: the waiting bytes differ from the model's %d", step, len(model))
		}
		n := rng.IntN(len(model) + 1)
		if rng.IntN(4) == 0 {
			n = len(model)
		}
		out.sent(n)
		model = model[n:]
	}
	out.sent(out.len())
	if out.buf != nil {
		t.Error("an empty output keeps its buffer")
	}
}

func TestExpiriesOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var h expiries[*session]
	live := map[*session]bool{}
	for range 5000 {
		switch rng.IntN(3) {
		case 0, 1:
			s := &session{due: due{expires: instant(1 + rng.IntN(1000))}}
			h.add(s)
			live[s] = true
		case 2:
			for s := range live {
				if rng.IntN(2) == 0 {
					s.expires = instant(1 + rng.IntN(1000))
					h.moved(s)
				} else {
					h.remove(s)
					delete(live, s)
				}
				break
			}
		}
		if len(h) != len(live) {
			t.Fatalf("size: got %d, want %d", len(h), len(live))
		}
		first, ok := h.next()
		for s := range live {
			if !ok || s.expires.time().Before(first) {
				t.Fatalf("next: got %v %v, want %v or earlier", first, ok, s.expires)
			}
		}
	}
}
