package fleet

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base32"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"strings"
	"time"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/clock"
)

// A join file has what a worker needs to know its coordinator and to be let in: the pin, which
// is the SHA-256 of the coordinator's public key, and a secret, in base32 with
// a dot between. The coordinator's private key is in a file beside it, whose name ends in
// KeySuffix. Both are for their owner's eyes alone (mode 0600).
type join struct{ pin, secret string }

// KeySuffix ends the name of the file with the coordinator's private key.
const KeySuffix = ".key"

var base = base32.StdEncoding.WithPadding(base32.NoPadding)

// mostJoin is the most bytes of either file.
const mostJoin = 4 << 10

func readJoin(path string) (join, error) {
	text, err := record.ReadFile(path, mostJoin)
	if err != nil {
		return join{}, err
	}
	pin, secret, _ := strings.Cut(strings.TrimSpace(string(text)), ".")
	raw, err := base.DecodeString(pin)
	if err != nil || len(raw) != sha256.Size || len(secret) < secretBytes {
		return join{}, fmt.Errorf("%s is no join file: expected PIN.SECRET in base32, as quotalab worker --new-join writes it", path)
	}
	return join{pin, secret}, nil
}

const secretBytes = 20

// NewJoin writes a join file and the key beside it.
func NewJoin(path string) (err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	pin, err := pinOf(&key.PublicKey)
	if err != nil {
		return err
	}
	// The key first: a join file without one is of no use.
	if err := writeSecret(path+KeySuffix, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})); err != nil {
		return err
	}
	return writeSecret(path, []byte(pin+"."+randomText()+"\n"))
}

func randomText() string {
	secret := make([]byte, secretBytes)
	_, _ = rand.Read(secret) // never fails
	return base.EncodeToString(secret)
}

// writeSecret writes a file that nobody else can read, and replaces none.
func writeSecret(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

func pinOf(public any) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	sum := sha256.Sum256(der)
	return base.EncodeToString(sum[:]), err
}

// ownJoin reads a join file and the key beside it, which are made if neither is there.
func ownJoin(path string) (j join, config *tls.Config, err error) {
	_, err = os.Stat(path)
	_, kerr := os.Stat(path + KeySuffix)
	if errors.Is(err, fs.ErrNotExist) && errors.Is(kerr, fs.ErrNotExist) {
		if err := NewJoin(path); err != nil {
			return j, nil, err
		}
	}
	if j, err = readJoin(path); err != nil {
		return j, nil, err
	}
	text, err := record.ReadFile(path+KeySuffix, mostJoin)
	if err != nil {
		return j, nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return j, nil, fmt.Errorf("%s: expected a private key in PEM", path+KeySuffix)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return j, nil, fmt.Errorf("%s: %w", path+KeySuffix, err)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return j, nil, fmt.Errorf("%s: expected an ECDSA key, as quotalab worker --new-join writes it", path+KeySuffix)
	}
	if pin, err := pinOf(&key.PublicKey); err != nil || pin != j.pin {
		return j, nil, errors.Join(fmt.Errorf("%s is not the key that %s names: remove both, or find the right one", path+KeySuffix, path), err)
	}
	config, err = serverTLS(key)
	return j, config, err
}

// serverTLS returns a certificate of the key, signed by itself.
func serverTLS(key *ecdsa.PrivateKey) (*tls.Config, error) {
	now := clock.Now()
	t := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "quotalab"}, NotBefore: now.Add(-24 * time.Hour), NotAfter: now.Add(365 * 24 * time.Hour), DNSNames: []string{"quotalab"}}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, nil
}

// errPin says that the server at the address is another.
var errPin = errors.New("the server's key is not the one that the join file names: it is another coordinator's, or somebody is between")

// clientTLS takes the server whose key the join file names, whatever its certificate says.
func (j join) clientTLS() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true, VerifyConnection: func(c tls.ConnectionState) error {
		pin, err := pinOf(c.PeerCertificates[0].PublicKey)
		if err != nil || pin != j.pin {
			return errPin
		}
		return nil
	}}
}
