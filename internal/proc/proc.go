// Package proc answers one question from /proc: who holds this port, or this
// UNIX path? It serves error messages ("address already in use by nginx"), so
// it is bounded in what it reads and prefers no answer to a late one.
//
// proc(5), /proc/net/tcp, /proc/net/unix, /proc/PID/fd.
package proc

import (
	"net/netip"
	"strconv"
)

// State is a socket's, as /proc/net shows it.
type State uint8

// The states that matter to who holds a port. The numbers are the kernel's.
const (
	Established State = 0x01 // of a UNIX stream: unconnected
	TimeWait    State = 0x06
	Closed      State = 0x07 // a UDP socket that is bound
	Listening   State = 0x0a
)

// Socket is one row of /proc/net/{tcp,tcp6,udp,udp6,unix}.
type Socket struct {
	Local netip.AddrPort // of the Internet families
	Path  string         // of UNIX, "@" first when abstract
	State State
	UID   uint32 // who made it; not shown for UNIX (0)
	Inode uint64 // 0: it belongs to no process any more, as in TIME_WAIT
}

// Holder says who holds an address.
type Holder struct {
	Socket  Socket
	PID     int    // 0: not to be seen, for want of privilege or because no process has it
	Command string // the process's name, as in /proc/PID/comm
}

// String is "nginx (pid 4242)", or what is known when the process is not: "a
// process of user 33", "a connection in TIME_WAIT".
func (h Holder) String() string {
	switch {
	case h.PID != 0:
		return h.Command + " (pid " + strconv.Itoa(h.PID) + ")"
	case h.Socket.State == TimeWait && h.Socket.Path == "":
		return "a connection in TIME_WAIT"
	case h.Socket.Path != "" || h.Socket.Inode == 0:
		return "a process that cannot be seen"
	}
	return "a process of user " + strconv.FormatUint(uint64(h.Socket.UID), 10)
}
