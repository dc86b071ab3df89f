package fakeredis

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/sim/clock"
)

// pool is a client's connections to one shard, where they are played: turns,
// idle connections and dials as go-redis v9.23 has them. A new connection takes
// two round trips: one to open it, which a frozen shard accepts too, and one for
// HELLO.
type pool struct {
	w       *wire
	shard   *Shard
	turns   int // that nobody has
	idle    int // connections that are open and not in use
	waiting []*waiter
	refused int   // dials that failed since the last probe that did not
	last    error // of them
}

// What go-redis does where its options do not say otherwise.
const (
	turnsOfProcessor = 10
	idleAtStart      = 16 // the harness' own number, as in real time
	dialPause        = 100 * time.Millisecond
	probePause       = time.Second
	leastBackoff     = 10 * time.Millisecond
	mostBackoff      = time.Second
)

// waiter is a caller in the queue for a turn.
type waiter struct {
	proc *clock.Proc
	err  error
	done bool
}

// pool returns the client's connections to the shard.
func (w *wire) pool(s *Shard) *pool {
	c := w.pools[s]
	if c == nil {
		size := w.poolSize()
		c = &pool{w: w, shard: s, turns: size, idle: min(cmp.Or(int(w.connection.MinIdle), idleAtStart), size)}
		w.pools[s] = c
	}
	return c
}

func (w *wire) poolSize() int { return cmp.Or(int(w.connection.PoolSize), turnsOfProcessor) }

// hangUpPools closes the Rings' connections to the shard. Those in use fail by
// their round trips.
func (f *Fleet) hangUpPools(s *Shard) {
	for _, w := range f.wires {
		if w.connection.Pooled {
			w.pool(s).idle = 0
		}
	}
}

// borrow plays round trips, each on a connection of its shard's pool, at the same
// time. The error is of one that failed. limit is the caller's deadline.
func (w *wire) borrow(proc *clock.Proc, trace *Trace, roundTrips []*roundTrip, limit int64) (failed error) {
	trips := int32(0)
	if trace != nil {
		trips = trace.RoundTrips + 1
	}
	began, open := proc.Now(), len(roundTrips)
	one := func(p *clock.Proc, f *roundTrip) {
		c := w.pool(f.shard)
		err := c.get(p, limit)
		if err != nil {
			f.fail(err)
		} else {
			if f.due += p.Now() - began; trace != nil {
				trace.RoundTrips = trips
				trace.Touch(f.shard.Name, int32(len(f.cmds)))
			}
			err = w.track(p, trace, []*roundTrip{f}, limit)
			c.put(err)
		}
		failed = cmp.Or(err, failed)
	}
	if open == 1 {
		one(proc, roundTrips[0])
		return failed
	}
	for _, f := range roundTrips {
		w.fleet.sched.Go(func(p *clock.Proc) {
			one(p, f)
			if open--; open == 0 {
				proc.Wake()
			}
		})
	}
	proc.Park()
	return failed
}

// get takes a turn and a connection.
func (c *pool) get(p *clock.Proc, limit int64) error {
	if err := c.turn(p, limit); err != nil {
		return err
	}
	if c.idle > 0 {
		c.idle--
		return nil
	}
	if err := c.open(p, limit); err != nil {
		return err
	}
	rtt := int64(c.w.rtt[c.shard.index].Sample(c.w.rng[c.shard.index]))
	hello := &roundTrip{w: c.w, shard: c.shard, due: p.Now() + rtt/2, back: rtt - rtt/2}
	err := c.w.track(p, nil, []*roundTrip{hello}, limit)
	if err != nil {
		c.free()
	}
	return err
}

// put gives a connection and its turn back. One that failed is closed.
func (c *pool) put(err error) {
	var reply redis.Error
	if err == nil || errors.As(err, &reply) && !redis.HasErrorPrefix(err, "READONLY") {
		c.idle++
	}
	c.free()
}

// turn waits for a turn, first come, first served.
func (c *pool) turn(p *clock.Proc, limit int64) error {
	if p.Now() >= limit {
		return context.DeadlineExceeded
	}
	if c.turns > 0 {
		c.turns--
		return nil
	}
	until, late := p.Now()+int64(cmp.Or(c.w.connection.PoolTimeout, c.w.connection.ReadTimeout+1e9)), redis.ErrPoolTimeout
	if limit <= until {
		until, late = limit, context.DeadlineExceeded
	}
	me := &waiter{proc: p}
	c.waiting = append(c.waiting, me)
	c.w.fleet.sched.Call(until, func() { me.end(late) })
	p.Park()
	return me.err
}

// end lets the waiter go on, once.
func (o *waiter) end(err error) bool {
	if o.done {
		return false
	}
	o.done, o.err = true, err
	o.proc.Wake()
	return true
}

// free passes a turn to the first who still waits.
func (c *pool) free() {
	for len(c.waiting) > 0 {
		first := c.waiting[0]
		if c.waiting = c.waiting[1:]; first.end(nil) {
			return
		}
	}
	c.turns++
}

// open dials for a caller who has a turn. One who leaves at its deadline
// leaves the turn to the dial, and the connection to others.
func (c *pool) open(p *clock.Proc, limit int64) error {
	me := &waiter{proc: p}
	c.w.fleet.sched.Go(func(q *clock.Proc) {
		err := c.dial(q)
		if left := !me.end(err); left && err == nil {
			c.put(nil)
		} else if err != nil {
			c.free()
		}
	})
	if limit < clock.Never {
		c.w.fleet.sched.Call(limit, func() { me.end(context.DeadlineExceeded) })
	}
	p.Park()
	return me.err
}

// dial tries to open a connection as often as it may. After as many failures
// as the pool has turns it does not try any more, until a probe succeeds.
func (c *pool) dial(p *clock.Proc) (err error) {
	if c.refused >= c.w.poolSize() {
		return c.last
	}
	for attempt := range max(1, c.w.connection.DialerRetries) {
		if attempt > 0 {
			p.Sleep(dialPause)
		}
		if err = c.connect(p); err == nil {
			return nil
		}
	}
	c.last = err
	if c.refused++; c.refused == c.w.poolSize() {
		c.w.fleet.sched.Go(c.probe)
	}
	return err
}

// probe dials once a second until that succeeds. Where nothing is wrong with
// the shard it may never: then others try too, so that the run has an end.
func (c *pool) probe(p *clock.Proc) {
	for c.connect(p) != nil && c.shard.suspect() {
		p.Sleep(probePause)
	}
	c.refused = 0
}

// connect is one attempt to open a connection.
func (c *pool) connect(p *clock.Proc) error {
	s := c.shard
	rtt := int64(c.w.rtt[s.index].Sample(c.w.rng[s.index]))
	if s.delay != nil {
		rtt += int64(s.delay.Sample(s.chaos()))
	}
	if limit := int64(c.w.connection.DialTimeout); limit > 0 && rtt >= limit {
		p.Sleep(time.Duration(limit))
		return &net.OpError{Op: "dial", Net: "tcp", Addr: place(s.Name), Err: os.ErrDeadlineExceeded}
	}
	p.Sleep(time.Duration(rtt / 2))
	down := s.down
	p.Sleep(time.Duration(rtt - rtt/2))
	if down {
		return refused(s)
	}
	return nil
}

// retries is how often the client sends commands again that were given in this
// form: of a Ring single commands alone.
func (w *wire) retries(as form) int {
	if !w.connection.Pooled || as != single && !w.fleet.spec.Cluster {
		return 0
	}
	return int(w.connection.MaxRetries)
}

// again sends what failed again, as often as the client does so. What the shard
// has executed before, it executes once more.
func (w *wire) again(ctx context.Context, cmds []redis.Cmder, as form) error {
	for attempt := range w.retries(as) {
		var failed []redis.Cmder
		for _, cmd := range cmds {
			if retryable(cmd.Err()) {
				failed = append(failed, cmd)
			}
		}
		if len(failed) == 0 {
			return nil
		}
		if as == transaction {
			failed = cmds
		}
		if err := w.backOff(ctx, failed[0], as, attempt+1); err != nil {
			return fail(failed, err)
		}
		if err := w.send(ctx, failed, as); err != nil {
			return err
		}
	}
	return nil
}

// backOff waits before an attempt, or until the caller's deadline: from 10 ms to
// three times as long before the first, with twice the spread before each further
// one, and 1 s at most.
func (w *wire) backOff(ctx context.Context, cmd redis.Cmder, as form, attempt int) error {
	rng := w.any
	if client, err := w.clientFor(commandOf(cmd), as); err == nil {
		rng = w.rng[w.shards[client].index]
	}
	proc := w.fleet.sched.Caller()
	wait := leastBackoff + time.Duration(rng.Int64N(int64(leastBackoff<<min(attempt, 20))))
	until, limit := proc.Now()+int64(min(wait, mostBackoff)), limitOf(TraceOf(ctx))
	proc.SleepUntil(min(until, max(limit, proc.Now())))
	if limit < until {
		return context.DeadlineExceeded
	}
	return nil
}

// retryable reports whether go-redis sends a command again that failed so.
func retryable(err error) bool {
	var network *net.OpError
	switch {
	case err == nil, errors.Is(err, context.DeadlineExceeded):
		return false
	case errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, redis.ErrPoolTimeout):
		return true
	}
	return slices.ContainsFunc(passing, func(prefix string) bool { return redis.HasErrorPrefix(err, prefix) })
}

// passing are refusals of a server that may not last.
var passing = []string{"max number of clients reached", "LOADING", "READONLY", "CLUSTERDOWN", "TRYAGAIN", "MASTERDOWN", "NOREPLICAS"}
