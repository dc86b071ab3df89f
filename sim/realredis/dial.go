package realredis

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/scenarios/decode"
)

const (
	// dialLimit is how long Dial may take, and DialCluster twice.
	dialLimit = 3 * time.Second
	// answerLimit is how long connecting to a server, or its answer to one
	// command, may take.
	answerLimit = 2 * time.Second
)

// Dial looks for servers that are there already, logs in and pings each. An
// error that wraps ErrUnreachable names every one that cannot be used, and
// why.
func Dial(ctx context.Context, addresses []Address, login Login) (*Servers, error) {
	var names, hosts []string
	for _, a := range addresses {
		names, hosts = append(names, a.Name), append(hosts, a.Host)
	}
	if err := errors.Join(checkNames(names), login.Check()); err != nil {
		return nil, err
	}
	return enter(ctx, &Servers{}, names, hosts, login)
}

// Check refuses what go-redis would silently leave out.
func (l Login) Check() error {
	if l.Username != "" && l.Password == "" {
		return fmt.Errorf("login: user %q without a password; give one (any, if the user needs none)", l.Username)
	}
	if l.DB < 0 {
		return fmt.Errorf("login: expected a database number from 0, found %d", l.DB)
	}
	return nil
}

// enter makes s the servers at hosts, if all of them answer.
func enter(ctx context.Context, s *Servers, names, hosts []string, login Login) (*Servers, error) {
	s.connect(names, hosts, login)
	causes := visit(ctx, s.admin, login, func(ctx context.Context, c *redis.Client) error { return c.Ping(ctx).Err() })
	var failed []string
	for i, cause := range causes {
		if cause != "" {
			failed = append(failed, fmt.Sprintf("shard %q at %s: %s", names[i], hosts[i], cause))
		}
	}
	if len(failed) == 0 {
		return s, nil
	}
	return nil, errors.Join(unreachable(ctx, failed), s.Close())
}

// visit has every client connect, log in and do a question, all at once. The
// answer says for each what went wrong, "" nothing.
func visit(ctx context.Context, clients []*redis.Client, login Login, question func(context.Context, *redis.Client) error) []string {
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	causes := make([]string, len(clients))
	var wait sync.WaitGroup
	for i, c := range clients {
		wait.Go(func() {
			host := c.Options().Addr
			err := login.knock(ctx, host)
			if err == nil {
				err = question(ctx, c)
			}
			causes[i] = login.cause(err)
		})
	}
	wait.Wait()
	return causes
}

// unreachable is the error of servers that failed. When ctx ended first,
// that is the reason, and not theirs.
func unreachable(ctx context.Context, failed []string) error {
	if ctx.Err() != nil {
		return fmt.Errorf("looking for the servers: %w", context.Cause(ctx))
	}
	return fmt.Errorf("%w: %s", ErrUnreachable, strings.Join(failed, "; "))
}

const (
	mostPEM      = 16 << 20 // bytes of a file of certificates: the system's have 220 kB
	mostPassword = 64 << 10 // bytes of a password
)

// readAtMost returns what is in a file or pipe, which has at most most bytes.
func readAtMost(path string, most int) ([]byte, error) {
	text, err := decode.ReadFile(path, int64(most))
	if err == nil && len(text) > most {
		err = fmt.Errorf("expected a file of at most %d KiB, found more in %s", most>>10, path)
	}
	return text, err
}

// TLSFiles names the files that say how connections are encrypted. All are optional.
type TLSFiles struct {
	CA         string // PEM file of who may sign the servers' certificates; "": the system's
	Cert, Key  string // PEM files of the client's certificate and private key
	ServerName string // that the servers' certificates must have; "": the host that is dialled
}

// Config reads the files. The error names all that are wrong.
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
	pem, err := readAtMost(f.CA, mostPEM)
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
	cert, err := readAtMost(f.Cert, mostPEM)
	if err != nil {
		return fmt.Errorf("TLS: certificate: %w", err)
	}
	key, err := readAtMost(f.Key, mostPEM)
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
	text, err := readAtMost(path, mostPassword)
	if err != nil {
		return "", fmt.Errorf("password: %w", err)
	}
	text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
	if len(text) == 0 {
		return "", fmt.Errorf("password: expected one in %s, found it empty", path)
	}
	return string(text), nil
}

// knock connects to host and, if so, agrees on TLS, then hangs up: its errors
// are plainer than those of a pool of connections.
func (l Login) knock(ctx context.Context, host string) error {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	conn, err := l.dial(ctx, host)
	if err == nil {
		_ = conn.Close() // the server may have hung up first, for want of a certificate; the login reports that
	}
	return err
}

// dial connects to host and, if so, agrees on TLS.
func (l Login) dial(ctx context.Context, host string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, protocolOf(host), host)
	if err != nil || l.TLS == nil {
		return conn, err
	}
	config := l.TLS.Clone()
	if config.ServerName == "" {
		if config.ServerName, _, err = net.SplitHostPort(host); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close() // the first error says more
		return nil, fmt.Errorf("%w: %w", errHandshake, err)
	}
	return secure, nil
}

var errHandshake = errors.New("agreeing on TLS")

// cause says in words why a server cannot be used; "" it can. Servers repeat
// parts of commands in their errors: a password in there is left out.
func (l Login) cause(err error) string {
	if err == nil {
		return ""
	}
	text := err.Error()
	if l.Password != "" {
		text = strings.ReplaceAll(text, l.Password, "***")
	}
	if what := l.meaning(err, text); what != "" {
		return what + " (" + text + ")"
	}
	return text
}

func (l Login) meaning(err error, text string) string {
	var network net.Error
	handshake := errors.Is(err, errHandshake)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused; does redis-server run there?"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &network) && network.Timeout():
		if handshake {
			return "no answer in time; does it speak TLS?"
		}
		return "no answer in time"
	case handshake && strings.Contains(text, "first record does not look like a TLS handshake"):
		return "it does not speak TLS"
	case handshake || strings.Contains(text, "tls: "):
		return "TLS failed"
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return l.hungUp()
	}
	for _, m := range meanings {
		if strings.Contains(text, m.says) {
			return m.means
		}
	}
	return ""
}

func (l Login) hungUp() string {
	switch {
	case l.TLS == nil:
		return "it hung up; does it want TLS?"
	case len(l.TLS.Certificates) == 0:
		return "it hung up; does it want a client's certificate?"
	}
	return "it hung up; does it trust the client's certificate?"
}

// meanings of what Redis says.
var meanings = []struct{ says, means string }{
	{"WRONGPASS", "wrong user or password"},
	{"NOAUTH", "it wants a password, and none was given"},
	{"without any password configured", "it has no password, and one was given"},
	{"DB index is out of range", "it has fewer databases"},
	{"NOPERM", "the user may not do this"},
	{"cluster support disabled", "it is no node of a cluster"},
}
