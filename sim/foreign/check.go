package foreign

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

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
	Runs      int
	Allowed   int    // in the first run
	Hashes    int    // different ones: of what every request was answered when, and what its commands found
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
	case c.OtherKeys > 0:
		return fmt.Errorf("%s: commands with another key were attributed to %d requests", c.What, c.OtherKeys)
	case !c.Service && c.Obedient < c.Runs:
		return fmt.Errorf("%s: expected it to end by itself when its standard input ends; it did in %d of %d runs", c.What, c.Obedient, c.Runs)
	}
	return nil
}

// rounds are the questions: how many at once, and whether of one key.
var rounds = []struct {
	what   string
	n      int
	oneKey bool
}{{"one request", 1, true}, {"64 requests of 64 keys", 64, false}, {"64 requests of one key", 64, true}}

// Check asks a child each round of questions that many times, on shards with
// random delays, while two busy loops take turns with it on the processors.
// The spec says what to start and its limits.
func Check(ctx context.Context, s Spec, runs int, tell func(*Checked)) error {
	defer busy(2)()
	for _, r := range rounds {
		c := &Checked{What: r.what, Requests: r.n, Runs: runs, Service: s.Service != nil}
		hashes := map[string]bool{}
		for i := range runs {
			hash, err := c.round(ctx, s, r.n, r.oneKey, i == 0)
			if err != nil {
				return fmt.Errorf("%s, run %d: %w", r.what, i+1, err)
			}
			if hashes[hash] = true; i == 0 {
				c.Hash = hash
			}
		}
		c.Hashes = len(hashes)
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

// round starts the child, asks it n questions at once, twice, and ends it.
func (c *Checked) round(ctx context.Context, s Spec, n int, oneKey, first bool) (hash string, err error) {
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
	sum := ""
	for i := range n {
		key := "user-0000"
		if !oneKey {
			key = fmt.Sprintf("user-%04d", i)
		}
		s.Sched.Go(func(proc *clock.Proc) {
			for range 2 {
				sum = c.ask(proc, p, key, first, sum)
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
	return sum, err
}

// ask asks one question and adds what came of it to a hash.
func (c *Checked) ask(proc *clock.Proc, p *Process, key string, first bool, sum string) string {
	trace := fakeredis.NewTrace(context.Background())
	d, err := p.Take(trace, limiter.Request{Takes: []limiter.Take{{Limit: "default", Key: key, Cost: 1, Mode: record.TakeMode}}})
	if first && d.Allowed {
		c.Allowed++
	}
	for _, k := range trace.Keys {
		if strings.Contains(k.Key, "user-") && !strings.Contains(k.Key, key) {
			c.OtherKeys++
			break
		}
	}
	text := fmt.Sprintf("%s %s %d %+v %v %v %+v %d", sum, key, proc.Now(), d, err, trace.Touched, trace.Keys, trace.RoundTrips)
	return fmt.Sprintf("%x", sha256.Sum256([]byte(text)))
}
