package inspect

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"sock/internal/netns"
	"sock/socket"
)

// rawTable reads raw sockets from proc(5), for a kernel whose sock_diag does
// not know them. It has no cookies and no extensions.
func (r *reading) rawTable(i int, d dump) error {
	ns, name := r.namespaces[i], "raw"
	if d.family == socket.INET6 {
		name = "raw6"
	}
	var file *os.File
	err := netns.Do(ns.path, func() (err error) {
		file, err = os.Open("/proc/thread-self/net/" + name)
		return err
	})
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Scan() // the heading
	for lines.Scan() {
		s := parseRawRow(lines.Text(), d.family)
		if s == nil || d.states&(1<<s.State) == 0 {
			continue
		}
		s.Netns = ns
		if err := r.give(i, s); err != nil {
			return err
		}
	}
	return lines.Err()
}

// parseRawRow reads a row, in which the protocol stands for the local port:
//
//	sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt uid timeout inode ref pointer drops
//	 1: 0100007F:0001 00000000:0000 07 00000000:00000000 00:00000000 00000000   0        0 1234  2  00…     0
func parseRawRow(line string, family socket.Family) *Socket {
	f := strings.Fields(line)
	if len(f) < 13 {
		return nil
	}
	local, protocol, ok1 := parseHexAddr(f[1])
	peer, _, ok2 := parseHexAddr(f[2])
	state, err := strconv.ParseUint(f[3], 16, 8)
	if !ok1 || !ok2 || err != nil {
		return nil
	}
	s := &Socket{
		Kind: Raw, Type: socket.RAW, Family: family, State: State(state), Protocol: protocol,
		Local: socket.AddrFrom(netip.AddrPortFrom(local, 0)), Known: HasUID | HasQueues,
	}
	if !peer.IsUnspecified() {
		s.Peer = socket.AddrFrom(netip.AddrPortFrom(peer, 0))
	}
	send, receive, _ := strings.Cut(f[4], ":")
	s.Send, s.Receive = hexNumber(send), hexNumber(receive)
	uid, err1 := strconv.ParseUint(f[7], 10, 32)
	inode, err2 := strconv.ParseUint(f[9], 10, 32)
	drops, err3 := strconv.ParseUint(f[len(f)-1], 10, 32)
	if err1 != nil || err2 != nil {
		return nil
	}
	s.UID, s.Inode = uint32(uid), uint32(inode)
	if err3 == nil {
		s.Drops = uint32(drops)
	}
	return s
}

func hexNumber(text string) uint32 {
	n, err := strconv.ParseUint(text, 16, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}

// parseHexAddr reads an address as the kernel prints it: each 32-bit word of it
// as a number of this machine, then the port.
func parseHexAddr(text string) (netip.Addr, uint16, bool) {
	words, port, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(words)
	number, portErr := strconv.ParseUint(port, 16, 16)
	if err != nil || portErr != nil || len(raw)%4 != 0 {
		return netip.Addr{}, 0, false
	}
	for w := raw; len(w) > 0; w = w[4:] {
		binary.NativeEndian.PutUint32(w, binary.BigEndian.Uint32(w))
	}
	ip, ok := netip.AddrFromSlice(raw)
	return ip, uint16(number), ok
}
