package endpoint

import (
	"io/fs"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Timeout bounds resolving, connecting and the TLS handshake together; 0 is no
// bound. Option timeout.
func (e Endpoint) Timeout() time.Duration { return e.duration("timeout") }

// Idle is how long a connection may be silent in both directions; 0 is for
// ever, or the server's default for a session over UDP. Option idle.
func (e Endpoint) Idle() time.Duration { return e.duration("idle") }

// MaxConns is how many connections may be served at once; 0 is the server's
// default. Option max-conns.
func (e Endpoint) MaxConns() int { return e.count("max-conns") }

// Backlog is the length of the accept queue; 0 is the system's maximum.
// Option backlog.
func (e Endpoint) Backlog() int { return e.count("backlog") }

// Model is the concurrency model, one of [Models]; empty is the server's
// default. Option model, or "event" where there is only backend or loops.
func (e Endpoint) Model() string {
	model := e.value("model")
	if model == "" && (e.Backend() != "" || e.Loops() > 0) {
		return "event"
	}
	return model
}

// Backend is the event loops' backend, one of [Backends]; empty is the
// server's default. Option backend.
func (e Endpoint) Backend() string { return e.value("backend") }

// Loops is the number of event loops; 0 is the server's default. Option loops.
func (e Endpoint) Loops() int { return e.count("loops") }

// NetNS is the network namespace's name in /run/netns, or its path when it
// begins with a slash; empty is the caller's. Option netns.
func (e Endpoint) NetNS() string { return e.value("netns") }

// Cert is the PEM file of the certificate and its chain; empty is none.
// Option cert.
func (e Endpoint) Cert() string { return e.value("cert") }

// Key is the PEM file of the private key; where it is not given, that is in
// the file of Cert. Option key.
func (e Endpoint) Key() string {
	if key := e.value("key"); key != "" {
		return key
	}
	return e.Cert()
}

// CA is the PEM file of the authorities to trust; empty is the system's when
// connecting, and no client certificates when listening. Option ca.
func (e Endpoint) CA() string { return e.value("ca") }

// SNI is the server's name to ask for and to verify; empty is Host. Option sni.
func (e Endpoint) SNI() string { return e.value("sni") }

// Insecure reports whether the server's certificate is accepted unverified.
// Option insecure.
func (e Endpoint) Insecure() bool {
	value, ok := e.Get("insecure")
	on, _ := flagValue(value)
	return ok && on
}

// ALPN is the application protocols to offer, best first. Option alpn.
func (e Endpoint) ALPN() []string {
	if value := e.value("alpn"); value != "" {
		return strings.Split(value, ",")
	}
	return nil
}

// Allow is the prefixes whose peers are served; empty is everyone. Option allow.
func (e Endpoint) Allow() []netip.Prefix { return e.prefixes("allow") }

// Deny is the prefixes whose peers are refused; it goes before Allow. Option deny.
func (e Endpoint) Deny() []netip.Prefix { return e.prefixes("deny") }

// Mode is the permission of a UNIX socket's file, and whether it was given.
// Option mode.
func (e Endpoint) Mode() (fs.FileMode, bool) {
	value, ok := e.Get("mode")
	n, _ := strconv.ParseUint(value, 8, 32)
	return fs.FileMode(n) & fs.ModePerm, ok
}

func (e Endpoint) value(name string) string {
	value, _ := e.Get(name)
	return value
}

func (e Endpoint) duration(name string) time.Duration {
	d, _ := time.ParseDuration(e.value(name))
	return d
}

func (e Endpoint) count(name string) int {
	n, _ := strconv.Atoi(e.value(name))
	return n
}

func (e Endpoint) prefixes(name string) []netip.Prefix {
	var list []netip.Prefix
	for _, value := range e.All(name) {
		for element := range strings.SplitSeq(value, ",") {
			if prefix, err := parsePrefix(element); err == nil {
				list = append(list, prefix)
			}
		}
	}
	return list
}
