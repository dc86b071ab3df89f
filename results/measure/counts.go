package measure

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/quotalab/quotalab/results/record"
)

// failures counts errors by limiter and kind.
type failures struct {
	order     *order
	decisions map[string]int64
	kinds     map[failure]int64
}

type failure struct{ limiter, kind string }

func newFailures(o *order) *failures {
	return &failures{order: o, decisions: map[string]int64{}, kinds: map[failure]int64{}}
}

func (f *failures) observe(o *record.Observation) {
	if o.Decision == record.Dropped {
		return
	}
	f.decisions[o.Limiter]++
	if o.Error != "" {
		f.kinds[failure{o.Limiter, o.Error}]++
	}
}

func (f *failures) sorted() []failure {
	var list []failure
	for k := range f.kinds {
		list = append(list, k)
	}
	slices.SortFunc(list, func(a, b failure) int {
		return cmp.Or(f.order.limiter.compare(a.limiter, b.limiter), f.order.errors.compare(a.kind, b.kind))
	})
	return list
}

// metrics: a limiter without an error has one series, that says 0.
func (f *failures) metrics() []Metric {
	var limiters []string
	for l := range f.decisions {
		limiters = append(limiters, l)
	}
	slices.SortFunc(limiters, f.order.limiter.compare)
	list := f.sorted()
	var out []Metric
	for _, l := range limiters {
		n := len(out)
		for _, k := range list {
			if k.limiter == l {
				out = append(out, counter("errors", tags("limiter", l, "error", k.kind), f.kinds[k]))
			}
		}
		if len(out) == n {
			out = append(out, counter("errors", tags("limiter", l), 0))
		}
	}
	return out
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
