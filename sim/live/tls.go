package live

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// TLSFiles say how connections are encrypted. All are optional.
type TLSFiles struct {
	CA         string // PEM file of who may sign the servers' certificates; "": the system's
	Cert, Key  string // PEM files of the client's certificate and private key
	ServerName string // that the servers' certificates must have; "": the host that is dialled
}

// Config reads the files. The error tells of all that are wrong.
func (f TLSFiles) Config() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: f.ServerName}
	if err := errors.Join(f.authorities(c), f.certificate(c)); err != nil {
		return nil, err
	}
	return c, nil
}

func (f TLSFiles) authorities(c *tls.Config) error {
	if f.CA == "" {
		return nil
	}
	pem, err := os.ReadFile(f.CA)
	if err != nil {
		return fmt.Errorf("TLS: authorities: %w", err)
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(pem) {
		return fmt.Errorf("TLS: authorities: expected PEM blocks of type CERTIFICATE in %s, found none that can be read", f.CA)
	}
	return nil
}

func (f TLSFiles) certificate(c *tls.Config) error {
	switch {
	case f.Cert == "" && f.Key == "":
		return nil
	case f.Key == "":
		return fmt.Errorf("TLS: certificate %s without its private key; name both files", f.Cert)
	case f.Cert == "":
		return fmt.Errorf("TLS: private key %s without its certificate; name both files", f.Key)
	}
	cert, err := os.ReadFile(f.Cert)
	if err != nil {
		return fmt.Errorf("TLS: certificate: %w", err)
	}
	key, err := os.ReadFile(f.Key)
	if err != nil {
		return fmt.Errorf("TLS: private key: %w", err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return fmt.Errorf("TLS: certificate %s with private key %s: %w", f.Cert, f.Key, err)
	}
	c.Certificates = []tls.Certificate{pair}
	return nil
}

// PasswordFile reads a password. One line end after it is left out, because
// editors add it.
func PasswordFile(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("password: %w", err)
	}
	text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
	if len(text) == 0 {
		return "", fmt.Errorf("password: expected one in %s, found it empty", path)
	}
	return string(text), nil
}
