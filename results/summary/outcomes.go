package summary

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/audit"
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

// failures counts errors by limiter, phase and kind.
type failures struct {
	order     *order
	phases    *phases
	decisions map[part]int64
	kinds     map[failure]int64
}

// part of a run: what one limiter decided in one phase.
type part struct{ limiter, phase string }

type failure struct {
	part
	kind string
}

func newFailures(o *order, p *phases) *failures {
	return &failures{order: o, phases: p, decisions: map[part]int64{}, kinds: map[failure]int64{}}
}

func (f *failures) observe(o *record.Observation) {
	if o.Decision == record.Dropped {
		return
	}
	at := part{o.Limiter, f.phases.of(o.Intended)}
	f.decisions[at]++
	if o.Error != "" {
		f.kinds[failure{at, o.Error}]++
	}
}

func (f *failures) compareParts(a, b part) int {
	return cmp.Or(f.order.limiter.compare(a.limiter, b.limiter), f.order.phase.compare(a.phase, b.phase))
}

func (f *failures) parts() []part { return slices.SortedFunc(maps.Keys(f.decisions), f.compareParts) }

func (f *failures) sorted() []failure {
	return slices.SortedFunc(maps.Keys(f.kinds), func(a, b failure) int {
		return cmp.Or(f.compareParts(a.part, b.part), f.order.errors.compare(a.kind, b.kind))
	})
}

// metrics: a limiter without an error (in a phase) has one series, that says 0.
func (f *failures) metrics() []Metric {
	list := f.sorted()
	var out []Metric
	for _, p := range f.parts() {
		n := len(out)
		for _, k := range list {
			if k.part == p {
				out = append(out, counter("errors", tags("limiter", p.limiter, "error", k.kind, "phase", p.phase), f.kinds[k]))
			}
		}
		if len(out) == n {
			out = append(out, counter("errors", tags("limiter", p.limiter, "phase", p.phase), 0))
		}
	}
	return out
}

// of a limiter in all phases: its errors by kind, in order, and its decisions.
func (f *failures) of(limiter string) (kinds []string, counts map[string]int64, decisions int64) {
	counts = map[string]int64{}
	for k, n := range f.kinds {
		if k.limiter == limiter {
			counts[k.kind] += n
		}
	}
	for p, n := range f.decisions {
		if p.limiter == limiter {
			decisions += n
		}
	}
	return slices.SortedFunc(maps.Keys(counts), f.order.errors.compare), counts, decisions
}

// drops counts arrivals that were not sent, by traffic source.
type drops struct {
	order    *order
	arrivals map[string]int64
	dropped  map[string]int64
}

func newDrops(o *order) *drops {
	return &drops{order: o, arrivals: map[string]int64{}, dropped: map[string]int64{}}
}

func (d *drops) observe(o *record.Observation) {
	d.arrivals[o.Traffic]++
	if o.Decision == record.Dropped {
		d.dropped[o.Traffic]++
	}
}

func (d *drops) metrics() []Metric {
	var sources []string
	for s := range d.arrivals {
		sources = append(sources, s)
	}
	slices.SortFunc(sources, d.order.traffic.compare)
	var out []Metric
	for _, s := range sources {
		out = append(out, counter("dropped", tags("traffic", s), d.dropped[s]))
	}
	return out
}

// commands counts commands by limiter and shard.
type commands struct {
	order  *order
	shards []string
	counts map[string][]int64 // by limiter, then shard
}

func newCommands(o *order, shards []string) *commands {
	return &commands{order: o, shards: shards, counts: map[string][]int64{}}
}

func (c *commands) observe(o *record.Observation) error {
	for _, t := range o.Touched {
		counts := c.counts[o.Limiter]
		if counts == nil {
			counts = make([]int64, len(c.shards))
			c.counts[o.Limiter] = counts
		}
		i, ok := c.order.shard[t.Shard]
		if !ok {
			return fmt.Errorf("observation %d touches shard %q, which the manifest does not list", o.Seq, t.Shard)
		}
		counts[i] += int64(t.Commands)
	}
	return nil
}

// limiters that sent commands, in order.
func (c *commands) limiters() []string {
	var list []string
	for l := range c.counts {
		list = append(list, l)
	}
	slices.SortFunc(list, c.order.limiter.compare)
	return list
}

func (c *commands) metrics() []Metric {
	return perShard("shard_commands", c.limiters(), c.shards, c.counts)
}

// perShard makes a counter of each limiter and shard, empty shards too.
func perShard(name string, limiters, shards []string, counts map[string][]int64) []Metric {
	var out []Metric
	for _, l := range limiters {
		for i, s := range shards {
			out = append(out, counter(name, tags("limiter", l, "shard", s), counts[l][i]))
		}
	}
	return out
}

// phases cut a run by its faults. A run without faults has none.
type phases struct {
	faults bool
	first  int64  // when the first fault begins
	during []span // when one lasts, in order, not touching one another
}

// span is from ≤ t < until, in ns after the epoch.
type span struct{ from, until int64 }

func (s span) length() int64 { return max(0, s.until-s.from) }

func (s span) overlap(o span) int64 {
	return span{max(s.from, o.from), min(s.until, o.until)}.length()
}

func newPhases(faults []record.Fault) *phases {
	p := &phases{faults: len(faults) > 0}
	sorted := slices.SortedFunc(slices.Values(faults), func(a, b record.Fault) int { return cmp.Compare(a.At, b.At) })
	for i, f := range sorted {
		if i == 0 {
			p.first = f.At
		}
		if f.Until <= f.At {
			continue // momentary
		}
		if n := len(p.during); n > 0 && f.At <= p.during[n-1].until {
			p.during[n-1].until = max(p.during[n-1].until, f.Until)
			continue
		}
		p.during = append(p.during, span{f.At, f.Until})
	}
	return p
}

// of an instant, "" if the run has none.
func (p *phases) of(at int64) string {
	switch {
	case !p.faults:
		return ""
	case at < p.first:
		return metric.Before
	}
	for _, s := range p.during {
		if s.from <= at && at < s.until {
			return metric.During
		}
	}
	return metric.After
}

// length of the part of s that is in a phase; "" is all of it.
func (p *phases) length(phase string, s span) int64 {
	lasting := int64(0)
	for _, d := range p.during {
		lasting += s.overlap(d)
	}
	before := s.overlap(span{s.from, p.first})
	switch phase {
	case metric.Before:
		return before
	case metric.During:
		return lasting
	case metric.After:
		return s.length() - before - lasting
	}
	return s.length()
}

// only says how little of a run is recorded.
func only(m *record.Manifest) string {
	if m.Recorded == record.None {
		return "none"
	}
	return fmt.Sprintf("those of %s of the keys", percent(m.SampleRate))
}

// unrecordedWarning says what is not known because not all observations are
// recorded.
func (p *pass) unrecordedWarning(a *audit.Result) []string {
	m := p.manifest
	if m.Whole() || p.unknown {
		return nil
	}
	w := fmt.Sprintf("observations: %s: of %s the record holds %s", m.Recorded, unit.Counted(m.Seen, "observation"), only(m))
	if m.Recorded == record.Sampled {
		w += fmt.Sprintf(" (%s)", unit.Thousands(m.Count))
	}
	out := []string{w + ". Counts and times are of all of them, but over-admission, keys on shards, disagreement of clients and tables of keys are unknown."}
	for _, l := range a.Limiters {
		switch {
		case l.Compared == 0:
		case p.batched[l.Name]:
			out = append(out, fmt.Sprintf("%s: no audit: it decides on several keys at once, and only that of the first is sampled.", l.Name))
		case l.Over > 0:
			out = append(out, fmt.Sprintf("%s: over-admission: %s allowed that the limit denies, on the sampled keys alone (of %s).", l.Name, counted(l.Over, "request was", "requests were"), unit.Counted(l.Compared, "decision")))
		}
	}
	return out
}
