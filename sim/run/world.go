package run

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/fakeredis"
	"github.com/quotalab/quotalab/sim/plan"
)

// world is a world of the plan with its stage and what plays on it.
type world struct {
	plan.World
	d       *driver
	stage   stage
	clock   clock.Clock
	clients []*clientOffset // by client
	systems []*system       // by limiter, nil where another world has it
	quotas  *quotas         // nil without accounts
	retries []*plan.Keyed   // by source
	settles []*plan.Keyed   // by source
	flying  [][]int         // requests under way, by source and rank
	idle    []*request      // that have ended, for reuse
	due     *arrival        // the next
	arrived func()          // arrive, bound once
	atOnce  clock.Process   // of requests that never wait
	count   int64           // arrivals so far
	drawn   int             // of all stripes
	coming  []arrival       // of the lap that is being played
	rows    *rows           // of that lap
	index   int             // among the worlds of the run
	holds   atomic.Bool     // a core

	dropped    []int64 // by source
	unexpected int64
	waited     []string    // warnings
	gaveUp     atomic.Bool // on a request that holds up virtual time: what it writes is not the run's any more
}

// newWorld sets a world's stage and makes its limiters and engines.
func newWorld(d *driver, of plan.World) (*world, error) {
	p := d.plan
	w := &world{World: of, d: d, clients: newClientClocks(p), systems: make([]*system, len(p.Limiters)), dropped: make([]int64, len(p.Sources))}
	w.arrived = w.arrive
	if err := w.setStage(); err != nil {
		return w, err
	}
	w.atOnce = atOnce{w.clock}
	for i := range p.Sources {
		w.retries = append(w.retries, p.Keyed("traffic/"+p.Sources[i].Name+"/retries"))
		w.settles = append(w.settles, p.Keyed("traffic/"+p.Sources[i].Name+"/settle"))
		w.flying = append(w.flying, make([]int, rank(p, len(p.Limiters), 0)))
	}
	for _, i := range w.Limiters {
		var err error
		if w.systems[i], err = newSystem(w, i); err != nil {
			return w, err
		}
	}
	if w.Accounts {
		var err error
		if w.quotas, err = newQuotas(w); err != nil {
			return w, err
		}
	}
	return w, w.stage.ready(d.ctx)
}

// setStage makes the clock and what goes with it.
func (w *world) setStage() error {
	d := w.d
	if d.options.Live == nil {
		s := newEmbedded(d.plan, w.World)
		s.engine, s.broken, s.wire, s.executed = d.options.Engine, d.broken, d.options.Wire, d.options.Executed
		w.stage, w.clock = s, s.sched
		return nil
	}
	s, err := newOnServers(d.ctx, d.plan, *d.options.Live, d.options.Stripe.Of > 0)
	if err != nil {
		return err
	}
	w.stage, w.clock = s, s.real
	// Ctrl-C ends waiting too, and lets what is under way come back.
	d.stopWatching = context.AfterFunc(d.ctx, func() { s.real.Post(s.real.Stop) })
	d.requests = context.WithoutCancel(d.ctx)
	return nil
}

// sees reduces what a client knows of the shards to those that the world has.
func (w *world) sees(c fakeredis.ClientSpec) fakeredis.ClientSpec {
	if i := w.Shard; i != plan.EveryShard {
		c.ShardNames, c.RTT = c.ShardNames[i:i+1], c.RTT[i:i+1]
	}
	return c
}

// begin puts what is known from the start on the schedule.
func (w *world) begin() {
	if w.quotas != nil {
		w.quotas.begin()
	}
	w.scheduleFaults()
	w.scheduleChanges()
}

// rank orders what may be a world of its own: limiters, and their shards.
func rank(p *plan.Plan, limiter, shard int) int { return limiter*len(p.Shards) + shard }

// write hands an observation on.
func (w *world) write(o *record.Observation, s *system, shard int) {
	switch {
	case w.gaveUp.Load():
	case w.d.laps == nil:
		w.d.write(o)
	case w.rows != nil: // else the run has failed
		w.rows.add(w.clock.Now(), rank(w.d.plan, s.index, shard), o)
	}
}

// evaluated hands an evaluation on.
func (w *world) evaluated(e *record.Evaluation, engine int) {
	switch {
	case w.gaveUp.Load():
	case w.d.laps == nil:
		w.d.evaluated(e)
	case w.rows != nil:
		w.rows.Evaluations = append(w.rows.Evaluations, written[record.Evaluation]{w.clock.Now(), engine, *e})
	}
}

// scheduleNext puts the next arrival on the schedule, before all else that is
// due at its instant, so that it does not matter which arrivals another world
// has. The one after it is not looked at before this one is due, so a run's
// memory does not grow with its length.
func (w *world) scheduleNext() {
	if w.due != nil || w.d.over(w.clock.Now()) {
		return
	}
	if w.due = w.next(); w.due != nil {
		w.clock.First(w.due.at, w.arrived)
	}
}

// next returns the next arrival for the world, nil where there is none, or
// none in this lap.
func (w *world) next() *arrival {
	if w.d.laps == nil {
		return w.nextOfStripe()
	}
	for i := range w.coming {
		if a := &w.coming[i]; w.concerns(a) {
			w.coming = w.coming[i+1:]
			return a
		}
	}
	w.coming = nil
	return nil
}

// nextOfStripe returns the next arrival of the stripe.
func (w *world) nextOfStripe() *arrival {
	for {
		a := w.d.feed.next()
		s := w.d.options.Stripe
		w.drawn++
		if a == nil || s.Of == 0 || (w.drawn-1)%s.Of == s.Index {
			return a
		}
	}
}

// concerns reports whether an arrival is for a limiter of the world, on a shard
// of it.
func (w *world) concerns(a *arrival) bool {
	for i, l := range w.d.plan.Sources[a.source].Limiters {
		if w.systems[l] != nil && (w.Shard == plan.EveryShard || a.places[i].shard == w.Shard) {
			return true
		}
	}
	return false
}

// checkEvery is the number of arrivals between two looks at whether a run in
// virtual time is interrupted; in real time there is one at each.
const checkEvery = 1024

func (w *world) arrive() {
	a := w.due
	w.due = nil
	if w.d.over(a.at) || (w.d.inRealTime() || w.count%checkEvery == 0) && w.interrupted(a.at) {
		return
	}
	w.count++
	if w.d.laps == nil {
		w.d.feed.arrived[a.source]++
	}
	source := &w.d.plan.Sources[a.source]
	over := w.d.laps == nil // with it all that needs the arrival
	for i, l := range source.Limiters {
		if w.systems[l] == nil {
			continue
		}
		r := w.request()
		r.source, r.sourceIndex, r.system, r.arrival, r.due, r.takes, r.key = source, a.source, w.systems[l], a.n, a.at, a.takes, a.key
		if a.places != nil {
			r.place = a.places[i]
		}
		if w.flying[a.source][rank(w.d.plan, l, r.place.shard)] >= w.d.options.Stripe.share(source.MaxInFlight) || w.d.inRealTime() && w.clock.Now()-a.at > mostLag {
			r.drop()
			w.idle = append(w.idle, r)
			continue
		}
		w.fly(r, 1)
		if r.system.waits(source) {
			w.clock.Start(r.start)
			over = false
		} else {
			r.run(w.atOnce)
		}
	}
	if over {
		w.d.feed.past = a
	}
	w.scheduleNext()
}

// fly counts a request that sets out (1) or has come back (−1).
func (w *world) fly(r *request, n int) {
	w.flying[r.sourceIndex][rank(w.d.plan, r.system.index, r.place.shard)] += n
	if w.d.options.InFlight != nil {
		w.d.options.InFlight.Add(int64(n))
	}
}

// mostLag is how late, in real time, an arrival may be sent. One that is later
// would stand for another time; it is dropped and counted.
const mostLag = int64(time.Second)

// request returns one that has ended, or a new one.
func (w *world) request() *request {
	if n := len(w.idle); n > 0 {
		r := w.idle[n-1]
		w.idle = w.idle[:n-1]
		return r
	}
	r := &request{w: w}
	r.start, r.send = r.run, r.exchange.do
	return r
}

// interrupted tells whether the run is to end here. Where there are laps, that
// is found out between them.
func (w *world) interrupted(at int64) bool {
	if w.d.laps == nil {
		w.d.look(at, w.count)
	}
	return w.d.over(at)
}

// look tells how far the run is, and ends it if it is interrupted.
func (d *driver) look(at, arrivals int64) {
	if d.options.Progress != nil {
		d.options.Progress(at, arrivals)
	}
	if d.ctx.Err() != nil {
		d.abort(0, context.Cause(d.ctx).Error(), false)
	}
}

// clientOffset is how far a client's clock is ahead.
type clientOffset struct{ ns atomic.Int64 }

func newClientClocks(p *plan.Plan) []*clientOffset {
	all := make([]*clientOffset, len(p.Clients))
	for i, c := range p.Clients {
		all[i] = &clientOffset{}
		all[i].ns.Store(int64(c.ClockOffset))
	}
	return all
}

func (c *clientOffset) of() time.Duration { return time.Duration(c.ns.Load()) }
