package foreign

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/sim/limiter"
)

// pool is the connections to a service in real time: each request has one to
// itself while it is under way.
type pool struct {
	service          limiter.Service
	network, address string
	host             string      // as requests name it
	tls              *tls.Config // nil: none

	mu   sync.Mutex
	free []*link
	all  []*link
}

// link is a connection to a service.
type link struct {
	net.Conn
	dialogue
	in   []byte
	used bool
}

// newPool returns one of a service at a URL; of none its place is said later.
func newPool(s limiter.Service, at string) (*pool, error) {
	p := &pool{service: s, host: "quotalab"}
	if at == "" {
		return p, nil
	}
	u, err := url.Parse(at)
	if err != nil {
		return nil, err
	}
	switch p.network, p.address = "tcp", u.Host; u.Scheme {
	case "unix":
		p.network, p.address = "unix", u.Path
		return p, nil
	case "https":
		p.tls = &tls.Config{ServerName: u.Hostname()}
		if len(s.Entries) > 0 {
			p.tls.NextProtos = []string{"h2"}
		}
	}
	if p.host = u.Host; u.Port() == "" {
		p.address = net.JoinHostPort(u.Hostname(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
	}
	return p, nil
}

// dial makes a connection.
func (p *pool) dial(ctx context.Context) (*link, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, p.network, p.address)
	if err != nil {
		return nil, err
	}
	if p.tls != nil {
		c = tls.Client(c, p.tls)
	}
	l := &link{Conn: c, dialogue: newDialogue(p.service, p.host)}
	if first := l.open(); len(first) > 0 {
		if _, err := l.Write(first); err != nil {
			return nil, errors.Join(err, l.Close())
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = append(p.all, l)
	return l, nil
}

// get returns a connection that nobody uses, or a new one.
func (p *pool) get(ctx context.Context) (*link, error) {
	p.mu.Lock()
	if n := len(p.free); n > 0 {
		l := p.free[n-1]
		p.free = p.free[:n-1]
		p.mu.Unlock()
		return l, nil
	}
	p.mu.Unlock()
	return p.dial(ctx)
}

// give has others use a connection.
func (p *pool) give(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = append(p.free, l)
}

// drop closes a connection.
func (p *pool) drop(l *link) {
	p.mu.Lock()
	p.all = slices.DeleteFunc(p.all, func(other *link) bool { return other == l })
	p.mu.Unlock()
	_ = l.Close() // nothing more is wanted of it
}

func (p *pool) close() {
	p.mu.Lock()
	all := p.all
	p.all, p.free = nil, nil
	p.mu.Unlock()
	for _, l := range all {
		_ = l.Close() // nothing more is wanted of it
	}
}

// ask asks for a decision. What goes wrong with a connection is an answer; the
// error is of a service that does not speak as it should. A connection that the
// service closed while it was idle is replaced.
func (p *pool) ask(ctx context.Context, t limiter.Take, limit time.Duration, now func() time.Time) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		l, err := p.get(ctx)
		if err != nil {
			return failureOf(err, limit), nil
		}
		used := l.used
		a, keep, err := l.exchange(ctx, t, now)
		if err != nil {
			p.drop(l)
			var idle *idleError
			switch {
			case errors.As(err, &idle) && used:
				continue
			case errors.As(err, &idle):
				return failureOf(idle.error, limit), nil
			}
			return nil, err
		}
		if keep {
			p.give(l)
		} else {
			p.drop(l)
		}
		return a, nil
	}
}

// idleError is of a connection on which nothing came back.
type idleError struct{ error }

// exchange writes a request and reads the response.
func (l *link) exchange(ctx context.Context, t limiter.Take, now func() time.Time) (a *answer, keep bool, err error) {
	deadline, _ := ctx.Deadline()
	if err := l.SetDeadline(deadline); err != nil {
		return nil, false, &idleError{err}
	}
	text, err := l.dialogue.ask(t)
	if err != nil {
		return nil, false, err
	}
	l.used = true
	if _, err := l.Write(text); err != nil {
		return nil, false, &idleError{err}
	}
	heard := false
	for buf := make([]byte, 4<<10); ; {
		n, failed := l.Read(buf)
		heard = heard || n > 0
		if failed != nil && (!heard || errors.Is(failed, os.ErrDeadlineExceeded)) {
			return nil, false, &idleError{failed}
		}
		got, err := l.dialogue.read(append(l.in, buf[:n]...), failed != nil, now())
		if err != nil {
			return nil, false, err
		}
		l.in = append(l.in[:0], got.rest...)
		if len(got.reply) > 0 && failed == nil {
			if _, err := l.Write(got.reply); err != nil && got.answer == nil {
				return nil, false, &idleError{err}
			}
		}
		if got.answer != nil {
			return got.answer, got.keep && failed == nil, nil
		}
	}
}

// failureOf is the answer where there was none.
func failureOf(err error, limit time.Duration) *answer {
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
		return &answer{Error: fmt.Sprintf("the service has not answered within %s", unit.Time(limit)), Kind: "timeout"}
	}
	return &answer{Error: err.Error(), Kind: "connection"}
}
