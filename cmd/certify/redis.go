package certify

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/rediscmd"
)

// hygieneCases returns cases that look at what the limiter does to Redis.
func hygieneCases(s *Subject) []Case {
	l := s.limit(5, 10*time.Second, 5)
	calm := source{name: "calls", keys: "tenants", rate: constantly(10)}
	cluster := s.scenario(20*time.Second, l, time.Millisecond, shards(3), keys("tenants", 20), traffic(calm))
	cluster.Limiters[0].Value.Cluster = true
	all := []Case{{
		Name:  "wire",
		Shows: "The link carries 1 MB/s, so that the time that an answer takes tells how much went over it.",
		Scenario: s.scenario(20*time.Second, l, time.Millisecond, keys("tenants", 10), traffic(source{name: "calls", keys: "tenants", rate: constantly(20)}),
			faults(scenarios.Fault{For: scenarios.Duration(20 * time.Second), Bandwidth: &scenarios.BandwidthFault{Shard: "shard-1", Rate: 1e6}})),
		judge: judgeWire,
	}, {
		Name:  "deadlines",
		Shows: "Ten keys with a limit of 5 per 10 s are used three times and, 2 h later, once more.",
		Scenario: s.scenario(longGone+time.Minute, l, 0, keys("tenants", resetKeys), traffic(source{name: "calls", keys: "tenants", rate: between(0, 6*time.Second, constantly(5))},
			source{name: "late", keys: "tenants", rate: once(longGone, resetKeys)})),
		judge: func(s *Seen) Finding {
			n := s.count(ofTraffic("late", stillThere))
			return zero(int64(n), "keys for good", "%d of %d keys are still there 2 h later", n, resetKeys)
		},
	}, {
		Name:     "flushed",
		Shows:    "The shard forgets its scripts while requests come.",
		Scenario: s.scenario(20*time.Second, l, time.Millisecond, keys("tenants", 20), traffic(calm), faults(scenarios.Fault{At: scenarios.Duration(10 * time.Second), FlushScripts: &scenarios.ShardFault{Shard: "shard-1"}})),
		judge:    judgeErrors,
	}, {
		Name: "cluster", Shows: "The shards are the masters of a Redis Cluster.", Scenario: cluster, judge: judgeErrors,
	}}
	letters := s.scenario(10*time.Second, s.limit(5, time.Hour, 5), time.Millisecond, lettered)
	all = append(all, Case{
		Name:     "acl",
		Shows:    "Keys that begin with ten different letters; a user of Redis can be restricted to the limiter's prefix if all that its commands and scripts touch begins alike.",
		Scenario: letters,
		judge:    judgeACL,
	}, Case{
		Name:     "slots",
		Shows:    "The keys of each command, and those that a script uses, are looked at: a Redis Cluster refuses those in several slots (CROSSSLOT).",
		Scenario: letters,
		judge:    judgeSlots,
	})
	for _, n := range []int{1, 100} {
		all = append(all, Case{
			Name:     fmt.Sprintf("memory-%d", n),
			Shows:    fmt.Sprintf("One key of a limit of 100 an hour, after %s.", unit.Counted(int64(n), "request")),
			Scenario: s.scenario(time.Second, s.limit(100, time.Hour, 100), 0, keys("one", 1), traffic(source{name: "calls", keys: "one", rate: within(n, 500*time.Millisecond)})),
			judge:    judgeMemory,
		})
	}
	if s.kind.RingOnly {
		all[3].judge, all[3].Omitted = nil, "it takes only a *redis.Ring, so that it cannot run on a Redis Cluster"
	}
	return all
}

// lettered adds ten keys whose names begin with different letters, and traffic to each.
func lettered(s *scenario) {
	for i := range 10 {
		name := string(rune('a'+2*i)) + "-key"
		keys(name, 1)(s)
		traffic(source{name: name, keys: name, rate: constantly(1)})(s)
	}
}

// used is what embedded shards were asked in a case, by scripts too.
type used struct {
	sync.Mutex
	commands map[string]bool
	prefix   string    // of all keys
	keys     [2]string // the first, and one that has another beginning
	declared []string  // of the script that calls
	crossing int       // commands with keys in several slots
	crosses  string    // the first
}

// see is told of a command.
func (u *used) see(words []string, byScript bool) {
	name := rediscmd.Lower(words[0])
	c := rediscmd.Of(name)
	if c.Has(rediscmd.OfConnections) {
		return
	}
	u.Lock()
	defer u.Unlock()
	var keys []string
	c.Keys(len(words), func(i int) string { return words[i] }, func(at int) { keys = append(keys, words[at]) })
	if len(u.commands) == 0 {
		u.commands = map[string]bool{}
	}
	u.commands[name] = true
	for _, key := range keys {
		if u.keys[0] == "" {
			u.keys[0], u.prefix = key, key
		}
		for !strings.HasPrefix(key, u.prefix) {
			u.keys[1], u.prefix = key, u.prefix[:len(u.prefix)-1]
		}
	}
	together := keys
	if byScript {
		if len(keys) > 0 && len(u.declared) == 0 {
			u.cross("%s of a script uses the key %q, where the script declares none", name, keys[0])
		}
		together = slices.Concat(u.declared, keys)
	} else {
		u.declared = keys
	}
	for _, key := range together {
		if rediscmd.Slot(key) != rediscmd.Slot(together[0]) {
			u.cross("%s has %q and %q, which are in different slots", name, together[0], key)
			break
		}
	}
}

func (u *used) cross(text string, args ...any) {
	if u.crossing++; u.crossing == 1 {
		u.crosses = fmt.Sprintf(text, args...)
	}
}

// beyond are commands that reach keys beyond any prefix, or the server.
var beyond = []string{"config", "debug", "flushall", "flushdb", "keys", "migrate", "monitor", "randomkey", "scan", "shutdown", "swapdb"}

var askedNothing = Finding{Verdict: NotExamined, Text: "it asks no shard"}

// judgeACL looks for what all keys begin with, and which commands there are.
func judgeACL(s *Seen) Finding {
	rule := "~" + s.used.prefix + "*"
	for _, name := range slices.Sorted(maps.Keys(s.used.commands)) {
		rule += " +" + name
	}
	switch at := slices.IndexFunc(beyond, func(name string) bool { return s.used.commands[name] }); {
	case len(s.used.commands) == 0:
		return askedNothing
	case at >= 0:
		return broken(1, "commands", "it sends %s, which reaches beyond any prefix", beyond[at])
	case s.used.prefix == "" && s.used.keys[0] != "":
		return broken(2, "keys", "its keys begin with nothing in common, such as %q and %q, so that an ACL cannot be limited to them", s.used.keys[0], s.used.keys[1])
	}
	return holds(0, "keys", "the ACL rule %s is enough", rule)
}

// judgeSlots looks for keys in several slots.
func judgeSlots(s *Seen) Finding {
	if len(s.used.commands) == 0 {
		return askedNothing
	}
	if s.used.crossing > 0 {
		return broken(float64(s.used.crossing), "commands", "%s", s.used.crosses)
	}
	return holds(0, "commands", "the keys of each command are in one slot")
}

// judgeMemory says what a key takes; nothing of it is wrong.
func judgeMemory(s *Seen) Finding {
	bytes := 0
	for _, k := range s.left {
		bytes += k.Bytes
	}
	if bytes == 0 {
		return Finding{Verdict: NotExamined, Text: "it leaves no key behind that could be looked at"}
	}
	return holds(float64(bytes), "B", "%d B in %s, by the estimate of MEMORY USAGE", bytes, unit.Counted(int64(len(s.left)), "key"))
}

func judgeErrors(s *Seen) Finding {
	n := s.count(failed)
	if n == 0 {
		return holds(0, "errors", "%d decisions without an error", len(s.all))
	}
	return broken(float64(n), "errors", "%d of %d decisions failed: %s", n, len(s.all), s.firstError())
}

// judgeWire says what a decision costs; nothing of it is wrong.
func judgeWire(s *Seen) Finding {
	var parts []string
	worst := 0.0
	for _, of := range []struct {
		name string
		is   func(o *record.Observation) bool
	}{
		{"new key", func(o *record.Observation) bool { return o.Decision == record.Allowed && o.Key == record.NotFound }},
		{"allowed", func(o *record.Observation) bool { return o.Decision == record.Allowed && o.Key != record.NotFound }},
		{"denied", func(o *record.Observation) bool { return o.Decision == record.Denied }},
	} {
		n, trips, commands, bytes := 0, 0, 0, 0.0
		for i := range s.all {
			o := &s.all[i]
			if !of.is(o) || o.RoundTrips < 0 {
				continue
			}
			n, trips = n+1, trips+int(o.RoundTrips)
			for _, t := range o.Touched {
				commands += int(t.Commands)
			}
			bytes += float64(o.Done-o.Sent-int64(o.RoundTrips)*int64(time.Millisecond)) / 1e3 // µs at 1 MB/s
		}
		if n > 0 {
			mean := func(x float64) string { return unit.Digits(x/float64(n), 3) }
			parts = append(parts, fmt.Sprintf("%s: %s round trips, %s commands, %s B", of.name, mean(float64(trips)), mean(float64(commands)), mean(bytes)))
			worst = max(worst, float64(trips)/float64(n))
		}
	}
	if len(parts) == 0 {
		return Finding{Verdict: NotExamined, Text: "the commands cannot be attributed to decisions"}
	}
	return holds(worst, "round trips", "%s", strings.Join(parts, "; "))
}

// shardingCases returns cases that look at where commands go.
func shardingCases(s *Subject) []Case {
	return []Case{{
		Name:  "spread",
		Shows: "400 new keys on four shards.",
		Scenario: s.scenario(20*time.Second, s.limit(10, time.Minute, 10), time.Millisecond, shards(4), func(sc *scenario) {
			sc.Keys = append(sc.Keys, scenarios.Entry[scenarios.Population]{Name: "new", Value: scenarios.Population{Fresh: &struct{}{}}})
		}, traffic(source{name: "calls", keys: "new", rate: constantly(20)})),
		judge: judgeSpread,
	}, {
		Name:  "instances",
		Shows: "Four instances of a client are asked in random order for 5 keys, one request after another.",
		Scenario: s.scenario(time.Minute, s.limit(20, time.Hour, 20), time.Millisecond, shards(4), keys("tenants", 5), client("caller", scenarios.Client{Instances: 4}),
			traffic(source{name: "calls", keys: "tenants", rate: constantly(5)})),
		judge: func(s *Seen) Finding {
			return zero(s.over(), "over-admitted", "%d of %d allowed where 100 fit", s.count(allowed), len(s.all))
		},
	}}
}

// judgeSpread finds the shard that most decisions ask.
func judgeSpread(s *Seen) Finding {
	asked := map[string]int{}
	hottest, most := "", 0
	for i := range s.all {
		for _, t := range s.all[i].Touched {
			asked[t.Shard]++
		}
	}
	for _, name := range s.manifest.Shards {
		if asked[name] > most {
			hottest, most = name, asked[name]
		}
	}
	share := float64(most) / float64(max(1, len(s.all)))
	if hottest == "" {
		return Finding{Verdict: NotExamined, Text: "it asks no shard"}
	}
	if s.outside && len(asked) == 1 {
		return Finding{Verdict: NotExamined, Text: "its Redis client is given one shard alone"}
	}
	text := fmt.Sprintf("%s of the decisions ask %s; even is 25 %%", unit.Percent(share), hottest)
	if share > 0.5 {
		return broken(100*share, "% on one shard", "%s", text)
	}
	return holds(100*share, "% on one shard", "%s", text)
}

// tolerated is how wrong a limiter's own metrics may be.
const tolerated = 0.02

// telemetryCases returns cases that compare the limiter's own metrics with what callers saw.
func telemetryCases(s *Subject) []Case {
	c := Case{
		Name:  "latency",
		Shows: "Five keys asked more often than is allowed, with a round trip of 5 ms.",
		Scenario: s.scenario(30*time.Second, s.limit(5, 10*time.Second, 5), 5*time.Millisecond, keys("tenants", 5),
			traffic(source{name: "calls", keys: "tenants", rate: constantly(10)})),
		judge: func(s *Seen) Finding {
			worst, which := -1.0, ""
			for _, m := range s.Summary.Select(metric.Selector{Metric: "telemetry_error"}) {
				if v := math.Abs(*m.Value); v > worst {
					worst, which = v, m.Tags["series"]
				}
			}
			switch {
			case worst < 0:
				return Finding{Verdict: NotExamined, Text: "its metrics said nothing that can be compared"}
			case worst > tolerated:
				return broken(100*worst, "% wrong", "%s is wrong by %s", which, unit.Percent(worst))
			}
			return holds(100*worst, "% wrong", "%s is wrong by %s", which, unit.Percent(worst))
		},
	}
	if s.kind.Telemetry == nil {
		c.Omitted = "it has no metrics of its own that quotalab reads"
	}
	return []Case{c}
}
