// Package diag speaks NETLINK_SOCK_DIAG: it asks the kernel for its sockets,
// table by table, and reads the answers as they come.
//
// A Conn belongs to the network namespace of the thread that dialled it and
// sees the sockets of that namespace only. A dump is a stream: each message is
// valid until the next one, and nothing is kept. What the kernel does not send
// is absent, not zero: ask Has.
//
// The readers take any bytes. They never read past a message, never panic, and
// hold nothing whose size the message claims.
//
// sock_diag(7), linux/inet_diag.h, unix_diag.h, packet_diag.h, netlink_diag.h,
// vm_sockets_diag.h.
package diag
