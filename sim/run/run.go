// Package run runs a plan: it starts every request at its intended
// instant, sends it through the clients to the limiters, and writes what
// came of it to the record.
//
// What flows in: a plan.Plan and a Sink. What flows out: one Observation for
// each decision, error and drop, and a Result. Imported by cmd/.
package run

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/limiter"
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
	// of arrivals so far, on the run's goroutine. May be nil.
	Progress func(at int64, arrivals int64)
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
}

// Result is what a run knows beside its observations.
type Result struct {
	Traffic    []record.Traffic
	Telemetry  []record.Telemetry
	Engines    []record.Engine
	Aborted    string            // why it ended before the horizon, "" if it did not
	Stopped    bool              // it was the sink that ended it
	Unexpected int64             // errors of kind unexpected: a limiter failed by itself
	Servers    []record.Server   // what live shards said
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
	d := &driver{ctx: ctx, requests: ctx, plan: p, sink: sink, options: o, arrivals: p.Arrivals()}
	defer d.arrivals.Close()
	if err := d.open(); err != nil {
		return d.result, errors.Join(err, d.close())
	}
	if d.quotas != nil {
		d.quotas.begin()
	}
	d.scheduleFaults()
	d.scheduleNext()
	if err := d.play(); err != nil {
		return d.result, errors.Join(err, d.closeProcesses()) // what holds it up still has the stage
	}
	if d.quotas != nil {
		d.fail(d.quotas.finish())
		d.result.Engines = d.quotas.result()
	}
	for _, w := range d.worlds {
		telemetry, err := w.telemetry()
		d.result.Telemetry = append(d.result.Telemetry, telemetry...)
		d.fail(err)
		if f, ok := w.fleet.(embeddedFleet); ok && f.ClusterWarning() != "" {
			d.result.Warnings = append(d.result.Warnings, "limiter "+w.Name+": "+f.ClusterWarning())
		}
		if w.read.Load() {
			d.result.ReadClock = append(d.result.ReadClock, w.Name)
		}
		d.result.Warnings = append(d.result.Warnings, w.warnings()...)
		d.tellProcesses(w)
	}
	d.fail(d.close())
	return d.result, d.err
}

// open sets the stage and makes every limiter and engine.
func (d *driver) open() error {
	if err := d.setStage(); err != nil {
		return err
	}
	p := d.plan
	for i := range p.Sources {
		d.retries = append(d.retries, p.Stream("traffic/"+p.Sources[i].Name+"/retries"))
		d.flying = append(d.flying, make([]int, len(p.Limiters)))
		d.result.Traffic = append(d.result.Traffic, record.Traffic{Name: p.Sources[i].Name})
	}
	d.clients = newClientClocks(p)
	for i := range p.Limiters {
		w, err := newWorld(d, i)
		if err != nil {
			return err
		}
		d.worlds = append(d.worlds, w)
	}
	if p.Accounts.Len() > 0 {
		var err error
		if d.quotas, err = newQuotas(d); err != nil {
			return err
		}
	}
	return d.stage.ready(d.ctx)
}

// setStage makes the clock and what goes with it.
func (d *driver) setStage() error {
	if d.options.Live == nil {
		s := newEmbedded(d.plan)
		s.engine, s.broken = d.options.Engine, d.broken
		d.stage, d.clock = s, s.sched
		return nil
	}
	s, err := newOnServers(d.ctx, d.plan, *d.options.Live)
	if err != nil {
		return err
	}
	d.stage, d.clock = s, s.real
	// Ctrl-C ends waiting too, and lets what is under way come back.
	d.stopWatching = context.AfterFunc(d.ctx, func() { s.real.Post(s.real.Stop) })
	d.requests = context.WithoutCancel(d.ctx)
	return nil
}

// driver is one run.
type driver struct {
	ctx          context.Context
	plan         *plan.Plan
	sink         Sink
	options      Options
	requests     context.Context // of the limiters' calls
	stage        stage
	clock        clock.Clock
	arrivals     *plan.Arrivals
	clients      []*clientOffset // by client
	worlds       []*world
	idle         []*request   // that have ended, for reuse
	quotas       *quotas      // nil without accounts
	retries      []*rand.Rand // by source
	flying       [][]int      // requests under way, by source and limiter
	count        int64
	stopWatching func() bool
	gaveUp       atomic.Bool // on a request that holds up virtual time: the sink is no longer the run's
	result       Result
	err          error // first error of the harness; ends the run
}

func (d *driver) inRealTime() bool { return d.options.Live != nil }

// broken ends a run whose servers in virtual time failed.
func (d *driver) broken(err error) { d.fail(fmt.Errorf("%w: %w", realredis.ErrUnreachable, err)) }

func (d *driver) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

// write hands an observation to the sink.
func (d *driver) write(o *record.Observation) {
	if d.gaveUp.Load() {
		return
	}
	err := d.sink.Write(o)
	var stop Stop
	if !errors.As(err, &stop) {
		d.fail(err)
		return
	}
	if d.result.Aborted == "" {
		d.result.Aborted, d.result.Stopped = stop.Error(), true
	}
	if s, ok := d.stage.(*onServers); ok {
		s.real.Stop()
	}
}

func (d *driver) close() error {
	if d.stage == nil {
		return nil
	}
	if d.stopWatching != nil {
		d.stopWatching()
	}
	err := d.closeProcesses()
	var serr error
	d.result.Servers, serr = d.stage.close(context.WithoutCancel(d.ctx))
	return errors.Join(err, serr)
}

// scheduleNext puts the next arrival on the schedule. The one after it is
// not looked at before this one is due, so a run's memory does not grow with
// its length.
func (d *driver) scheduleNext() {
	if d.err != nil || d.result.Aborted != "" {
		return
	}
	e, ok := d.arrivals.Next()
	if !ok {
		return
	}
	d.clock.Call(e.At, func() { d.arrive(e) })
}

// checkEvery so many arrivals a run in virtual time looks for an interrupt and
// reports; in real time it does at each.
const checkEvery = 1024

func (d *driver) arrive(e *plan.Event) {
	if d.result.Aborted != "" || (d.inRealTime() || d.count%checkEvery == 0) && d.interrupted(e.At) {
		return
	}
	d.count++
	d.result.Traffic[e.Source].Arrivals++
	source := &d.plan.Sources[e.Source]
	takes := make([]limiter.Take, len(source.Takes))
	for i, t := range source.Takes {
		takes[i] = limiter.Take{Limit: t.Limit, Key: d.plan.Key(e, i), Cost: t.Cost}
	}
	for _, l := range source.Limiters {
		r := d.request()
		r.source, r.sourceIndex, r.world, r.arrival, r.due, r.takes, r.key = source, e.Source, d.worlds[l], e.N, e.At, takes, firstKey(e)
		if d.flying[e.Source][l] >= source.MaxInFlight || d.inRealTime() && d.clock.Now()-e.At > mostLag {
			r.drop()
			d.idle = append(d.idle, r)
			continue
		}
		d.fly(e.Source, l, 1)
		d.clock.Start(r.start)
	}
	d.scheduleNext()
}

// fly counts a request that sets out (1) or has come back (−1).
func (d *driver) fly(source, limiter, n int) {
	d.flying[source][limiter] += n
	if d.options.InFlight != nil {
		d.options.InFlight.Add(int64(n))
	}
}

// mostLag is how late, in real time, an arrival may be sent. One that is later
// would stand for another time; it is dropped and counted.
const mostLag = int64(time.Second)

// request returns one that has ended, or a new one.
func (d *driver) request() *request {
	if n := len(d.idle); n > 0 {
		r := d.idle[n-1]
		d.idle = d.idle[:n-1]
		return r
	}
	r := &request{d: d}
	r.start, r.send = r.run, r.exchange.do
	return r
}

// firstKey is the number of the key that a request drew first, by which its
// usage belongs to an account.
func firstKey(e *plan.Event) uint64 {
	if len(e.Keys) == 0 {
		return 0
	}
	return e.Keys[0]
}

// interrupted tells whether the run is to end here.
func (d *driver) interrupted(at int64) bool {
	if d.options.Progress != nil {
		d.options.Progress(at, d.count)
	}
	if err := d.ctx.Err(); err != nil {
		d.result.Aborted = context.Cause(d.ctx).Error()
		return true
	}
	return false
}

// over tells whether nothing new may be sent at the instant at.
func (d *driver) over(at int64) bool {
	return d.err != nil || d.result.Aborted != "" || at >= int64(d.plan.Horizon)
}

// unknown is an instant or number that there is none of.
const unknown = -1

// A simulation makes much short-lived garbage beside a small live heap, so
// that at Go's default the collector runs many times a second: a quarter of
// the speed. A ballast that is never touched, and so takes no memory, keeps
// the next collection at least gcPercent/100·ballast bytes away; gcPercent
// bounds what large runs take, 435 MB at 110 MB live, which is 10 million
// decisions over 100,000 keys.
const (
	ballastBytes = 64 << 20
	gcPercent    = 150
)

// TuneGC sets the garbage collector for simulations until the returned
// function is called.
func TuneGC() (undo func()) {
	ballast := make([]byte, ballastBytes)
	before := debug.SetGCPercent(gcPercent)
	return func() {
		debug.SetGCPercent(before)
		runtime.KeepAlive(ballast)
	}
}
