package engine

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
)

// tlsMaterial is a server's tls.Config as far as it can be handed over to
// another process: never on a command line, only in memory.
type tlsMaterial struct {
	Certificates []certificate
	NextProtos   []string
	ClientAuth   tls.ClientAuthType
	ClientCAs    []byte // PEM
	MinVersion   uint16
	MaxVersion   uint16
	CipherSuites []uint16
	Curves       []tls.CurveID
}

type certificate struct {
	Chain [][]byte // DER
	Key   []byte   // PKCS 8
}

// newTLSMaterial takes a tls.Config apart. Where its certificate comes from
// GetCertificate, it is asked for the one of this moment.
func newTLSMaterial(c *tls.Config, clientCAs []byte) (*tlsMaterial, error) {
	m := &tlsMaterial{
		NextProtos: c.NextProtos, ClientAuth: c.ClientAuth, ClientCAs: clientCAs,
		MinVersion: c.MinVersion, MaxVersion: c.MaxVersion, CipherSuites: c.CipherSuites, Curves: c.CurvePreferences,
	}
	switch {
	case c.GetConfigForClient != nil || c.VerifyPeerCertificate != nil || c.VerifyConnection != nil:
		return nil, errors.New("engine: model process: callbacks of TLS cannot be handed to a child")
	case len(c.Certificates) == 0 && c.GetCertificate == nil:
		return nil, errors.New("engine: model process needs TLS.Certificates or TLS.GetCertificate")
	case c.ClientCAs != nil && len(clientCAs) == 0:
		return nil, errors.New("engine: model process needs Config.ClientCAs beside TLS.ClientCAs")
	}
	certificates := c.Certificates
	if c.GetCertificate != nil {
		cert, err := c.GetCertificate(&tls.ClientHelloInfo{})
		if err != nil {
			return nil, fmt.Errorf("engine: the certificate for a child: %w", err)
		}
		if cert != nil {
			certificates = []tls.Certificate{*cert}
		}
	}
	for _, cert := range certificates {
		key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
		if err != nil {
			return nil, fmt.Errorf("engine: the key cannot be handed to a child: %w", err)
		}
		m.Certificates = append(m.Certificates, certificate{Chain: cert.Certificate, Key: key})
	}
	return m, nil
}

// config puts the tls.Config together again. A child serves one connection:
// there will be none to resume.
func (m *tlsMaterial) config() (*tls.Config, error) {
	c := &tls.Config{
		NextProtos: m.NextProtos, ClientAuth: m.ClientAuth,
		MinVersion: m.MinVersion, MaxVersion: m.MaxVersion, CipherSuites: m.CipherSuites,
		CurvePreferences: m.Curves, SessionTicketsDisabled: true,
	}
	if len(m.ClientCAs) > 0 {
		c.ClientCAs = x509.NewCertPool()
		if !c.ClientCAs.AppendCertsFromPEM(m.ClientCAs) {
			return nil, errors.New("engine: Config.ClientCAs holds no certificate in PEM")
		}
	}
	for _, cert := range m.Certificates {
		key, err := x509.ParsePKCS8PrivateKey(cert.Key)
		if err != nil {
			return nil, fmt.Errorf("engine: key from the parent: %w", err)
		}
		c.Certificates = append(c.Certificates, tls.Certificate{Certificate: cert.Chain, PrivateKey: key})
	}
	return c, nil
}
