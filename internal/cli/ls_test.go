package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sock/inspect"
	"sock/socket"
)

// lsSample is a socket of which everything is known.
func lsSample() *inspect.Socket {
	started := time.Date(2026, 3, 4, 5, 6, 7, 80_000_000, time.UTC)
	nginx := &inspect.Process{PID: 42, Name: "nginx", Command: []string{"nginx", "-g", "daemon off;"}, Start: started}
	curl := &inspect.Process{PID: 77, Name: "curl", Command: []string{"curl", "http://10.0.0.1:8080/"}, Start: started}
	return &inspect.Socket{
		Kind: inspect.TCP, Type: socket.STREAM, Family: socket.INET6, State: inspect.Established,
		Local:   socket.AddrFrom(netip.MustParseAddrPort("10.0.0.1:8080")),
		Peer:    socket.AddrFrom(netip.MustParseAddrPort("10.0.0.2:50000")),
		Netns:   &inspect.Namespace{ID: 4026531833, Name: "blue"},
		Receive: 512, Send: 70_000, Drops: 3, Protocol: 6,
		Timer: inspect.RetransmitTimer, Expires: 204 * time.Millisecond, Retransmits: 2,
		UID: 4294967294, Inode: 7, PeerInode: 8, Cookie: 4711, Mark: 16, Shutdown: inspect.ShutdownSend, V6Only: true, TOS: 16, TClass: 8,
		Options: inspect.OptFreeBind | inspect.OptMulticastAll | inspect.OptRecvErr, Congestion: "bbr", ULP: "tls",
		Info: &socket.TCPInfo{
			RTT: 1500 * time.Microsecond, RTTVar: 300 * time.Microsecond, MinRTT: 900 * time.Microsecond, RTO: 204 * time.Millisecond,
			SndCwnd: 10, SndSSThresh: 20, SndMSS: 1448, RcvMSS: 536, PMTU: 1500, SndWnd: 65536, RcvWnd: 65535, Unacked: 4, Lost: 1, TotalRetrans: 5,
			BytesAcked: 1 << 20, BytesSent: 1 << 21, BytesRetrans: 7240, BytesReceived: 99, SegsOut: 1000, SegsIn: 500, NotSentBytes: 64000,
			DeliveryRate: 12_500_000, PacingRate: 25_000_000, BusyTime: time.Second, RwndLimited: time.Millisecond, SndBufLimited: 2 * time.Millisecond,
			LastDataSent: 3 * time.Second, LastDataRecv: 4 * time.Second, LastAckRecv: 5 * time.Second, Reordering: 3, TotalRTO: 2,
		},
		Memory: inspect.Memory{ReceiveAlloc: 1, ReceiveBuffer: 2, SendAlloc: 3, SendBuffer: 4, Forward: 5, SendQueued: 6, Option: 7, Backlog: 8},
		MPTCP:  inspect.MPTCPInfo{Subflows: 1, Fallback: true, Token: 9},
		Cgroup: "/system.slice/docker-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.scope",
		Owners: []inspect.Owner{{Process: nginx, FDs: []int{5, 8}}, {Process: curl, FDs: []int{3}}},
		Remote: &inspect.Remote{Inode: 9, Netns: &inspect.Namespace{ID: 4026531834}, Owners: []inspect.Owner{{Process: curl, FDs: []int{3}}}, Reason: inspect.NotAccepted},
		Reason: inspect.Owned,
		Known: inspect.HasUID | inspect.HasQueues | inspect.HasMemory | inspect.HasMark | inspect.HasShutdown | inspect.HasV6Only |
			inspect.HasTOS | inspect.HasCgroup | inspect.HasOptions | inspect.HasMPTCP,
	}
}

// TestLsJSONGolden holds the schema: a field that is renamed, moved or typed
// anew changes the file, which programs rely on.
func TestLsJSONGolden(t *testing.T) {
	listener := lsSample()
	listener.State, listener.Accept, listener.Backlog, listener.Peer, listener.Remote = inspect.Listen, 3, 128, socket.Addr{}, nil
	listener.Owners, listener.Reason, listener.Info = nil, inspect.Hidden, nil
	bare := &inspect.Socket{Kind: inspect.Unix, Family: socket.UNIX, State: inspect.Closed, Netns: &inspect.Namespace{}}
	var got bytes.Buffer
	for _, s := range []*inspect.Socket{lsSample(), listener, bare} {
		text, err := json.MarshalIndent(newLsSocket(s), "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		got.Write(append(text, '\n'))
	}
	const name = "testdata/ls_socket.json"
	if *update {
		if err := os.WriteFile(name, got.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("the JSON of a socket is not that of %s (-update writes it):\n%s", name, got.Bytes())
	}
}

var lsTableRow = regexp.MustCompile("(?m)^\\| `([a-z0-9_]+)` \\| ([a-z ]+?)( \\(optional\\))? \\|")

// TestLsJSONDocumented holds docs/seeing-sockets.md to the types: the fields of
// each object, in order, with their JSON types.
func TestLsJSONDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/seeing-sockets.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, shape := range map[string]any{
		"socket": lsSocket{}, "owner": lsOwner{}, "remote": lsRemote{}, "netns": lsNetns{}, "timer": lsTimer{}, "mptcp": lsMPTCP{},
		"memory": lsMemory{}, "tcp_info": lsTCPInfo{}, "summary": lsSummaryRow{},
	} {
		_, section, ok := strings.Cut(string(text), "\n#### `"+name+"`\n")
		if !ok {
			t.Errorf("docs/seeing-sockets.md has no section on the object %s", name)
			continue
		}
		section, _, _ = strings.Cut(section, "\n#")
		var docs []string
		for _, m := range lsTableRow.FindAllStringSubmatch(section, -1) {
			docs = append(docs, m[1]+" "+m[2]+m[3])
		}
		if got := lsFieldsOf(shape); !slices.Equal(docs, got) {
			t.Errorf("object %s:\ndocs/seeing-sockets.md has %v\nthe type has               %v", name, docs, got)
		}
	}
}

func lsFieldsOf(shape any) []string {
	var list []string
	for _, f := range reflect.VisibleFields(reflect.TypeOf(shape)) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		text := name + " " + lsTypeOf(f.Type)
		if options != "" {
			text += " (optional)"
		}
		list = append(list, text)
	}
	return list
}

func lsTypeOf(t reflect.Type) string {
	switch {
	case t.Kind() == reflect.Pointer:
		return lsTypeOf(t.Elem())
	case t == reflect.TypeFor[time.Time](), t.Kind() == reflect.String:
		return "string"
	case t.Kind() == reflect.Bool:
		return "boolean"
	case t.Kind() == reflect.Struct, t.Kind() == reflect.Map:
		return "object"
	case t.Kind() == reflect.Slice:
		return "list of " + lsTypeOf(t.Elem()) + "s"
	}
	return "number"
}

// TestLsColumnsDocumented: every column and field is explained on the page.
func TestLsColumnsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/seeing-sockets.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range lsColumns {
		if line := fmt.Sprintf("| `%s` | %s |", c.name, c.doc); !strings.Contains(string(text), line) {
			t.Errorf("docs/seeing-sockets.md lacks the column %s", line)
		}
	}
	for _, f := range inspect.Fields() {
		if line := fmt.Sprintf("| `%s` | %s | %s |", f.Name, f.Values, f.Doc); !strings.Contains(string(text), line) {
			t.Errorf("docs/seeing-sockets.md lacks the field %s", line)
		}
	}
}

func TestLsCells(t *testing.T) {
	listener := &inspect.Socket{Kind: inspect.TCP, State: inspect.Listen, Accept: 129, Backlog: 128, Drops: 7, Netns: &inspect.Namespace{}}
	waiting := &inspect.Socket{Kind: inspect.TCP, State: inspect.Established, Netns: &inspect.Namespace{}, Reason: inspect.NotAccepted}
	for _, tt := range []struct {
		s            *inspect.Socket
		column, want string
	}{
		{lsSample(), "kind", "tcp"},
		{lsSample(), "state", "established"},
		{lsSample(), "local", "10.0.0.1:8080"},
		{lsSample(), "peer", "10.0.0.2:50000"},
		{lsSample(), "queue", "512 unread, 68K unsent, 3 dropped"},
		{lsSample(), "process", "nginx 42 +1"},
		{lsSample(), "peer-process", "curl 77 (not accepted yet)"},
		{lsSample(), "pid", "42"},
		{lsSample(), "fd", "5,8,3"},
		{lsSample(), "command", "nginx -g daemon off;"},
		{lsSample(), "rtt", "1.5ms"},
		{lsSample(), "rate", "12M"},
		{lsSample(), "timer", "retransmit 204ms ×2"},
		{lsSample(), "options", "recverr,freebind"},
		{lsSample(), "container", "0123456789ab"},
		{lsSample(), "netns", "blue"},
		{lsSample(), "user", "4294967294"},
		{listener, "queue", "129/128, 7 refused"},
		{listener, "local", "*"},
		{listener, "rtt", ""},
		{listener, "user", ""},
		{waiting, "process", "(not accepted yet)"},
		{waiting, "queue", ""},
	} {
		c, _ := lookupColumn(tt.column)
		if got := string(c.text(nil, tt.s)); got != tt.want {
			t.Errorf("%s of %v: %q, want %q", tt.column, tt.s.State, got, tt.want)
		}
	}
}

// TestLsCellsPrintable: no name that somebody else chose controls the terminal.
func TestLsCellsPrintable(t *testing.T) {
	s := lsSample()
	s.Cgroup = "/a\x1b[31m/evil\x1b[2J.service"
	s.Netns = &inspect.Namespace{Name: "n\x1b]0;x\a"}
	s.Owners[0].Process = &inspect.Process{PID: 1, Name: "p\x1b[31m", Command: []string{"c\n\x1b[31m"}}
	s.Local = socket.UnixAddr("/x\x1b[31m\n")
	for _, c := range lsColumns {
		if got := string(c.text(nil, s)); strings.ContainsAny(got, "\x1b\a\n") {
			t.Errorf("column %s: %q has control characters", c.name, got)
		}
	}
}

func TestLsUnits(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0", 999: "999", 1000: "1.0K", 1024: "1.0K", 1536: "1.5K", 10 << 10: "10K", 999 << 10: "999K", 1000 << 10: "1.0M", 3 << 30: "3.0G", 1<<63 - 1: "8.0E",
	} {
		if got := string(appendSize(nil, n)); got != want {
			t.Errorf("appendSize(%d) = %s, want %s", n, got, want)
		}
	}
	for n, want := range map[int64]string{
		0: "0µs", 85: "85µs", 1500: "1.5ms", 250_000: "250ms", 1_500_000: "1.5s", 12_000_000: "12s", 180_000_000: "3.0m", 5 * 3600e6: "5.0h",
	} {
		if got := string(appendMicros(nil, n)); got != want {
			t.Errorf("appendMicros(%d) = %s, want %s", n, got, want)
		}
	}
}

// TestLsTableFits: whatever the width, no line is longer, and what is known by
// its end is cut at its beginning.
func TestLsTableFits(t *testing.T) {
	long := lsSample()
	long.Owners = []inspect.Owner{{Process: &inspect.Process{PID: 1, Name: strings.Repeat("n", 60)}}}
	long.Local = socket.UnixAddr("/run/" + strings.Repeat("deep/", 30) + "end.sock")
	for _, limit := range []int{30, 60, 80, 100, 200, 400} {
		table := newTable(lsRequest{columns: columnsNamed("kind", "state", "local", "peer", "queue", "process")}, &lsFlags{})
		table.add(lsSample())
		table.add(long)
		var out bytes.Buffer
		if err := table.write(&out, limit, func(s string) string { return s }); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > limit {
				t.Errorf("limit %d: %d characters: %s", limit, n, line)
			}
		}
		if limit >= 80 && !strings.Contains(out.String(), "end.sock") {
			t.Errorf("limit %d: the path lost its end:\n%s", limit, out.String())
		}
	}
}

func TestLsTableSorts(t *testing.T) {
	retrans, _ := lookupColumn("retrans")
	for _, tt := range []struct {
		down bool
		want string
	}{{false, "2 9 100"}, {true, "100 9 2"}} {
		table := newTable(lsRequest{columns: columnsNamed("retrans"), sort: retrans, down: tt.down}, &lsFlags{noHeader: true})
		for _, n := range []uint32{9, 100, 2} {
			s := lsSample()
			s.Info.TotalRetrans = n
			table.add(s)
		}
		var out bytes.Buffer
		if err := table.write(&out, 0, nil); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(strings.Fields(out.String()), " "); got != tt.want {
			t.Errorf("down %v: %s, want %s: as numbers", tt.down, got, tt.want)
		}
	}
}
