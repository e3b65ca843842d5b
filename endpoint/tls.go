package endpoint

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
)

// ClientTLS is the configuration with which an endpoint of scheme tls or https
// is dialled: sni= (else the host) is asked for and verified against ca= (else
// the system's authorities), unless insecure; cert= and key= are shown to a
// server that asks for a certificate; alpn= is offered, and for https without it
// http/1.1. At least TLS 1.2. The error says which file is wrong.
func ClientTLS(e Endpoint) (*tls.Config, error) {
	config := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         serverName(e),
		InsecureSkipVerify: e.Insecure(),
		NextProtos:         protocols(e),
	}
	if file := e.CA(); file != "" {
		pool, err := authorities(file)
		if err != nil {
			return nil, err
		}
		config.RootCAs = pool
	}
	if e.Cert() != "" {
		files, err := newCertFiles(e.Cert(), e.Key())
		if err != nil {
			return nil, err
		}
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return files.current(), nil }
	}
	return config, nil
}

// serverName is what the server's certificate must be for: an address counts
// without its zone, which means nothing to the other host.
func serverName(e Endpoint) string {
	switch {
	case e.SNI() != "":
		return e.SNI()
	case e.Host == "":
		return loopbackName
	}
	host, _, _ := strings.Cut(e.Host, "%")
	return host
}

func protocols(e Endpoint) []string {
	if list := e.ALPN(); len(list) > 0 || e.Scheme != "https" {
		return list
	}
	return []string{"http/1.1"}
}

func authorities(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("ca: there is no certificate in %s", file)
	}
	return pool, nil
}

// serverTLS is a listener's side of TLS.
type serverTLS struct {
	config *tls.Config
	pair   *KeyPair   // nil: the certificate is in files
	files  *certFiles // nil: the certificate is pair
}

// ServerTLS is the configuration with which an endpoint of scheme tls or https
// is listened on: the certificate of cert= and key=, else pair, else a new
// self-signed one; ca= demands a client certificate of one of those authorities;
// alpn= is what the server speaks, best first, and for https without it
// http/1.1. At least TLS 1.2, without session tickets.
//
// A process that serves connections which another accepted makes the same
// configuration from the same endpoint and that listener's [Listener.KeyPair].
func ServerTLS(e Endpoint, pair *KeyPair) (*tls.Config, error) {
	s, err := newServerTLS(e, pair)
	if err != nil {
		return nil, err
	}
	return s.config, nil
}

func newServerTLS(e Endpoint, pair *KeyPair) (*serverTLS, error) {
	s := &serverTLS{
		config: &tls.Config{
			MinVersion: tls.VersionTLS12,
			NextProtos: protocols(e),
			// A ticket lies unread at a client that only sends. When it closes, its
			// kernel resets the connection for that, and throws away what it had
			// yet to send: the end of the client's data.
			SessionTicketsDisabled: true,
		},
	}
	if file := e.CA(); file != "" {
		pool, err := authorities(file)
		if err != nil {
			return nil, err
		}
		s.config.ClientCAs, s.config.ClientAuth = pool, tls.RequireAndVerifyClientCert
	}
	return s, s.certify(e, pair)
}

// certify chooses the certificate.
func (s *serverTLS) certify(e Endpoint, pair *KeyPair) (err error) {
	if e.Cert() != "" {
		if s.files, err = newCertFiles(e.Cert(), e.Key()); err != nil {
			return err
		}
		s.config.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.files.current(), nil }
		return nil
	}
	if pair == nil {
		if pair, err = SelfSigned(namesFor(e)...); err != nil {
			return err
		}
	}
	certificate, err := pair.certificate()
	if err != nil {
		return err
	}
	s.pair = pair
	s.config.Certificates = []tls.Certificate{certificate}
	return nil
}

// current is the certificate for a new handshake.
func (s *serverTLS) current() *tls.Certificate {
	if s.files != nil {
		return s.files.current()
	}
	return &s.config.Certificates[0]
}

// namesFor lists what a self-signed certificate is for: localhost, both
// loopback addresses, this host's name, and what the endpoint names; for every
// interface, also the addresses that the host has now.
func namesFor(e Endpoint) []string {
	names := []string{loopbackName, "127.0.0.1", "::1"}
	if host, err := os.Hostname(); err == nil {
		names = append(names, host)
	}
	if e.Host != "" {
		names = append(names, e.Host)
	}
	if e.IsWildcard() {
		addrs, _ := net.InterfaceAddrs() // in vain: the certificate does without
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok {
				names = append(names, n.IP.String())
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// IsTLS reports whether accepted connections speak TLS.
func (l *Listener) IsTLS() bool { return l.tls != nil }

// TLSConfig is a copy of the server's TLS configuration, for a server that does
// its own handshakes (net/http); nil without TLS.
func (l *Listener) TLSConfig() *tls.Config {
	if l.tls == nil {
		return nil
	}
	return l.tls.config.Clone()
}

// Fingerprint is the SHA-256 fingerprint of the certificate that a client is
// shown now, as "openssl x509 -fingerprint -sha256" prints it: AB:CD:…; empty
// without TLS.
func (l *Listener) Fingerprint() string {
	if l.tls == nil {
		return ""
	}
	return fingerprint(l.tls.current().Certificate[0])
}

// KeyPair is the self-signed certificate in use, or the one that ListenConfig
// was given; nil without TLS and where the endpoint names its own files.
func (l *Listener) KeyPair() *KeyPair {
	if l.tls == nil {
		return nil
	}
	return l.tls.pair
}
