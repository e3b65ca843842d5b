package engine

import "time"

// instant is a time of the monotonic clock, in nanoseconds: a third of a
// time.Time, of which every connection keeps several. The zero instant is none.
type instant int64

// dawn is the first instant.
var dawn = time.Now().Add(-1)

func instantOf(t time.Time) instant { return instant(t.Sub(dawn)) }

// time gives the instant as package time has it; zero: the zero Time.
func (i instant) time() time.Time {
	if i == 0 {
		return time.Time{}
	}
	return dawn.Add(time.Duration(i))
}

// due is the time at which something must be looked at again.
type due struct {
	expires instant
	place   int32 // in the expiries
}

func (d *due) when() *due { return d }

// expiring has a due embedded.
type expiring interface{ when() *due }

// expiries orders connections by that time: a binary heap, its earliest
// entry first. One that was active meanwhile is put back when its time comes,
// so that traffic costs no reordering.
type expiries[T expiring] []T

func (h expiries[T]) next() (time.Time, bool) {
	if len(h) == 0 {
		return time.Time{}, false
	}
	return h[0].when().expires.time(), true
}

func (h *expiries[T]) add(s T) {
	s.when().place = int32(len(*h))
	*h = append(*h, s)
	h.up(int(s.when().place))
}

func (h *expiries[T]) remove(s T) {
	var none T
	i, last := int(s.when().place), len(*h)-1
	h.swap(i, last)
	(*h)[last] = none
	*h = (*h)[:last]
	if i < last {
		h.down(i)
		h.up(i)
	}
}

// moved restores the order after a change of s's time.
func (h *expiries[T]) moved(s T) {
	h.down(int(s.when().place))
	h.up(int(s.when().place))
}

func (h expiries[T]) swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].when().place, h[j].when().place = int32(i), int32(j)
}

func (h expiries[T]) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if h[i].when().expires >= h[parent].when().expires {
			return
		}
		h.swap(i, parent)
		i = parent
	}
}

func (h expiries[T]) down(i int) {
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(h); child++ {
			if h[child].when().expires < h[least].when().expires {
				least = child
			}
		}
		if least == i {
			return
		}
		h.swap(i, least)
		i = least
	}
}
