package summary

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/audit"
	"github.com/quotalab/quotalab/results/record"
)

// outcomes is the accumulator by outcome. All that is known of requests
// without their keys is a sum over its cells.
type outcomes struct {
	*order
	phases *record.Phases
	shards []string
	cells  map[outcome]*cell
	last   *cell // that of the observation before: often the same
}

// outcome tells the cells apart: the tags of decisions and latencies.
type outcome struct {
	Traffic  string          `json:"traffic"`
	Limiter  string          `json:"limiter"`
	Client   string          `json:"client"`
	Decision record.Decision `json:"decision"`
	Key      record.KeyState `json:"key"`
	Phase    string          `json:"phase,omitempty"`
}

// cell is what came of the requests with one outcome.
type cell struct {
	outcome
	Count      int64            `json:"count"`
	Errors     map[string]int64 `json:"errors,omitempty"`     // by kind
	Commands   []int64          `json:"commands,omitempty"`   // by shard, as the manifest lists them; nil: none was touched
	Impossible int64            `json:"impossible,omitempty"` // denied though not found
	Batched    bool             `json:"batched,omitempty"`    // a request took from several limits at once
	Latency    trend            `json:"latency"`
	Lag        trend            `json:"lag"`
	Sojourn    trend            `json:"sojourn"`
	RoundTrips trend            `json:"roundTrips"`
}

func newOutcomes(o *order, p *record.Phases, shards []string) *outcomes {
	return &outcomes{order: o, phases: p, shards: shards, cells: map[outcome]*cell{}}
}

func outcomeOf(o *record.Observation, order *order, p *record.Phases) outcome {
	return outcome{o.Traffic, o.Limiter, order.group(o.Client), o.Decision, o.Key, p.Of(o.Intended)}
}

func (c *outcomes) observe(o *record.Observation) (*cell, error) {
	at := outcomeOf(o, c.order, c.phases)
	if c.last == nil || at != c.last.outcome {
		if c.last = c.cells[at]; c.last == nil {
			c.last = &cell{outcome: at}
			c.cells[at] = c.last
		}
	}
	one := c.last
	one.Count++
	one.Batched = one.Batched || len(o.Takes) > 1
	if o.Error != "" {
		if one.Errors == nil {
			one.Errors = map[string]int64{}
		}
		one.Errors[o.Error]++
	}
	if sent(o) {
		one.Latency.add(o.Done - o.Sent)
		one.Lag.add(o.Sent - o.Intended)
		one.Sojourn.add(o.Done - o.Intended)
		if o.RoundTrips >= 0 {
			one.RoundTrips.add(int64(o.RoundTrips))
		}
	}
	for _, t := range o.Touched {
		if one.Commands == nil {
			one.Commands = make([]int64, len(c.shards))
		}
		i, ok := c.shard[t.Shard]
		if !ok {
			return nil, fmt.Errorf("observation %d touches shard %q, which the manifest does not list", o.Seq, t.Shard)
		}
		one.Commands[i] += int64(t.Commands)
	}
	return one, nil
}

// sent reports whether the observation has times: a request that was not sent
// has none.
func sent(o *record.Observation) bool {
	return o.Decision != record.Dropped && o.Sent >= 0 && o.Done >= 0
}

// sorted returns the cells in the manifest's and the catalogue's order.
func (c *outcomes) sorted() []*cell {
	return slices.SortedFunc(maps.Values(c.cells), func(a, b *cell) int {
		return cmp.Or(c.traffic.compare(a.Traffic, b.Traffic), c.compareOutcome(a.outcome, b.outcome))
	})
}

func (o *order) compareOutcome(a, b outcome) int {
	return cmp.Or(o.limiter.compare(a.Limiter, b.Limiter), o.client.compare(a.Client, b.Client),
		o.decision.compare(string(a.Decision), string(b.Decision)), o.key.compare(string(a.Key), string(b.Key)), o.phase.compare(a.Phase, b.Phase))
}

// sum adds up a number of the cells.
func (c *outcomes) sum(of func(*cell) int64) (n int64) {
	for _, one := range c.cells {
		n += of(one)
	}
	return n
}

// metrics makes those by outcome: decisions and times.
func (c *outcomes) metrics() []Series {
	list := c.sorted()
	var out []Series
	for _, one := range list {
		out = append(out, counter("decisions", one.tags(), one.Count))
	}
	for _, m := range []struct {
		name string
		of   func(*cell) *trend
	}{
		{"latency", func(c *cell) *trend { return &c.Latency }},
		{"lag", func(c *cell) *trend { return &c.Lag }},
		{"sojourn", func(c *cell) *trend { return &c.Sojourn }},
	} {
		for _, one := range list {
			if t := m.of(one); t.N > 0 {
				out = append(out, distribution(m.name, one.tags(), t))
			}
		}
	}
	return append(out, c.roundTrips(list)...)
}

// roundTrips are not told apart by traffic source.
func (c *outcomes) roundTrips(list []*cell) (out []Series) {
	sums := map[outcome]*trend{}
	for _, one := range list {
		at := one.outcome
		at.Traffic = ""
		if one.RoundTrips.N == 0 {
			continue
		}
		if sums[at] == nil {
			sums[at] = &trend{}
		}
		sums[at].merge(&one.RoundTrips)
	}
	for _, at := range slices.SortedFunc(maps.Keys(sums), c.compareOutcome) {
		out = append(out, distribution("round_trips", at.tags(), sums[at]))
	}
	return out
}

func (o outcome) tags() map[string]string {
	return tags("traffic", o.Traffic, "limiter", o.Limiter, "client", o.Client, "decision", string(o.Decision), "key", string(o.Key), "phase", o.Phase)
}

// part is what one limiter decided in one phase of a run.
type part struct{ limiter, phase string }

// failures counts errors by limiter and phase, and then kind. What was not sent
// did not fail.
func (c *outcomes) failures() map[part]map[string]int64 {
	of := map[part]map[string]int64{}
	for _, one := range c.cells {
		if one.Decision == record.Dropped {
			continue
		}
		at := part{one.Limiter, one.Phase}
		if of[at] == nil {
			of[at] = map[string]int64{}
		}
		for kind, n := range one.Errors {
			of[at][kind] += n
		}
	}
	return of
}

// failureMetrics has one series, that says 0, of a limiter without an error (in
// a phase).
func (c *outcomes) failureMetrics() (out []Series) {
	of := c.failures()
	for _, p := range slices.SortedFunc(maps.Keys(of), func(a, b part) int {
		return cmp.Or(c.limiter.compare(a.limiter, b.limiter), c.phase.compare(a.phase, b.phase))
	}) {
		for _, kind := range slices.SortedFunc(maps.Keys(of[p]), c.errors.compare) {
			out = append(out, counter("errors", tags("limiter", p.limiter, "error", kind, "phase", p.phase), of[p][kind]))
		}
		if len(of[p]) == 0 {
			out = append(out, counter("errors", tags("limiter", p.limiter, "phase", p.phase), 0))
		}
	}
	return out
}

// dropMetrics counts arrivals that were not sent, by traffic source.
func (c *outcomes) dropMetrics() (out []Series) {
	dropped := map[string]int64{}
	for _, one := range c.cells {
		n := int64(0)
		if one.Decision == record.Dropped {
			n = one.Count
		}
		dropped[one.Traffic] += n
	}
	for _, source := range slices.SortedFunc(maps.Keys(dropped), c.traffic.compare) {
		out = append(out, counter("dropped", tags("traffic", source), dropped[source]))
	}
	return out
}

// commands counts commands by limiter and shard.
func (c *outcomes) commands() map[string][]int64 {
	counts := map[string][]int64{}
	for _, one := range c.cells {
		if one.Commands == nil {
			continue
		}
		if counts[one.Limiter] == nil {
			counts[one.Limiter] = make([]int64, len(c.shards))
		}
		for i, n := range one.Commands {
			counts[one.Limiter][i] += n
		}
	}
	return counts
}

// perShard makes a counter of each limiter and shard, empty shards too.
func (o *order) perShard(name string, counts map[string][]int64) (out []Series) {
	for _, l := range slices.SortedFunc(maps.Keys(counts), o.limiter.compare) {
		for i, s := range o.manifest.Shards {
			out = append(out, counter(name, tags("limiter", l, "shard", s), counts[l][i]))
		}
	}
	return out
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
		case p.batched(l.Name):
			out = append(out, fmt.Sprintf("%s: no audit: it decides on several keys at once, and only that of the first is sampled.", l.Name))
		case l.Over > 0:
			out = append(out, fmt.Sprintf("%s: over-admission: %s to be taken away so that the limit holds, on the sampled keys alone (of %s).", l.Name, counted(l.Over, "admission has", "admissions have"), unit.Counted(l.Compared, "decision")))
		}
	}
	return out
}
