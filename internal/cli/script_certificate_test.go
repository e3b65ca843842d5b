//go:build linux

package cli

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"sync"
	"time"
)

// authority makes ca, another one that signs nothing, and the certificates
// server (for localhost) and client of the first: NAME.pem and NAME.key.
var authority = sync.OnceValues(func() (map[string][]byte, error) {
	files := map[string][]byte{}
	ca, caKey, err := certificate("ca", nil, nil, files)
	if err != nil {
		return nil, err
	}
	if _, _, err := certificate("other", nil, nil, files); err != nil {
		return nil, err
	}
	for _, name := range []string{"server", "client"} {
		if _, _, err := certificate(name, ca, caKey, files); err != nil {
			return nil, err
		}
	}
	return files, nil
})

// certificate makes one, signed by itself where there is no parent.
func certificate(name string, parent *x509.Certificate, signer *ecdsa.PrivateKey, files map[string][]byte) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(int64(len(files)) + 1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(48 * time.Hour),
		BasicConstraintsValid: true,
	}
	if parent == nil {
		parent, signer = template, key
		template.IsCA, template.KeyUsage = true, x509.KeyUsageCertSign
	} else {
		template.DNSNames, template.KeyUsage = []string{"localhost"}, x509.KeyUsageDigitalSignature
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		return nil, nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	files[name+".pem"] = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	files[name+".key"] = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	made, err := x509.ParseCertificate(der)
	return made, key, err
}
