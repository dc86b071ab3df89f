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

// A source's costs are drawn from a stream of their own, so that arrivals and keys
// stay as they are; the reference, another limiter by the same algorithm, and
// the audit count the tokens that were drawn.
func TestCostsThatAreDrawn(t *testing.T) {
	const source = `
name: costs
horizon: 30s
network: {rtt: 0s}
keys: {users: {uniform: {n: 5}}}
traffic: {calls: {rate: 40/s, keys: users, cost: COST}}
limiters: {tat: {kind: tat, limit: {count: 100, period: 1s}}, bucket: {kind: token_bucket, limit: {count: 100, period: 1s}}}
`
	bare, _ := play(t, compile(t, strings.Replace(source, "COST", "7", 1)))
	p := compile(t, strings.Replace(source, "COST", "{choices: [{cost: 1, weight: 3}, {cost: 60}, {cost: 101}]}", 1))
	if text := p.Text(); !strings.Contains(text, "1 to 101 of default by users") || !strings.Contains(text, "costs of more than the burst of 100 of limiter tat") {
		t.Errorf("the plan does not say what is drawn:\n%s", text)
	}
	m, found := audited(t, p)
	if len(m) != len(bare) {
		t.Fatalf("%d decisions, with another cost %d", len(m), len(bare))
	}
	allowed, tokens := map[string]int{}, map[int64]int{}
	for i, o := range m {
		cost := o.Takes[0].Cost
		tokens[cost]++
		if o.Intended != bare[i].Intended || o.Takes[0].Key != bare[i].Takes[0].Key {
			t.Fatalf("arrival %d moved with its cost", i)
		}
		if o.Decision == record.Allowed {
			allowed[o.Limiter]++
		}
		if cost == 101 && o.Decision != record.Denied {
			t.Errorf("101 of a burst of 100 were %s", o.Decision)
		}
	}
	if tokens[1] < 2*tokens[60] || tokens[60] == 0 || tokens[101] == 0 || len(tokens) != 3 {
		t.Errorf("drawn: %v", tokens)
	}
	if allowed["tat"] != allowed["bucket"] || allowed["tat"] == 0 {
		t.Errorf("two limiters of one algorithm allowed %v", allowed)
	}
	for _, l := range found.Limiters {
		if l.Over != 0 || l.Under != 0 || !l.Tokens {
			t.Errorf("%s: %d over- and %d under-admissions (tokens: %t), want none, in tokens", l.Name, l.Over, l.Under, l.Tokens)
		}
	}
}

// A change that is rolled out over 4 s reaches the five instances one by one, a
// second apart, and what those do that have not got it yet is over-admission by the
// new limit.
func TestChangesAreRolledOut(t *testing.T) {
	m, found := audited(t, compile(t, `
name: rollout
horizon: 8s
network: {rtt: 0s}
keys: {users: {fresh: {}}}
clients: {wfe: {instances: 5}}
traffic: {calls: {rate: 50/s, gaps: even, keys: users, cost: 2}}
limiters: {main: {kind: tat, limit: {count: 2, period: 1h}, changes: [{at: 2s, over: 4s, count: 1, period: 1h}]}}
`))
	late := int64(0)
	for _, o := range m {
		n := int64(o.Client[len(o.Client)-1] - '0')
		if want := o.Sent < (2+n)*1e9; (o.Decision == record.Allowed) != want {
			t.Errorf("%s at %d ms: %s", o.Client, o.Sent/1e6, o.Decision)
		}
		if o.Decision == record.Allowed && o.Sent >= 2e9 {
			late++
		}
	}
	if l := found.Limiters[0]; l.Over != late || late < 50 {
		t.Errorf("%d over-admissions, want the %d of instances with the old limit", l.Over, late)
	}
}
