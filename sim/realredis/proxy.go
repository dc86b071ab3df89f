// Faults of the network are made by a small proxy of this package's own
// rather than by github.com/Shopify/toxiproxy/v2: the last release that the
// module proxy serves (v2.12.0) is of March 2025, its toxics register
// themselves in init() and a global map, draw jitter that is uniform in whole
// milliseconds from a global source, and wait by Go's timers, up to a
// millisecond late on round trips of 0.05. Its bandwidth is that of one
// connection in whole kilobytes a second, where a link is shared by all, and
// it would bring in a router, a logger and a command line library.
package realredis

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quotalab/quotalab/sim/clock"
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

	shape  atomic.Pointer[fault.Link]
	up     link // to the shard
	down   link // from it
	mu     sync.Mutex
	faults fault.Begun  // at present
	listen net.Listener // nil: refuses connections
	conns  map[*proxyConn]struct{}
	closed bool
	failed error // first error of accepting
}

// newProxy listens on a free port of loopback.
func newProxy(target string, t *timers, rng *rand.Rand) (*proxy, error) {
	port, err := holdPort("127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("proxy before %s: %w", target, err)
	}
	p := &proxy{addr: port.addr, target: target, timers: t, port: port, rng: rng, conns: map[*proxyConn]struct{}{}}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.shape.Store(&fault.Link{})
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

// Begin lets the link have a fault. The server itself loses nothing.
func (p *proxy) Begin(f fault.Fault) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var now fault.Link
	if f.Kind.Of().Link(f, &now); now.Resets {
		p.reset()
		return nil
	}
	p.faults.Add(f, fault.Course{End: p.change})
	return p.change()
}

// End ends one that has begun.
func (p *proxy) End(f fault.Fault) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.faults.End(f); err != nil {
		return fmt.Errorf("proxy before %s: fault %s: %w", p.target, f.Kind, err)
	}
	return nil
}

// change makes the link what its faults say; p.mu is held.
func (p *proxy) change() error {
	next := &fault.Link{}
	for _, f := range p.faults {
		f.Kind.Of().Link(f.Fault, next)
	}
	before := p.shape.Swap(next)
	if before.Held && !next.Held {
		for c := range p.conns {
			c.release()
		}
	}
	switch {
	case next.Refuses && p.listen != nil:
		return p.refuse()
	case !next.Refuses && p.listen == nil:
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
func (p *proxy) roundTrip(s *fault.Link) (d time.Duration) {
	if len(s.Delays) == 0 {
		return 0
	}
	p.rngMu.Lock()
	defer p.rngMu.Unlock()
	for _, delay := range s.Delays {
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

// stream is a connection of TCP or of a Unix socket.
type stream interface {
	net.Conn
	CloseWrite() error
}

// cut closes a connection so that TCP sends a RST; it fails only where the other end was
// faster. A Unix socket has none: its other end reads the end of the stream.
func cut(s stream) {
	if tcp, ok := s.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = s.Close()
}

// proxyConn is one client's connection through a proxy.
type proxyConn struct {
	proxy  *proxy
	client stream
	server stream // nil until dialled
	up     *pipe  // from client to server
	down   *pipe

	// rtt is what the last request's round trip takes in addition, in
	// nanoseconds: half goes to the request, half to its reply.
	rtt atomic.Int64

	mu    sync.Mutex // of server and ended
	ended bool
	done  chan struct{} // closed with ended
}

func newProxyConn(p *proxy, client *net.TCPConn) *proxyConn {
	c := &proxyConn{proxy: p, client: client, done: make(chan struct{})}
	c.up, c.down = newPipe(c, &p.up), newPipe(c, &p.down)
	return c
}

// dialTimeout is how long a server may take to accept a proxy's connection.
const dialTimeout = 5 * time.Second

// run passes bytes on until both ends have closed.
func (c *proxyConn) run() {
	defer c.proxy.forget(c)
	dialer := net.Dialer{Timeout: dialTimeout}
	server, err := dialer.DialContext(c.proxy.ctx, protocolOf(c.proxy.target), c.proxy.target)
	if err != nil {
		c.abort() // the server refuses: the nearest that a client can see of it
		return
	}
	if !c.connected(server.(stream)) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { c.copy(c.up, c.client, c.server, c.request) })
	both.Go(func() { c.copy(c.down, c.server, c.client, c.reply) })
	both.Wait()
	c.up.drained.Wait()
	c.down.drained.Wait()
	c.end(false)
}

func (c *proxyConn) connected(server stream) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		cut(server)
		return false
	}
	c.server = server
	return true
}

// request draws what the round trip that begins takes in addition.
func (c *proxyConn) request(s *fault.Link) time.Duration {
	rtt := c.proxy.roundTrip(s)
	c.rtt.Store(int64(rtt))
	return rtt / 2
}

func (c *proxyConn) reply(*fault.Link) time.Duration {
	rtt := time.Duration(c.rtt.Load())
	return rtt - rtt/2
}

// copy moves the bytes of one direction. The end of the stream is passed on
// as bytes are, after all that came before it.
func (c *proxyConn) copy(p *pipe, from, to stream, delay func(*fault.Link) time.Duration) {
	p.to = to
	buf := make([]byte, largestChunk)
	for {
		n, err := from.Read(buf[:chunkSize(c.proxy.shape.Load().BytesPerSecond)])
		s := c.proxy.shape.Load() // it may have changed while there was nothing to read
		if n > 0 && !c.forward(p, buf[:n], s, delay(s)) {
			return
		}
		switch {
		case errors.Is(err, io.EOF):
			p.send(nil, time.Time{}, s.Held)
			return
		case err != nil:
			c.abort() // reset by one end: so be it for the other
			return
		}
	}
}

// forward sends data when it has passed the link and its delay is over. It
// returns when the link is nearly free for more of this connection.
func (c *proxyConn) forward(p *pipe, data []byte, s *fault.Link, delay time.Duration) bool {
	if delay == 0 && s.BytesPerSecond == 0 {
		return p.send(data, time.Time{}, s.Held)
	}
	now := clock.Now()
	left := now
	if s.BytesPerSecond > 0 {
		left = p.link.pass(p.arrived(now), len(data), s.BytesPerSecond)
		p.left, p.more = left, len(data) == chunkSize(s.BytesPerSecond)
	}
	ok := p.send(data, left.Add(delay), s.Held)
	c.proxy.timers.wait(left.Sub(now)-ahead, c.done)
	return ok
}

// release lets bytes go that were held.
func (c *proxyConn) release() {
	c.up.release()
	c.down.release()
}

// abort resets both ends.
func (c *proxyConn) abort() { c.end(true) }

func (c *proxyConn) end(reset bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return
	}
	c.ended = true
	close(c.done)
	for _, conn := range []stream{c.client, c.server} {
		switch {
		case conn == nil:
		case reset:
			cut(conn)
		default:
			_ = conn.Close()
		}
	}
	c.up.stop()
	c.down.stop()
}

const (
	// largestChunk in bytes is what is read at once on an unlimited link.
	largestChunk = 16 << 10
	// smallestChunk is what is read at once on the slowest link.
	smallestChunk = 256
	// window is how many bytes of a direction may be under way, as of a TCP
	// window: beyond, the sender waits.
	window = 1 << 20
	// turn is how long a connection has the link to itself.
	turn = 5 * time.Millisecond
	// ahead is how long before the departure of a chunk its connection may
	// put the next on the link. It hides that waking takes time.
	ahead = 4 * turn
	// latest is how much later than that it may wake and lose nothing.
	latest = 20 * turn
)

// chunkSize is a turn's bytes, so that they do not arrive all at once.
func chunkSize(bytesPerSecond float64) int {
	if bytesPerSecond <= 0 {
		return largestChunk
	}
	return int(min(max(bytesPerSecond*turn.Seconds(), smallestChunk), largestChunk))
}

// link is one direction between clients and shard, shared by all
// connections: a queue for one server.
type link struct {
	mu   sync.Mutex
	free time.Time // when the last byte that waits for it has left
}

// pass returns when n bytes have left that come at that time.
func (l *link) pass(at time.Time, n int, bytesPerSecond float64) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.free.Before(at) {
		l.free = at
	}
	l.free = l.free.Add(time.Duration(float64(n) / bytesPerSecond * float64(time.Second)))
	return l.free
}

// pipe is one direction of one connection. Bytes stay in order.
type pipe struct {
	conn    *proxyConn
	link    *link
	to      stream
	drained sync.WaitGroup // of deliveries

	left time.Time // when the last chunk has left a limited link
	more bool      // it was not the last of what there was to read

	mu     sync.Mutex
	space  *sync.Cond
	queue  []chunk // under way
	bytes  int     // of queue
	last   time.Time
	active bool // chunks are under way: what comes must not overtake them
	parked bool // active, and waits for release
	ended  bool
}

// chunk is some bytes, or the end of the stream where there are none.
type chunk struct {
	data []byte
	due  time.Time
}

func newPipe(c *proxyConn, l *link) *pipe {
	p := &pipe{conn: c, link: l}
	p.space = sync.NewCond(&p.mu)
	return p
}

// arrived returns when a chunk came that is read now: what had to wait for the
// one before was there when that left.
func (p *pipe) arrived(now time.Time) time.Time {
	if p.more && now.After(p.left) && now.Sub(p.left) < latest {
		return p.left
	}
	return now
}

// send delivers data at due, at once if that is zero, but never before what
// was sent earlier. It waits while too much is under way, and tells whether
// the connection still stands.
func (p *pipe) send(data []byte, due time.Time, held bool) bool {
	p.mu.Lock()
	if !p.active && !held && due.IsZero() {
		p.mu.Unlock() // nobody else writes while it is not active
		return p.deliver(data)
	}
	defer p.mu.Unlock()
	for p.bytes > window && !p.ended {
		p.space.Wait()
	}
	if p.ended {
		return false
	}
	if due.Before(p.last) {
		due = p.last
	}
	p.last = due
	p.queue = append(p.queue, chunk{bytes.Clone(data), due})
	p.bytes += len(data)
	if !p.active {
		p.active = true
		p.drained.Add(1)
		p.arm(due)
	}
	return true
}

// arm delivers what is due at that time. It is called with p.mu held.
func (p *pipe) arm(due time.Time) {
	p.conn.proxy.timers.at(due, func() { go p.flush() })
}

// flush delivers what is due, and arranges for the rest.
func (p *pipe) flush() {
	for {
		c, ok := p.next()
		if !ok || !p.deliver(c.data) {
			return
		}
	}
}

func (p *pipe) next() (chunk, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.ended || len(p.queue) == 0:
		p.settle()
		return chunk{}, false
	case p.conn.proxy.shape.Load().Held:
		p.parked = true
		return chunk{}, false
	}
	head := p.queue[0]
	if head.due.After(clock.Now()) {
		p.arm(head.due)
		return chunk{}, false
	}
	p.queue[0] = chunk{}
	p.queue = p.queue[1:]
	p.bytes -= len(head.data)
	p.space.Signal()
	return head, true
}

// settle says that nothing is under way any more; p.mu is held.
func (p *pipe) settle() {
	if p.active {
		p.active = false
		p.drained.Done()
	}
}

// deliver writes data, or ends the stream where there is none.
func (p *pipe) deliver(data []byte) bool {
	var err error
	if data == nil {
		err = p.to.CloseWrite()
	} else {
		_, err = p.to.Write(data)
	}
	if err != nil {
		p.conn.abort()
	}
	return err == nil
}

func (p *pipe) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.parked {
		p.parked = false
		go p.flush()
	}
}

// stop forgets what is under way.
func (p *pipe) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	p.queue = nil
	p.space.Broadcast()
	p.settle()
}
