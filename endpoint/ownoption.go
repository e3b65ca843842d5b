package endpoint

import (
	"slices"
	"strings"
)

// Where says on which side an option of an endpoint means something.
type Where int

// The sides; they are bits.
const (
	ForDial   Where = 1 << iota // connecting
	ForListen                   // listening

	ForBoth = ForDial | ForListen
)

// String says it in words.
func (w Where) String() string {
	switch w {
	case ForDial:
		return "connecting"
	case ForListen:
		return "listening"
	case ForBoth:
		return "both"
	}
	return "neither"
}

// Kind is what an own option's value is.
type Kind string

// The kinds of an own option's value.
const (
	KindFlag     Kind = "flag"     // the name alone, or on, off, true, false, yes, no, 1, 0
	KindDuration Kind = "duration" // 300ms, 5s, 2m, 1h30m
	KindCount    Kind = "count"
	KindPrefix   Kind = "prefix" // a comma list of addresses and CIDR prefixes
	KindAddress  Kind = "address"
	KindWord     Kind = "word"
	KindWords    Kind = "words" // a comma list
	KindFile     Kind = "file"
	KindOctal    Kind = "octal"
)

// OwnOption describes one of the endpoint's own options: those that are no
// row of the socket option table.
type OwnOption struct {
	Name    string
	Kind    Kind
	Unit    string // what the value counts or names
	Default string // in words, what holds without it
	Where   Where
	Needs   string // which schemes take it, in words
	Repeats bool   // may be given more than once
	Example string // a value
	Doc     string // one line, without a final stop
}

// ownOption is a row: what is told about it and how it is checked.
type ownOption struct {
	OwnOption
	reach reach
	check func(e *Endpoint, value string) *fault
}

// reach is the schemes that an option makes sense for.
type reach struct {
	covers func(scheme) bool
	text   string
}

var (
	everywhere = reach{func(scheme) bool { return true }, "any scheme"}
	opened     = reach{func(s scheme) bool { return s.name != "fd" }, "a socket that is opened here"}
	accepting  = reach{func(s scheme) bool { return !s.datagram }, "a scheme with connections"}
	queueing   = reach{func(s scheme) bool { return s.stream }, "a listening socket that is opened here"}
	addressed  = reach{func(s scheme) bool { return s.inet || s.name == "fd" }, "a scheme with IP addresses"}
	secured    = reach{func(s scheme) bool { return s.tls }, "tls or https"}
	filed      = reach{func(s scheme) bool { return s.unix }, "unix, unixgram or unixpacket"}
)

// models is the one list of concurrency models that this build has.
var models = []string{"serial", "process", "goroutine", "event"}

// backends is the one list of what the event loops' backends are called.
var backends = []string{"auto", "uring", "epoll"}

// Models returns the names of the concurrency models that model= takes.
func Models() []string { return slices.Clone(models) }

// Backends returns the names of the event loops' backends that backend= takes.
func Backends() []string { return slices.Clone(backends) }

// ownOptions is the one table of own options: parsing, help and docs come
// from it.
var ownOptions = []ownOption{
	{reach: opened, check: checkFrom, OwnOption: OwnOption{
		Name: "from", Kind: KindAddress, Unit: "an address of this host, ADDR:PORT, ADDR or :PORT; a path for UNIX sockets",
		Default: "the kernel chooses", Where: ForDial, Example: "192.0.2.1:5000",
		Doc: "binds before connecting",
	}},
	{reach: opened, check: checkDuration, OwnOption: OwnOption{
		Name: "timeout", Kind: KindDuration, Unit: "a duration", Default: "none", Where: ForDial, Example: "5s",
		Doc: "bounds resolving, connecting to all addresses and the TLS handshake together",
	}},
	{reach: everywhere, check: checkDuration, OwnOption: OwnOption{
		Name: "idle", Kind: KindDuration, Unit: "a duration", Default: "none; a session over UDP has the server's", Where: ForBoth, Example: "60s",
		Doc: "ends a connection that was silent in both directions for so long",
	}},
	{reach: everywhere, check: checkCount, OwnOption: OwnOption{
		Name: "max-conns", Kind: KindCount, Unit: "connections, from 1", Default: "the server's", Where: ForListen, Example: "50",
		Doc: "bounds the connections, or the sessions over UDP, served at once",
	}},
	{reach: addressed, check: checkPrefixes, OwnOption: OwnOption{
		Name: "allow", Kind: KindPrefix, Unit: "addresses and CIDR prefixes, in a comma list", Default: "everyone", Where: ForListen, Repeats: true, Example: "10.0.0.0/8",
		Doc: "serves only peers in one of these prefixes",
	}},
	{reach: addressed, check: checkPrefixes, OwnOption: OwnOption{
		Name: "deny", Kind: KindPrefix, Unit: "addresses and CIDR prefixes, in a comma list", Default: "no one", Where: ForListen, Repeats: true, Example: "10.66.0.0/16",
		Doc: "refuses peers in one of these prefixes, even allowed ones",
	}},
	{reach: accepting, check: checkModel, OwnOption: OwnOption{
		Name: "model", Kind: KindWord, Unit: strings.Join(models, ", "), Default: "goroutine", Where: ForListen, Example: "process",
		Doc: "chooses the concurrency model that serves the connections",
	}},
	{reach: accepting, check: checkBackend, OwnOption: OwnOption{
		Name: "backend", Kind: KindWord, Unit: strings.Join(backends, ", "), Default: "auto", Where: ForListen, Example: "epoll",
		Doc: "chooses what the event loops ask the kernel with; without model it means model=event",
	}},
	{reach: accepting, check: checkCount, OwnOption: OwnOption{
		Name: "loops", Kind: KindCount, Unit: "event loops, from 1", Default: "one for each CPU", Where: ForListen, Example: "2",
		Doc: "is the number of event loops; without model it means model=event",
	}},
	{reach: queueing, check: checkCount, OwnOption: OwnOption{
		Name: "backlog", Kind: KindCount, Unit: "connections, from 1", Default: "the system's maximum", Where: ForListen, Example: "128",
		Doc: "is the length of the queue of connections not yet accepted",
	}},
	{reach: opened, check: checkNetNS, OwnOption: OwnOption{
		Name: "netns", Kind: KindWord, Unit: "a name in /run/netns, or a path", Default: "the caller's", Where: ForBoth, Example: "blue",
		Doc: "opens the sockets in a network namespace",
	}},
	{reach: secured, check: checkFile, OwnOption: OwnOption{
		Name: "cert", Kind: KindFile, Unit: "a PEM file", Default: "self-signed when listening, none when connecting", Where: ForBoth, Example: "server.pem",
		Doc: "is the certificate to show, with its chain, and the key too unless key is given",
	}},
	{reach: secured, check: checkFile, OwnOption: OwnOption{
		Name: "key", Kind: KindFile, Unit: "a PEM file", Default: "in the file of cert", Where: ForBoth, Example: "server.key",
		Doc: "is the private key of cert",
	}},
	{reach: secured, check: checkFile, OwnOption: OwnOption{
		Name: "ca", Kind: KindFile, Unit: "a PEM file", Default: "the system's when connecting, none when listening", Where: ForBoth, Example: "ca.pem",
		Doc: "is the authorities to trust; a listener with it demands a client's certificate",
	}},
	{reach: secured, check: checkSNI, OwnOption: OwnOption{
		Name: "sni", Kind: KindWord, Unit: "a host's name", Default: "the endpoint's host", Where: ForDial, Example: "example.com",
		Doc: "is the server's name to ask for and to verify",
	}},
	{reach: secured, check: checkFlag, OwnOption: OwnOption{
		Name: "insecure", Kind: KindFlag, Unit: "on or off", Default: "off", Where: ForDial, Example: "on",
		Doc: "accepts any certificate of the server, unverified",
	}},
	{reach: secured, check: checkALPN, OwnOption: OwnOption{
		Name: "alpn", Kind: KindWords, Unit: "application protocols, in a comma list, best first", Default: "none; http/1.1 for https", Where: ForBoth, Example: "h2,http/1.1",
		Doc: "offers application protocols in the TLS handshake",
	}},
	{reach: filed, check: checkMode, OwnOption: OwnOption{
		Name: "mode", Kind: KindOctal, Unit: "permission bits, in octal", Default: "0777 less the umask", Where: ForListen, Example: "0660",
		Doc: "is the permission of the socket's file",
	}},
}

// OwnOptions returns the endpoint's own options, in the order of the
// documentation.
func OwnOptions() []OwnOption {
	list := make([]OwnOption, len(ownOptions))
	for i, o := range ownOptions {
		list[i] = o.OwnOption
		list[i].Needs = o.reach.text
	}
	return list
}
