package proc

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"io"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"
)

// The bounds of one question. A machine beyond them gives an answer without
// a process, not a wait.
const (
	maxRows = 200_000     // of one table
	maxTime = time.Second // for the walk over /proc/PID/fd; a busy machine needs most of it
)

// Root is where proc(5) is mounted.
const Root = "/proc"

// PortHolder finds who holds a port of network "tcp" or "udp" in the calling
// thread's network namespace, such that a bind to addr fails: a socket on the
// same address, or one of the two on a wildcard. A listener goes before
// anything else, a socket of a living process before TIME_WAIT. It reports
// false when nothing is seen. It takes a second at most, and seldom a tenth.
func PortHolder(network string, addr netip.AddrPort) (Holder, bool) {
	var best Socket
	found := false
	for _, table := range []string{network, network + "6"} {
		eachRow(table, func(fields []string) {
			s, ok := parsePort(fields)
			if ok && conflicts(s.Local, addr) && (!found || rank(s) > rank(best)) {
				best, found = s, true
			}
		})
	}
	if !found {
		return Holder{}, false
	}
	return holder(best), true
}

// PathHolder finds who holds a UNIX path ("@name" when abstract), which must be
// spelt as it was to bind: a socket that is bound there, not one that was
// accepted there. It reports false when nothing is seen.
func PathHolder(path string) (Holder, bool) {
	var best Socket
	found := false
	eachRow("unix", func(fields []string) {
		s, ok := parsePath(fields)
		if ok && s.Path == path && (!found || rank(s) > rank(best)) {
			best, found = s, true
		}
	})
	if !found {
		return Holder{}, false
	}
	return holder(best), true
}

// rank orders the rows that may all stand in the way.
func rank(s Socket) int {
	switch {
	case s.Inode == 0:
		return 0
	case s.State == Listening:
		return 2
	}
	return 1
}

func conflicts(held, wanted netip.AddrPort) bool {
	if held.Port() != wanted.Port() {
		return false
	}
	a, b := held.Addr().Unmap(), wanted.Addr().Unmap().WithZone("")
	return a == b || a.IsUnspecified() || b.IsUnspecified()
}

// eachRow visits the rows below the heading of a table in /proc/net. The
// thread's own directory is read, since a namespace belongs to a thread.
func eachRow(table string, visit func(fields []string)) {
	file, err := os.Open(Root + "/thread-self/net/" + table)
	if err != nil {
		return
	}
	defer file.Close()
	lines := bufio.NewScanner(io.LimitReader(file, maxRows*256))
	lines.Scan()
	for range maxRows {
		if !lines.Scan() {
			return
		}
		visit(strings.Fields(lines.Text()))
	}
}

// parsePort reads a row of tcp or udp:
//
//	sl  local_address rem_address   st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode
//	0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 1000 0 23456
func parsePort(f []string) (Socket, bool) {
	if len(f) < 10 {
		return Socket{}, false
	}
	local, ok := parseAddr(f[1])
	state, err1 := strconv.ParseUint(f[3], 16, 8)
	uid, err2 := strconv.ParseUint(f[7], 10, 32)
	inode, err3 := strconv.ParseUint(f[9], 10, 64)
	if !ok || err1 != nil || err2 != nil || err3 != nil {
		return Socket{}, false
	}
	return Socket{Local: local, State: State(state), UID: uint32(uid), Inode: inode}, true
}

// parseAddr reads an address as the kernel prints it: each 32-bit word of it
// as a number of this machine, then the port.
func parseAddr(text string) (netip.AddrPort, bool) {
	words, portText, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(words)
	port, portErr := strconv.ParseUint(portText, 16, 16)
	if err != nil || portErr != nil || len(raw)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for w := raw; len(w) > 0; w = w[4:] {
		binary.NativeEndian.PutUint32(w, binary.BigEndian.Uint32(w))
	}
	ip, ok := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(ip, uint16(port)), ok
}

// The flag and the states of /proc/net/unix.
const (
	unixListens     = 0x10000 // __SO_ACCEPTCON
	unixUnconnected = 1
)

// parsePath reads a row of unix, where the path is the rest and may hold spaces:
//
//	Num       RefCount Protocol Flags    Type St Inode Path
//	00000000: 00000002 00000000 00010000 0001 01 23456 /run/x.sock
//
// It drops sockets that were accepted: they bear the listener's path.
func parsePath(f []string) (Socket, bool) {
	if len(f) < 8 {
		return Socket{}, false
	}
	flags, err1 := strconv.ParseUint(f[3], 16, 32)
	state, err2 := strconv.ParseUint(f[5], 16, 8)
	inode, err3 := strconv.ParseUint(f[6], 10, 64)
	if err1 != nil || err2 != nil || err3 != nil || state != unixUnconnected && f[4] != "0002" {
		return Socket{}, false
	}
	s := Socket{Path: strings.Join(f[7:], " "), State: State(state), Inode: inode}
	if flags&unixListens != 0 {
		s.State = Listening
	}
	return s, true
}

// holder finds the process that has the socket open. This one is asked first: it
// is often the one, and it can always be seen.
func holder(s Socket) Holder {
	h := Holder{Socket: s}
	if s.Inode == 0 {
		return h
	}
	want := "socket:[" + strconv.FormatUint(s.Inode, 10) + "]"
	deadline := time.Now().Add(maxTime)
	if has("self", want, deadline) {
		h.PID = os.Getpid()
		h.Command = Command(h.PID)
		return h
	}
	dir, err := os.Open(Root)
	if err != nil {
		return h
	}
	defer dir.Close()
	for time.Now().Before(deadline) {
		names, err := dir.Readdirnames(256)
		for _, name := range names {
			if pid, err := strconv.Atoi(name); err == nil && has(name, want, deadline) {
				h.PID, h.Command = pid, Command(pid)
				return h
			}
		}
		if err != nil {
			return h
		}
	}
	return h
}

// has reports whether a process has a descriptor that links to want.
func has(pid, want string, deadline time.Time) bool {
	path := Root + "/" + pid + "/fd"
	dir, err := os.Open(path)
	if err != nil {
		return false // gone, or another user's
	}
	defer dir.Close()
	for time.Now().Before(deadline) {
		names, err := dir.Readdirnames(1024)
		for _, name := range names {
			if link, err := os.Readlink(path + "/" + name); err == nil && link == want {
				return true
			}
		}
		if err != nil {
			return false
		}
	}
	return false
}

// Command is the name of a process (comm), or empty when it is gone.
func Command(pid int) string {
	name, err := os.ReadFile(Root + "/" + strconv.Itoa(pid) + "/comm")
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(name), "\n")
}
