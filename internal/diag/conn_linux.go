package diag

import (
	"context"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// buffer is larger than any datagram of a dump: the kernel fills at most 32 KiB.
const buffer = 64 << 10

// Dial opens a Conn to the tables of the calling thread's network namespace.
// It needs no privilege.
func Dial() (*Conn, error) {
	nl, err := netlink.Dial(unix.NETLINK_SOCK_DIAG, &netlink.Config{MessageBufferSize: buffer})
	if err != nil {
		return nil, wrap("dial", "", reason(context.Background(), err))
	}
	return &Conn{nl: nl, port: nl.PID()}, nil
}
