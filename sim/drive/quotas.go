package drive

import (
	"errors"

	"github.com/quotalab/quotalab/models/usage"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/plan"
	"github.com/quotalab/quotalab/sim/threshold"
)

// QuotaSink takes what accounts and engines leave behind, beside
// observations; a record.Writer is one.
type QuotaSink interface {
	Sink
	WriteAccount(a *record.Account) error
	WriteEvaluation(e *record.Evaluation) error
}

var errNoQuotaSink = errors.New("the plan has accounts, and the sink takes no accounts and evaluations")

// quotas is the part of a run that counts usage of accounts and lets engines
// look at it.
type quotas struct {
	d        *driver
	sink     QuotaSink
	accounts *plan.Accounts
	start    int64 // Unix nanoseconds of instant 0

	streams  []*plan.UsageStream // by account, nil where usage is allowed requests
	next     []usage.Event       // the next of each stream; Units 0 at its end
	requests map[int][]usage.Event
	events   threshold.Events // all usage, for the engines' sources
	negative threshold.Events // corrections alone
	pending  []threshold.Usage
	engines  []*engineWorld
}

func newQuotas(d *driver) (*quotas, error) {
	sink, ok := d.sink.(QuotaSink)
	if !ok {
		return nil, errNoQuotaSink
	}
	a := d.plan.Accounts
	q := &quotas{d: d, sink: sink, accounts: a, start: d.plan.Epoch.UnixNano(), requests: map[int][]usage.Event{},
		streams: make([]*plan.UsageStream, a.Len()), next: make([]usage.Event, a.Len())}
	for i := range a.Len() {
		if a.Group(i).Source < 0 {
			q.streams[i] = a.Usage(i)
			q.draw(i)
		}
	}
	for i := range d.plan.Engines {
		e, err := newEngineWorld(q, i)
		if err != nil {
			return nil, err
		}
		q.engines = append(q.engines, e)
	}
	return q, nil
}

// begin puts the first usage, the changes and the engines' runs on the
// schedule.
func (q *quotas) begin() {
	for g := range q.accounts.Groups {
		for _, ch := range q.accounts.Groups[g].Changes {
			q.d.clock.Call(ch.At-q.start, func() { q.change(&q.accounts.Groups[g], ch) })
		}
	}
	for g := range q.accounts.Groups {
		if group := &q.accounts.Groups[g]; group.Source >= 0 && group.Corrections.Every > 0 {
			q.scheduleCorrection(group, int64(group.Corrections.Every))
		}
	}
	q.scheduleUsage()
	for _, e := range q.engines {
		e.begin()
	}
}

// scheduleCorrection takes back, at the instant at, a share of the allowed
// requests since the correction before.
func (q *quotas) scheduleCorrection(g *plan.AccountGroup, at int64) {
	if q.d.over(at) {
		return
	}
	q.d.clock.Call(at, func() {
		var us []threshold.Usage
		for i := g.First; i < g.First+g.Count; i++ {
			events := q.requests[i]
			var since int64
			for k := len(events) - 1; k >= 0 && events[k].Units > 0; k-- {
				since += events[k].Units
			}
			if back := int64(g.Corrections.Share * float64(since)); back > 0 {
				e := usage.Event{At: q.start + at, Units: -back}
				q.requests[i] = append(events, e)
				us = append(us, q.file(i, e))
			}
		}
		q.hand(us)
		q.scheduleCorrection(g, at+int64(g.Corrections.Every))
	})
}

func (q *quotas) draw(i int) {
	at, units, ok := q.streams[i].Next()
	if !ok {
		units = 0
	}
	q.next[i] = usage.Event{At: at, Units: units}
}

// scheduleUsage puts the next instant at which any account's usage is
// counted on the schedule.
func (q *quotas) scheduleUsage() {
	first := int64(-1)
	for i := range q.next {
		if n := &q.next[i]; n.Units != 0 && (first < 0 || n.At < first) {
			first = n.At
		}
	}
	if first >= 0 && !q.d.over(first-q.start) && !q.d.interrupted(first-q.start) {
		q.d.clock.Call(first-q.start, func() { q.count(first) })
	}
}

// count files all usage that is due at the instant at, and hands it to the
// engines that count for themselves.
func (q *quotas) count(at int64) {
	us := q.pending[:0]
	for i := range q.next {
		for q.next[i].Units != 0 && q.next[i].At <= at {
			us = append(us, q.file(i, q.next[i]))
			q.draw(i)
		}
	}
	q.pending = us
	q.hand(us)
	q.scheduleUsage()
}

// file keeps usage for the sources.
func (q *quotas) file(i int, e usage.Event) threshold.Usage {
	u := threshold.Usage{Account: int64(i) + 1, At: e.At, Units: e.Units}
	q.events.Add(u)
	if e.Units < 0 {
		q.negative.Add(u)
	}
	return u
}

// hand gives usage to the engines that count.
func (q *quotas) hand(us []threshold.Usage) {
	for _, e := range q.engines {
		if e.add != nil {
			e.count(us)
		}
	}
}

// allowed counts an allowed request of a traffic source as usage.
func (q *quotas) allowed(source, limiter int, key uint64, cost int64) {
	for g := range q.accounts.Groups {
		group := &q.accounts.Groups[g]
		if group.Source != source || group.Limiter != limiter {
			continue
		}
		i := group.Of(key)
		e := usage.Event{At: q.start + q.d.clock.Now(), Units: cost}
		q.requests[i] = append(q.requests[i], e)
		q.hand([]threshold.Usage{q.file(i, e)})
	}
}

// change applies a change of contract to what the engines know.
func (q *quotas) change(g *plan.AccountGroup, ch plan.AccountChange) {
	for i := g.First; i < g.First+g.Count; i++ {
		acc := q.accounts.Account(i)
		for _, e := range q.engines {
			e.change(acc, ch)
		}
	}
	for _, e := range q.engines {
		e.announce(g, ch)
	}
}

// finish writes the accounts and their usage to the record.
func (q *quotas) finish() error {
	var events []usage.Event
	var row record.Account
	for i := range q.accounts.Len() {
		acc := q.accounts.Account(i)
		events = events[:0]
		if q.streams[i] != nil {
			events = q.accounts.Usage(i).Append(events)
		} else {
			events = append(events, q.requests[i]...)
		}
		row = record.Account{ID: acc.ID, Group: acc.Group.Name, Contract: row.Contract[:0], At: row.At[:0], Units: row.Units[:0]}
		for _, s := range acc.Contract {
			row.Contract = append(row.Contract, record.ContractSegment{From: s.From, Kind: int32(s.Kind), Anchor: s.Anchor, Limit: s.Limit})
		}
		for _, ch := range acc.Group.Changes {
			row.Saved = row.Saved || ch.Limit > 0 && !ch.Bulk
		}
		for _, e := range events {
			row.At, row.Units = append(row.At, e.At), append(row.Units, e.Units)
		}
		if err := q.sink.WriteAccount(&row); err != nil {
			return err
		}
	}
	return nil
}

// result is what the record's manifest says of the engines.
func (q *quotas) result() []record.Engine {
	var all []record.Engine
	for _, e := range q.engines {
		all = append(all, e.result())
	}
	return all
}
