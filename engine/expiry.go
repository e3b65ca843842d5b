package engine

import "time"

// expiries orders sessions by the time at which each must be looked at again:
// a binary heap, its earliest entry first. A session that was active meanwhile
// is put back when its time comes, so that a datagram costs no reordering.
type expiries []*session

func (h expiries) next() (time.Time, bool) {
	if len(h) == 0 {
		return time.Time{}, false
	}
	return h[0].expires, true
}

func (h *expiries) add(s *session) {
	s.place = len(*h)
	*h = append(*h, s)
	h.up(s.place)
}

func (h *expiries) remove(s *session) {
	i, last := s.place, len(*h)-1
	h.swap(i, last)
	(*h)[last] = nil
	*h = (*h)[:last]
	if i < last {
		h.down(i)
		h.up(i)
	}
}

// moved restores the order after a change of s.expires.
func (h *expiries) moved(s *session) {
	h.down(s.place)
	h.up(s.place)
}

func (h expiries) swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

func (h expiries) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !h[i].expires.Before(h[parent].expires) {
			return
		}
		h.swap(i, parent)
		i = parent
	}
}

func (h expiries) down(i int) {
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(h); child++ {
			if h[child].expires.Before(h[least].expires) {
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
