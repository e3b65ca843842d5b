package endpoint

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

// selfSignedFor is how long a self-signed certificate is good for. It lives in
// memory, no longer than its server.
const selfSignedFor = 398 * 24 * time.Hour

// KeyPair is a certificate and its private key as PEM: to hand to a child
// process, or to give a client as ca=.
type KeyPair struct {
	CertPEM, KeyPEM []byte
}

// SelfSigned makes a certificate for these host names and addresses: ECDSA on
// P-256, good from an hour ago (clocks differ) for 398 days. It is its own
// authority: a client trusts it by ca=, or by its fingerprint.
func SelfSigned(names ...string) (*KeyPair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{Organization: []string{"sock"}, CommonName: "self-signed"},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(selfSignedFor),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	for _, name := range names {
		bare, _, _ := strings.Cut(name, "%")
		if ip := net.ParseIP(bare); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	return sign(template, key)
}

func sign(template *x509.Certificate, key *ecdsa.PrivateKey) (*KeyPair, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return &KeyPair{
		CertPEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		KeyPEM:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
	}, nil
}

func (p *KeyPair) certificate() (tls.Certificate, error) {
	return tls.X509KeyPair(p.CertPEM, p.KeyPEM)
}

// Fingerprint is the certificate's SHA-256 fingerprint; see [Listener.Fingerprint].
// It is empty where CertPEM holds no certificate.
func (p *KeyPair) Fingerprint() string {
	block, _ := pem.Decode(p.CertPEM)
	if block == nil {
		return ""
	}
	return fingerprint(block.Bytes)
}

func fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return strings.ReplaceAll(fmt.Sprintf("% X", sum[:]), " ", ":")
}

// certFiles is a certificate in files, which are read again when they change:
// a renewed certificate serves the next handshake, and no restart is needed. A
// file that is broken at that moment leaves the last good certificate in use.
// Safe for concurrent use.
type certFiles struct {
	cert, key string

	mu          sync.Mutex
	certificate *tls.Certificate // guarded by mu, as is the rest
	checked     time.Time
	stamps      [2]fileStamp
}

// fileStamp tells one content of a file from the next.
type fileStamp struct {
	modified time.Time
	size     int64
}

// certCheck is how often the files are looked at, at most.
const certCheck = time.Second

// newCertFiles loads a certificate; an empty key means that it is in cert. The
// error names the file.
func newCertFiles(cert, key string) (*certFiles, error) {
	if key == "" {
		key = cert
	}
	f := &certFiles{cert: cert, key: key}
	if err := f.loadLocked(); err != nil {
		return nil, err
	}
	return f, nil
}

// loadLocked reads the files. Stamps are taken before the content, so that a
// change in between is seen the next time.
func (f *certFiles) loadLocked() error {
	stamps := f.stat()
	cert, err := os.ReadFile(f.cert)
	if err != nil {
		return fmt.Errorf("cert: %w", err)
	}
	key, err := os.ReadFile(f.key)
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	certificate, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return fmt.Errorf("%s and %s: %s", f.cert, f.key, strings.TrimPrefix(err.Error(), "tls: "))
	}
	f.certificate, f.stamps, f.checked = &certificate, stamps, time.Now()
	return nil
}

func (f *certFiles) stat() (stamps [2]fileStamp) {
	for i, name := range []string{f.cert, f.key} {
		if info, err := os.Stat(name); err == nil {
			stamps[i] = fileStamp{info.ModTime(), info.Size()}
		}
	}
	return stamps
}

// current is the certificate for a new handshake.
func (f *certFiles) current() *tls.Certificate {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.checked) >= certCheck {
		f.checked = time.Now()
		if f.stat() != f.stamps {
			_ = f.loadLocked() // half-written files: a later look finds them whole
		}
	}
	return f.certificate
}
