package realredis

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/quotalab/quotalab/sim/child"
)

// process is a redis-server that this program started, one life after the
// other on the same port. Its methods may be called at the same time.
type process struct {
	name    string // of the shard
	program string
	dir     string // of its files
	cluster bool
	log     child.LastWords

	mu     sync.Mutex
	port   *heldPort      // nil: not begun
	bus    *heldPort      // of the cluster's nodes among each other; nil: none
	life   *child.Process // the last one; nil: none yet
	up     bool           // it answered in this life, and nobody ended it
	closed bool
}

// host is its host:port.
func (p *process) host() string { return p.port.addr }

// pid is its process' number, also after it ended.
func (p *process) pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.life.Pid()
}

// kill ends it without a warning, as a crash does, and returns when it is
// gone. Its port refuses connections then.
func (p *process) kill() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.alive(); err != nil {
		return fmt.Errorf("killing it: %w", err)
	}
	p.reap()
	return nil
}

// restart starts it anew, empty, on its port and with its arguments, and
// returns when it answers. It need not have been killed before.
func (p *process) restart(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return fmt.Errorf("shard %q at %s: starting it anew: %w", p.name, p.host(), errClosed)
	}
	if !p.life.Ended() {
		p.reap()
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if err := p.run(ctx); err != nil {
		return fmt.Errorf("shard %q at %s: starting it anew: %w", p.name, p.host(), err)
	}
	return nil
}

// stop freezes it: it answers nothing, and its kernel still takes connections.
func (p *process) stop() error { return p.freeze(true) }

// resume lets it go on where it was stopped.
func (p *process) resume() error { return p.freeze(false) }

func (p *process) freeze(frozen bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.alive(); err != nil {
		return fmt.Errorf("freezing it or letting it go on: %w", err)
	}
	sig, err := child.Freezing(frozen)
	if err != nil {
		return err
	}
	if err := p.life.Signal(sig); err != nil {
		return fmt.Errorf("shard %q at %s: sending %v: %w", p.name, p.host(), sig, err)
	}
	return nil
}

// errClosed says that something was asked of a server after the end.
var errClosed = errors.New("the servers are closed")

// alive tells, with p.mu held, why there is nothing to send a signal to.
func (p *process) alive() error {
	switch {
	case p.closed:
		return fmt.Errorf("shard %q: %w", p.name, errClosed)
	case p.up && p.life.Ended():
		return p.endedItself()
	case !p.up:
		return fmt.Errorf("shard %q at %s: it was killed before", p.name, p.host())
	}
	return nil
}

func (p *process) endedItself() error {
	return fmt.Errorf("shard %q at %s: redis-server ended by itself: %s%s", p.name, p.host(), p.life.How(), &p.log)
}

// reap ends it, with p.mu held, and returns when it is gone.
func (p *process) reap() {
	p.life.Stop()
	p.up = false
}

// close ends it for good and gives its ports back. The error tells that it
// had ended by itself.
func (p *process) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	var errs []error
	if p.life != nil {
		if p.up && p.life.Ended() {
			errs = append(errs, p.endedItself())
		}
		p.reap()
	}
	for _, port := range []*heldPort{p.port, p.bus} {
		if port != nil {
			errs = append(errs, port.Close())
		}
	}
	return errors.Join(errs...)
}
