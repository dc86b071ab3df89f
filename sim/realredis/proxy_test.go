package realredis

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/models/network"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/fault"
)

// echo answers every byte with itself.
func echo(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.Copy(c, c)
			}()
		}
	}()
	return l.Addr().String()
}

// before puts a proxy before the target, and looks for what it leaves.
func before(t testing.TB, target string) *proxy {
	t.Helper()
	ignore := goleak.IgnoreCurrent()
	tm, err := newTimers()
	if err != nil {
		t.Fatal(err)
	}
	p, err := newProxy(target, tm, rand.New(rand.NewPCG(1, 2)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(p.Close(), tm.Close()); err != nil {
			t.Error(err)
		}
		goleak.VerifyNone(t, ignore, goleak.IgnoreAnyFunction("github.com/quotalab/quotalab/sim/realredis.echo.func2.1"))
	})
	return p
}

func dial(t testing.TB, addr string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c.(*net.TCPConn)
}

// ping sends a byte and returns how long its echo took.
func ping(t testing.TB, c net.Conn) time.Duration {
	t.Helper()
	sent := time.Now()
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	return time.Since(sent)
}

func begin(t testing.TB, p fault.Target, f fault.Fault) {
	t.Helper()
	if err := p.Begin(f); err != nil {
		t.Fatal(err)
	}
}

func end(t testing.TB, p fault.Target, f fault.Fault) {
	t.Helper()
	if err := p.End(f); err != nil {
		t.Fatal(err)
	}
}

func median(n int, f func() time.Duration) time.Duration {
	d := make([]time.Duration, n)
	for i := range d {
		d[i] = f()
	}
	slices.Sort(d)
	return d[n/2]
}

func TestProxyDelay(t *testing.T) {
	testkit.Live(t, "measures real time")
	exponential, err := network.Exponential(4 * time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		why string
		rtt network.Distribution
	}{
		{"shorter than Go's timers can wait", network.Constant(300 * time.Microsecond)},
		{"as of another zone", network.Constant(3 * time.Millisecond)},
		{"jitter", exponential},
	} {
		// A machine with other work makes it later, nothing makes it earlier.
		for try := 1; ; try++ {
			late, allowed := lateness(t, tt.rtt)
			t.Logf("%s: %v late, %v allowed", tt.why, late, allowed)
			if late <= allowed {
				break
			}
			if try == 6 {
				t.Errorf("%s: round trips take %v longer than their delay, expected at most %v on this machine now", tt.why, late, allowed)
				break
			}
		}
	}
}

// lateness returns how much longer than its delay a round trip takes, and what may be expected:
// three times what a round trip without delay and two bare waits take on this machine
// in the same moments, medians all.
func lateness(t *testing.T, rtt network.Distribution) (late, allowed time.Duration) {
	t.Helper()
	target := echo(t)
	delayed, plain := before(t, target), before(t, target)
	pace, err := clock.NewPollPacer()
	if err != nil {
		t.Fatal(err)
	}
	defer pace.Close()
	through, control := dial(t, delayed.addr), dial(t, plain.addr)
	f := fault.Fault{Kind: fault.Delay, Until: 1, RTT: rtt}
	begin(t, delayed, f)
	drawn := rand.New(rand.NewPCG(1, 2)) // as the proxy draws
	var lates, expected []time.Duration
	for range 100 {
		delay := rtt.Sample(drawn)
		took := ping(t, through)
		if took < delay {
			t.Errorf("a round trip of %v, expected at least its delay of %v", took, delay)
		}
		lates = append(lates, took-delay)
		start := time.Now()
		pace.Sleep(delay / 2)
		wait := time.Since(start) - delay/2
		expected = append(expected, ping(t, control)+2*wait)
	}
	end(t, delayed, f)
	slices.Sort(lates)
	slices.Sort(expected)
	after := median(50, func() time.Duration { return ping(t, through) })
	before := median(50, func() time.Duration { return ping(t, control) })
	// After the fault nothing of it may remain.
	return max(lates[50], after-2*before), 3*expected[50] + 200*time.Microsecond
}

// Requests that are sent one after the other without waiting overtake
// nothing, and each is delayed by itself: together they take no longer.
func TestProxyDelayKeepsOrder(t *testing.T) {
	testkit.Live(t, "measures real time")
	exponential, err := network.Exponential(2 * time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	p := before(t, echo(t))
	c := dial(t, p.addr)
	f := fault.Fault{Kind: fault.Delay, Until: 1, RTT: exponential}
	begin(t, p, f)
	sent := make([]byte, 400)
	for i := range sent {
		sent[i] = byte(i)
	}
	start := time.Now()
	go func() {
		for i := range sent {
			c.Write(sent[i : i+1])
			time.Sleep(100 * time.Microsecond)
			if i == len(sent)/2 {
				p.End(f)
			}
		}
		c.CloseWrite()
	}()
	got, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("%d bytes back, %v; expected the %d that were sent, in order", len(got), err, len(sent))
	}
	if took := time.Since(start); took > 700*time.Millisecond {
		t.Errorf("%v for 400 requests 0.1 ms apart, each delayed by 2 ms in the mean, expected less than one after the other", took)
	}
}

func TestProxyBandwidth(t *testing.T) {
	testkit.Live(t, "measures real time")
	tests := []struct {
		why   string
		rate  float64
		conns int
		bytes int // of each connection
	}{
		{"one connection", 4e6, 1, 2e6},
		{"a link shared by all", 4e6, 4, 500_000},
		{"slow: a few packets", 50e3, 2, 10_000},
	}
	for _, tt := range tests {
		// Each way has the whole rate, and both are used at once. A machine
		// with other work makes it slower, nothing makes it faster.
		best := 0.0
		for range 3 {
			rate := transfer(t, tt.rate, tt.conns, tt.bytes)
			if rate > 1.02*tt.rate {
				t.Errorf("%s: %.0f bytes a second each way, expected at most %.0f", tt.why, rate, tt.rate)
			}
			if best = max(best, rate); best > 0.9*tt.rate {
				break
			}
		}
		t.Logf("%s: %.4g bytes a second of %.4g", tt.why, best, tt.rate)
		if best < 0.9*tt.rate {
			t.Errorf("%s: %.0f bytes a second each way, expected %.0f", tt.why, best, tt.rate)
		}
	}
}

// transfer echoes bytes on each connection, and returns the rate of all.
func transfer(t *testing.T, rate float64, conns, bytes int) float64 {
	t.Helper()
	p := before(t, echo(t))
	begin(t, p, fault.Fault{Kind: fault.Bandwidth, Until: 1, BytesPerSecond: rate})
	done := make(chan error)
	start := time.Now()
	for range conns {
		c := dial(t, p.addr)
		go func() { c.Write(make([]byte, bytes)) }()
		go func() {
			_, err := io.ReadFull(c, make([]byte, bytes))
			done <- err
		}()
	}
	for range conns {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	return float64(conns*bytes) / time.Since(start).Seconds()
}

func TestProxyFrozen(t *testing.T) {
	p := before(t, echo(t))
	c := dial(t, p.addr)
	ping(t, c)
	f := fault.Fault{Kind: fault.Frozen, Until: 1}
	begin(t, p, f)
	late := dial(t, p.addr) // accepted, as by a kernel whose process is stopped
	big := bytes.Repeat([]byte("0123456789"), 400_000)
	go func() {
		c.Write(big) // more than the window
		c.CloseWrite()
	}()
	late.Write([]byte("y"))
	for _, conn := range []*net.TCPConn{c, late} {
		conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if n, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%d bytes, %v from a frozen shard, expected a timeout", n, err)
		}
		conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	}
	end(t, p, f)
	if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, big) {
		t.Errorf("%d bytes after the freeze, %v; expected all %d and the end", len(got), err, len(big))
	}
	if n, err := late.Read(make([]byte, 1)); n != 1 {
		t.Errorf("connection made while frozen: %v, expected its echo", err)
	}
}

func TestProxyResetAndDown(t *testing.T) {
	p := before(t, echo(t))
	c := dial(t, p.addr)
	ping(t, c)
	begin(t, p, fault.Fault{Kind: fault.Reset})
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("after a reset: %v, expected ECONNRESET", err)
	}
	c = dial(t, p.addr)
	ping(t, c)

	first, second := fault.Fault{Kind: fault.Down, At: 1, Until: 3}, fault.Fault{Kind: fault.Down, At: 2, Until: 4}
	for range 3 {
		begin(t, p, first)
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("when it goes down: %v, expected ECONNRESET", err)
		}
		for range 200 {
			if _, err := net.Dial("tcp", p.addr); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Fatalf("while down: %v, expected ECONNREFUSED", err)
			}
		}
		begin(t, p, second)
		end(t, p, first)
		if _, err := net.Dial("tcp", p.addr); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("while one of two is over: %v, expected ECONNREFUSED", err)
		}
		end(t, p, second)
		c = dial(t, p.addr)
		ping(t, c)
	}
	if err := p.End(first); err == nil {
		t.Error("a fault that has not begun ended without an error")
	}
}

// A shard that does not listen refuses; a proxy cannot, once it has accepted.
func TestProxyBeforeNobody(t *testing.T) {
	port, err := holdPort("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	c, err := net.Dial("tcp", before(t, port.addr).addr)
	if err == nil {
		defer c.Close()
		_, err = c.Read(make([]byte, 1))
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%v, expected ECONNRESET", err)
	}
}

// BenchmarkProxy compares a round trip of a byte on a direct connection with
// one through a proxy without faults, in turns.
func BenchmarkProxy(b *testing.B) {
	target := echo(b)
	direct, proxied := dial(b, target), dial(b, before(b, target).addr)
	var sum [2]time.Duration
	for b.Loop() {
		sum[0] += ping(b, direct)
		sum[1] += ping(b, proxied)
	}
	us := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(b.N) }
	b.ReportMetric(us(sum[0]), "direct-µs")
	b.ReportMetric(us(sum[1]), "proxied-µs")
	b.ReportMetric(us(sum[1]-sum[0]), "added-µs")
	b.ReportMetric(float64(sum[1])/float64(sum[0]), "ratio")
}
