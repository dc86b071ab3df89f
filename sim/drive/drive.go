package drive

import (
	"context"
	"errors"
	"math/rand/v2"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/limiter"
	"github.com/quotalab/quotalab/sim/plan"
	"github.com/quotalab/quotalab/sim/vtime"
)

// Sink takes observations; a record.Writer is one. It must copy what it
// keeps.
type Sink interface {
	Write(o *record.Observation) error
}

// Options of a run.
type Options struct {
	// Progress is called now and then with the run's instant and the number
	// of arrivals so far, on the run's goroutine. May be nil.
	Progress func(at int64, arrivals int64)
}

// Result is what a run knows beside its observations.
type Result struct {
	Traffic    []record.Traffic
	Telemetry  []record.Telemetry
	Engines    []record.Engine
	Aborted    string // why it ended before the horizon, "" if it did not
	Unexpected int64  // errors of kind unexpected: a limiter failed by itself
}

// Run plays the plan to its end, or until ctx is done: then nothing new is
// sent, and what is under way is still recorded. The error is one of the
// harness, not of a limiter.
func Run(ctx context.Context, p *plan.Plan, sink Sink, o Options) (Result, error) {
	d := &driver{ctx: ctx, plan: p, sink: sink, options: o, sched: vtime.New(p.Epoch), arrivals: p.Arrivals()}
	defer d.arrivals.Close()
	for i := range p.Sources {
		d.retries = append(d.retries, p.Stream("traffic/"+p.Sources[i].Name+"/retries"))
		d.flying = append(d.flying, make([]int, len(p.Limiters)))
		d.result.Traffic = append(d.result.Traffic, record.Traffic{Name: p.Sources[i].Name})
	}
	for i := range p.Limiters {
		w, err := newWorld(d.sched, p, i)
		if err != nil {
			return d.result, errors.Join(err, d.close())
		}
		d.worlds = append(d.worlds, w)
	}
	if p.Accounts.Len() > 0 {
		var err error
		if d.quotas, err = newQuotas(d); err != nil {
			return d.result, errors.Join(err, d.close())
		}
		d.quotas.begin()
	}
	d.scheduleFaults()
	d.scheduleNext()
	d.sched.Run()
	if d.quotas != nil {
		d.fail(d.quotas.finish())
		d.result.Engines = d.quotas.result()
	}
	for _, w := range d.worlds {
		telemetry, err := w.telemetry()
		d.result.Telemetry = append(d.result.Telemetry, telemetry...)
		d.fail(err)
	}
	d.fail(d.close())
	return d.result, d.err
}

// driver is one run.
type driver struct {
	ctx      context.Context
	plan     *plan.Plan
	sink     Sink
	options  Options
	sched    *vtime.Scheduler
	arrivals *plan.Arrivals
	worlds   []*world
	idle     []*request   // that have ended, for reuse
	quotas   *quotas      // nil without accounts
	retries  []*rand.Rand // by source
	flying   [][]int      // requests under way, by source and limiter
	count    int64
	result   Result
	err      error // first error of the harness; ends the run
}

func (d *driver) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

func (d *driver) close() error {
	var errs []error
	for _, w := range d.worlds {
		errs = append(errs, w.close())
	}
	if d.quotas != nil {
		errs = append(errs, d.quotas.close())
	}
	return errors.Join(errs...)
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
	d.sched.Call(e.At, func() { d.arrive(e) })
}

// checkEvery so many arrivals the run looks for an interrupt and reports.
const checkEvery = 1024

func (d *driver) arrive(e *plan.Event) {
	if d.count%checkEvery == 0 && d.interrupted(e.At) {
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
		if d.flying[e.Source][l] >= source.MaxInFlight {
			r.drop()
			d.idle = append(d.idle, r)
			continue
		}
		d.flying[e.Source][l]++
		d.sched.Go(r.start)
	}
	d.scheduleNext()
}

// request returns one that has ended, or a new one.
func (d *driver) request() *request {
	if n := len(d.idle); n > 0 {
		r := d.idle[n-1]
		d.idle = d.idle[:n-1]
		return r
	}
	r := &request{d: d}
	r.start = r.run
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
