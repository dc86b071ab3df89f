package run_test

import (
	"testing"

	"github.com/quotalab/quotalab/scenarios"
)

// What keys take is measured where an assertion or a column asks for it, by
// limiter and shard.
func TestMemoryIsMeasuredWhereItIsAskedFor(t *testing.T) {
	const scenario = `
name: memory
horizon: 10s
shards: {count: 3}
keys: {k: {sequence: {n: 2}}}
traffic: {t: {rate: 40/s, gaps: even, keys: k}}
limiters:
  log: {kind: sliding_log, limit: {count: 1_000, period: 1m}}
  tat: {kind: tat, limit: {count: 1_000, period: 1m}}
`
	if _, r := play(t, compile(t, scenario)); len(r.Memory) > 0 {
		t.Errorf("nobody asked, and it is measured: %v", r.Memory)
	}
	s, ps := scenarios.Decode("test.yaml", []byte(scenario+"sweep: {axes: {seed: [1]}, metrics: [shard_bytes count]}\n"))
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	cell, ps := s.With([]scenarios.Setting{{Path: "seed", Value: "1"}}, 0)
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	if _, r := play(t, compiled(t, cell)); len(r.Memory) != 6 {
		t.Errorf("a column asks, and it is measured: %v, want 2 limiters on 3 shards", r.Memory)
	}
	_, r := play(t, compile(t, scenario+"assert: {\"shard_bytes{limiter=log}\": [\"count > 0\"]}\n"))
	bytes, shards := map[string]int64{}, map[string]int{}
	for _, m := range r.Memory {
		bytes[m.Limiter] += m.Bytes
		shards[m.Limiter]++
	}
	if shards["log"] != 3 || shards["tat"] != 3 || bytes["log"] < 399*105 || bytes["tat"] < 100 || bytes["tat"] > 400 {
		t.Errorf("on %v shards the keys take %v bytes", shards, bytes)
	}
}
