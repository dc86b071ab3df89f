package run

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/fakeredis"
	"github.com/quotalab/quotalab/sim/limiter"
	"github.com/quotalab/quotalab/sim/plan"
)

// request is one arrival on its way to one limiter.
type request struct {
	w           *world
	start       func(clock.Process) // run, bound once
	send        func()              // exchange, bound once
	source      *plan.Source
	sourceIndex int
	system      *system
	place       place
	arrival     int64
	due         int64
	takes       []limiter.Take
	key         uint64         // number of the first take's key
	moded       []limiter.Take // takes in a client's mode, of a model
	observation record.Observation
	exchange    exchange
	in          *instance // that was asked last
}

// exchange is one call to a limiter: what goes in and what comes out.
type exchange struct {
	process    clock.Process
	limiter    limiter.Limiter
	trace      *fakeredis.Trace
	request    limiter.Request
	decision   limiter.Decision
	err        error
	sent, done int64
}

// do makes the call. In real time it runs beside the run's steps.
func (x *exchange) do() {
	x.sent = x.process.Now()
	x.decision, x.err = call(x.limiter, x.trace, x.request)
	x.done = x.process.Now()
}

// run sends the request, and again as long as its client reacts to denials
// with another attempt.
func (r *request) run(p clock.Process) {
	defer func() { r.w.idle = append(r.w.idle, r) }()
	passed, attempt := r.tried(p)
	r.w.fly(r, -1)
	if passed && r.source.Settle != nil && r.exchange.err == nil {
		r.settle(p, attempt)
	}
}

// tried sends the request until it passes or its client gives up, and returns the
// number of the last attempt.
func (r *request) tried(p clock.Process) (passed bool, attempt int) {
	for ; ; attempt++ {
		decision, passed := r.pass(p, attempt)
		if passed || r.source.Retry == nil || attempt+1 >= r.source.Retry.MaxAttempts {
			return passed, attempt
		}
		wait, ok := r.source.Retry.Wait(attempt, decision.RetryAfter, r.w.retries[r.sourceIndex].At(r.arrival, int64(attempt)))
		if !ok || r.w.d.over(p.Now()+int64(wait)) {
			return false, attempt
		}
		p.Sleep(wait)
		if r.w.d.over(p.Now()) {
			return false, attempt // ended while it waited
		}
		r.due = p.Now()
	}
}

// settle lets an admitted request settle what it took with the instance that
// admitted it, unless that would be after the end. It is not under way meanwhile.
func (r *request) settle(p clock.Process, attempt int) {
	after, cost, lost := r.source.Settle.Draw(r.w.settles[r.sourceIndex].At(r.arrival, int64(attempt)))
	if lost || r.w.d.over(p.Now()+int64(after)) {
		return
	}
	took, in := r.exchange.decision.Takes[0], r.in
	p.Sleep(after)
	if r.w.d.over(p.Now()) {
		return
	}
	r.due = p.Now()
	took.Mode, took.Reserved, took.Cost = record.SettleMode, took.Cost, cost
	r.call(p, len(r.source.Via)-1, attempt, in, fakeredis.NewTrace(r.w.d.requests), []limiter.Take{took})
}

// pass sends the request through the clients of its path, until one does
// not let it pass.
func (r *request) pass(p clock.Process, attempt int) (limiter.Decision, bool) {
	for step, client := range r.source.Via {
		if step > 0 {
			p.Sleep(r.source.Pause)
			r.due = p.Now()
		}
		decision, passed := r.ask(p, step, attempt, r.system.pick(r, step, attempt, client))
		if !passed {
			return decision, false
		}
		if step == len(r.source.Via)-1 {
			if q := r.w.quotas; q != nil {
				q.allowed(r.sourceIndex, r.system.index, r.key, r.takes[0].Cost)
			}
			return decision, true
		}
	}
	return limiter.Decision{}, true
}

// ask asks the limiter: by one call, or by one for each take, the next only if the
// one before let the request pass.
func (r *request) ask(p clock.Process, step, attempt int, in *instance) (decision limiter.Decision, passed bool) {
	r.in = in
	if len(r.takes) == 1 || r.system.TakesACall(len(r.takes)) > 1 {
		return r.askFor(r.takes, p, step, attempt)
	}
	for i := range r.takes {
		if i > 0 {
			r.due = p.Now()
		}
		if decision, passed = r.askFor(r.takes[i:i+1], p, step*len(r.takes)+i, attempt); !passed {
			break
		}
	}
	return decision, passed
}

// askFor makes one call to the limiter and records it.
func (r *request) askFor(takes []limiter.Take, p clock.Process, step, attempt int) (limiter.Decision, bool) {
	if m := r.system.model; m != nil { // which keeps neither trace nor takes
		r.moded = appendMode(r.moded[:0], takes, r.in.mode)
		return r.call(p, step, attempt, r.in, m.trace, r.moded)
	}
	return r.call(p, step, attempt, r.in, fakeredis.NewTrace(r.w.d.requests), appendMode(make([]limiter.Take, 0, len(takes)), takes, r.in.mode))
}

// call makes a call to the limiter and records it.
func (r *request) call(p clock.Process, step, attempt int, in *instance, trace *fakeredis.Trace, takes []limiter.Take) (limiter.Decision, bool) {
	p.Carry(trace)
	defer r.limit(p, trace)()
	x := &r.exchange
	x.process, x.limiter, x.trace, x.request = p, in.limiter, trace, limiter.Request{Takes: takes}
	p.Outside(r.send)
	decision, err := x.decision, x.err
	o := &r.observation
	*o = record.Observation{
		Arrival: r.arrival, Traffic: r.source.Name, Client: in.name, Limiter: r.system.Name, Step: int32(step), Attempt: int32(attempt),
		Intended: r.due, Sent: x.sent, Done: x.done, Effect: trace.Effect, Order: trace.Order, Judged: trace.Judged,
		Key: trace.State(), RoundTrips: trace.RoundTrips, Remaining: decision.Remaining, RetryAfter: int64(decision.RetryAfter),
		Takes: o.Takes[:0], Touched: trace.Touched,
	}
	if decision.Takes != nil {
		takes = decision.Takes
	}
	for _, t := range takes {
		key := keyOf(trace, t)
		o.Takes = append(o.Takes, record.Take{Limit: t.Limit, Key: t.Key, Cost: t.Cost, Mode: t.Mode, Shard: key.Shard, State: stateOr(key.State)})
	}
	passed := r.judge(o, decision, err)
	r.system.fleet.settle(r.system.Limiter, o)
	if !r.system.knowsTime() {
		r.system.notes(o)
	}
	r.checkKeys(trace)
	r.w.write(o, r.system, r.place.shard)
	return decision, passed
}

// limit gives a call the caller's deadline. The returned function lets go of it.
func (r *request) limit(p clock.Process, trace *fakeredis.Trace) context.CancelFunc {
	switch d := r.source.Deadline; {
	case d == 0 || r.system.model != nil: // which decides in no time
	case r.w.d.inRealTime():
		ctx, cancel := context.WithTimeout(trace.Context, d)
		trace.Context = ctx
		return cancel
	default:
		trace.Until(r.w.clock, p.Now()+int64(d))
	}
	return func() {}
}

// ErrOneKey is wrapped by the error of a run whose limiter reached another key
// than its kind's OneKey says, by which the plan was split.
var ErrOneKey = errors.New("the limiter does not keep to the key that its kind's OneKey tells")

// checkKeys makes sure that the request reached no key but the one by which it
// is in its world.
func (r *request) checkKeys(trace *fakeredis.Trace) {
	if r.place.key == "" { // the limiter is not split
		return
	}
	for i := range trace.Keys {
		if k := trace.Keys[i].Key; k != r.place.key {
			r.w.d.fail(fmt.Errorf("limiter %s, kind %s: %w: expected %q, found %q; leave OneKey out", r.system.Name, r.system.Limiter.Limiter.Kind, ErrOneKey, r.place.key, k))
		}
	}
}

// keyOf returns what the request found of a take's key. A limiter of one's own
// need not say how it calls the key in Redis: then it is the first that has the
// key's text in it, or the first of all if there is none.
func keyOf(trace *fakeredis.Trace, t limiter.Take) fakeredis.KeyTouch {
	if t.Wire != "" || len(trace.Keys) == 0 {
		key, _ := trace.Key(t.Wire)
		return key
	}
	for _, k := range trace.Keys {
		if strings.Contains(k.Key, t.Key) {
			return k
		}
	}
	return trace.Keys[0]
}

// judge sets the observation's decision and tells whether the request may
// pass.
func (r *request) judge(o *record.Observation, decision limiter.Decision, err error) bool {
	switch {
	case err == nil && o.Takes[0].Mode == record.SettleMode:
		o.Decision = record.Settled
	case err == nil && decision.Allowed:
		o.Decision = record.Allowed
	case err == nil:
		o.Decision = record.Denied
	default:
		o.Decision, o.Error, o.Message = record.Errored, limiter.ErrorKind(err), err.Error()
		o.Remaining, o.RetryAfter = unknown, unknown
		if o.Error == "unexpected" {
			r.w.unexpected++
		}
		if r.source.FailOpen && o.Takes[0].Mode != record.SettleMode {
			o.Decision = record.FailOpen
		}
	}
	return o.Decision == record.Allowed || o.Decision == record.FailOpen
}

// drop records an arrival that was not sent because too many are under way.
func (r *request) drop() {
	r.w.dropped[r.sourceIndex]++
	o := &r.observation
	*o = record.Observation{
		Arrival: r.arrival, Traffic: r.source.Name, Limiter: r.system.Name, Intended: r.due, Sent: unknown, Done: r.due,
		Judged: unknown, Effect: unknown, Order: unknown, Decision: record.Dropped, Key: record.Unread, Remaining: unknown, RetryAfter: unknown,
	}
	for _, t := range r.takes {
		o.Takes = append(o.Takes, record.Take{Limit: t.Limit, Key: t.Key, Cost: t.Cost, Mode: record.TakeMode, State: record.Unread})
	}
	r.w.write(o, r.system, r.place.shard)
}

// call calls the limiter; its panic is an error of its own making.
func call(l limiter.Limiter, trace *fakeredis.Trace, req limiter.Request) (decision limiter.Decision, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the limiter panicked: %v", r)
		}
	}()
	if req.Takes[0].Mode == record.SettleMode {
		return limiter.Decision{Remaining: -1, RetryAfter: -1}, l.(limiter.Settler).Settle(trace, req.Takes[0])
	}
	return l.Take(trace, req)
}

// appendMode appends copies of takes in the mode of the client that sends
// them.
func appendMode(out, takes []limiter.Take, mode record.Mode) []limiter.Take {
	for _, t := range takes {
		t.Mode = mode
		out = append(out, t)
	}
	return out
}

func stateOr(s record.KeyState) record.KeyState {
	if s == "" {
		return record.Unread
	}
	return s
}
