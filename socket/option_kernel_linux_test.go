package socket

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// trial says how a settable row is tried on a real socket. A flag needs none:
// it is switched on and off and read back each time.
type trial struct {
	on      string                        // what socket; empty: the first that fits the row
	prepare func(t *testing.T, s *Socket) // before the first set
	set     []string                      // set one after another
	want    []string                      // what is read back after each; nil: the same text
	check   func(t *testing.T, s *Socket) // after the last set
	refused string                        // a text that the kernel must refuse, at the end
	config  bool                          // a kernel may be built without it
}

const (
	retAll  = "060000000000ffff" // BPF: return 0xffff0000
	group4  = "239.1.2.3%lo"
	group6  = "ff02::1234%lo"
	source4 = "232.1.2.3%127.0.0.1,127.0.0.1"
	padding = "0000010400000000" // an options header with nothing but padding
)

var zeros = strings.Repeat("00", 512)

var trials = map[string]trial{
	"sndbuf":                {set: []string{"100000"}, want: []string{"200000"}},
	"rcvbuf":                {set: []string{"64KiB"}, want: []string{"131072"}},
	"sndbuf-force":          {set: []string{"100000"}, check: reads("sndbuf", "200000")},
	"rcvbuf-force":          {set: []string{"100000"}, check: reads("rcvbuf", "200000")},
	"priority":              {set: []string{"5", "0"}},
	"linger":                {on: "tcp4", set: []string{"3s", "0", "off"}, want: []string{"3s", "0s", "off"}},
	"bsdcompat":             {set: []string{"on"}, want: []string{"off"}},
	"rcvlowat":              {set: []string{"10", "0"}, want: []string{"10", "1"}},
	"rcvtimeo":              {set: []string{"1.5s", "0"}, want: []string{"1.5s", "0s"}},
	"sndtimeo":              {set: []string{"500ms", "0"}, want: []string{"500ms", "0s"}},
	"device":                {set: []string{"lo", "none"}, refused: "no-such-device"},
	"attach-filter":         {set: []string{retAll, "none"}, refused: "ffff000000000000"},
	"detach-filter":         {prepare: sets("attach-filter", retAll), set: []string{""}, refused: ""},
	"mark":                  {set: []string{"0x2a", "4294967295"}, want: []string{"42", "4294967295"}},
	"timestamping":          {set: []string{"rx-software|software", "off"}},
	"peek-off":              {set: []string{"7", "-1"}},
	"lock-filter":           {set: []string{"on"}, refused: "off"},
	"busy-poll":             {set: []string{"50µs", "0"}, want: []string{"50µs", "0s"}},
	"max-pacing-rate":       {on: "tcp4", set: []string{"1MB", "unlimited"}, want: []string{"1000000", "unlimited"}},
	"incoming-cpu":          {set: []string{"0"}},
	"attach-bpf":            {prepare: noop, set: nil, check: attachesBPF("attach-bpf"), refused: "9999"},
	"attach-reuseport-cbpf": {prepare: reusable, set: []string{retAll}, refused: "ffff000000000000"},
	"attach-reuseport-ebpf": {prepare: reusable, check: attachesBPF("attach-reuseport-ebpf"), refused: "9999"},
	"detach-reuseport-bpf": {
		prepare: both(reusable, sets("attach-reuseport-cbpf", retAll)), set: []string{""}, refused: "",
	},
	"cnx-advice":       {on: "tcp4-connected", set: []string{""}},
	"txtime":           {set: []string{"0b00000000000000"}, refused: "ff00000000000000"},
	"bind-ifindex":     {set: []string{"lo", "any"}, want: []string{"1", "any"}, refused: "no-such-device"},
	"busy-poll-budget": {set: []string{"32"}},
	"buf-lock":         {set: []string{"sndbuf", "sndbuf|rcvbuf", "none"}},
	"reserve-mem":      {on: "tcp4", set: []string{"4096"}, config: true},
	"txrehash":         {on: "tcp4", set: []string{"on", "off"}},
	"devmem-dontneed":  {on: "tcp4-connected", set: []string{"0000000001000000"}, refused: "000000000100000000", config: true},
	"passcred":         {on: "unix", set: []string{"on", "off"}},

	"maxseg":                {set: []string{"1000"}, refused: "20"},
	"keepalive-idle":        {set: []string{"30s"}},
	"keepalive-interval":    {set: []string{"5s"}},
	"keepalive-count":       {set: []string{"4"}},
	"syncnt":                {set: []string{"3"}},
	"linger2":               {set: []string{"10s", "off"}},
	"defer-accept":          {on: "tcp4-listening", set: []string{"5s", "0"}, want: []string{"7s", "0s"}},
	"window-clamp":          {set: []string{"100000"}},
	"quickack":              {on: "tcp4-connected", set: []string{"off", "on"}},
	"congestion":            {set: []string{"cubic", "reno"}, refused: "no-such-control"},
	"md5sig":                {set: []string{md5Key("6b6579")}, refused: md5KeyFor("7f000009", ""), config: true},
	"md5sig-ext":            {set: []string{md5Key("6b6579")}, refused: md5KeyFor("7f000009", ""), config: true},
	"thin-dupack":           {set: []string{"on"}, want: []string{"off"}},
	"user-timeout":          {set: []string{"5s", "0"}, want: []string{"5s", "0s"}},
	"repair":                {set: []string{"on", "off-no-probe"}, want: []string{"on", "off"}},
	"repair-queue":          {prepare: sets("repair", "on"), set: []string{"send", "recv"}},
	"repair-seq":            {prepare: both(sets("repair", "on"), sets("repair-queue", "send")), set: []string{"1000"}},
	"repair-options":        {on: "tcp4-connected", prepare: sets("repair", "on"), set: []string{"0200000000050000"}, refused: "0300000000ffff00"},
	"repair-window":         {on: "tcp4-connected", prepare: sets("repair", "on"), check: setsBack("repair-window"), refused: zeros[:8] + "ffffffff" + zeros[:24]},
	"fastopen":              {on: "tcp4-listening", set: []string{"5", "", "off"}, want: []string{"5", "on", "off"}},
	"tcp-timestamp":         {prepare: sets("repair", "on"), check: timestampFollows},
	"notsent-lowat":         {set: []string{"128KiB"}, want: []string{"131072"}},
	"save-syn":              {set: []string{"on", "with-link-layer", "off"}},
	"fastopen-key":          {on: "tcp4-listening", set: []string{"000102030405060708090a0b0c0d0e0f"}},
	"ulp":                   {on: "tcp4-connected", set: []string{"tls"}, refused: "no-such-layer", config: true},
	"tx-delay":              {set: []string{"1ms", "0"}, want: []string{"1ms", "0s"}},
	"ao-add-key":            {refused: zeros[:2*288], config: true},
	"ao-del-key":            {refused: zeros[:2*168], config: true},
	"ao-info":               {refused: zeros[:2*56], config: true},
	"ao-repair":             {on: "tcp4-connected", refused: zeros[:2*24], config: true},
	"rto-max":               {set: []string{"10s"}},
	"rto-min":               {set: []string{"100ms"}},
	"delack-max":            {set: []string{"100ms"}},
	"tos":                   {set: []string{"0x10", "EF", "af41", "cs1", "1", "0"}, want: []string{"lowdelay", "ef", "af41", "cs1", "1", "default"}},
	"ttl":                   {set: []string{"42", "default"}, want: []string{"42", "64"}},
	"ip-options":            {set: []string{"01010100", "none"}},
	"router-alert":          {on: "raw4", set: []string{"on", "off"}, want: []string{"on", "off"}},
	"mtu-discover":          {set: []string{"dont", "want", "do", "probe", "interface", "omit"}},
	"ipsec-policy":          {refused: zeros[:2*32], config: true},
	"xfrm-policy":           {set: []string{xfrmPolicy(unix.AF_INET)}, refused: zeros[:16], config: true},
	"minttl":                {set: []string{"200", "0"}},
	"multicast-if":          {set: []string{"127.0.0.1", "lo", "any"}, want: []string{"127.0.0.1", "any", "any"}, refused: "203.0.113.77"},
	"multicast-ttl":         {set: []string{"5", "default"}, want: []string{"5", "1"}},
	"multicast-join":        {set: []string{group4}, refused: group4},
	"multicast-leave":       {prepare: sets("multicast-join", group4), set: []string{group4}, refused: group4},
	"multicast-join-source": {set: []string{source4}, refused: source4},
	"multicast-leave-source": {
		prepare: sets("multicast-join-source", source4), set: []string{source4}, refused: source4,
	},
	"multicast-block": {
		prepare: sets("multicast-join", "232.1.2.3%127.0.0.1"), set: []string{source4}, refused: "232.9.9.9%127.0.0.1,127.0.0.1",
	},
	"multicast-unblock": {
		prepare: both(sets("multicast-join", "232.1.2.3%127.0.0.1"), sets("multicast-block", source4)),
		set:     []string{source4}, refused: source4,
	},
	"multicast-filter": {
		prepare: sets("multicast-join", "239.1.2.3%127.0.0.1"),
		set:     []string{"ef010203" + "7f000001" + "00000000" + "00000000"}, refused: zeros[:32],
	},
	"mcast-join-group":   {set: []string{group4}, refused: group4},
	"mcast-leave-group":  {prepare: sets("mcast-join-group", group4), set: []string{group4}, refused: group4},
	"mcast-join-source":  {set: []string{"232.1.2.3%lo,127.0.0.1"}, refused: "232.1.2.3%lo,127.0.0.1"},
	"mcast-leave-source": {prepare: sets("mcast-join-source", "232.1.2.3%lo,127.0.0.1"), set: []string{"232.1.2.3%lo,127.0.0.1"}, refused: "232.1.2.3%lo,127.0.0.1"},
	"mcast-block-source": {prepare: sets("mcast-join-group", group4), set: []string{group4 + ",127.0.0.1"}, refused: "239.9.9.9%lo,127.0.0.1"},
	"mcast-unblock-source": {
		prepare: both(sets("mcast-join-group", group4), sets("mcast-block-source", group4+",127.0.0.1")),
		set:     []string{group4 + ",127.0.0.1"}, refused: group4 + ",127.0.0.1",
	},
	"mcast-filter":     {prepare: sets("mcast-join-group", group4), set: []string{groupFilter("239.1.2.3")}, refused: zeros[:2*144]},
	"unicast-if":       {set: []string{"lo", "any"}, want: []string{"1", "any"}, refused: "2147483647"},
	"local-port-range": {set: []string{"40000-40100", "0-0"}},
	"icmp-filter":      {set: []string{"0x10", "0"}, want: []string{"16", "0"}},
	"icmp6-filter":     {set: []string{strings.Repeat("a5", 32)}},

	"v6-addrform":             {on: "tcp6-mapped", set: []string{"inet"}, check: reads("domain", "inet"), refused: "inet"},
	"v6-2292pktoptions":       {set: []string{"none"}, refused: strings.Repeat("ff", 16)},
	"v6-checksum":             {on: "raw6-private", set: []string{"4", "off"}, refused: "3"},
	"v6-hops":                 {set: []string{"42", "default"}, want: []string{"42", "64"}},
	"v6-multicast-if":         {set: []string{"lo", "any"}, want: []string{"1", "any"}, refused: "2147483647"},
	"v6-multicast-hops":       {set: []string{"5", "default"}, want: []string{"5", "1"}},
	"v6-multicast-join":       {set: []string{group6}, refused: group6},
	"v6-multicast-leave":      {prepare: sets("v6-multicast-join", group6), set: []string{group6}, refused: group6},
	"v6-router-alert":         {on: "raw6-raw", set: []string{"5", "off"}, want: []string{"", ""}},
	"v6-router-alert-isolate": {on: "raw6-raw", set: []string{"on", "off"}},
	"v6-mtu-discover":         {set: []string{"dont", "want", "do", "probe", "interface", "omit"}},
	"v6-mtu":                  {set: []string{"1400"}, want: []string{""}, refused: "1000"},
	"v6-join-anycast":         {refused: "2001:db8::1%lo"},
	"v6-leave-anycast":        {refused: "2001:db8::1%lo"},
	"v6-flowlabel-mgr":        {set: []string{flowLabel("00", "01")}, want: []string{""}, refused: flowLabel("09", "01")},
	"v6-ipsec-policy":         {refused: zeros[:2*32], config: true},
	"v6-xfrm-policy":          {set: []string{xfrmPolicy(unix.AF_INET6)}, refused: zeros[:16], config: true},
	"v6-mcast-join-group":     {set: []string{group6}, refused: group6},
	"v6-mcast-leave-group":    {prepare: sets("v6-mcast-join-group", group6), set: []string{group6}, refused: group6},
	"v6-mcast-join-source":    {set: []string{"ff32::1234%lo,::1"}, refused: "ff32::1234%lo,::1"},
	"v6-mcast-leave-source":   {prepare: sets("v6-mcast-join-source", "ff32::1234%lo,::1"), set: []string{"ff32::1234%lo,::1"}, refused: "ff32::1234%lo,::1"},
	"v6-mcast-block-source":   {prepare: sets("v6-mcast-join-group", group6), set: []string{group6 + ",::1"}, refused: "ff02::9%lo,::1"},
	"v6-mcast-unblock-source": {
		prepare: both(sets("v6-mcast-join-group", group6), sets("v6-mcast-block-source", group6+",::1")),
		set:     []string{group6 + ",::1"}, refused: group6 + ",::1",
	},
	"v6-mcast-filter":     {prepare: sets("v6-mcast-join-group", group6), set: []string{groupFilter("ff02::1234")}, refused: zeros[:2*144]},
	"v6-pktinfo":          {prepare: sets("device", "lo"), set: []string{zeros[:32] + "01000000"}, refused: zeros[:32] + "09000000"},
	"v6-hopopts":          {set: []string{padding, "none"}, refused: "00ff010400000000"},
	"v6-rthdrdstopts":     {set: []string{padding, "none"}, refused: "00ff010400000000"},
	"v6-rthdr":            {set: []string{"0002040000000000" + zeros[:32], "none"}, refused: "0002ff0000000000" + zeros[:32]},
	"v6-dstopts":          {set: []string{padding, "none"}, refused: "00ff010400000000"},
	"v6-tclass":           {set: []string{"cs1", "default"}},
	"v6-addr-preferences": {set: []string{"tmp|coa", "public|home"}, refused: "tmp|public"},
	"v6-minhopcount":      {set: []string{"200", "0"}},
	"v6-unicast-if":       {set: []string{"lo", "any"}, want: []string{"1", "any"}, refused: "2147483647"},

	"udp-encap":          {set: []string{"l2tpinudp", "off"}, refused: "7"},
	"segment":            {set: []string{"1200", "0"}},
	"udplite-send-cscov": {set: []string{"20", "0"}},
	"udplite-recv-cscov": {set: []string{"20", "0"}},

	"vsock-buffer":          {set: []string{"128KiB"}, want: []string{"131072"}},
	"vsock-buffer-min":      {set: []string{"4096"}},
	"vsock-buffer-max":      {set: []string{"1MiB"}, want: []string{"1048576"}},
	"vsock-connect-timeout": {set: []string{"5s"}},

	"packet-join":          {set: []string{"01000000" + "01000000" + zeros[:16]}, refused: "ffffff7f" + "01000000" + zeros[:16]},
	"packet-leave":         {prepare: sets("packet-join", "01000000"+"01000000"+zeros[:16]), set: []string{"01000000" + "01000000" + zeros[:16]}},
	"packet-rx-ring":       {set: []string{"00100000" + "01000000" + "00080000" + "02000000"}, refused: "01000000010000000100000001000000"},
	"packet-copy-thresh":   {set: []string{"1000"}},
	"packet-version":       {set: []string{"v2", "v3", "v1"}},
	"packet-reserve":       {set: []string{"64"}},
	"packet-tx-ring":       {set: []string{"00100000" + "01000000" + "00080000" + "02000000"}, refused: "01000000010000000100000001000000"},
	"packet-timestamp":     {set: []string{"raw-hardware", "off"}},
	"packet-fanout":        {on: "packet-bound", set: []string{"7"}, refused: "8"},
	"packet-fanout-data":   {on: "packet-bound", prepare: sets("packet-fanout", fmt.Sprint(unix.PACKET_FANOUT_EBPF<<16|9)), check: attachesBPF("packet-fanout-data"), refused: "ffffffff"},
	"packet-vnet-hdr-size": {set: []string{"12", "10", "0"}, refused: "11"},

	"netlink-join":  {set: []string{"1"}, check: reads("netlink-memberships", "[1]"), refused: "99999"},
	"netlink-leave": {prepare: sets("netlink-join", "1"), set: []string{"1"}, check: reads("netlink-memberships", "[]"), refused: "99999"},

	"sctp-initmsg":             {set: []string{"0500050000000000"}},
	"sctp-autoclose":           {set: []string{"10s"}},
	"sctp-maxseg":              {set: []string{"1000"}},
	"sctp-fragment-interleave": {set: []string{"1"}},
	"sctp-partial-delivery":    {set: []string{"1000"}},
	"sctp-max-burst":           {set: []string{"4"}},
}

// TestOptionSetAndRead sets every settable row on a real socket that has it,
// and reads it back.
func TestOptionSetAndRead(t *testing.T) {
	for _, o := range Options() {
		if o.Access&Write == 0 {
			continue
		}
		t.Run(o.Name, func(t *testing.T) {
			try, ok := trials[o.Name]
			if !ok && o.Kind != KindBool {
				t.Fatalf("no trial for %s, which is no flag", o.Name)
			}
			if !ok {
				try.set = []string{"on", "off"}
			}
			runTrial(t, o, try)
		})
	}
	for name := range trials {
		if o, ok := Lookup(name); !ok || o.Access&Write == 0 {
			t.Errorf("a trial for %s, which no row can set", name)
		}
	}
}

func runTrial(t *testing.T, o *Option, try trial) {
	s := openFor(t, o, try)
	if s == nil {
		return
	}
	if try.prepare != nil {
		try.prepare(t, s)
	}
	for i, text := range try.set {
		if err := o.SetText(s, text); err != nil {
			if lacking(t, o, try, err) {
				return
			}
			t.Fatalf("SetText(%q) = %v", text, err)
		}
		if o.Access&Read != 0 {
			readBack(t, o, s, try, i)
		}
	}
	if try.check != nil {
		try.check(t, s)
	}
	if try.refused != "" || o.Kind == KindAction && len(o.Name) > 0 && strings.HasPrefix(o.Name, "detach") {
		refuses(t, o, s, try)
	}
}

func readBack(t *testing.T, o *Option, s *Socket, try trial, i int) {
	want := try.set[i]
	if try.want != nil {
		want = try.want[i]
	}
	if want == "" && try.want != nil {
		return // the kernel answers something else altogether
	}
	got, err := o.GetText(s)
	if err != nil || got != want {
		t.Errorf("after SetText(%q), GetText = %q, %v; want %q", try.set[i], got, err, want)
	}
	if err := o.Parse(got); err != nil {
		t.Errorf("GetText gave %q, which does not parse: %v", got, err)
	}
}

func refuses(t *testing.T, o *Option, s *Socket, try trial) {
	t.Helper()
	err := o.SetText(s, try.refused)
	if err == nil {
		t.Errorf("SetText(%q) succeeded, want the kernel's refusal", try.refused)
		return
	}
	if lacking(t, o, try, err) {
		return
	}
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		t.Errorf("SetText(%q) = %v, want an errno", try.refused, err)
	}
	if !strings.Contains(err.Error(), o.Name) && o.Twin == "" {
		t.Errorf("error %q does not name %s", err, o.Name)
	}
}

// lacking reports whether the kernel does not know the option and may: the
// option is newer than the kernel, or a matter of its configuration.
func lacking(t *testing.T, o *Option, try trial, err error) bool {
	t.Helper()
	if !errors.Is(err, errors.ErrUnsupported) || !try.config && !newerThanKernel(t, o.Since) {
		return false
	}
	var errno syscall.Errno
	if text := err.Error(); !errors.As(err, &errno) || !strings.Contains(text, o.Name) || !strings.Contains(text, "kernel") {
		t.Errorf("an unsupported option's error %q wants an errno, the name and what is needed", text)
	}
	return true
}

func newerThanKernel(t *testing.T, since string) bool {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		t.Fatal(err)
	}
	return compareVersions(since, unix.ByteSliceToString(name.Release[:])) > 0
}

func compareVersions(a, b string) int {
	var one, two [2]int
	_, _ = fmt.Sscanf(a, "%d.%d", &one[0], &one[1])
	_, _ = fmt.Sscanf(b, "%d.%d", &two[0], &two[1])
	if one[0] != two[0] {
		return one[0] - two[0]
	}
	return one[1] - two[1]
}

// openFor opens a socket for the trial, or checks that the kernel clearly says it has none.
func openFor(t *testing.T, o *Option, try trial) *Socket {
	t.Helper()
	kind := try.on
	if kind == "" {
		kind = fittingKind(t, o)
	}
	s, err := testSockets[kind](t)
	if err != nil && errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	if err != nil {
		t.Fatalf("opening %s: %v", kind, err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if !o.AppliesTo(s.Family(), s.Type(), s.Protocol()) {
		t.Fatalf("%s does not apply to %s, by its own row", o.Name, kind)
	}
	return s
}

// fittingOrder is the order in which kinds are tried for a row.
var fittingOrder = []string{
	"udp4", "tcp4", "raw4", "udp6", "tcp6", "raw6", "udplite4", "unix", "vsock", "netlink", "packet",
	"sctp4", "sctp6", "sctp4-seqpacket",
}

func fittingKind(t *testing.T, o *Option) string {
	t.Helper()
	kinds := map[string]struct {
		f Family
		t Type
		p Protocol
	}{
		"udp4": {INET, DGRAM, UDP}, "tcp4": {INET, STREAM, TCP}, "raw4": {INET, RAW, ICMP},
		"udp6": {INET6, DGRAM, UDP}, "tcp6": {INET6, STREAM, TCP}, "raw6": {INET6, RAW, ICMPV6},
		"udplite4": {INET, DGRAM, UDPLITE}, "unix": {UNIX, STREAM, 0}, "vsock": {VSOCK, STREAM, 0},
		"netlink": {NETLINK, RAW, 0}, "packet": {PACKET, RAW, 0},
		"sctp4": {INET, STREAM, SCTP}, "sctp6": {INET6, STREAM, SCTP}, "sctp4-seqpacket": {INET, SEQPACKET, SCTP},
	}
	for _, name := range fittingOrder {
		if k := kinds[name]; o.AppliesTo(k.f, k.t, k.p) {
			return name
		}
	}
	t.Fatalf("no kind of socket has %s", o.Name)
	return ""
}

type maker func(t *testing.T) (*Socket, error)

func makes(f Family, typ Type, p Protocol) maker {
	return func(*testing.T) (*Socket, error) { return New(f, typ, p) }
}

var testSockets = map[string]maker{
	"udp4": makes(INET, DGRAM, UDP), "udp6": makes(INET6, DGRAM, UDP), "udplite4": makes(INET, DGRAM, UDPLITE),
	"tcp4": makes(INET, STREAM, TCP), "tcp6": makes(INET6, STREAM, TCP),
	"raw4": makes(INET, RAW, ICMP), "raw6": makes(INET6, RAW, ICMPV6),
	"raw6-private": makes(INET6, RAW, 253), "raw6-raw": makes(INET6, RAW, unix.IPPROTO_RAW),
	"vsock": makes(VSOCK, STREAM, 0), "netlink": makes(NETLINK, RAW, 0), "packet": makes(PACKET, RAW, 0),
	"sctp4": makes(INET, STREAM, SCTP), "sctp6": makes(INET6, STREAM, SCTP), "sctp4-seqpacket": makes(INET, SEQPACKET, SCTP),
	"unix": func(t *testing.T) (*Socket, error) {
		a, b, err := Pair(UNIX, STREAM, 0)
		if err == nil {
			t.Cleanup(func() { _ = b.Close() })
		}
		return a, err
	},
	"tcp4-listening": func(t *testing.T) (*Socket, error) { return listenOn(t, INET, "127.0.0.1"), nil },
	"tcp4-connected": func(t *testing.T) (*Socket, error) { return dialTo(t, INET, listenOn(t, INET, "127.0.0.1")), nil },
	"tcp6-mapped":    func(t *testing.T) (*Socket, error) { return dialTo(t, INET6, listenOn(t, INET, "127.0.0.1")), nil },
	"packet-bound": func(*testing.T) (*Socket, error) {
		s, err := New(PACKET, RAW, 0)
		if err != nil {
			return nil, err
		}
		return s, s.Control(func(fd int) error {
			return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: 0x0300, Ifindex: 1})
		})
	},
}

func listenOn(t *testing.T, f Family, ip string) *Socket {
	t.Helper()
	s, err := New(f, STREAM, TCP)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.Bind(AddrFrom(netip.AddrPortFrom(netip.MustParseAddr(ip), 0))); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Listen(0); err != nil {
		t.Fatal(err)
	}
	return s
}

// dialTo connects to a listener, by a mapped address where the families differ.
func dialTo(t *testing.T, f Family, l *Socket) *Socket {
	t.Helper()
	to, err := l.LocalAddr()
	if err != nil {
		t.Fatal(err)
	}
	ap := to.AddrPort()
	if f == INET6 && ap.Addr().Is4() {
		ap = netip.AddrPortFrom(netip.AddrFrom16(ap.Addr().As16()), ap.Port())
	}
	s, err := New(f, STREAM, TCP)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := s.Connect(ctx, AddrFrom(ap)); err != nil {
		t.Fatal(err)
	}
	return s
}

func noop(*testing.T, *Socket) {}

func sets(name, text string) func(*testing.T, *Socket) {
	return func(t *testing.T, s *Socket) {
		t.Helper()
		o, _ := Lookup(name)
		if err := o.SetText(s, text); err != nil {
			t.Fatalf("preparing: %v", err)
		}
	}
}

func reads(name, want string) func(*testing.T, *Socket) {
	return func(t *testing.T, s *Socket) {
		t.Helper()
		o, _ := Lookup(name)
		if got, err := o.GetText(s); err != nil || got != want {
			t.Errorf("%s reads %q, %v; want %q", name, got, err, want)
		}
	}
}

func both(a, b func(*testing.T, *Socket)) func(*testing.T, *Socket) {
	return func(t *testing.T, s *Socket) { a(t, s); b(t, s) }
}

func setsBack(name string) func(*testing.T, *Socket) {
	return func(t *testing.T, s *Socket) {
		t.Helper()
		o, _ := Lookup(name)
		text, err := o.GetText(s)
		if err == nil {
			err = o.SetText(s, text)
		}
		if err != nil {
			t.Errorf("reading and setting back %q: %v", text, err)
		}
		reads(name, text)(t, s)
	}
}

// reusable binds the socket into a reuseport group.
func reusable(t *testing.T, s *Socket) {
	t.Helper()
	if err := ReusePort.Set(s, true); err != nil {
		t.Fatal(err)
	}
	if err := s.Bind(AddrFrom(netip.MustParseAddrPort("127.0.0.1:0"))); err != nil {
		t.Fatal(err)
	}
}

func timestampFollows(t *testing.T, s *Socket) {
	t.Helper()
	if err := TCPTimestamp.Set(s, 1_000_000); err != nil {
		t.Fatal(err)
	}
	if got, err := TCPTimestamp.Get(s); err != nil || got < 1_000_000 || got > 1_100_000 {
		t.Errorf("TCPTimestamp.Get = %d, %v; want a little over 1000000", got, err)
	}
}

// attachesBPF loads an extended BPF program and hands its descriptor to the option.
func attachesBPF(name string) func(*testing.T, *Socket) {
	return func(t *testing.T, s *Socket) {
		t.Helper()
		fd := loadBPF(t)
		o, _ := Lookup(name)
		text := fmt.Sprint(fd)
		if o.Kind == KindBytes {
			text = hex.EncodeToString(appendInt(nil, int64(fd)))
		}
		if err := o.SetText(s, text); err != nil {
			t.Errorf("SetText(%q), a program's descriptor = %v", text, err)
		}
	}
}

func md5Key(key string) string { return md5KeyFor("7f000001", key) }

// md5KeyFor lays out struct tcp_md5sig for an IPv4 peer; no key removes it.
func md5KeyFor(ip, key string) string {
	address := "0200" + "0000" + ip + zeros[:2*120]
	return address + "0000" + fmt.Sprintf("%02x00", len(key)/2) + "00000000" + key + zeros[:2*80-len(key)]
}

// xfrmPolicy lays out a struct xfrm_userpolicy_info that lets everything out.
func xfrmPolicy(family int) string {
	selector := zeros[:2*40] + fmt.Sprintf("%02x00", family) + zeros[:2*14]
	return selector + zeros[:2*(64+32+8)] + "01000000" + zeros[:8]
}

// groupFilter lays out a struct group_filter on lo that excludes nobody.
func groupFilter(group string) string {
	wire := appendInt(nil, 1)
	wire = append(wire, make([]byte, longSize-4)...)
	wire = appendStorage(wire, netip.MustParseAddr(group))
	return hex.EncodeToString(append(wire, make([]byte, 8)...))
}

// flowLabel lays out a struct in6_flowlabel_req to ::1 that creates a label.
func flowLabel(action, flags string) string {
	return zeros[:30] + "01" + "00000000" + action + "01" + flags + "00" + "0000" + "0000" + "00000000"
}
