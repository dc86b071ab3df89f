// Package run runs a plan: it starts every request at its intended
// instant, sends it through the clients to the limiters, and writes what
// came of it to the record.
//
// What flows in: a plan.Plan and a Sink. What flows out: one Observation for
// each decision, error and drop, and a Result. Imported by cmd/.
package run

import (
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/fakeredis"
	"github.com/quotalab/quotalab/sim/plan"
	"github.com/quotalab/quotalab/sim/realredis"
	"github.com/quotalab/quotalab/sim/virtualredis"
)

// Sink takes observations; a record.Writer is one. It must copy what it
// keeps. By the error Stop it ends the run, having taken the observation.
type Sink interface {
	Write(o *record.Observation) error
}

// Stop is why a Sink ends a run in good order: nothing new is sent, and what is
// under way is still recorded. It is the Result's Aborted.
type Stop string

func (s Stop) Error() string { return string(s) }

// Options are what a run may be told beside its plan.
type Options struct {
	// Progress is called now and then with the run's instant and the number
	// of arrivals so far, by one goroutine at a time. May be nil.
	Progress func(at int64, arrivals int64)
	// Tell is given what a user who waits wants to know. May be nil.
	Tell func(string)
	// Live is what a run in real time plays on; nil: embedded shards, in
	// virtual time.
	Live *Live
	// Engine starts redis-server processes that stand for the embedded shards, in
	// virtual time; nil: there are none.
	Engine *virtualredis.Program
	// InFlight is kept at the number of requests under way. May be nil.
	InFlight *atomic.Int64
	// Patience is how long, in real time, one request may hold up virtual
	// time; 0: ten seconds.
	Patience time.Duration
	// Wire says that commands to embedded shards go through go-redis' writer and
	// reader all the way, which is slower and gives the same record.
	Wire bool
	// Cores are places of which every world that is being played takes one, for
	// runs that go on side by side; nil: as many as there are processors.
	Cores chan struct{}

	// Worlds are what PlayWorld has written of each world of the plan, in their order: nothing is
	// played, and the rest of the options have no effect. nil: all is played here.
	Worlds []io.Reader

	// Stripe is what Generate sends; the zero value: all.
	Stripe Stripe
	// Generators are links to processes that Generate the stripes of the plan in real time, in their
	// order; nil: there are none, and the load is sent here.
	Generators []io.ReadWriter

	// Left is told, in virtual time, of the keys that embedded shards of a limiter hold
	// at the end, once for each of its worlds. May be nil.
	Left func(limiter string, keys []fakeredis.Left)
	// Executed is told of every command that embedded shards execute, and whether a
	// script called it; by several worlds at once. May be nil.
	Executed func(words []string, byScript bool)

	oneWorld bool          // the worlds of the plan are played as one
	base     time.Time     // of the clock that generators compare; zero: now
	startsIn time.Duration // after all generators are ready; 0: startsIn
}

// Result is what a run knows beside its observations.
type Result struct {
	Traffic    []record.Traffic
	Telemetry  []record.Telemetry
	Engines    []record.Engine
	Aborted    string           // why it ended before the horizon, "" if it did not
	Stopped    bool             // it was the sink that ended it
	Void       bool             // it ended because a generator was late or lost
	Unexpected int64            // errors of kind unexpected: a limiter failed by itself
	Memory     []record.Memory  // of embedded shards, where the plan asks for it
	Servers    []record.Server  // what live shards said
	Processes  []record.OwnTime // what decisions took limiters, as they say in real time
	Pacing     *record.Pacing   // how punctual the machine was in real time, of several generators the least punctual
	Generators []record.Generator
	ReadClock  []string          // limiters that read their client's clock
	Warnings   []string          // what limiters did that virtual time or a Redis Cluster cannot play
	Versions   map[string]string // of limiters that live in a process of their own, and how they were played
}

// Run plays the plan to its end, or until ctx is done: then nothing new is
// sent, and what is under way is still recorded. The error is one of the
// harness, not of a limiter.
func Run(ctx context.Context, p *plan.Plan, sink Sink, o Options) (Result, error) {
	if o.Live != nil { // before the arrivals' coroutines are made: they stay with the thread that paces them
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
	}
	d := &driver{ctx: ctx, requests: ctx, plan: p, planned: p.Worlds, sink: sink, options: o}
	switch {
	case o.Worlds != nil:
		return d.join()
	case o.Generators != nil:
		return d.direct()
	}
	if o.oneWorld || d.inRealTime() {
		d.planned = []plan.World{p.Whole()}
	}
	return d.run()
}

// run plays the driver's worlds.
func (d *driver) run() (Result, error) {
	d.until.Store(int64(d.plan.Horizon))
	feed, err := newFeed(d.plan)
	if err != nil {
		return Result{}, err
	}
	defer feed.close()
	d.feed = feed
	if err := d.open(); err != nil {
		return d.result, errors.Join(err, d.close())
	}
	for _, w := range d.worlds {
		w.begin()
	}
	if d.opened != nil {
		if err := d.opened(); err != nil {
			return d.result, errors.Join(err, d.close())
		}
	}
	if err := d.play(); err != nil {
		return d.result, errors.Join(err, d.close())
	}
	d.conclude()
	d.fail(d.close())
	return d.result, d.err
}

// clockBase is when the clock that generators compare stood at 0.
func (o *Options) clockBase() time.Time {
	if o.base.IsZero() {
		return clock.Now()
	}
	return o.base
}

// driver is one run.
type driver struct {
	ctx          context.Context
	plan         *plan.Plan
	sink         Sink
	options      Options
	requests     context.Context // of the limiters' calls
	feed         *feed
	planned      []plan.World // that it plays
	worlds       []*world     // of these
	apart        *gob.Encoder // takes what comes of the one world; nil: the sink does
	counted      *counted     // nil without accounts
	laps         *laps        // by which several worlds are played; nil: there is one, whose rows go to the sink at once
	until        atomic.Int64 // nothing new begins at this instant or later
	stopWatching func() bool
	opened       func() error // called before it plays; may be nil
	known        []facts      // by world, once it has played

	mu     sync.Mutex // of what follows
	result Result
	err    error // first error of the harness; ends the run
}

func (d *driver) inRealTime() bool { return d.options.Live != nil }

// open sets the stage and makes every limiter and engine.
func (d *driver) open() error {
	if d.plan.Accounts != nil {
		d.counted = newCounted(d.plan.Accounts)
	}
	if (len(d.plan.Worlds) > 1 || d.apart != nil) && !d.inRealTime() {
		d.laps = newLaps(d)
	}
	for _, of := range d.planned {
		w, err := newWorld(d, of)
		d.worlds = append(d.worlds, w)
		if err != nil {
			return err
		}
	}
	return nil
}

// play plays every world to its end.
func (d *driver) play() error {
	if d.laps != nil {
		return d.laps.play()
	}
	w := d.worlds[0]
	w.scheduleNext()
	if cores := d.options.Cores; cores != nil && !d.inRealTime() {
		cores <- struct{}{}
		defer func() { <-cores }()
	}
	return w.watched(w.clock.Run)
}

// conclude gathers what the worlds know beside their rows.
func (d *driver) conclude() {
	d.known = make([]facts, len(d.worlds))
	written := false
	for i, w := range d.worlds {
		var err error
		d.known[i], err = w.facts()
		d.fail(err)
		if w.quotas == nil {
			continue
		}
		if !written { // the accounts are the same in all
			d.fail(w.quotas.finish(d.sink.(QuotaSink).WriteAccount))
			written = true
		}
		for _, e := range w.quotas.engines {
			if e.program != nil {
				d.result.tellProcesses("engine "+e.Name, e.Process, []process{e.program})
			}
		}
	}
	d.result.gather(d.plan, d.known, d.concludeLimiter)
}

// concludeLimiter gathers what no worlds that are played apart have.
func (d *driver) concludeLimiter(i int) {
	l := &d.plan.Limiters[i]
	var all []process
	for _, w := range d.worlds {
		s := w.systems[i]
		if s == nil {
			continue
		}
		all = append(all, s.processes()...)
		if f, ok := s.fleet.(embeddedFleet); ok && d.options.Left != nil {
			d.options.Left(s.Name, f.Left())
		}
	}
	d.result.tellProcesses(limiterKind+l.Name, l.Process, all)
}

// warn adds warnings that are not there yet.
func (r *Result) warn(texts []string) {
	for _, t := range texts {
		if !slices.Contains(r.Warnings, t) {
			r.Warnings = append(r.Warnings, t)
		}
	}
}

// broken ends a run whose servers in virtual time failed.
func (d *driver) broken(err error) { d.fail(fmt.Errorf("%w: %w", realredis.ErrUnreachable, err)) }

// fail ends the run by an error of the harness.
func (d *driver) fail(err error) {
	if err == nil {
		return
	}
	d.mu.Lock()
	if d.err == nil {
		d.err = err
	}
	d.mu.Unlock()
	d.until.Store(0)
}

// abort lets nothing new begin from an instant on.
func (d *driver) abort(at int64, why string, stopped bool) {
	d.mu.Lock()
	if d.result.Aborted == "" {
		d.result.Aborted, d.result.Stopped = why, stopped
	}
	d.mu.Unlock()
	for was := d.until.Load(); at < was && !d.until.CompareAndSwap(was, at); was = d.until.Load() {
	}
}

// over tells whether nothing new may begin at the instant at.
func (d *driver) over(at int64) bool { return at >= d.until.Load() }

// evaluated hands an evaluation to the sink.
func (d *driver) evaluated(e *record.Evaluation) {
	d.fail(d.sink.(QuotaSink).WriteEvaluation(e))
}

// write hands an observation to the sink.
func (d *driver) write(o *record.Observation) {
	err := d.sink.Write(o)
	if err == nil {
		return
	}
	var stop Stop
	if !errors.As(err, &stop) {
		d.fail(err)
		return
	}
	if d.laps != nil {
		d.laps.stop(stop.Error())
		return
	}
	d.abort(0, stop.Error(), true)
	for _, w := range d.worlds {
		if s, ok := w.stage.(*onServers); ok {
			s.real.Stop()
		}
	}
}

func (d *driver) close() error {
	if d.stopWatching != nil {
		d.stopWatching()
	}
	var errs []error
	for _, w := range d.worlds {
		if w.stage == nil || w.gaveUp.Load() { // what holds it up still has the stage
			continue
		}
		errs = append(errs, w.closeProcesses())
		servers, err := w.stage.close(context.WithoutCancel(d.ctx))
		if errs = append(errs, err); servers != nil {
			d.result.Servers = servers
		}
		if s, ok := w.stage.(*onServers); ok && s.canary != nil {
			d.result.Pacing = &s.paced
		}
	}
	return errors.Join(errs...)
}

// unknown is an instant or number that there is none of.
const unknown = -1

// A simulation makes much short-lived garbage beside a small live heap, so
// that at Go's default the collector runs many times a second. A ballast that is
// never touched, and so takes no memory, keeps the next collection at least
// gcPercent/100·ballast bytes away; gcPercent bounds what large runs take. A
// larger gap is no faster: each page of it is new to the processor's caches.
//
// In real time every collection makes requests late, so that a ballast of
// liveBallastBytes comes to it (onServers.listen): short runs end without one.
const (
	ballastBytes     = 64 << 20
	gcPercent        = 75
	liveBallastBytes = 512 << 20
)

// ballast is made once in a process: a second one would be made of memory that was used, and so
// be cleared, which touches it.
var ballast = sync.OnceValue(func() []byte { return make([]byte, ballastBytes) })

// TuneGC sets the garbage collector for simulations until the returned
// function is called.
func TuneGC() (undo func()) {
	ballast()
	before := debug.SetGCPercent(gcPercent)
	return func() { debug.SetGCPercent(before) }
}
