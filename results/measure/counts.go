package measure

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/quotalab/quotalab/results/record"
)

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
