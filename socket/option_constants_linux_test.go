package socket

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// notOptions are constants of golang.org/x/sys/unix that look like options by
// their prefix and are none that the table can have, each with the reason.
var notOptions = map[string]string{
	"SO_DETACH_BPF":                     "another name of SO_DETACH_FILTER",
	"SO_GET_FILTER":                     "reading SO_ATTACH_FILTER",
	"SO_DEVMEM_DMABUF":                  "a control message",
	"SO_DEVMEM_LINEAR":                  "a control message",
	"SO_RCVTIMEO_NEW":                   "64-bit times for 32-bit programs; SO_RCVTIMEO is in the table",
	"SO_RCVTIMEO_OLD":                   "SO_RCVTIMEO by its full name",
	"SO_SNDTIMEO_NEW":                   "64-bit times for 32-bit programs; SO_SNDTIMEO is in the table",
	"SO_SNDTIMEO_OLD":                   "SO_SNDTIMEO by its full name",
	"SO_TIMESTAMPING_NEW":               "64-bit times for 32-bit programs; SO_TIMESTAMPING is in the table",
	"SO_TIMESTAMPING_OLD":               "SO_TIMESTAMPING by its full name",
	"SO_TIMESTAMPNS_NEW":                "64-bit times for 32-bit programs; SO_TIMESTAMPNS is in the table",
	"SO_TIMESTAMPNS_OLD":                "SO_TIMESTAMPNS by its full name",
	"SO_TIMESTAMP_NEW":                  "64-bit times for 32-bit programs; SO_TIMESTAMP is in the table",
	"SO_TIMESTAMP_OLD":                  "SO_TIMESTAMP by its full name",
	"SO_SECURITY_AUTHENTICATION":        "a number reserved in 1996 that no kernel implements",
	"SO_SECURITY_ENCRYPTION_NETWORK":    "a number reserved in 1996 that no kernel implements",
	"SO_SECURITY_ENCRYPTION_TRANSPORT":  "a number reserved in 1996 that no kernel implements",
	"SO_VM_SOCKETS_CONNECT_TIMEOUT_NEW": "64-bit times for 32-bit programs",
	"SO_VM_SOCKETS_CONNECT_TIMEOUT_OLD": "SO_VM_SOCKETS_CONNECT_TIMEOUT by its full name",

	"IP_DEFAULT_MULTICAST_LOOP": "a default value", "IP_DEFAULT_MULTICAST_TTL": "a default value",
	"IP_DF": "a bit of the IP header", "IP_MF": "a bit of the IP header", "IP_RF": "a bit of the IP header",
	"IP_OFFMASK": "a mask of the IP header", "IP_MAXPACKET": "a limit", "IP_MSS": "a default value",
	"IP_MAX_MEMBERSHIPS": "a limit", "IP_ORIGDSTADDR": "another name of IP_RECVORIGDSTADDR",
	"IP_PMTUDISC": "another name of IP_MTU_DISCOVER", "IP_RECVRETOPTS": "another name of IP_RETOPTS",
	"IP_USER_FLOW": "an ethtool flow type",

	"IPV6_AUTHHDR": "obsolete; no kernel implements it", "IPV6_NEXTHOP": "no kernel takes it as an option",
	"IPV6_FLOW": "an ethtool flow type", "IPV6_USER_FLOW": "an ethtool flow type",
	"IPV6_FLOWINFO_MASK": "a mask", "IPV6_FLOWLABEL_MASK": "a mask",
	"IPV6_HOPLIMIT": "a control message", "IPV6_JOIN_GROUP": "another name of IPV6_ADD_MEMBERSHIP",
	"IPV6_LEAVE_GROUP": "another name of IPV6_DROP_MEMBERSHIP", "IPV6_ORIGDSTADDR": "another name of IPV6_RECVORIGDSTADDR",
	"IPV6_RXDSTOPTS": "another name of IPV6_DSTOPTS", "IPV6_RXHOPOPTS": "another name of IPV6_HOPOPTS",
	"IPV6_VERSION": "a field of the header", "IPV6_VERSION_MASK": "a mask",

	"TCP_CM_INQ": "a control message", "TCP_MAXWIN": "a limit", "TCP_MAX_WINSHIFT": "a limit",
	"TCP_MSS": "a default value", "TCP_MSS_DEFAULT": "a default value", "TCP_MSS_DESIRED": "a default value",
	"TCP_MD5SIG_MAXKEYLEN": "a limit", "TCP_COOKIE_TRANSACTIONS": "removed in Linux 3.10",
	"TCP_S_DATA_IN": "a flag of TCP_COOKIE_TRANSACTIONS", "TCP_S_DATA_OUT": "a flag of TCP_COOKIE_TRANSACTIONS",
	"TCP_REPAIR_ON": "a value of TCP_REPAIR", "TCP_REPAIR_OFF": "a value of TCP_REPAIR",
	"TCP_REPAIR_OFF_NO_WP": "a value of TCP_REPAIR", "TCP_V4_FLOW": "an ethtool flow type",
	"TCP_V6_FLOW": "an ethtool flow type", "TCP_ZEROCOPY_RECEIVE": "a call that maps memory, in the dress of getsockopt",
	"UDP_V4_FLOW": "an ethtool flow type", "UDP_V6_FLOW": "an ethtool flow type",

	"MCAST_EXCLUDE": "a value of MCAST_MSFILTER", "MCAST_INCLUDE": "a value of MCAST_MSFILTER",

	"PACKET_RECV_OUTPUT":  "no kernel implements it",
	"PACKET_TX_TIMESTAMP": "a control message",
}

// notOptionPrefixes are whole groups of such constants.
var notOptionPrefixes = map[string]string{
	"SO_EE_":              "fields of struct sock_extended_err",
	"IP_PMTUDISC_":        "values of IP_MTU_DISCOVER",
	"IPV6_PMTUDISC_":      "values of IPV6_MTU_DISCOVER",
	"IPV6_RTHDR_":         "fields of a routing header",
	"TCP_ACCECN_":         "values of a field of struct tcp_info",
	"TCP_AO_KEYF_":        "flags of struct tcp_ao_add",
	"TCP_AO_MAXKEYLEN":    "a limit",
	"TCP_BPF_":            "for BPF programs alone",
	"TCP_COOKIE_":         "values of TCP_COOKIE_TRANSACTIONS",
	"TCP_MD5SIG_FLAG_":    "flags of struct tcp_md5sig",
	"UDP_ENCAP_":          "values of UDP_ENCAP",
	"PACKET_FANOUT_FLAG_": "flags of PACKET_FANOUT",
	"PACKET_MR_":          "values of struct packet_mreq",
}

// fanoutModes are values of PACKET_FANOUT.
const fanoutModes = " PACKET_FANOUT_HASH PACKET_FANOUT_LB PACKET_FANOUT_CPU PACKET_FANOUT_ROLLOVER PACKET_FANOUT_RND PACKET_FANOUT_QM PACKET_FANOUT_CBPF PACKET_FANOUT_EBPF "

// packetTypes are PACKET_ constants that say what kind of frame arrived.
const packetTypes = " PACKET_HOST PACKET_BROADCAST PACKET_MULTICAST PACKET_OTHERHOST PACKET_OUTGOING PACKET_LOOPBACK PACKET_USER PACKET_KERNEL PACKET_FASTROUTE "

// fromHeaders are symbols of rows that x/sys does not have; their numbers are
// from the kernel's headers.
var fromHeaders = []string{
	"TCP_AO_ADD_KEY", "TCP_AO_DEL_KEY", "TCP_AO_INFO", "TCP_AO_REPAIR", "TCP_IS_MPTCP",
	"IPV6_FLOWINFO", "IPV6_FLOWLABEL_MGR", "IPV6_FLOWINFO_SEND", "ICMP_FILTER", "ICMPV6_FILTER",
	"UDPLITE_SEND_CSCOV", "UDPLITE_RECV_CSCOV", "MPTCP_INFO", "IP6T_SO_ORIGINAL_DST",
}

// TestOptionTableIsComplete holds the table to the constants of x/sys: each
// SO_, IP_, IPV6_, TCP_, UDP_, MCAST_ and PACKET_ constant is a row with that
// number, or there is a reason why not.
func TestOptionTableIsComplete(t *testing.T) {
	constants := systemConstants(t)
	if len(constants) < 300 {
		t.Fatalf("found only %d constants in x/sys", len(constants))
	}
	rows := make(map[string]*Option)
	for _, o := range Options() {
		rows[o.Symbol] = o
	}
	for name, number := range constants {
		o, ok := rows[name]
		reason := whyNoOption(name)
		switch {
		case ok && reason != "":
			t.Errorf("%s is in the table and in the list of exclusions (%s)", name, reason)
		case ok:
			if _, got, _ := native(o); got != number {
				t.Errorf("%s has number %d, want %d", name, got, number)
			}
		case reason == "":
			t.Errorf("%s (%d) is neither in the table nor excluded with a reason", name, number)
		}
	}
	checkKnown(t, constants, rows)
}

// checkKnown finds rows and exclusions that x/sys knows nothing of.
func checkKnown(t *testing.T, constants map[string]int, rows map[string]*Option) {
	t.Helper()
	for name, reason := range notOptions {
		if _, ok := constants[name]; !ok || reason == "" {
			t.Errorf("exclusion %s (%q) is of no constant", name, reason)
		}
	}
	known := strings.Join(fromHeaders, " ")
	for name, o := range rows {
		if _, ok := constants[name]; !ok && !strings.Contains(known, name) && o.Level != levelSCTP && o.Level != levelNetlink {
			t.Errorf("row %s: x/sys has no %s; is it spelt so?", o.Name, name)
		}
	}
}

func whyNoOption(name string) string {
	if reason, ok := notOptions[name]; ok {
		return reason
	}
	if strings.Contains(packetTypes, " "+name+" ") {
		return "a kind of frame"
	}
	if strings.Contains(fanoutModes, " "+name+" ") {
		return "a value of PACKET_FANOUT"
	}
	for prefix, reason := range notOptionPrefixes {
		if strings.HasPrefix(name, prefix) {
			return reason
		}
	}
	return ""
}

// systemConstants reads the constants with an option's prefix from the source of x/sys.
func systemConstants(t *testing.T) map[string]int {
	t.Helper()
	out, err := exec.Command("go", "list", "-f", "{{.Dir}}", "golang.org/x/sys/unix").Output()
	if err != nil {
		t.Fatalf("go list golang.org/x/sys/unix: %v", err)
	}
	dir := strings.TrimSpace(string(out))
	constants := make(map[string]int)
	for _, file := range []string{"zerrors_linux.go", "zerrors_linux_" + runtime.GOARCH + ".go", "ztypes_linux.go"} {
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, file), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range parsed.Decls {
			if group, ok := decl.(*ast.GenDecl); ok && group.Tok == token.CONST {
				collectConstants(group, constants)
			}
		}
	}
	return constants
}

func collectConstants(group *ast.GenDecl, into map[string]int) {
	for _, spec := range group.Specs {
		value := spec.(*ast.ValueSpec)
		for i, name := range value.Names {
			if !hasOptionPrefix(name.Name) || i >= len(value.Values) {
				continue
			}
			into[name.Name] = constantValue(value.Values[i])
		}
	}
}

func constantValue(e ast.Expr) int {
	if literal, ok := e.(*ast.BasicLit); ok {
		n, _ := strconv.ParseInt(literal.Value, 0, 64)
		return int(n)
	}
	return -1
}

func hasOptionPrefix(name string) bool {
	for _, prefix := range []string{"SO_", "IP_", "IPV6_", "TCP_", "UDP_", "MCAST_", "PACKET_"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
