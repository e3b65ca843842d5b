package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"time"

	"sock/inspect"
	"sock/socket"
)

// lsSocket is a socket as `sock ls --json` prints it. docs/seeing-sockets.md
// describes every field, and a test holds the two to each other. What is not
// known, or does not apply, is left out.
type lsSocket struct {
	Kind     string `json:"kind"`
	State    string `json:"state"`
	Type     string `json:"type,omitempty"`
	Family   string `json:"family"`
	Protocol uint16 `json:"protocol,omitempty"`

	Local     string `json:"local,omitempty"`
	LocalPort int    `json:"local_port,omitempty"`
	Peer      string `json:"peer,omitempty"`
	PeerPort  int    `json:"peer_port,omitempty"`
	Device    string `json:"device,omitempty"`

	ReceiveBytes *uint32 `json:"receive_bytes,omitempty"`
	SendBytes    *uint32 `json:"send_bytes,omitempty"`
	AcceptQueue  *uint32 `json:"accept_queue,omitempty"`
	Backlog      *uint32 `json:"backlog,omitempty"`
	Drops        *uint32 `json:"drops,omitempty"`

	Owners []lsOwner `json:"owners,omitempty"`
	Reason string    `json:"reason,omitempty"`
	Remote *lsRemote `json:"remote,omitempty"`

	UID       *uint32 `json:"uid,omitempty"`
	User      string  `json:"user,omitempty"`
	Inode     uint32  `json:"inode,omitempty"`
	PeerInode uint32  `json:"peer_inode,omitempty"`
	Cookie    uint64  `json:"cookie,omitempty"`
	Netns     lsNetns `json:"netns"`
	Mark      *uint32 `json:"mark,omitempty"`
	Cgroup    string  `json:"cgroup,omitempty"`
	Container string  `json:"container,omitempty"`
	Unit      string  `json:"unit,omitempty"`

	Timer    *lsTimer `json:"timer,omitempty"`
	Shutdown string   `json:"shutdown,omitempty"`
	V6Only   *bool    `json:"v6only,omitempty"`
	TOS      *uint8   `json:"tos,omitempty"`
	TClass   *uint8   `json:"tclass,omitempty"`
	Options  []string `json:"options,omitempty"`

	Congestion string     `json:"congestion,omitempty"`
	ULP        string     `json:"ulp,omitempty"`
	MPTCP      *lsMPTCP   `json:"mptcp,omitempty"`
	TCPInfo    *lsTCPInfo `json:"tcp_info,omitempty"`
	Memory     *lsMemory  `json:"memory,omitempty"`
}

type lsOwner struct {
	PID     int       `json:"pid"`
	Name    string    `json:"name"`
	Command []string  `json:"command,omitempty"`
	Started time.Time `json:"started"`
	FDs     []int     `json:"fds"`
}

type lsRemote struct {
	Inode  uint32    `json:"inode,omitempty"`
	Netns  *lsNetns  `json:"netns,omitempty"`
	Owners []lsOwner `json:"owners,omitempty"`
	Reason string    `json:"reason,omitempty"`
}

type lsNetns struct {
	ID   uint64 `json:"id"`
	Name string `json:"name,omitempty"`
}

type lsTimer struct {
	Kind        string  `json:"kind"`
	ExpiresMS   float64 `json:"expires_ms"`
	Retransmits uint8   `json:"retransmits"`
}

type lsMPTCP struct {
	Subflows uint8  `json:"subflows"`
	Fallback bool   `json:"fallback"`
	Token    uint32 `json:"token"`
}

type lsMemory struct {
	ReceiveAlloc  uint32 `json:"receive_alloc_bytes"`
	ReceiveBuffer uint32 `json:"receive_buffer_bytes"`
	SendAlloc     uint32 `json:"send_alloc_bytes"`
	SendBuffer    uint32 `json:"send_buffer_bytes"`
	Forward       uint32 `json:"forward_bytes"`
	SendQueued    uint32 `json:"send_queued_bytes"`
	Option        uint32 `json:"option_bytes"`
	Backlog       uint32 `json:"backlog_bytes"`
}

type lsTCPInfo struct {
	RTTUS         int64  `json:"rtt_us"`
	RTTVarUS      int64  `json:"rttvar_us"`
	MinRTTUS      int64  `json:"minrtt_us"`
	RTOUS         int64  `json:"rto_us"`
	Cwnd          uint32 `json:"cwnd_segments"`
	SSThresh      uint32 `json:"ssthresh_segments"`
	SndMSS        uint32 `json:"send_mss_bytes"`
	RcvMSS        uint32 `json:"receive_mss_bytes"`
	PMTU          uint32 `json:"pmtu_bytes"`
	SndWnd        uint32 `json:"send_window_bytes"`
	RcvWnd        uint32 `json:"receive_window_bytes"`
	Unacked       uint32 `json:"unacked_segments"`
	Lost          uint32 `json:"lost_segments"`
	Retransmitted uint32 `json:"retransmitted_segments"`
	BytesAcked    uint64 `json:"acked_bytes"`
	BytesSent     uint64 `json:"sent_bytes"`
	BytesRetrans  uint64 `json:"retransmitted_bytes"`
	BytesReceived uint64 `json:"received_bytes"`
	SegsOut       uint32 `json:"sent_segments"`
	SegsIn        uint32 `json:"received_segments"`
	NotSent       uint32 `json:"notsent_bytes"`
	DeliveryRate  uint64 `json:"delivery_rate_bytes"`
	PacingRate    uint64 `json:"pacing_rate_bytes"`
	BusyUS        int64  `json:"busy_us"`
	RwndLimitedUS int64  `json:"receive_window_limited_us"`
	SndLimitedUS  int64  `json:"send_buffer_limited_us"`
	LastSentMS    int64  `json:"last_sent_ms"`
	LastRecvMS    int64  `json:"last_received_ms"`
	LastAckMS     int64  `json:"last_acked_ms"`
	Reordering    uint32 `json:"reordering"`
	Timeouts      uint16 `json:"timeouts"`
}

// newLsSocket gives the shape of a socket.
func newLsSocket(s *inspect.Socket) lsSocket {
	j := lsSocket{
		Kind: s.Kind.String(), State: s.State.Describe(s.Kind), Type: typeOf(s.Type), Family: familyOf(s), Protocol: s.Protocol,
		Local: string(appendAddr(nil, s, s.Local, "")), LocalPort: s.Local.Port(),
		Peer: string(appendAddr(nil, s, s.Peer, "")), PeerPort: s.Peer.Port(), Device: s.Device(),
		Owners: newLsOwners(s.Owners), Reason: s.Reason.String(), Remote: newLsRemote(s.Remote),
		Inode: s.Inode, PeerInode: s.PeerInode, Cookie: s.Cookie, Netns: lsNetns{s.Netns.ID, s.Netns.Name},
		Cgroup: s.Cgroup, Container: s.Container(), Unit: s.Unit(),
		Shutdown: s.Shutdown.String(), Options: s.Options.Names(), Congestion: s.Congestion, ULP: s.ULP, TCPInfo: newLsTCPInfo(s.Info),
	}
	j.queues(s)
	j.facts(s)
	if s.Timer != inspect.NoTimer {
		j.Timer = &lsTimer{s.Timer.String(), milliseconds(s.Expires), s.Retransmits}
	}
	return j
}

func (j *lsSocket) queues(s *inspect.Socket) {
	switch {
	case !s.Has(inspect.HasQueues):
	case s.IsListener():
		j.AcceptQueue, j.Backlog = &s.Accept, &s.Backlog
	default:
		j.ReceiveBytes, j.SendBytes = &s.Receive, &s.Send
	}
	if s.Has(inspect.HasMemory) {
		m := lsMemory(s.Memory)
		j.Drops, j.Memory = &s.Drops, &m
	}
}

func (j *lsSocket) facts(s *inspect.Socket) {
	if s.Has(inspect.HasUID) {
		j.UID, j.User = &s.UID, userName(s.UID)
	}
	if s.Has(inspect.HasMark) {
		j.Mark = &s.Mark
	}
	if s.Has(inspect.HasV6Only) {
		j.V6Only = &s.V6Only
	}
	if s.Has(inspect.HasTOS) {
		j.TOS = &s.TOS
		if s.Family == socket.INET6 {
			j.TClass = &s.TClass
		}
	}
	if s.Has(inspect.HasMPTCP) {
		j.MPTCP = &lsMPTCP{s.MPTCP.Subflows, s.MPTCP.Fallback, s.MPTCP.Token}
	}
}

func typeOf(t socket.Type) string {
	switch t {
	case socket.STREAM:
		return "stream"
	case socket.DGRAM:
		return "dgram"
	case socket.SEQPACKET:
		return "seqpacket"
	case socket.RAW:
		return "raw"
	}
	return ""
}

func familyOf(s *inspect.Socket) string {
	switch s.Family {
	case socket.INET:
		return "ipv4"
	case socket.INET6:
		return "ipv6"
	}
	return s.Kind.String()
}

func newLsOwners(owners []inspect.Owner) []lsOwner {
	var list []lsOwner
	for _, o := range owners {
		list = append(list, lsOwner{o.PID, o.Name, o.Command, o.Start, o.FDs})
	}
	return list
}

func newLsRemote(r *inspect.Remote) *lsRemote {
	if r == nil {
		return nil
	}
	j := &lsRemote{Inode: r.Inode, Owners: newLsOwners(r.Owners), Reason: r.Reason.String()}
	if r.Netns != nil {
		j.Netns = &lsNetns{r.Netns.ID, r.Netns.Name}
	}
	return j
}

func newLsTCPInfo(i *socket.TCPInfo) *lsTCPInfo {
	if i == nil {
		return nil
	}
	return &lsTCPInfo{
		RTTUS: i.RTT.Microseconds(), RTTVarUS: i.RTTVar.Microseconds(), MinRTTUS: i.MinRTT.Microseconds(), RTOUS: i.RTO.Microseconds(),
		Cwnd: i.SndCwnd, SSThresh: i.SndSSThresh, SndMSS: i.SndMSS, RcvMSS: i.RcvMSS, PMTU: i.PMTU, SndWnd: i.SndWnd, RcvWnd: i.RcvWnd,
		Unacked: i.Unacked, Lost: i.Lost, Retransmitted: i.TotalRetrans,
		BytesAcked: i.BytesAcked, BytesSent: i.BytesSent, BytesRetrans: i.BytesRetrans, BytesReceived: i.BytesReceived,
		SegsOut: i.SegsOut, SegsIn: i.SegsIn, NotSent: i.NotSentBytes, DeliveryRate: i.DeliveryRate, PacingRate: i.PacingRate,
		BusyUS: i.BusyTime.Microseconds(), RwndLimitedUS: i.RwndLimited.Microseconds(), SndLimitedUS: i.SndBufLimited.Microseconds(),
		LastSentMS: i.LastDataSent.Milliseconds(), LastRecvMS: i.LastDataRecv.Milliseconds(), LastAckMS: i.LastAckRecv.Milliseconds(),
		Reordering: i.Reordering, Timeouts: i.TotalRTO,
	}
}

// lsJSON prints sockets as they come.
func (a *app) lsJSON(ctx context.Context, r lsRequest) error {
	w := bufio.NewWriterSize(a.stdout, 64<<10)
	out := json.NewEncoder(w)
	for s, err := range inspect.Sockets(ctx, r.query) {
		if err != nil {
			_ = w.Flush()
			return err
		}
		if err := out.Encode(newLsSocket(&s)); err != nil {
			return err
		}
	}
	return w.Flush()
}

// lsSortedJSON keeps the lines until all have come.
func (a *app) lsSortedJSON(ctx context.Context, r lsRequest) error {
	line := &lsColumn{name: "json", text: func(b []byte, s *inspect.Socket) []byte {
		text, err := json.Marshal(newLsSocket(s))
		if err != nil {
			panic("cli: ls: " + err.Error())
		}
		return append(b, text...)
	}}
	r.columns = []*lsColumn{line}
	t := newTable(r, &lsFlags{noHeader: true})
	for s, err := range inspect.Sockets(ctx, r.query) {
		if err != nil {
			return err
		}
		t.add(&s)
	}
	return t.write(a.stdout, 0, func(heading string) string { return heading })
}
