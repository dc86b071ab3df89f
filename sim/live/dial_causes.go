package live

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
)

// knock connects to host and, if so, agrees on TLS, then hangs up: its errors
// are plainer than those of a pool of connections.
func (l Login) knock(ctx context.Context, host string) error {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", host)
	if err != nil || l.TLS == nil {
		if conn != nil {
			err = conn.Close()
		}
		return err
	}
	config := l.TLS.Clone()
	if config.ServerName == "" {
		if config.ServerName, _, err = net.SplitHostPort(host); err != nil {
			return errors.Join(err, conn.Close())
		}
	}
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close() // the first error says more
		return fmt.Errorf("%w: %w", errHandshake, err)
	}
	_ = secure.Close() // the server may have hung up first, for want of a certificate, of which the login tells
	return nil
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
