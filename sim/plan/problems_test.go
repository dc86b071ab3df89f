package plan_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/limiter"
	"github.com/quotalab/quotalab/sim/plan"
)

func TestProblems(t *testing.T) {
	for _, c := range []struct {
		why, old, new, want string
	}{
		{"an unknown kind names the nearest", "kind: redis_rate", "kind: redisrate", `12:22: limiters.l.kind: unknown kind "redisrate" (did you mean "redis_rate"?)`},
		{"an algorithm for a kind", "kind: redis_rate", "kind: gcra", `unknown kind "gcra" (that is an algorithm; token buckets by GCRA are kind: boulder, kind: redis_rate, kind: tat, kind: throttled)`},
		{"limits for limit", "limit: {count: 10, period: 1s}", "limits: {count: 10, period: 1s}", "found the fields of one: write limit: {count: …} for a single one, or write limits: {NAME: {count: …}}"},
		{"limit for limits", "limit: {count: 10, period: 1s}", "limit: {x: {count: 10, period: 1s}}", "found a mapping of names: write limits: {NAME: {count: …}} for several"},
		{"an unknown option", "kind: redis_rate,", "kind: tat, options: {writes: lua},", `12:45: limiters.l.options.writes: kind tat has no option "writes" (did you mean "write"?)`},
		{"a value that the option does not have", "kind: redis_rate,", "kind: tat, options: {write: lau},", `12:44: limiters.l.options.write: expected one of set, incr, setnx, lua, found "lau" (did you mean "lua"?)`},
		{"an option's own check", "kind: redis_rate,", "kind: flaky, options: {share: 150%},", `expected a share between 0% and 100%, found "150%"`},
		{"a cost that can never be had", "keys: a}", "keys: a, cost: 11}", "a cost of 11 can never be had from a burst of 10"},
		{"a limit that is not named", "limit: {count: 10, period: 1s}", "limits: {x: {count: 10, period: 1s}, y: {count: 10, period: 1s}}", "limiter l has 2 limits: say which one with `limit`"},
		{"shards that a program cannot share", "kind: redis_rate,", "kind: process, process: {command: [x]},", "shards.shared: kind process is a program of its own"},
		{"shards that a model does not touch", "kind: redis_rate,", "kind: redis_rate, model: true,", "limiters.l.model: shards.shared: a model touches no shard"},
		{"the least of several costs that can never be had", "keys: a}", "keys: a, cost: {uniform: {from: 11, to: 20}}}", "a cost of 11 can never be had from a burst of 10"},
		{"costs the wrong way round", "keys: a}", "keys: a, cost: {uniform: {from: 3, to: 2}}}", "at least from (3), found 2"},
		{"a limiter that cannot settle", "keys: a}", "keys: a, settle: {after: 1s}}", "settle: limiter l, kind redis_rate with these options, cannot settle what it has taken: name limiters that can (concurrency, fixed_window, leaky_bucket, token_bucket)"},
		{"a permit that has a cost", "keys: new}\nlimiters: {l: {kind: redis_rate,", "keys: new, settle: {after: 1s, cost: 2}}\nlimiters: {l: {kind: concurrency,", "a permit of limiter l is returned, and has no real cost"},
		{"several permits at once", "keys: new}\nlimiters: {l: {kind: redis_rate,", "keys: new, cost: 2}\nlimiters: {l: {kind: concurrency,", "a request holds one permit, found a cost of up to 2"},
		{"a trace that is not there", "rate: 100/s, keys: a", "rate: {replay: {file: /nowhere.log}}", "no such file"},
		{"a mix that writes keys", "  new: {", "  m: {as: id, mix: [{keys: a}]}\n  new: {", "a mix writes each key as its part does"},
		{"a time of a command that there is not", "horizon: 10s", "horizon: 10s\nshards: {commands: {evalsh: {time: 1ms}}}", `shards.commands.evalsh: expected a command on keys that it names, in lower case, such as get or evalsha, found "evalsh" (did you mean "evalsha"?)`},
		{"a time of a command that is on no key", "horizon: 10s", "horizon: 10s\nshards: {commands: {multi: {time: 1ms}}}", `shards.commands.multi: expected a command on keys that it names, in lower case, such as get or evalsha, found "multi"`},
		{"times of commands that a model does not send", "kind: redis_rate,", "kind: redis_rate, model: true,", "shards.commands: every limiter is a model"},
		{"faults that do nothing to a model", "kind: redis_rate,", "kind: redis_rate, model: true,", "faults: every limiter is a model"},
		{"a connection that a model does not have", "kind: redis_rate,", "kind: redis_rate, model: true,", "clients.c.connection: every limiter is a model"},
		{"a deadline that a model does not need", "kind: redis_rate,", "kind: redis_rate, model: true,", ".deadline: every limiter is a model"},
		{"memory of live servers", "horizon: 10s", "horizon: 10s\nclock: real\nassert: {shard_bytes: ['count < 9']}", `6:10: assert.0: shard_bytes is of virtual time, found clock: real`},
		{"a permit of each limit, and two of one", "keys: new}\nlimiters: {l: {kind: redis_rate, limit: {count: 10, period: 1s}}}",
			"batch: [{limit: x, keys: a}, {limit: y, keys: new, cost: 2}]}\nlimiters: {l: {kind: concurrency, limits: {x: {count: 10, period: 1s}, y: {count: 10, period: 1s}}}}", "a request holds one permit, found a cost of up to 2"},
		{"a cost that Boulder does not have", "keys: new}\nlimiters: {l: {kind: redis_rate,", "keys: new, cost: 2}\nlimiters: {l: {kind: boulder,", "boulder's transactions cost 1, found a cost of 2"},
		{"an order without a domain", "kind: redis_rate, limit: {count: 10, period: 1s}", "kind: boulder, options: {transactions: new_order}, limits: {NewOrdersPerAccount: {count: 10, period: 1s}}", "a new order needs a batch with"},
		{"a limit that Boulder does not have", "kind: redis_rate, limit: {", "kind: boulder, options: {transactions: new_account}, limits: {Nope: {", `limit "Nope" is none of`},
	} {
		text := strings.Replace(base, c.old, c.new, 1)
		if strings.Contains(c.new, "limits: {Nope") {
			text = strings.Replace(text, "period: 1s}}}", "period: 1s}}}}", 1)
		}
		if strings.Contains(c.want, "shards.shared") {
			text += "\nshards: {shared: true}\n"
		}
		if strings.Contains(c.want, "every limiter is a model") {
			text = strings.Replace(text, "keys: a}", "keys: a, deadline: 1s}", 1) +
				"\nshards: {commands: {get: {time: 1ms}}}\nclients: {c: {connection: {pool_size: 1}}}\nfaults: [{restart: {shard: shard-1}, at: 1s}]\n"
		}
		s, decoding := scenarios.Decode("test.yaml", []byte(text))
		problems := append(decoding, plan.Check(s, limiter.Builtin())...)
		if len(problems) == 0 {
			_, problems = plan.Compile(s, limiter.Builtin())
		}
		if got := problems.Error(); !strings.Contains(got, c.want) {
			t.Errorf("%s: want %q in\n%s", c.why, c.want, got)
		}
	}
}

// Check takes a scenario with other mistakes and adds its own.
func TestCheckAddsToTheDecoders(t *testing.T) {
	text := strings.NewReplacer("kind: redis_rate", "kind: nope", "horizon: 10s", "horizon: 0s").Replace(base)
	s, ps := scenarios.Decode("test.yaml", []byte(text))
	if all := append(ps, plan.Check(s, limiter.Builtin())...).Sort(); len(all) != 2 {
		t.Errorf("want two problems, found:\n%v", all)
	}
}

// How keys are written, and that populations keep apart.
func TestKeys(t *testing.T) {
	text := `
name: keys
horizon: 40s
keys:
  v6: {as: ipv6, sequence: {n: 40}}
  site: {derive: {from: v6, prefix: 48}}
  pair: {as: name, derive: {from: v6, size: 2}}
  three: {as: id, derive: {from: v6, groups: 3}}
  v4: {as: ipv4, sequence: {n: 40}}
  names: {as: domain, sequence: {n: 40}}
  log: {from_trace: {file: access-log-sample}}
  mixed: {mix: [{keys: v6}, {keys: names}]}
traffic:
  %s: {rate: 1/s, gaps: even, keys: %s}
limiters: {l: {kind: tat, limit: {count: 10, period: 1s}}}`
	for _, c := range []struct {
		population string
		want       []string // keys of draws 0, 1 and 17
	}{
		{"v6", []string{"fd00::1", "fd00::2", "fd00:0:1::2"}},
		{"site", []string{"fd00::/48", "fd00::/48", "fd00:0:1::/48"}},
		{"pair", []string{"pair-0", "pair-0", "pair-8"}},
		{"three", []string{"1", "2", "3"}},
		{"v4", []string{"42.0.0.0", "42.0.0.1", "42.0.0.17"}},
		{"names", []string{"names-0.test", "names-1.test", "names-17.test"}},
	} {
		got := events(compile(t, fmt.Sprintf(text, "s", c.population)), "s")
		for i, n := range []int{0, 1, 17} {
			if key := strings.Fields(got[n])[2]; key != c.want[i] {
				t.Errorf("%s: draw %d is %q, want %q", c.population, n, key, c.want[i])
			}
		}
	}
	kinds := map[bool]int{}
	for _, e := range events(compile(t, fmt.Sprintf(text, "s", "mixed")), "s") {
		kinds[strings.HasSuffix(e, ".test")]++
	}
	if kinds[true] == 0 || kinds[false] == 0 {
		t.Errorf("a mix of two populations drew %v", kinds)
	}
	for _, e := range events(compile(t, fmt.Sprintf(text, "s", "log")), "s") {
		if !strings.ContainsAny(e, ".:") {
			t.Errorf("from_trace drew %q, which is no address", e)
		}
	}
}
