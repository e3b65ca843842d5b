package socket

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"time"
)

// ErrControl is what a malformed control message gives.
var ErrControl = errors.New("socket: malformed control message")

// ControlSet says which control messages came: a set of the constants below.
type ControlSet uint32

// The control messages that Control knows, and the option that asks for each.
const (
	HasRights              ControlSet = 1 << iota // unix(7) SCM_RIGHTS; none: the sender decides
	HasCredentials                                // unix(7) SO_PASSCRED
	HasPacketInfo                                 // ip(7) IP_PKTINFO, ipv6(7) IPV6_RECVPKTINFO
	HasTTL                                        // ip(7) IP_RECVTTL, ipv6(7) IPV6_RECVHOPLIMIT
	HasTOS                                        // ip(7) IP_RECVTOS, ipv6(7) IPV6_RECVTCLASS
	HasTimestamp                                  // socket(7) SO_TIMESTAMP, SO_TIMESTAMPNS, SO_TIMESTAMPING
	HasHardwareTimestamp                          // SO_TIMESTAMPING
	HasSegmentSize                                // udp(7) UDP_GRO
	HasDropped                                    // socket(7) SO_RXQ_OVFL
	HasOriginalDestination                        // ip(7) IP_RECVORIGDSTADDR
	HasError                                      // ip(7) IP_RECVERR, with MsgErrQueue
	HasOther                                      // what Control has no field for; see ControlMessages
)

// Control is what the control messages of a received message say. Fields are meaningful where Seen
// says so. cmsg(3).
type Control struct {
	Seen ControlSet

	Rights              []int          // received descriptors, the caller's to close
	Credentials         *Credentials   // the sender's, checked by the kernel
	PacketInfo          PacketInfo     // where the packet arrived
	TTL                 int            // the packet's time to live, or hop limit
	TOS                 int            // the packet's type of service, or traffic class
	Timestamp           time.Time      // when the kernel received (error queue: sent) the packet
	HardwareTimestamp   time.Time      // when the device did
	SegmentSize         int            // of the datagrams that UDP_GRO joined into this one; the last may be shorter
	Dropped             uint32         // datagrams that the socket dropped so far because its queue was full
	OriginalDestination netip.AddrPort // of a packet that was redirected here
	Error               *QueuedError   // an entry of the error queue
}

// Has reports whether every message of set came.
func (c *Control) Has(set ControlSet) bool { return c.Seen&set == set }

// ParseControl parses received control messages: m.Control[:m.NControl]. After an error what was
// understood before it, descriptors included, is in the result.
func ParseControl(b []byte) (Control, error) {
	var c Control
	err := c.Parse(b)
	return c, err
}

// Credentials are a process's identity on a UNIX socket. To send other ones than one's own takes
// CAP_SYS_ADMIN, CAP_SETUID, CAP_SETGID. unix(7) SCM_CREDENTIALS.
type Credentials struct {
	PID int
	UID int
	GID int
}

// PacketInfo says on which interface and to which of its addresses a packet arrived, or is to be
// sent from: to answer from the very address that was asked, send the PacketInfo that came. ip(7)
// IP_PKTINFO, ipv6(7) IPV6_PKTINFO.
type PacketInfo struct {
	Interface   int        // index; 0 to send: the route decides
	Local       netip.Addr // the local address; invalid for an IPv6 multicast packet
	Destination netip.Addr // the packet's destination, perhaps multicast or broadcast; not used to send
}

// Origin says who reported an error of the error queue.
type Origin uint8

// The origins. recvmsg(2), linux/errqueue.h.
const (
	OriginNone      Origin = 0
	OriginLocal     Origin = 1 // this host
	OriginICMP      Origin = 2
	OriginICMP6     Origin = 3
	OriginTimestamp Origin = 4 // no error: a packet was sent; Control.Timestamp says when
	OriginZeroCopy  Origin = 5 // no error: the pages of sends Info to Data are the caller's again
)

// String names the origin.
func (o Origin) String() string {
	names := [...]string{"none", "local", "icmp", "icmp6", "timestamp", "zerocopy"}
	if int(o) < len(names) {
		return names[o]
	}
	return fmt.Sprintf("origin %d", uint8(o))
}

// QueuedError is an entry of a socket's error queue: what the network said of a message that was
// sent earlier. As an error it matches its Errno. ip(7) IP_RECVERR, struct sock_extended_err.
type QueuedError struct {
	Errno       syscall.Errno // as in ECONNREFUSED for a closed UDP port
	Origin      Origin
	Type, Code  uint8     // of the ICMP message
	Info        uint32    // EMSGSIZE: the path's MTU. OriginZeroCopy: the first send.
	Data        uint32    // OriginZeroCopy: the last send
	Offender    Addr      // the host that reported the error; its port is 0
	Destination Addr      // where the message was sent to
	Timestamp   time.Time // OriginTimestamp: when it was sent
}

// Error gives "connection refused (icmp type 3 code 3 from 192.0.2.1)".
func (e *QueuedError) Error() string {
	text := e.Errno.Error()
	switch e.Origin {
	case OriginICMP, OriginICMP6:
		text += fmt.Sprintf(" (%v type %d code %d", e.Origin, e.Type, e.Code)
		if ap := e.Offender.AddrPort(); ap.IsValid() {
			text += " from " + ap.Addr().String()
		}
		return text + ")"
	}
	return text + " (" + e.Origin.String() + ")"
}

// Unwrap gives the errno.
func (e *QueuedError) Unwrap() error { return e.Errno }

// ControlMessage is one control message as the kernel gave it. cmsg(3).
type ControlMessage struct {
	Level, Type int
	Data        []byte // a view of the control buffer
}
