// Faults of the network are made by a small proxy of this package's own
// rather than by github.com/Shopify/toxiproxy/v2: the last release that the
// module proxy serves (v2.12.0) is of March 2025, its toxics register
// themselves in init() and a global map, draw jitter that is uniform in whole
// milliseconds from a global source, and wait by Go's timers, up to a
// millisecond late on round trips of 0.05. Its bandwidth is that of one
// connection in whole kilobytes a second, where a link is shared by all, and
// it would bring in a router, a logger and a command line library.
package live

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quotalab/quotalab/models/network"
	"github.com/quotalab/quotalab/sim/fault"
)

// proxy is the network between the run's clients and one shard. Without
// faults it passes on what it reads.
type proxy struct {
	addr   string // that clients dial, on loopback
	target string
	timers *timers
	port   *heldPort
	cancel context.CancelFunc
	ctx    context.Context
	wg     sync.WaitGroup

	rngMu sync.Mutex
	rng   *rand.Rand

	shape  atomic.Pointer[shape]
	up     link // to the shard
	down   link // from it
	mu     sync.Mutex
	faults []fault.Fault // at present
	listen net.Listener  // nil: refuses connections
	conns  map[*proxyConn]struct{}
	closed bool
	failed error // first error of accepting
}

// shape is what the link does to bytes at present.
type shape struct {
	delays         []network.Distribution // round trips in addition
	bytesPerSecond float64                // 0: unlimited
	held           bool
}

// newProxy listens on a free port of loopback.
func newProxy(target string, t *timers, rng *rand.Rand) (*proxy, error) {
	port, err := holdPort("127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("proxy before %s: %w", target, err)
	}
	p := &proxy{addr: port.addr, target: target, timers: t, port: port, rng: rng, conns: map[*proxyConn]struct{}{}}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.shape.Store(&shape{})
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.open(); err != nil {
		p.cancel()
		return nil, errors.Join(err, port.Close())
	}
	return p, nil
}

// open listens; p.mu is held. No one can have taken the port meanwhile.
func (p *proxy) open() error {
	l, err := net.Listen("tcp", p.addr)
	if err != nil {
		return fmt.Errorf("proxy before %s: %w", p.target, err)
	}
	p.listen = l
	p.wg.Go(func() { p.accept(l) })
	return nil
}

func (p *proxy) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of file descriptors: those who dial wait
			p.mu.Lock()
			if p.failed == nil {
				p.failed = fmt.Errorf("proxy before %s: %w", p.target, err)
			}
			p.mu.Unlock()
			p.timers.wait(5*time.Millisecond, p.ctx.Done())
			continue
		}
		p.serve(c.(*net.TCPConn), l)
	}
}

// serve makes a connection known at once, so that no reset misses it.
func (p *proxy) serve(client *net.TCPConn, l net.Listener) {
	c := newProxyConn(p, client)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listen != l {
		c.abort()
		return
	}
	p.conns[c] = struct{}{}
	p.wg.Go(c.run)
}

func (p *proxy) forget(c *proxyConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

// Begin and End let the link have a fault: Delay, Bandwidth, Reset, Down (the
// server itself loses nothing) or Frozen (bytes are held until the end).
func (p *proxy) Begin(f fault.Fault) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f.Kind == fault.Reset {
		p.reset()
		return nil
	}
	p.faults = append(p.faults, f)
	return p.change()
}

func (p *proxy) End(f fault.Fault) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, g := range p.faults {
		if same(f, g) {
			p.faults = append(p.faults[:i:i], p.faults[i+1:]...)
			return p.change()
		}
	}
	return fmt.Errorf("proxy before %s: no %s fault has begun", p.target, f.Kind)
}

// same tells whether two are one fault: Distributions may not be comparable.
func same(f, g fault.Fault) bool {
	return f.Kind == g.Kind && f.At == g.At && f.Until == g.Until && f.Shard == g.Shard && f.Name == g.Name
}

// change makes the link what its faults say; p.mu is held.
func (p *proxy) change() error {
	next, refuses := &shape{}, false
	for _, f := range p.faults {
		switch f.Kind {
		case fault.Delay:
			next.delays = append(next.delays, f.RTT)
		case fault.Bandwidth:
			if next.bytesPerSecond == 0 || f.BytesPerSecond < next.bytesPerSecond {
				next.bytesPerSecond = f.BytesPerSecond
			}
		case fault.Frozen:
			next.held = true
		case fault.Down:
			refuses = true
		default:
			return fmt.Errorf("proxy before %s: a link cannot have the fault %s", p.target, f.Kind)
		}
	}
	before := p.shape.Swap(next)
	if before.held && !next.held {
		for c := range p.conns {
			c.release()
		}
	}
	switch {
	case refuses && p.listen != nil:
		return p.refuse()
	case !refuses && p.listen == nil:
		return p.open()
	}
	return nil
}

// refuse closes the listener, so that the kernel answers dials with a reset,
// and all connections.
func (p *proxy) refuse() error {
	err := p.listen.Close()
	p.listen = nil
	p.reset()
	return err
}

// reset sends a RST to both ends of every connection; p.mu is held.
func (p *proxy) reset() {
	for c := range p.conns {
		c.abort()
	}
}

// roundTrip draws how much longer one takes at present.
func (p *proxy) roundTrip(s *shape) (d time.Duration) {
	if len(s.delays) == 0 {
		return 0
	}
	p.rngMu.Lock()
	defer p.rngMu.Unlock()
	for _, delay := range s.delays {
		d += delay.Sample(p.rng)
	}
	return d
}

// Close ends all connections, and tells whether any could not be accepted.
func (p *proxy) Close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil
	}
	p.closed = true
	var err error
	if p.listen != nil {
		err = p.refuse()
	}
	failed := p.failed
	p.mu.Unlock()
	p.cancel()
	p.wg.Wait()
	return errors.Join(failed, err, p.port.Close())
}
