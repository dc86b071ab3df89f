package series

import (
	"fmt"
	"math"
	"strings"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
)

// heat counts the commands of each limiter on each shard by interval.
type heat struct {
	at     intervals
	shards []string
	index  map[string]int
	of     map[string][][]int64 // by limiter: shard, interval
}

func newHeat(at intervals, shards []string) *heat {
	h := &heat{at: at, shards: shards, index: map[string]int{}, of: map[string][][]int64{}}
	for i, s := range shards {
		h.index[s] = i
	}
	return h
}

func (h *heat) observe(o *record.Observation) error {
	if len(o.Touched) == 0 {
		return nil
	}
	counts := h.of[o.Limiter]
	if counts == nil {
		counts = make([][]int64, len(h.shards))
		for i := range counts {
			counts[i] = make([]int64, h.at.n)
		}
		h.of[o.Limiter] = counts
	}
	i := h.at.of(o.Intended)
	for _, t := range o.Touched {
		shard, ok := h.index[t.Shard]
		if !ok {
			return fmt.Errorf("observation %d touches shard %q, which the manifest does not list", o.Seq, t.Shard)
		}
		counts[shard][i] += int64(t.Commands)
	}
	return nil
}

// shardLoads returns those of the limiters that used a shard.
func shardLoads(m *record.Manifest, s *summary.Measured, h *heat) (out []ShardLoad) {
	for _, l := range m.Limiters {
		load := ShardLoad{Limiter: l.Name, Names: m.Shards, From: float64(h.at.from) / 1e9, Step: float64(h.at.step) / 1e9,
			Keys: perShard(s, "shard_keys", l.Name), Commands: perShard(s, "shard_commands", l.Name)}
		if load.Keys == nil && load.Commands == nil {
			continue
		}
		load.judge(s)
		load.rank(s)
		for _, counts := range h.of[l.Name] {
			load.Heat = append(load.Heat, h.at.rates(counts))
		}
		out = append(out, load)
	}
	return out
}

// perShard is a counter of a limiter, by shard as in the manifest.
func perShard(s *summary.Measured, metric, limiter string) (counts []int64) {
	for _, m := range s.Metrics {
		if m.Name == metric && m.Tags["limiter"] == limiter {
			counts = append(counts, m.Count)
		}
	}
	return counts
}

// judge finds whether chance explains how the keys lie.
func (l *ShardLoad) judge(s *summary.Measured) {
	l.KeysLow, l.KeysHigh, l.KeysP = math.NaN(), math.NaN(), math.NaN()
	total := int64(0)
	for _, n := range l.Keys {
		total += n
	}
	if total == 0 {
		return
	}
	l.KeysLow, l.KeysHigh = band(total, len(l.Keys))
	for _, m := range s.Metrics {
		if m.Name == "shard_balance" && m.Tags["limiter"] == l.Limiter && m.Tags["of"] == "keys" && m.Tags["stat"] == "p_value" {
			l.KeysP = *m.Value
		}
	}
}

// rank lists the hottest keys.
func (l *ShardLoad) rank(s *summary.Measured) {
	keys, decisions := s.Busiest(l.Limiter)
	rest := decisions
	for _, k := range keys {
		l.Hottest = append(l.Hottest, HotKey{Limit: k.Limit, Key: k.Key, Shard: strings.Join(k.Shards, ","), Decisions: k.Decisions, Share: float64(k.Decisions) / float64(decisions)})
		rest -= k.Decisions
	}
	l.HotRest = math.NaN()
	if decisions > 0 {
		l.HotRest = float64(rest) / float64(decisions)
	}
}
