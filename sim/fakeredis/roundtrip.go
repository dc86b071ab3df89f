package fakeredis

import (
	"cmp"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/sim/clock"
)

// call is a client's call in a fleet in which something may go wrong.
type call struct {
	proc  *clock.Proc
	trace *Trace
	open  int   // round trips that are not back
	err   error // of the last that brought none, or a command's
}

// roundTrip is the commands of one call that go to one shard. Its steps are
// events of their own where something may go wrong on the way, or its client
// has given up; otherwise its client takes them itself, which is faster.
type roundTrip struct {
	w      *wire
	as     form
	call   *call // that waits for its events; nil: its client takes the steps, has given up, or has its answer
	client *redis.Client
	shard  *Shard
	cmds   []command
	state  state
	due    int64 // instant of the next step
	turn   int   // number of the step; an event of another one is void
	end    int64 // of service
	back   int64 // way back
	place  int64 // in the queue
	reply  int64 // bytes
	// failed is the error of a command. It is the answer, not a failure to
	// bring one.
	failed error

	session *Session // that it belongs to; nil: a Ring's
	traces  []*Trace // of the session's commands, nil of those that nobody asks about
	arrived func(reply []byte, err error)
	answers []byte
}

type state uint8

const (
	sent state = iota
	onLink
	queued
	serving
	onLinkBack
	returning
	over
)

// track plays round trips that something may happen to on the way. The error is of
// one that failed.
func (w *wire) track(proc *clock.Proc, trace *Trace, roundTrips []*roundTrip, limit int64) error {
	c := &call{proc: proc, trace: trace, open: len(roundTrips)}
	for _, f := range roundTrips {
		f.call = c
		f.launch()
	}
	if deadline := w.deadline(proc.Now(), limit); deadline < clock.Never {
		w.fleet.sched.Call(deadline, func() {
			for _, t := range roundTrips {
				t.giveUp()
			}
		})
	}
	proc.Park()
	return c.err
}

// launch sends the round trip on its way.
func (t *roundTrip) launch() {
	s := t.shard
	if s.delay != nil {
		more := int64(s.delay.Sample(s.chaos()))
		t.due, t.back = t.due+more/2, t.back+more-more/2
	}
	s.underWay = append(s.underWay, t)
	if t.session != nil {
		t.due = t.session.inOrder(t.due)
	}
	t.after(t.due, sent, t.reach)
}

// after lets the round trip take a step at the instant at, unless something else
// comes first.
func (t *roundTrip) after(at int64, meanwhile state, step func()) {
	t.state, t.due = meanwhile, at
	t.turn++
	turn := t.turn
	t.shard.sched.Call(at, func() {
		if t.turn == turn {
			step()
		}
	})
}

// reach comes to the link before the shard.
func (t *roundTrip) reach() {
	if s := t.shard; s.there.rate > 0 {
		t.after(s.there.pass(s.sched.Now(), wireSize(t.cmds, t.as)), onLink, t.arrive)
		return
	}
	t.arrive()
}

// arrive comes to the shard's queue. A refusal needs the way back too.
func (t *roundTrip) arrive() {
	s := t.shard
	if cut := t.session != nil && t.session.cut; s.down || cut {
		err := refused(s)
		if t.w.connection.Pooled || cut { // its connection was open
			err = wasReset(s)
		}
		t.after(s.sched.Now()+t.back, returning, func() { t.finish(err) })
		return
	}
	s.places++
	t.place = s.places
	begin, end := s.enqueue(t.cmds)
	t.end = end
	if s.frozen {
		t.state, t.due = queued, begin
		return
	}
	t.after(begin, queued, t.serve)
}

// serve executes the commands, whoever still waits for them.
func (t *roundTrip) serve() {
	s := t.shard
	if t.session != nil {
		t.session.execute(t)
	} else if len(t.cmds) == 0 {
		t.reply = int64(len("+PONG\r\n"))
	} else {
		var trace *Trace
		if t.call != nil {
			trace = t.call.trace
		}
		t.client = t.w.alive(t.client, s)
		before := s.replied
		t.failed = t.w.execute(trace, t)
		t.reply = s.replied - before
	}
	if t.w.fleet.spec.Faults || t.w.connection.Pooled || t.session != nil { // else nobody waits for it
		t.after(t.end, serving, t.answer)
	}
}

// answer comes to the link with the reply.
func (t *roundTrip) answer() {
	if s := t.shard; s.trouble.back.rate > 0 {
		t.after(s.trouble.back.pass(s.sched.Now(), t.reply), onLinkBack, t.leave)
		return
	}
	t.leave()
}

func (t *roundTrip) leave() {
	at := t.shard.sched.Now() + t.back
	if t.session != nil {
		at = t.session.backInOrder(at)
	}
	t.after(at, returning, func() { t.finish(nil) })
}

// finish ends the round trip, for its client with an error or the reply.
func (t *roundTrip) finish(err error) {
	t.turn++
	t.state = over
	s := t.shard
	if i := slices.Index(s.underWay, t); i >= 0 {
		s.underWay = slices.Delete(s.underWay, i, i+1)
	}
	t.settle(err)
}

// giveUp ends the client's patience. What has not been executed yet will be.
func (t *roundTrip) giveUp() {
	if t.call == nil {
		return
	}
	t.settle(timedOut(t.shard))
	if t.state < serving {
		t.orphan()
	}
}

// settle tells the client, once.
func (t *roundTrip) settle(err error) {
	if t.session != nil {
		t.arrived(t.answers, err)
		return
	}
	c := t.call
	if c == nil {
		return
	}
	t.call = nil
	switch {
	case err != nil:
		c.err = err
		t.fail(err)
	case c.err == nil:
		c.err = t.failed
	}
	if c.open--; c.open == 0 {
		c.proc.Wake()
	}
}

// inOrder lists the round trips under way in some states by a number.
func (s *Shard) inOrder(by func(*roundTrip) int64, states ...state) []*roundTrip {
	var list []*roundTrip
	for _, t := range s.underWay {
		if slices.Contains(states, t.state) {
			list = append(list, t)
		}
	}
	slices.SortStableFunc(list, func(a, b *roundTrip) int { return cmp.Compare(by(a), by(b)) })
	return list
}
