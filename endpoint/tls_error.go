package endpoint

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"sock/internal/syntax"
)

// TLSError says in words what failed in a handshake, or what the peer's TLS
// complained of later. It unwraps to the error of crypto/tls or crypto/x509.
type TLSError struct {
	Reason string // "the certificate expired on 2024-05-01"
	Err    error
}

// Error is the reason.
func (e *TLSError) Error() string { return "TLS: " + e.Reason }

// Unwrap returns the cause.
func (e *TLSError) Unwrap() error { return e.Err }

// Timeout reports whether the handshake took too long.
func (e *TLSError) Timeout() bool { return isDeadline(e.Err) }

// tlsFailure finds words for an error of TLS. The client knows the name that it
// asked for.
func tlsFailure(err error, client bool, name string, limit time.Duration) error {
	peer := "the client"
	if client {
		peer = "the server"
	}
	return &TLSError{tlsReason(err, peer, name, limit), err}
}

func tlsReason(err error, peer, name string, limit time.Duration) string {
	var record tls.RecordHeaderError
	var op *net.OpError
	switch reason := certificateReason(err, peer, name); {
	case reason != "":
		return reason
	case errors.As(err, &record):
		return fmt.Sprintf("not TLS at the other end: %s began with %q", peer, printable(record.RecordHeader[:]))
	case errors.Is(err, context.Canceled):
		return "the handshake was cancelled"
	case isDeadline(err):
		return fmt.Sprintf("%s did not complete the handshake within %v", peer, limit)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return peer + " closed the connection during the handshake"
	case errors.As(err, &op) && op.Op == "remote error":
		return alertReason(trimTLS(op.Err), peer)
	case errors.As(err, &op):
		return phrase(err, "")
	}
	return ownReason(trimTLS(err), peer)
}

// trimTLS drops the prefix of crypto/tls.
func trimTLS(err error) string { return strings.TrimPrefix(err.Error(), "tls: ") }

func printable(b []byte) string { return syntax.Printable(strings.ToValidUTF8(string(b), "?")) }

// certificateReason says what is wrong with a certificate, if that is it.
func certificateReason(err error, peer, name string) string {
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &host):
		return fmt.Sprintf("the certificate is for %s, not for %s", certificateNames(host.Certificate), name)
	case errors.As(err, &unknown):
		return fmt.Sprintf("%s's certificate is of an unknown issuer%s", peer, issuer(unknown.Cert))
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return validity(invalid.Cert, peer)
	case errors.As(err, &invalid):
		return fmt.Sprintf("%s's certificate does not do: %s", peer, strings.TrimPrefix(invalid.Error(), "x509: "))
	}
	return ""
}

func issuer(c *x509.Certificate) string {
	switch {
	case c == nil:
		return ""
	case string(c.RawIssuer) == string(c.RawSubject):
		return " (it is self-signed)"
	}
	return " (" + printable([]byte(c.Issuer.String())) + ")"
}

func validity(c *x509.Certificate, peer string) string {
	const day = "2006-01-02 15:04 MST"
	if time.Now().Before(c.NotBefore) {
		return fmt.Sprintf("%s's certificate is not valid before %s", peer, c.NotBefore.UTC().Format(day))
	}
	return fmt.Sprintf("%s's certificate expired on %s", peer, c.NotAfter.UTC().Format(day))
}

// maxNames bounds how many of a certificate's names a message lists.
const maxNames = 8

func certificateNames(c *x509.Certificate) string {
	names := c.DNSNames
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	more := ""
	if len(names) > maxNames {
		more = fmt.Sprintf(" and %d more", len(names)-maxNames)
		names = names[:maxNames]
	}
	if len(names) == 0 {
		return "no host at all"
	}
	return printable([]byte(strings.Join(names, ", "))) + more
}

// alertReason explains an alert that the peer sent, which crypto/tls names in
// few words. RFC 8446, section 6.
func alertReason(alert, peer string) string {
	var meaning string
	switch alert {
	case "certificate required":
		meaning = "it demands a certificate, and none was given (cert=)"
	case "bad certificate", "unsupported certificate", "expired certificate", "revoked certificate",
		"unknown certificate", "unknown certificate authority":
		meaning = "it does not accept the certificate it was shown"
	case "no application protocol":
		meaning = "there is no application protocol that both sides speak (alpn=)"
	case "protocol version not supported":
		meaning = "there is no version of TLS that both sides speak"
	case "unrecognized name":
		meaning = "it does not serve that name (sni=)"
	case "handshake failure":
		meaning = "it found nothing that both sides support, or wants a certificate (cert=)"
	default:
		return fmt.Sprintf("%s refused: %s", peer, alert)
	}
	return fmt.Sprintf("%s refused: %s (%s)", peer, meaning, alert)
}

// ownReason explains what crypto/tls itself objected to on this side.
func ownReason(text, peer string) string {
	switch {
	case strings.Contains(text, "didn't provide a certificate"):
		return peer + " gave no certificate, and one is demanded (ca=)"
	case strings.Contains(text, "first record does not look like a TLS handshake"):
		return "not TLS at the other end: " + peer + " spoke something else"
	case strings.Contains(text, "requested unsupported application protocols"):
		return "there is no application protocol that both sides speak (alpn=): " + text
	case strings.Contains(text, "unsupported versions"), strings.Contains(text, "protocol version"):
		return "there is no version of TLS that both sides speak: " + text
	}
	return text
}
