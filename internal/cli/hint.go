package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"sock/socket"
)

// A hint is one line of the table: what to look at when op on a kind of
// endpoint failed with errno. Empty op and kind match everything; the first
// match counts. %s stands for the address.
type hint struct {
	op    string // connect, listen, send, receive, or empty
	kind  string // tcp, udp, unix, or empty; tls and http count as tcp
	errno syscall.Errno
	text  string
}

// hints are tried in order. Each is true whenever it is shown: it may say what
// is usual, but it claims nothing that the errno does not imply.
var hints = []hint{
	{"connect", "unix", syscall.ECONNREFUSED, "the file is there, but nobody listens on it: its server has ended, or is not ready"},
	{"connect", "unix", syscall.ENOENT, "there is no such file: has the server started, and is this its path?"},
	{"connect", "unix", syscall.EACCES, "connecting needs write permission on the file and search permission on its directories"},
	{"connect", "unix", syscall.EPROTOTYPE, "the file is a socket of another type: try unix://, unixgram:// or unixpacket://"},
	{"connect", "unix", syscall.EAGAIN, "the server's backlog is full: it accepts too slowly"},
	{"", "udp", syscall.ECONNREFUSED, "the host answered that no program receives on this UDP port"},
	{"connect", "tcp", syscall.ECONNREFUSED, "nothing listens on %s, or a firewall there refuses for it"},
	{"connect", "", syscall.ETIMEDOUT, "no answer came from %s: the host is down, or a firewall drops the packets"},
	{"connect", "", syscall.EHOSTUNREACH, "the route ends before %s: the host is off, or a router or firewall says so"},
	{"connect", "", syscall.ENETUNREACH, "this machine has no route to that network (for IPv6: perhaps no IPv6 address at all)"},
	{"connect", "", syscall.EADDRNOTAVAIL, "from= must be an address of this machine and of the peer's family; with a port, a connection between the very same two ends may exist; without from=, this machine has no address to reach the peer from (IPv6 may be off), or every local port is taken"},
	{"connect", "", syscall.EADDRINUSE, "from= names a port that is in use, or a connection between the two that is not over yet"},
	{"connect", "", syscall.EPERM, "a firewall rule on this machine forbids it"},
	{"connect", "", syscall.EACCES, "this machine forbids it: a firewall rule, a security module, or a broadcast address without the option broadcast"},
	{"connect", "", syscall.EINVAL, "the two addresses do not go together: from= or an option does not fit the peer's address"},
	{"listen", "unix", syscall.EADDRINUSE, "a live server has this path; sock takes the place of dead ones only"},
	{"listen", "", syscall.EADDRINUSE, "another socket has that address: choose another port (0 takes a free one), or end its owner"},
	{"", "", syscall.EMFILE, "this process has as many descriptors as its limit allows: raise ulimit -n"},
	{"", "", syscall.ENFILE, "the machine has as many open files as it allows: sysctl fs.file-max"},
	{"", "", syscall.ECONNRESET, "the peer cut the connection: its program died, or closed with data unread; or something between cut it"},
	{"", "", syscall.EPIPE, "the peer closed before everything was sent"},
	{"send", "", syscall.EMSGSIZE, "one datagram was larger than the way to the peer, or the protocol, can carry"},
	{"", "", syscall.EAFNOSUPPORT, "this kernel does not have that address family"},
	{"", "", syscall.EPROTONOSUPPORT, "this kernel does not have that protocol"},
}

// hintFor is one sentence that helps with err, or empty.
func hintFor(err error) string {
	if wrong, ok := errors.AsType[*usageError](err); ok {
		return wrong.hint()
	}
	if f, ok := errors.AsType[*failure](err); ok && f.advice != "" {
		return f.advice
	}
	op, address := subject(err)
	if op == "" {
		return ""
	}
	if text, known := elsewhere(err, address); known {
		return text
	}
	if text := tlsHint(err); text != "" {
		return text
	}
	text := tableHint(op, kindOf(address), err)
	if _, after, ok := strings.Cut(address, "://"); ok {
		address = after
	}
	if call, ok := errors.AsType[*net.OpError](err); ok && call.Addr != nil {
		address = call.Addr.String()
	}
	return strings.Replace(text, "%s", address, 1)
}

// elsewhere judges what failed before, or beside, the call that the table is
// about: an option, the way into a namespace, an address that cannot be meant.
func elsewhere(err error, address string) (text string, known bool) {
	if _, ok := errors.AsType[*socket.OptionError](err); ok {
		return "", true // it says itself what is needed
	}
	if call, ok := errors.AsType[*os.SyscallError](err); ok && call.Syscall == "setns" {
		return "entering a network namespace needs CAP_SYS_ADMIN", true
	}
	if _, ok := errors.AsType[*os.PathError](err); ok {
		return "", true // a file, which the message names
	}
	if errors.Is(err, syscall.EINVAL) && strings.Contains(address, "[fe80:") && !strings.Contains(address, "%") {
		return "a link-local address needs its interface: [fe80::1%eth0]", true
	}
	if errors.Is(err, syscall.ECONNREFUSED) && strings.Contains(address, "://@") {
		return "nobody listens under that abstract name", true
	}
	return "", false
}

func tableHint(op, kind string, err error) string {
	errno, _ := errors.AsType[syscall.Errno](err)
	if errno == 0 && (errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded)) {
		errno = syscall.ETIMEDOUT
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return dnsHint(dns)
	}
	for _, h := range hints {
		if h.errno == errno && (h.op == "" || h.op == op) && (h.kind == "" || h.kind == kind) {
			return h.text
		}
	}
	return ""
}

// kindOf sorts an endpoint's text into the kinds of the table.
func kindOf(text string) string {
	scheme, _, _ := strings.Cut(text, "://")
	for _, kind := range []string{"unix", "udp"} {
		if strings.HasPrefix(scheme, kind) {
			return kind
		}
	}
	return "tcp"
}

func dnsHint(err *net.DNSError) string {
	if err.IsNotFound {
		return "check the spelling; the name is in neither /etc/hosts nor the DNS"
	}
	return "check the name servers in /etc/resolv.conf"
}

// tlsHint knows what commonly stands behind a failed TLS handshake.
func tlsHint(err error) string {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "ca=FILE trusts the authority in FILE; insecure accepts any certificate"
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "sni=NAME asks for, and checks, another name"
	}
	if wrong, ok := errors.AsType[x509.CertificateInvalidError](err); ok && wrong.Reason == x509.Expired {
		return "the certificate is not valid today; compare its dates with this machine's clock"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "the peer does not speak TLS on this port: try tcp://"
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return "some servers just close; whether all has come only the data itself can tell"
	}
	if call, ok := errors.AsType[*net.OpError](err); ok && call.Op == "remote error" {
		return alertHints[strings.TrimPrefix(call.Err.Error(), "tls: ")]
	}
	return ""
}

// alertHints explains the alerts of RFC 8446, section 6.2, that have a remedy.
// The keys are crypto/tls's words for them: their numbers it keeps to itself.
var alertHints = map[string]string{
	"certificate required":           "the server asks for a client certificate it trusts: cert=FILE and key=FILE",
	"bad certificate":                "the peer does not accept our certificate: cert=FILE and key=FILE",
	"unknown certificate authority":  "the peer does not trust our certificate's authority",
	"unrecognized name":              "the server knows no such name: sni=NAME asks for another",
	"no application protocol":        "no protocol of alpn= is one that the peer speaks",
	"handshake failure":              "the two share no TLS version or cipher suite",
	"protocol version not supported": "the two share no TLS version",
}
