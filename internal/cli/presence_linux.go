package cli

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"sock/socket"
)

// presenceOf finds out whether a peer whose end of file has come still has the
// connection open. A UNIX socket tells by itself: poll(2) reports a hangup once
// the peer has closed. TCP does not (a FIN looks the same after shutdown as
// after close), but the socket of a peer on this machine can be seen in
// /proc/net: nobody owns it (inode 0) once it is closed. proc(5), tcp(7).
func presenceOf(conn net.Conn) presence {
	s := socketOf(conn)
	if s == nil {
		return unseen
	}
	if s.Family() == socket.UNIX {
		return hungUp(s)
	}
	local, err := socket.FromNetAddr(conn.LocalAddr())
	if err != nil {
		return unseen
	}
	peer, err := socket.FromNetAddr(conn.RemoteAddr())
	if err != nil {
		return unseen
	}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		if p := lookIn(table, peer.AddrPort(), local.AddrPort()); p != unseen {
			return p
		}
	}
	return unseen
}

func hungUp(s *socket.Socket) presence {
	p := unseen
	err := s.Control(func(fd int) error {
		polled := []unix.PollFd{{Fd: int32(fd)}}
		if _, err := unix.Poll(polled, 0); err != nil {
			return err
		}
		p = present
		if polled[0].Revents&(unix.POLLHUP|unix.POLLERR) != 0 {
			p = gone
		}
		return nil
	})
	if err != nil {
		return unseen
	}
	return p
}

// lookIn looks for the peer's side of a connection in one table.
func lookIn(table string, local, remote netip.AddrPort) presence {
	f, err := os.Open(table)
	if err != nil {
		return unseen
	}
	defer f.Close()
	wanted := map[string]bool{}
	for _, l := range tableAddrs(local) {
		for _, r := range tableAddrs(remote) {
			wanted[l+" "+r] = true
		}
	}
	rows := bufio.NewScanner(f)
	for rows.Scan() {
		fields := strings.Fields(rows.Text())
		if len(fields) > 9 && wanted[fields[1]+" "+fields[2]] {
			if fields[9] == "0" {
				return gone
			}
			return present
		}
	}
	return unseen
}

// tableAddrs spells an address as /proc/net/tcp and tcp6 do: words of 32 bits
// in the machine's order, in hexadecimal. An IPv4 address has two spellings,
// its own and the one mapped into IPv6.
func tableAddrs(a netip.AddrPort) []string {
	ip := a.Addr().Unmap()
	spellings := [][]byte{ip.AsSlice()}
	if ip.Is4() {
		mapped := ip.As16()
		spellings = append(spellings, mapped[:])
	}
	var list []string
	for _, b := range spellings {
		var text strings.Builder
		for i := 0; i < len(b); i += 4 {
			var word [4]byte
			binary.BigEndian.PutUint32(word[:], binary.NativeEndian.Uint32(b[i:]))
			text.WriteString(hex.EncodeToString(word[:]))
		}
		port := strconv.FormatUint(uint64(a.Port()), 16)
		list = append(list, strings.ToUpper(text.String()+":"+strings.Repeat("0", 4-len(port))+port))
	}
	return list
}

// settling watches a TCP connection, both directions of which have ended or on
// which nothing more is sent, until the peer has acknowledged all of it.
type settling struct {
	err      error // the peer cut the connection before it had everything
	unacked  int
	progress time.Time
}

// done reports whether there is nothing to wait for any more: all is
// acknowledged, the connection is cut, or nothing has moved for settleLimit.
// Closing then loses nothing that waiting would save.
func (w *settling) done(conn net.Conn, now time.Time) bool {
	s := socketOf(conn)
	if s == nil || s.Protocol() != socket.TCP {
		return true
	}
	unacked, closed, err := outstanding(s)
	if err != nil {
		w.err = &net.OpError{Op: "write", Net: "tcp", Source: conn.LocalAddr(), Addr: conn.RemoteAddr(), Err: err}
		return true
	}
	if closed || unacked == 0 {
		return true
	}
	if unacked != w.unacked || w.progress.IsZero() {
		w.unacked, w.progress = unacked, now
	}
	return now.Sub(w.progress) >= settleLimit
}

// outstanding is how much of what was sent, the FIN included, is not
// acknowledged; whether the connection is over; and the reset that ended it.
func outstanding(s *socket.Socket) (unacked int, closed bool, err error) {
	failed := s.Control(func(fd int) error {
		info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil {
			return err
		}
		queued, err := unix.IoctlGetInt(fd, unix.SIOCOUTQ)
		if err != nil {
			return err
		}
		unacked = queued
		switch info.State {
		case unix.BPF_TCP_FIN_WAIT1, unix.BPF_TCP_CLOSING, unix.BPF_TCP_LAST_ACK:
			unacked++ // the FIN
		case unix.BPF_TCP_CLOSE, unix.BPF_TCP_TIME_WAIT:
			closed = true
		}
		code, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
		if err == nil && code != 0 {
			return os.NewSyscallError("write", syscall.Errno(code))
		}
		return err
	})
	return unacked, closed, failed
}
