package plan_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/quotalab/quotalab/sim/plan"
)

const splits = `
name: splits
horizon: 10s
shards: {count: 4}
clients: {here: {does: take}, there: {does: take}}
keys: {k: {fresh: {}}}
traffic:
  one: {rate: 100/s, limit: a, keys: k, limiters: [l], via: [here]}
  two: {rate: 50/s, limit: a, keys: k, limiters: [l, m], via: [here, there]}
limiters: {l: {kind: tat, options: {write: setnx}, limits: {a: {count: 10, period: 1s}, b: {count: 10, period: 1s}}}, m: {kind: boulder, limits: {a: {count: 10, period: 1s}}}}
`

// TestWorlds says what each rule of the split makes of a plan.
func TestWorlds(t *testing.T) {
	const accounts = "\naccounts: {a: {count: 3, limit: 100, usage: {of_limit: 50%}}}\nengines: {x: {kind: inline}, y: {kind: catch_up, every: 1s}}"
	for _, c := range []struct {
		why, old, new string
		worlds        int
		text          string // that the plan says
	}{
		{"one limiter by shard, one that reaches several keys", "", "", 5, "not split  limiter m by shard: kind boulder does not say"},
		{"every kind that keeps to one key, on a cluster too", "kind: boulder,", "kind: redis_rate, cluster: true,", 8, "limiter l (4 shards), limiter m (4 shards)"},
		{"one shard", "shards: {count: 4}", "", 2, "played side by side on up to 2 cores: limiter l, limiter m"},
		{"several keys a request", "one: {rate: 100/s, limit: a, keys: k,", "one: {rate: 100/s, batch: [{limit: a, keys: k}, {limit: b, keys: k}],", 2, "limiter l by shard: a request of traffic one takes from 2 limits"},
		{"a cap that is written", "one: {rate", "one: {max_in_flight: 10_000, rate", 2, "limiter l by shard: max_in_flight of traffic one"},
		{"a shard that is lost", "limiters: {", "faults: [{at: 1s, for: 1s, down: {shard: shard-1}}]\nlimiters: {", 2, "limiter l by shard: by a fault (shard-1 is down) keys may move"},
		{"a shard that is slow may be lost", "limiters: {", "faults: [{at: 1s, for: 1s, delay: {shard: shard-1, rtt: 1s}}]\nlimiters: {", 2, "keys may move"},
		{"a fault that moves no key", "limiters: {", "faults: [{at: 1s, reset: {shard: shard-1}}, {at: 1s, for: 1s, read_only: {shard: shard-2}}, {at: 1s, clock: {client: here, offset: 1s}}]\nlimiters: {", 5, ""},
		{"clients that have a key on different shards", "there: {does: take}", "there: {does: take, shard_names: [shard-2, shard-1, shard-3, shard-4]}", 2, "clients here and there name the shards differently"},
		{"an assertion that ends the run", "limiters: {", "assert: {decisions: [{check: count < 5, abortOnFail: true}]}\nlimiters: {", 1, "the assertion decisions: count < 5 has abortOnFail"},
		{"real time", "horizon: 10s", "horizon: 10s\nclock: real", 1, "in real time all share the servers"},
		{"each engine", "\nlimiters: {", accounts + "\nlimiters: {", 7, "engine x, engine y"},
		{"engines that look at what a limiter allows", "\nlimiters: {", strings.Replace(accounts, "{of_limit: 50%}", "{from: two, limiter: l}", 1) + "\nlimiters: {", 2, "what the limiters allow is the usage"},
	} {
		source := strings.Replace(splits, c.old, c.new, 1)
		p := compile(t, source)
		text := p.Text()
		if len(p.Worlds) != c.worlds || !strings.Contains(strings.Join(strings.Fields(text), " "), strings.Join(strings.Fields(c.text), " ")) {
			t.Errorf("%s: %d worlds, want %d and %q:\n%s", c.why, len(p.Worlds), c.worlds, c.text, text)
		}
		seen := map[string]int{} // everything is in exactly one
		for _, w := range p.Worlds {
			for _, l := range w.Limiters {
				for shard := range p.Shards {
					if w.Shard == plan.EveryShard || w.Shard == shard {
						seen[fmt.Sprint("limiter ", l, " shard ", shard)]++
					}
				}
			}
			for _, e := range w.Engines {
				seen[fmt.Sprint("engine ", e)]++
			}
		}
		if want := len(p.Limiters)*len(p.Shards) + len(p.Engines); len(seen) != want {
			t.Errorf("%s: %d parts, want %d: %v", c.why, len(seen), want, seen)
		}
		for part, n := range seen {
			if n != 1 {
				t.Errorf("%s: %s is in %d worlds", c.why, part, n)
			}
		}
	}
}
