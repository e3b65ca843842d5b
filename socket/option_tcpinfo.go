package socket

import (
	"encoding/binary"
	"time"
)

// TCPInfo is struct tcp_info: what the kernel knows about a TCP connection.
// The fields are those of linux/tcp.h without their prefix, times as
// durations. What the running kernel is too old to tell is zero.
type TCPInfo struct {
	State       uint8 // 1 ESTABLISHED, 2 SYN-SENT, … 10 LISTEN; see StateName
	CAState     uint8 // 0 open, 1 disorder, 2 CWR, 3 recovery, 4 loss
	Retransmits uint8 // timeouts in a row without an acknowledgement
	Probes      uint8 // zero-window or keepalive probes unanswered
	Backoff     uint8
	Options     uint8 // TCPI_OPT_*: 1 timestamps, 2 SACK, 4 window scale, 8 ECN, 16 ECN seen, 32 data in the SYN
	SndWScale   uint8
	RcvWScale   uint8

	DeliveryRateAppLimited bool  // the rate below was bounded by the program, not the network
	FastOpenClientFail     uint8 // 1 no cookie, 2 no data acknowledged in the SYN, 3 SYN lost

	RTO    time.Duration // retransmission timeout
	ATO    time.Duration // delayed acknowledgement timeout
	SndMSS uint32
	RcvMSS uint32

	Unacked uint32 // segments; on a listener the connections waiting to be accepted
	Sacked  uint32 // segments; on a listener the backlog
	Lost    uint32
	Retrans uint32
	Fackets uint32

	LastDataSent time.Duration // ago
	LastAckSent  time.Duration // always zero
	LastDataRecv time.Duration // ago
	LastAckRecv  time.Duration // ago

	PMTU        uint32
	RcvSSThresh uint32
	RTT         time.Duration // smoothed
	RTTVar      time.Duration
	SndSSThresh uint32
	SndCwnd     uint32 // segments
	AdvMSS      uint32
	Reordering  uint32

	RcvRTT       time.Duration
	RcvSpace     uint32
	TotalRetrans uint32

	PacingRate    uint64 // bytes per second; all ones: unlimited
	MaxPacingRate uint64
	BytesAcked    uint64
	BytesReceived uint64
	SegsOut       uint32
	SegsIn        uint32

	NotSentBytes uint32
	MinRTT       time.Duration
	DataSegsIn   uint32
	DataSegsOut  uint32
	DeliveryRate uint64 // bytes per second

	BusyTime      time.Duration // with data to send
	RwndLimited   time.Duration // of that, held up by the peer's window
	SndBufLimited time.Duration // of that, held up by our send buffer

	Delivered    uint32 // segments
	DeliveredCE  uint32 // of those, with congestion marked
	BytesSent    uint64
	BytesRetrans uint64
	DSackDups    uint32
	ReordSeen    uint32
	RcvOooPack   uint32
	SndWnd       uint32 // the window that the peer offers
	RcvWnd       uint32 // the window that we offer
	Rehash       uint32

	TotalRTO           uint16
	TotalRTORecoveries uint16
	TotalRTOTime       time.Duration

	ReceivedCE       uint32 // accurate ECN, since Linux 6.18
	DeliveredE1Bytes uint32
	DeliveredE0Bytes uint32
	DeliveredCEBytes uint32
	ReceivedE1Bytes  uint32
	ReceivedE0Bytes  uint32
	ReceivedCEBytes  uint32
}

// StateName gives the connection's state as RFC 9293 names it.
func (i TCPInfo) StateName() string {
	names := [...]string{
		"UNKNOWN", "ESTABLISHED", "SYN-SENT", "SYN-RECEIVED", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT",
		"CLOSED", "CLOSE-WAIT", "LAST-ACK", "LISTEN", "CLOSING", "SYN-RECEIVED",
	}
	if int(i.State) < len(names) {
		return names[i.State]
	}
	return names[0]
}

// wireReader takes numbers from a structure one after another; past its end
// they are zero.
type wireReader struct{ wire []byte }

func (r *wireReader) take(n int) []byte {
	var zero [8]byte
	if len(r.wire) < n {
		r.wire = nil
		return zero[:n]
	}
	field := r.wire[:n]
	r.wire = r.wire[n:]
	return field
}

func (r *wireReader) u8() uint8   { return r.take(1)[0] }
func (r *wireReader) u16() uint16 { return binary.NativeEndian.Uint16(r.take(2)) }
func (r *wireReader) u32() uint32 { return binary.NativeEndian.Uint32(r.take(4)) }
func (r *wireReader) u64() uint64 { return binary.NativeEndian.Uint64(r.take(8)) }

func (r *wireReader) micros() time.Duration     { return time.Duration(r.u32()) * time.Microsecond }
func (r *wireReader) millis() time.Duration     { return time.Duration(r.u32()) * time.Millisecond }
func (r *wireReader) longMicros() time.Duration { return time.Duration(r.u64()) * time.Microsecond }

// unmeasured is tcpi_min_rtt of a connection that has measured none.
const unmeasured = time.Duration(^uint32(0)) * time.Microsecond

// ParseTCPInfo reads struct tcp_info as far as the kernel filled it, from
// getsockopt(2) or from sock_diag(7): fields past its end are zero, and so is a
// round trip that was not measured. Less than the first eight bytes is an error.
//
// linux/tcp.h.
func ParseTCPInfo(wire []byte) (TCPInfo, error) {
	if len(wire) < 8 {
		return TCPInfo{}, errShort
	}
	var i TCPInfo
	r := &wireReader{wire}
	i.decodeState(r)
	i.decodePath(r)
	i.decodeCounts(r)
	i.decodeNewer(r)
	if i.MinRTT == unmeasured {
		i.MinRTT = 0
	}
	return i, nil
}

// decodeState reads the first eight bytes. Two of them hold bit fields, which
// the compiler lays out from the low end on little-endian machines and from
// the high end on others.
func (i *TCPInfo) decodeState(r *wireReader) {
	i.State, i.CAState, i.Retransmits, i.Probes = r.u8(), r.u8(), r.u8(), r.u8()
	i.Backoff, i.Options = r.u8(), r.u8()
	scales, flags := r.u8(), r.u8()
	if binary.NativeEndian.Uint16([]byte{1, 0}) == 1 {
		i.SndWScale, i.RcvWScale = scales&15, scales>>4
		i.DeliveryRateAppLimited, i.FastOpenClientFail = flags&1 != 0, flags>>1&3
		return
	}
	i.SndWScale, i.RcvWScale = scales>>4, scales&15
	i.DeliveryRateAppLimited, i.FastOpenClientFail = flags&0x80 != 0, flags>>5&3
}

func (i *TCPInfo) decodePath(r *wireReader) {
	i.RTO, i.ATO, i.SndMSS, i.RcvMSS = r.micros(), r.micros(), r.u32(), r.u32()
	i.Unacked, i.Sacked, i.Lost, i.Retrans, i.Fackets = r.u32(), r.u32(), r.u32(), r.u32(), r.u32()
	i.LastDataSent, i.LastAckSent, i.LastDataRecv, i.LastAckRecv = r.millis(), r.millis(), r.millis(), r.millis()
	i.PMTU, i.RcvSSThresh, i.RTT, i.RTTVar = r.u32(), r.u32(), r.micros(), r.micros()
	i.SndSSThresh, i.SndCwnd, i.AdvMSS, i.Reordering = r.u32(), r.u32(), r.u32(), r.u32()
	i.RcvRTT, i.RcvSpace, i.TotalRetrans = r.micros(), r.u32(), r.u32()
}

func (i *TCPInfo) decodeCounts(r *wireReader) {
	i.PacingRate, i.MaxPacingRate, i.BytesAcked, i.BytesReceived = r.u64(), r.u64(), r.u64(), r.u64()
	i.SegsOut, i.SegsIn, i.NotSentBytes, i.MinRTT = r.u32(), r.u32(), r.u32(), r.micros()
	i.DataSegsIn, i.DataSegsOut, i.DeliveryRate = r.u32(), r.u32(), r.u64()
	i.BusyTime, i.RwndLimited, i.SndBufLimited = r.longMicros(), r.longMicros(), r.longMicros()
	i.Delivered, i.DeliveredCE, i.BytesSent, i.BytesRetrans = r.u32(), r.u32(), r.u64(), r.u64()
	i.DSackDups, i.ReordSeen, i.RcvOooPack, i.SndWnd = r.u32(), r.u32(), r.u32(), r.u32()
}

func (i *TCPInfo) decodeNewer(r *wireReader) {
	i.RcvWnd, i.Rehash = r.u32(), r.u32()
	i.TotalRTO, i.TotalRTORecoveries, i.TotalRTOTime = r.u16(), r.u16(), r.millis()
	i.ReceivedCE = r.u32()
	i.DeliveredE1Bytes, i.DeliveredE0Bytes, i.DeliveredCEBytes = r.u32(), r.u32(), r.u32()
	i.ReceivedE1Bytes, i.ReceivedE0Bytes, i.ReceivedCEBytes = r.u32(), r.u32(), r.u32()
}
