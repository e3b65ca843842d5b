package diag

import (
	"math/rand/v2"
	"net/netip"
	"testing"
)

// entry is what a program looks at.
type entry struct {
	port   [2]uint16
	addr   [2]netip.Addr
	device uint32
	mark   uint32
}

// run interprets a program as the kernel's inet_diag_bc_run does, and reports
// a program that its audit would refuse.
func run(t *testing.T, code Code, e entry) bool {
	t.Helper()
	audit(t, code)
	at := 0
	for at < len(code) {
		op := code[at:]
		if holds(t, op, e) {
			at += int(op[1])
		} else {
			at += int(native.Uint16(op[2:]))
		}
	}
	return at == len(code)
}

// audit is inet_diag_bc_audit: yes leads through all to the end, no leads to an
// operation, the end, or 4 beyond.
func audit(t *testing.T, code Code) {
	t.Helper()
	starts := map[int]bool{len(code): true, len(code) + 4: true}
	for at := 0; at < len(code); at += int(code[at+1]) {
		starts[at] = true
		if len(code)-at < 4 || code[at+1] < 4 || code[at+1]%4 != 0 || at+int(code[at+1]) > len(code) {
			t.Fatalf("operation at %d of %x is damaged", at, code)
		}
	}
	for at := 0; at < len(code); at += int(code[at+1]) {
		if no := int(native.Uint16(code[at+2:])); no < 4 || !starts[at+no] {
			t.Fatalf("operation at %d of %x leads to %d, where there is none", at, code, at+no)
		}
	}
}

func holds(t *testing.T, op Code, e entry) bool {
	t.Helper()
	switch op[0] {
	case opJump:
		return false
	case opSourceAtLeast, opDestinationAtLeast:
		return e.port[(op[0]-opSourceAtLeast)/2] >= native.Uint16(op[6:])
	case opSourceAtMost, opDestinationAtMost:
		return e.port[(op[0]-opSourceAtMost)/2] <= native.Uint16(op[6:])
	case opSource, opDestination:
		return host(op[4:op[1]], e.port[op[0]-opSource], e.addr[op[0]-opSource])
	case opDevice:
		return e.device == native.Uint32(op[4:])
	case opMark:
		return e.mark&native.Uint32(op[8:]) == native.Uint32(op[4:])
	}
	t.Fatalf("operation %d is not known", op[0])
	return false
}

func host(cond []byte, port uint16, addr netip.Addr) bool {
	if p := int32(native.Uint32(cond[4:])); p != -1 && p != int32(port) {
		return false
	}
	if cond[0] == 0 {
		return true
	}
	want, _ := netip.AddrFromSlice(cond[8:])
	if want.Is4() {
		addr = addr.Unmap()
	}
	return netip.PrefixFrom(want, int(cond[1])).Contains(addr)
}

func TestCodeLeaves(t *testing.T) {
	e := entry{port: [2]uint16{80, 50000}, device: 3, mark: 7}
	e.addr = [2]netip.Addr{netip.MustParseAddr("::ffff:10.1.2.3"), netip.MustParseAddr("2001:db8::1")}
	for _, tt := range []struct {
		name string
		code Code
		want bool
	}{
		{"port", Port(Source, 80), true},
		{"other-port", Port(Destination, 80), false},
		{"at-least", PortAtLeast(Destination, 50000), true},
		{"at-most", PortAtMost(Destination, 49999), false},
		{"mapped-in-prefix", Within(Source, netip.MustParsePrefix("10.0.0.0/8")), true},
		{"not-in-prefix", Within(Source, netip.MustParsePrefix("10.2.0.0/16")), false},
		{"six", Within(Destination, netip.MustParsePrefix("2001:db8::/32")), true},
		{"device", Device(3), true},
		{"no-device", Device(0), false},
		{"mark", Mark(7), true},
		{"everything", nil, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := run(t, tt.code, e); got != tt.want {
				t.Errorf("%x = %v, want %v", tt.code, got, tt.want)
			}
			if tt.code != nil && run(t, Not(tt.code), e) == tt.want {
				t.Errorf("not %x = %v too", tt.code, tt.want)
			}
		})
	}
}

// Any combination means what it says: seeded random trees, evaluated beside.
func TestCodeCombinations(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		e := entry{port: [2]uint16{uint16(random.IntN(4)), uint16(random.IntN(4))}}
		code, want := tree(random, e, 5)
		if got := run(t, code, e); got != want {
			t.Fatalf("%x on %v = %v, want %v", code, e.port, got, want)
		}
	}
}

func tree(random *rand.Rand, e entry, depth int) (Code, bool) {
	if depth == 0 || random.IntN(4) == 0 {
		end, p := End(random.IntN(2)), uint16(random.IntN(4))
		switch random.IntN(3) {
		case 0:
			return PortAtLeast(end, p), e.port[end] >= p
		case 1:
			return PortAtMost(end, p), e.port[end] <= p
		}
		return Port(end, p), e.port[end] == p
	}
	a, wantA := tree(random, e, depth-1)
	if random.IntN(3) == 0 {
		return Not(a), !wantA
	}
	b, wantB := tree(random, e, depth-1)
	if random.IntN(2) == 0 {
		return And(a, b), wantA && wantB
	}
	return Or(a, b), wantA || wantB
}
