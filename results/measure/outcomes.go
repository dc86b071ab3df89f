package measure

import (
	"cmp"
	"slices"

	"github.com/quotalab/quotalab/results/record"
)

// outcomes counts decisions and their times by outcome.
type outcomes struct {
	order  *order
	phases *phases
	cells  map[outcome]*cell
	last   outcome // the outcome of the observation before: often the same
	cell   *cell
}

// outcome is the tags of decisions and latencies.
type outcome struct {
	traffic, limiter, client string
	decision                 record.Decision
	key                      record.KeyState
	phase                    string
}

type cell struct {
	n                            int64
	latency, lag, sojourn, trips trend
}

func newOutcomes(o *order, p *phases) *outcomes {
	return &outcomes{order: o, phases: p, cells: map[outcome]*cell{}}
}

// outcomeOf an observation.
func outcomeOf(o *record.Observation, order *order, p *phases) outcome {
	return outcome{o.Traffic, o.Limiter, order.group(o.Client), o.Decision, o.Key, p.of(o.Intended)}
}

func (c *outcomes) observe(o *record.Observation) outcome {
	at := outcomeOf(o, c.order, c.phases)
	if c.cell == nil || at != c.last {
		c.last, c.cell = at, c.cells[at]
		if c.cell == nil {
			c.cell = &cell{}
			c.cells[at] = c.cell
		}
	}
	c.cell.n++
	if o.Decision == record.Dropped || o.Sent < 0 || o.Done < 0 {
		return at // it was not sent: there is nothing to time
	}
	c.cell.latency.add(o.Done - o.Sent)
	c.cell.lag.add(o.Sent - o.Intended)
	c.cell.sojourn.add(o.Done - o.Intended)
	c.cell.trips.add(int64(o.RoundTrips))
	return at
}

// sorted outcomes, in the manifest's and the catalogue's order.
func (c *outcomes) sorted() []outcome {
	list := make([]outcome, 0, len(c.cells))
	for o := range c.cells {
		list = append(list, o)
	}
	slices.SortFunc(list, func(a, b outcome) int {
		return cmp.Or(c.order.traffic.compare(a.traffic, b.traffic), c.order.compareOutcome(a, b))
	})
	return list
}

func (o *order) compareOutcome(a, b outcome) int {
	return cmp.Or(o.limiter.compare(a.limiter, b.limiter), o.client.compare(a.client, b.client),
		o.decision.compare(string(a.decision), string(b.decision)), o.key.compare(string(a.key), string(b.key)), o.phase.compare(a.phase, b.phase))
}

func (c *outcomes) metrics() []Metric {
	list := c.sorted()
	var out []Metric
	for _, o := range list {
		out = append(out, counter("decisions", o.tags(), c.cells[o].n))
	}
	for _, m := range []struct {
		name string
		of   func(*cell) *trend
	}{
		{"latency", func(c *cell) *trend { return &c.latency }},
		{"lag", func(c *cell) *trend { return &c.lag }},
		{"sojourn", func(c *cell) *trend { return &c.sojourn }},
	} {
		for _, o := range list {
			if t := m.of(c.cells[o]); t.n > 0 {
				out = append(out, distribution(m.name, o.tags(), t))
			}
		}
	}
	return append(out, c.roundTrips(list)...)
}

// roundTrips are not told apart by traffic source.
func (c *outcomes) roundTrips(list []outcome) []Metric {
	sums := map[outcome]*trend{}
	var order []outcome
	for _, o := range list {
		t := &c.cells[o].trips
		o.traffic = ""
		if t.n == 0 {
			continue
		}
		if sums[o] == nil {
			sums[o] = &trend{}
			order = append(order, o)
		}
		sums[o].merge(t)
	}
	slices.SortFunc(order, c.order.compareOutcome)
	var out []Metric
	for _, o := range order {
		out = append(out, distribution("round_trips", o.tags(), sums[o]))
	}
	return out
}

func (o outcome) tags() map[string]string {
	return tags("traffic", o.traffic, "limiter", o.limiter, "client", o.client, "decision", string(o.decision), "key", string(o.key), "phase", o.phase)
}

// total of the cells that pass, over all outcomes.
func (c *outcomes) total(pass func(outcome) bool) (n int64) {
	for o, cell := range c.cells {
		if pass(o) {
			n += cell.n
		}
	}
	return n
}

// mostTrips that one decision of the limiter took.
func (c *outcomes) mostTrips(limiter string) (most int64) {
	for o, cell := range c.cells {
		if o.limiter == limiter {
			most = max(most, cell.trips.max)
		}
	}
	return most
}
