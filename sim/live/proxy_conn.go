package live

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quotalab/quotalab/sim/vtime"
)

// proxyConn is one client's connection through a proxy.
type proxyConn struct {
	proxy  *proxy
	client *net.TCPConn
	server *net.TCPConn // nil until dialled
	up     *pipe        // from client to server
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
	server, err := dialer.DialContext(c.proxy.ctx, "tcp", c.proxy.target)
	if err != nil {
		c.abort() // the server refuses: the nearest that a client can see of it
		return
	}
	if !c.connected(server.(*net.TCPConn)) {
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

func (c *proxyConn) connected(server *net.TCPConn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		_ = server.SetLinger(0)
		_ = server.Close()
		return false
	}
	c.server = server
	return true
}

// request draws what the round trip that begins takes in addition.
func (c *proxyConn) request(s *shape) time.Duration {
	rtt := c.proxy.roundTrip(s)
	c.rtt.Store(int64(rtt))
	return rtt / 2
}

func (c *proxyConn) reply(*shape) time.Duration {
	rtt := time.Duration(c.rtt.Load())
	return rtt - rtt/2
}

// copy moves the bytes of one direction. The end of the stream is passed on
// as bytes are, after all that came before it.
func (c *proxyConn) copy(p *pipe, from, to *net.TCPConn, delay func(*shape) time.Duration) {
	p.to = to
	buf := make([]byte, largestChunk)
	for {
		n, err := from.Read(buf[:chunkSize(c.proxy.shape.Load().bytesPerSecond)])
		s := c.proxy.shape.Load() // it may have changed while there was nothing to read
		if n > 0 && !c.forward(p, buf[:n], s, delay(s)) {
			return
		}
		switch {
		case errors.Is(err, io.EOF):
			p.send(nil, time.Time{}, s.held)
			return
		case err != nil:
			c.abort() // reset by one end: so be it for the other
			return
		}
	}
}

// forward sends data when it has passed the link and its delay is over. It
// returns when the link is nearly free for more of this connection.
func (c *proxyConn) forward(p *pipe, data []byte, s *shape, delay time.Duration) bool {
	if delay == 0 && s.bytesPerSecond == 0 {
		return p.send(data, time.Time{}, s.held)
	}
	now := vtime.Now()
	left := now
	if s.bytesPerSecond > 0 {
		left = p.link.pass(p.arrived(now), len(data), s.bytesPerSecond)
		p.left, p.more = left, len(data) == chunkSize(s.bytesPerSecond)
	}
	ok := p.send(data, left.Add(delay), s.held)
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
	for _, conn := range []*net.TCPConn{c.client, c.server} {
		if conn == nil {
			continue
		}
		if reset {
			_ = conn.SetLinger(0) // closing then sends a RST; fails only where the other end was faster
		}
		_ = conn.Close()
	}
	c.up.stop()
	c.down.stop()
}
