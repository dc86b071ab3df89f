package foreign

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/models/network"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/fakeredis"
	"github.com/quotalab/quotalab/sim/limiter"
)

// Checked is what came of asking a child some questions several times.
type Checked struct {
	What      string
	Requests  int
	Runs      int    // in each mode
	Mode      string // that was checked beside exact; "": none
	Allowed   int    // in the first run
	Hashes    int    // different ones of exact runs: of what every request was answered when, and what its commands found
	Others    int    // different ones of the other mode's runs that no exact run had
	Hash      string // of the first run
	Shares    Shares // of all runs
	OtherKeys int    // requests to which commands with another's key were attributed
	Obedient  int    // runs in which it ended by itself when its input did
	Service   bool   // it need not
}

// Err returns what is wrong, nil if nothing is.
func (c *Checked) Err() error {
	switch {
	case c.Hashes > 1:
		return fmt.Errorf("%s: %d runs came to %d different results: it goes by a clock, by chance, or by threads that quotalab cannot see", c.What, c.Runs, c.Hashes)
	case c.Others > 0:
		return fmt.Errorf("%s: %d runs with quiet: %s came to %s than those with quiet: exact: say quiet: exact", c.What, c.Runs, c.Mode, unit.Counted(int64(c.Others), "other result"))
	case c.OtherKeys > 0:
		return fmt.Errorf("%s: commands with another key were attributed to %d requests", c.What, c.OtherKeys)
	case !c.Service && c.Obedient < c.all():
		return fmt.Errorf("%s: expected it to end by itself when its standard input ends; it did in %d of %d runs", c.What, c.Obedient, c.all())
	}
	return nil
}

// all returns the number of runs.
func (c *Checked) all() int {
	if c.Mode == "" {
		return c.Runs
	}
	return 2 * c.Runs
}

// round is a number of questions at once.
type round struct {
	what   string
	n      int
	oneKey bool
	even   bool // the delays of the shards are
}

var rounds = []round{
	{what: "one request", n: 1, oneKey: true}, {what: "64 requests of 64 keys", n: 64}, {what: "64 requests of one key", n: 64, oneKey: true},
	{what: "64 requests of 64 keys with even delays", n: 64, even: true},
}

// Check asks a child each round of questions that many times, on shards with
// random delays, while two busy loops take turns with it on the processors. The
// spec says what to start and its limits, and in which mode it is to be played: one
// that is not exact is compared with that.
func Check(ctx context.Context, s Spec, runs int, tell func(*Checked)) error {
	defer busy(2)()
	for _, r := range rounds {
		c := &Checked{What: r.what, Requests: r.n, Runs: runs, Service: s.Service != nil}
		mode := s
		mode.Quiet = limiter.Exact
		exact, err := c.play(ctx, mode, r)
		if err != nil {
			return err
		}
		c.Hashes = len(exact)
		if s.Quiet != limiter.Exact && c.Err() == nil {
			c.Mode = s.Quiet
			others, err := c.play(ctx, s, r)
			if err != nil {
				return fmt.Errorf("with quiet: %s: %w", s.Quiet, err)
			}
			maps.DeleteFunc(others, func(hash string, _ bool) bool { return exact[hash] })
			c.Others = len(others)
		}
		tell(c)
		if err := c.Err(); err != nil {
			return fmt.Errorf("%w: %w", ErrFailed, err)
		}
	}
	return nil
}

// busy begins that many busy loops, until the returned function is called.
func busy(n int) (stop func()) {
	var over atomic.Bool
	var wait sync.WaitGroup
	for range n {
		wait.Go(func() {
			for !over.Load() {
			}
		})
	}
	return func() {
		over.Store(true)
		wait.Wait()
	}
}

// play plays a round several times, and returns the different results.
func (c *Checked) play(ctx context.Context, s Spec, r round) (hashes map[string]bool, err error) {
	hashes = map[string]bool{}
	for i := range c.Runs {
		hash, err := c.round(ctx, s, r)
		if err != nil {
			return nil, fmt.Errorf("%s, run %d: %w", r.what, i+1, err)
		}
		if hashes[hash] = true; c.Hash == "" {
			c.Hash = hash
		}
	}
	return hashes, nil
}

// round starts the child, asks it the questions at once, twice, and ends it.
func (c *Checked) round(ctx context.Context, s Spec, r round) (hash string, err error) {
	stream := func(name string) *rand.Rand {
		sum := sha256.Sum256([]byte("check " + name))
		return rand.New(rand.NewChaCha8(sum))
	}
	s.Sched = clock.New(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	fleet, err := fakeredis.NewFleet(s.Sched, fakeredis.Spec{Names: s.Shards, Service: network.Constant(0), Scripts: network.Constant(0), Stream: stream})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, fleet.Close()) }()
	rtt := make([]network.Distribution, len(s.Shards))
	for i := range rtt {
		if rtt[i] = network.Constant(5 * time.Millisecond); r.even {
			continue
		}
		if rtt[i], err = network.Exponential(5 * time.Millisecond); err != nil {
			return "", err
		}
	}
	if s.Line, err = fleet.Line(fakeredis.ClientSpec{RTT: rtt, Stream: stream}); err != nil {
		return "", err
	}
	var failed error
	s.Offset, s.Horizon, s.Broken = func() time.Duration { return 0 }, int64(time.Minute), func(err error) { failed = err }
	p, err := Start(ctx, s)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	for i := range r.n {
		key := "user-0000"
		if !r.oneKey {
			key = fmt.Sprintf("user-%04d", i)
		}
		s.Sched.Go(func(proc *clock.Proc) {
			for range 2 {
				c.ask(proc, p, key, sum)
			}
		})
	}
	s.Sched.Run()
	if p.Strand() {
		s.Sched.Run()
	}
	_, shares := p.About()
	c.Shares.Add(shares)
	err = errors.Join(failed, p.Close())
	if p.Obedient() {
		c.Obedient++
	}
	return fmt.Sprintf("%x", sum.Sum(nil)), err
}

// ask asks one question and adds what came of it to a hash.
func (c *Checked) ask(proc *clock.Proc, p *Process, key string, sum io.Writer) {
	trace := fakeredis.NewTrace(context.Background())
	d, err := p.Take(trace, limiter.Request{Takes: []limiter.Take{{Limit: "default", Key: key, Cost: 1, Mode: record.TakeMode}}})
	if c.Hash == "" && d.Allowed {
		c.Allowed++
	}
	for _, k := range trace.Keys {
		if strings.Contains(k.Key, "user-") && !strings.Contains(k.Key, key) {
			c.OtherKeys++
			break
		}
	}
	fmt.Fprintf(sum, "%s %d %+v %v %v %+v %d %d %d\n", key, proc.Now(), d, err, trace.Touched, trace.Keys, trace.RoundTrips, trace.Effect, trace.Order)
}
