package drive_test

import (
	"testing"
	"time"

	"github.com/quotalab/quotalab/results/record"
)

// A shard that restarts empty gives every key of its own a full new burst,
// and asks for its scripts again; the other shard's keys notice nothing.
func TestShardRestart(t *testing.T) {
	p := compile(t, `
name: restart
horizon: 25s
shards: {count: 2}
network: {rtt: 1ms}
keys: {k: {sequence: {n: 20}}}
traffic: {main: {rate: {herd: {size: 200, every: 10s}}, gaps: even, keys: k}}
limiters: {l: {kind: tat, options: {write: lua}, limit: {count: 5, period: 8760h}}}
faults: [{at: 15s, restart: {shard: shard-2}}]`)
	m, a := audited(t, p)
	after := func(o record.Observation) bool { return o.Sent > int64(15*time.Second) }
	on := func(shard string) func(record.Observation) bool {
		return func(o record.Observation) bool { return o.Takes[0].Shard == shard }
	}
	keys := map[string]bool{}
	for _, o := range m {
		if o.Takes[0].Shard == "shard-2" {
			keys[o.Takes[0].Key] = true
		}
	}
	again := m.count(after, decided(record.Allowed), on("shard-2"))
	if len(keys) == 0 || again != 5*len(keys) || m.count(after, decided(record.Allowed), on("shard-1")) != 0 {
		t.Errorf("%d admitted again on %d keys of the restarted shard, %d on the other", again, len(keys), m.count(after, decided(record.Allowed), on("shard-1")))
	}
	if over := a.Limiters[0].Over; over != int64(again) || m.count(decided(record.Errored)) != 0 {
		t.Errorf("over-admission %d, want %d; %d errors", over, again, m.count(decided(record.Errored)))
	}
	t.Logf("%d keys of the restarted shard got %d tokens again; the oracle counts %d", len(keys), again, a.Limiters[0].Over)
}
