package inspect

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sock/internal/netns"
)

// TestPlanLosesNothing: what the kernel filters, with us after it, is what we
// alone would filter, for any filter over a mix of all kinds and states.
func TestPlanLosesNothing(t *testing.T) {
	name := newNamespace(t)
	var m *mix
	check(t, netns.Do(name, func() error { m = openMix(t, 3); return nil }))
	settle(t, name, m.want)
	all, _ := collect(t, Query{Netns: name, With: WithAll})
	leaves, interesting := leavesOf(all), 0
	try := func(text string) (problem string) {
		chosen, problem := compareSplit(t, name, text, all)
		if chosen > 0 && chosen < len(all) {
			interesting++
		}
		return problem
	}
	for _, leaf := range leaves {
		for _, text := range []string{leaf, "not " + leaf} {
			if problem := try(text); problem != "" {
				t.Error(problem)
			}
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		if problem := try(filterText(r, leaves, 4)); problem != "" {
			r.Fatal(problem)
		}
	})
	if interesting < len(leaves) {
		t.Errorf("only %d filters chose some and not all of %d sockets", interesting, len(all))
	}
}

// compareSplit reads with a filter, and filters all that there is with it, and
// says how the two differ.
func compareSplit(t *testing.T, netns, text string, all []Socket) (chosen int, problem string) {
	t.Helper()
	filter := parse(t, text)
	var got, want []string
	for i := range all {
		if filter.Match(&all[i]) {
			want = append(want, identity(all[i]))
		}
	}
	sockets, _ := collect(t, Query{Netns: netns, Filter: filter})
	for _, s := range sockets {
		got = append(got, identity(s))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		problem = fmt.Sprintf("%s\n%s\n%s", text, strings.Join(Query{Filter: filter}.Explain(), "\n"), difference(got, want))
	}
	return len(got), problem
}

// identity leaves out the name of a UNIX peer, which is looked up only when
// it is asked for.
func identity(s Socket) string {
	return fmt.Sprintf("%v %v %v inode %d cookie %d", s.Kind, s.State, s.Local, s.Inode, s.Cookie)
}

// leavesOf makes comparisons that some of the sockets fit.
func leavesOf(all []Socket) []string {
	leaves := []string{
		"tcp", "udp", "unix", "mptcp", "raw", "netlink", "ipv4", "ipv6", "listen", "established", "connected", "state!=time-wait",
		"syn-recv", "close-wait", "closed", "stream", "port>40000", "sport>=32768", "dport<1024", "port=0", "sport!=0", "dport<=65535", "port>70000",
		"local in 127.0.0.0/8", "peer in 127.0.0.0/8", "peer!=0.0.0.0", "addr in ::/0", "local in ::/64", "peer in 0.0.0.0/0", "local=::",
		"peer=127.0.0.1", "addr=::1", "peer=:0", "device=lo", "device!=lo", "mark=0", "recvq>0", "sendq=0", "rtt>0s", "process~.", "drops=0", "inode=0",
	}
	for _, s := range all {
		if port := s.Local.Port(); port != 0 {
			leaves = append(leaves, fmt.Sprintf("sport=%d", port), fmt.Sprintf("dport=%d", port), fmt.Sprintf(":%d", port),
				fmt.Sprintf("port<%d", port), fmt.Sprintf("dport>%d", port), "local="+s.Local.String(), "peer="+s.Local.String())
		}
	}
	return leaves
}

func filterText(r *rapid.T, leaves []string, depth int) string {
	if depth == 0 || rapid.IntRange(0, 3).Draw(r, "leaf") == 0 {
		return rapid.SampledFrom(leaves).Draw(r, "comparison")
	}
	a := filterText(r, leaves, depth-1)
	switch rapid.IntRange(0, 2).Draw(r, "operation") {
	case 0:
		return "not (" + a + ")"
	case 1:
		return "(" + a + ") and (" + filterText(r, leaves, depth-1) + ")"
	}
	return "(" + a + ") or (" + filterText(r, leaves, depth-1) + ")"
}

func TestQueryExplain(t *testing.T) {
	for _, tt := range []struct{ filter, want string }{
		{"tcp", "tcp ipv4, tcp ipv6: the kernel is asked for all"},
		{"tcp listen", "tcp ipv4, tcp ipv6: the kernel is asked for state listen"},
		{"tcp ipv4 not time-wait", "tcp ipv4: the kernel is asked for state all but time-wait"},
		{"tcp ipv4 :80 rtt>5ms", "tcp ipv4: the kernel is asked for port=80; then rtt>5ms"},
		{"udp ipv6 (sport=53 or inode=7)", "udp ipv6: the kernel is asked for all; then sport=53 or inode=7"},
		{"udp ipv6 (sport=53 inode=7 or dport=99)", "udp ipv6: the kernel is asked for (sport=53 or dport=99); then sport=53 and inode=7 or dport=99"},
		{"udp ipv4 not sport>=1024", "udp ipv4: the kernel is asked for not sport>=1024"},
		{"udp ipv4 not (sport=53 inode=7)", "udp ipv4: the kernel is asked for all; then not (sport=53 and inode=7)"},
		{"tcp ipv4 peer in 10.0.0.0/8", "tcp ipv4: the kernel is asked for peer in 10.0.0.0/8"},
		{"udp syn-sent", "no socket can match: the kernel is not asked"},
		{"unix listen", "unix: the kernel is asked for state listen"},
		{"netlink and (closed or pid=5)", "netlink: the kernel is asked for all; then closed or pid=5\nowners: the descriptors of every process are read once"},
		{"raw ipv4 10.0.0.1", "raw ipv4: the kernel is asked for all; then addr=10.0.0.1"},
		{"raw port=7", "no socket can match: the kernel is not asked"},
	} {
		got := strings.Join(Query{Filter: parse(t, tt.filter)}.Explain(), "\n")
		if got != tt.want {
			t.Errorf("%s\ngot  %s\nwant %s", tt.filter, got, tt.want)
		}
	}
}

// The kinds that a query leaves out are not asked about.
func TestQueryKinds(t *testing.T) {
	got := strings.Join(Query{Kinds: []Kind{Unix}, Filter: parse(t, "tcp or listen")}.Explain(), "\n")
	if want := "unix: the kernel is asked for state listen"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
