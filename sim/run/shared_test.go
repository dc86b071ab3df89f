package run_test

import (
	"strings"
	"testing"

	"github.com/quotalab/quotalab/results/record"
)

// Two tiers of one gateway, each in need of 60 % of its shard's time.
const tiers = `
name: tiers
horizon: 3s
shards: {count: 1, service: 1ms}
network: {rtt: 0s}
keys: {users: {uniform: {n: 50}}}
traffic:
  edge: {rate: 600/s, keys: users, limiters: [edge]}
  inner: {rate: 600/s, keys: users, limiters: [inner]}
limiters:
  edge: {kind: tat, limit: {count: 5, period: 1s}}
  inner: {kind: tat, limit: {count: 10, period: 1s}}
`

// On shards of their own the tiers wait little; on one set they need 120 % of
// it, so that the queue grows by 0.2 s a second to 0.6 s. Their keys stay apart,
// though they have the same names.
func TestSharedShardsContend(t *testing.T) {
	apart, found := audited(t, compile(t, tiers))
	p := compile(t, strings.Replace(tiers, "count: 1,", "count: 1, shared: true,", 1))
	if text := p.Text(); len(p.Worlds) != 1 || !strings.Contains(text, "shared by all limiters") || !strings.Contains(text, "the limiters share their shards") {
		t.Errorf("%d worlds, want 1 and the reason:\n%s", len(p.Worlds), text)
	}
	together, foundTogether := audited(t, p)
	if a, b := longest(apart)/1e6, longest(together)/1e6; a > 100 || b < 450 || b > 750 {
		t.Errorf("longest sojourn %d ms apart and %d ms together, want below 100 and about 600", a, b)
	}
	for i, name := range []string{"edge", "inner"} {
		l := foundTogether.Limiters[i]
		if l.Name != name || l.Over != 0 || l.Under != 0 || l.Keys != 50 {
			t.Errorf("%s: %d over- and %d under-admissions on %d keys, want none on 50", l.Name, l.Over, l.Under, l.Keys)
		}
		if found.Limiters[i].Compared != l.Compared {
			t.Errorf("%s: %d decisions, apart %d", name, l.Compared, found.Limiters[i].Compared)
		}
	}
	for _, o := range together {
		if k := o.Takes[0].Key; strings.Contains(k, ":") || o.Key == record.Unread {
			t.Fatalf("key %q is %s, want it without a prefix, and read", k, o.Key)
		}
	}
}

// A fault of a shared shard happens once, and to both limiters.
func TestSharedShardIsLostToAll(t *testing.T) {
	p := compile(t, strings.Replace(tiers, "count: 1, service: 1ms", "count: 1, shared: true", 1)+"faults: [{at: 1500ms, restart: {shard: shard-1}}]\n")
	m, _ := play(t, p)
	for _, limiter := range []string{"edge", "inner"} {
		fresh := m.count(func(o record.Observation) bool { return o.Limiter == limiter && o.Key == record.NotFound })
		if fresh != 100 {
			t.Errorf("%s found %d keys new, want its 50 twice", limiter, fresh)
		}
	}
}

func longest(m memory) (most int64) {
	for _, o := range m {
		most = max(most, o.Done-o.Intended)
	}
	return most
}
