package realredis

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// authority signs certificates for a test.
type authority struct {
	dir, name string
	cert      *x509.Certificate
	key       *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{dir: t.TempDir(), name: name}
	a.cert, a.key = a.make(t, name, &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

// issue makes the files of a certificate for 127.0.0.1 and the name.
func (a *authority) issue(t *testing.T, name string) (cert, key string) {
	t.Helper()
	a.make(t, name, &x509.Certificate{
		DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	})
	return a.file(name + ".crt"), a.file(name + ".key")
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

func (a *authority) make(t *testing.T, name string, like *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	like.SerialNumber, like.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{CommonName: name}
	like.NotBefore, like.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := like, key
	if a.cert != nil {
		parent, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, like, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	bits, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{".crt": {Type: "CERTIFICATE", Bytes: der}, ".key": {Type: "PRIVATE KEY", Bytes: bits}} {
		if err := os.WriteFile(a.file(name+file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func TestTLSFiles(t *testing.T) {
	a := newAuthority(t, "ca")
	cert, key := a.issue(t, "one")
	_, otherKey := a.issue(t, "two")
	ca, junk := a.file("ca.crt"), filepath.Join(t.TempDir(), "junk.pem")
	if err := os.WriteFile(junk, []byte("no PEM"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		why   string
		files TLSFiles
		want  []string // of the error; nil: none
	}{
		{"the system's authorities, no certificate", TLSFiles{}, nil},
		{"all of it", TLSFiles{CA: ca, Cert: cert, Key: key, ServerName: "one"}, nil},
		{"no such authorities", TLSFiles{CA: "/no/ca.pem"}, []string{"authorities", "/no/ca.pem", "no such file"}},
		{"authorities that are none", TLSFiles{CA: junk}, []string{"authorities", junk, "CERTIFICATE"}},
		{"a key in place of the authorities", TLSFiles{CA: key}, []string{"authorities", key, "CERTIFICATE"}},
		{"a certificate alone", TLSFiles{Cert: cert}, []string{cert, "without its private key"}},
		{"a key alone", TLSFiles{Key: key}, []string{key, "without its certificate"}},
		{"no such certificate", TLSFiles{Cert: "/no/cert.pem", Key: key}, []string{"certificate", "/no/cert.pem", "no such file"}},
		{"no such key", TLSFiles{Cert: cert, Key: "/no/key.pem"}, []string{"private key", "/no/key.pem", "no such file"}},
		{"a key of another certificate", TLSFiles{Cert: cert, Key: otherKey}, []string{cert, otherKey, "match"}},
		{"a certificate that is none", TLSFiles{Cert: junk, Key: key}, []string{junk, key, "PEM"}},
		{"all that is wrong", TLSFiles{CA: junk, Cert: cert}, []string{"authorities", "without its private key"}},
	} {
		c, err := tt.files.Config()
		if tt.want == nil {
			if err != nil {
				t.Errorf("%s: %v", tt.why, err)
			} else if (c.RootCAs != nil) != (tt.files.CA != "") || (len(c.Certificates) == 1) != (tt.files.Cert != "") || c.ServerName != tt.files.ServerName || c.InsecureSkipVerify {
				t.Errorf("%s: config %+v does not hold what %+v says", tt.why, c, tt.files)
			}
			continue
		}
		for _, want := range tt.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v does not tell %q", tt.why, err, want)
			}
		}
	}
}

func TestPasswordFile(t *testing.T) {
	for _, tt := range []struct{ why, text, want string }{
		{"as printf writes it", "secret", "secret"},
		{"as an editor writes it", "secret\n", "secret"},
		{"as an editor on Windows writes it", "secret\r\n", "secret"},
		{"a line end that is the password's own", "secret\n\n", "secret\n"},
		{"spaces are the password's own", " a b \n", " a b "},
		{"an empty file", "", ""},
		{"nothing but a line end", "\n", ""},
	} {
		path := filepath.Join(t.TempDir(), "password")
		if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := PasswordFile(path)
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%s: %q, error %v, expected %q", tt.why, got, err, tt.want)
		}
		if tt.want == "" && (err == nil || !strings.Contains(err.Error(), path)) {
			t.Errorf("%s: error %v does not name the file", tt.why, err)
		}
	}
	if _, err := PasswordFile("/no/such"); err == nil || !strings.Contains(err.Error(), "/no/such") {
		t.Errorf("no file: error %v, expected one that names it", err)
	}
}
