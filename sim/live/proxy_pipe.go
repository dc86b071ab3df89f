package live

import (
	"bytes"
	"net"
	"sync"
	"time"

	"github.com/quotalab/quotalab/sim/vtime"
)

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
	to      *net.TCPConn
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

// chunk of bytes, or the end of the stream where there are none.
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
	case p.conn.proxy.shape.Load().held:
		p.parked = true
		return chunk{}, false
	}
	head := p.queue[0]
	if head.due.After(vtime.Now()) {
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
