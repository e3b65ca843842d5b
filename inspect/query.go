package inspect

// With asks for what costs more than a glance.
type With uint16

// What may be asked for. A filter that needs something has it anyway.
const (
	WithOwners     With = 1 << iota // who has it open: reads every process's descriptors
	WithPeers                       // the other end, where it is on this host; reads the tables twice
	WithInfo                        // struct tcp_info
	WithMemory                      // skmem, and with it drops
	WithCongestion                  // the name of the congestion control
	WithTOS                         // type of service and traffic class
	WithCgroup                      // the cgroup's path, for container and unit
)

// WithAll asks for everything.
const WithAll = WithOwners | WithPeers | WithInfo | WithMemory | WithCongestion | WithTOS | WithCgroup

// Query says which sockets to give, and how much of each. The zero Query is
// every socket of the caller's network namespace.
type Query struct {
	Filter Filter
	With   With

	// Kinds limits the answer to some kinds; nil is all.
	Kinds []Kind

	// Netns names another network namespace: one made by "ip netns", pid:42,
	// or a path. AllNetns looks into every one that a process or a name in
	// /run/netns holds. Both need CAP_SYS_ADMIN.
	Netns    string
	AllNetns bool

	// Notice is called, from the goroutine that ranges, at most once for each
	// Code, with what the answer lacks. It may be nil.
	Notice func(Notice)
}

// Notice is something that an answer lacks, and what would give it.
type Notice struct {
	Code  string // processes, netns, interrupted, filter, or a kind's word
	Text  string
	Needs string // a capability, or empty
}

// needs is everything that has to be found for q.
func (q Query) needs() With { return q.With | q.Filter.Needs() }

// kinds is what q asks for, before its filter is looked at.
func (q Query) kinds() kindSet {
	if len(q.Kinds) == 0 {
		return allKinds
	}
	return kindsOf(q.Kinds...)
}
