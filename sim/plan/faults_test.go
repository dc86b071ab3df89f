package plan

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quotalab/quotalab/models/network"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/fault"
	"github.com/quotalab/quotalab/sim/limiter"
)

// Shards that join have the places behind the others, in the order in which
// they join; faults keep the order of the file and end with the run.
func TestCompileFaults(t *testing.T) {
	s, ps := scenarios.Decode("x.yaml", []byte(`
name: faults
horizon: 1m
shards: {names: [a, b], zones: [far, default]}
network: {rtt: 1ms, links: [{from: default, to: far, rtt: 9ms}, {from: default, to: default, rtt: 2ms}]}
clients: {front: {}, back: {shard_names: [x, y], zone: elsewhere}}
keys: {k: {uniform: {n: 9}}}
traffic: {t: {rate: 5/s, keys: k, via: [front, back]}}
limiters: {l: {kind: tat, limit: {count: 3, period: 1s}}}
faults:
  - {at: 30s, add: {shard: late}}
  - {at: 40s, for: 1h, down: {shard: late}}
  - {at: 20s, add: {shard: early}}
  - {at: 21s, for: 5s, bandwidth: {shard: early, rate: 1kB/s}}
  - {at: 22s, rename: {shard: b, to: c}}
  - {at: 23s, for: 2s, delay: {shard: b, rtt: 3ms}}
  - {at: 24s, clock: {client: back, offset: -5ms}}
`))
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	p, ps := Compile(s, limiter.Builtin())
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	const second = int64(time.Second)
	want := []fault.Fault{
		{Kind: fault.Add, At: 30 * second, Until: 30 * second, Shard: 3, Name: "late"},
		{Kind: fault.Down, At: 40 * second, Until: 60 * second, Shard: 3},
		{Kind: fault.Add, At: 20 * second, Until: 20 * second, Shard: 2, Name: "early"},
		{Kind: fault.Bandwidth, At: 21 * second, Until: 26 * second, Shard: 2, BytesPerSecond: 1000},
		{Kind: fault.Rename, At: 22 * second, Until: 22 * second, Shard: 1, Name: "c"},
		{Kind: fault.Delay, At: 23 * second, Until: 25 * second, Shard: 1, RTT: network.Constant(3 * time.Millisecond)},
		{Kind: fault.Clock, At: 24 * second, Until: 60 * second, Client: 1, Offset: -5 * time.Millisecond},
	}
	if d := cmp.Diff(want, p.Faults); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"a", "b", "early", "late"}, p.AllShards()); d != "" {
		t.Error(d)
	}
	for i, ms := range map[int][]int{0: {9, 2, 2, 2}, 1: {1, 1, 1, 1}} {
		for shard, want := range ms {
			if got := p.Clients[i].RTT[shard].Mean(); got != time.Duration(want)*time.Millisecond {
				t.Errorf("client %s is %v from shard %d, want %d ms", p.Clients[i].Name, got, shard+1, want)
			}
		}
	}
}
