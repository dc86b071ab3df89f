package certify

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/audit"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/scenarios"
)

// clockCases have two clients whose clocks are 4 s apart, and one whose clock steps.
func clockCases(s *Subject) []Case {
	l := s.limit(10, time.Second, 10)
	twoClients := func(perSecond float64) []part {
		apart := 2 * time.Second
		return []part{client("ahead", scenarios.Client{ClockOffset: scenarios.Duration(apart)}), client("behind", scenarios.Client{ClockOffset: scenarios.Duration(-apart)}), keys("one", 1),
			traffic(source{name: "ahead", keys: "one", via: "ahead", rate: constantly(perSecond)}, source{name: "behind", keys: "one", via: "behind", rate: from(17*time.Millisecond, constantly(perSecond))})}
	}
	step := func(by time.Duration, perSecond float64) []part {
		return []part{client("stepping", scenarios.Client{}), keys("one", 1), traffic(source{name: "calls", keys: "one", rate: constantly(perSecond)}),
			faults(scenarios.Fault{At: scenarios.Duration(10 * time.Second), Clock: &scenarios.ClockFault{Client: "stepping", Offset: scenarios.Duration(by)}})}
	}
	tooMany := func(s *Seen) Finding {
		return zero(s.over(), "over-admitted", "%s too many; it obeys %s", s.counted(s.over()), s.clock())
	}
	tooFew := func(s *Seen) Finding {
		n := s.count(func(o *record.Observation) bool { return o.Decision == record.Denied })
		return zero(int64(n), "wrongly denied", "%d of %d requests denied, where all fit; it obeys %s", n, len(s.all), s.clock())
	}
	half := time.Minute
	return []Case{
		{Name: "apart-flood", Shows: "Clients 2 s ahead and 2 s behind ask for one key 12 times a second each, where 10 are allowed.", Scenario: s.scenario(half, l, 0, twoClients(12)...), judge: tooMany},
		{Name: "apart-calm", Shows: "Clients 2 s ahead and 2 s behind ask for one key 4 times a second each, where 10 are allowed.", Scenario: s.scenario(half, l, 0, twoClients(4)...), judge: tooFew},
		{Name: "step-ahead", Shows: "A client's clock is put 1 min ahead while it asks 15 times a second where 10 are allowed.", Scenario: s.scenario(half, l, 0, step(time.Minute, 15)...), judge: tooMany},
		{Name: "step-back", Shows: "A client's clock is put 1 min back while it asks 4 times a second where 10 are allowed.", Scenario: s.scenario(half, l, 0, step(-time.Minute, 4)...), judge: tooFew},
	}
}

// clock says whose clock the limiter obeys.
func (s *Seen) clock() string {
	if s.manifest.Limiters[0].ReadsClock {
		return "its client's clock"
	}
	return "Redis' clock"
}

// onShards asks for keys in turn on four shards, each every 2 s. The first is struck, the only one that a client of
// a single server knows, for which few keys do.
func (s *Subject) onShards() []part {
	n := 40
	if s.declared.Process != nil {
		n = 10
	}
	return []part{shards(4), keys("tenants", n), traffic(source{name: "calls", keys: "tenants", rate: constantly(float64(n) / 2)})}
}

var struck = scenarios.ShardFault{Shard: "shard-1"}

// asksStruck reports whether what happens to the struck shard can be seen.
func (s *Seen) asksStruck() bool {
	return s.count(func(o *record.Observation) bool {
		return slices.ContainsFunc(o.Touched, func(t record.Touch) bool { return t.Shard == struck.Shard })
	}) > 0
}

var unasked = Finding{Verdict: NotExamined, Text: "it never asks the shard that is struck"}

// amnesiaCases returns cases that lose, cut off and add a shard while every key is over its limit. What a Ring
// without replicas cannot help is held against nobody: a key that is moved has a new burst there.
func amnesiaCases(s *Subject) []Case {
	const at, burst = 50 * time.Second, 20
	of := func(name, shows, shard string, moves int64, f scenarios.Fault) Case {
		f.At = scenarios.Duration(at)
		return Case{Name: name, Shows: shows, Scenario: s.scenario(2*time.Minute, s.limit(burst, time.Hour, burst), 2*time.Millisecond, append(s.onShards(), faults(f))...),
			judge: func(s *Seen) Finding { return judgeAmnesia(s, at, shard, moves*burst) }}
	}
	return []Case{
		of("lost", "One of four shards is killed for 20 s and comes back empty.", struck.Shard, 2, scenarios.Fault{For: scenarios.Duration(20 * time.Second), Down: &struck}),
		of("cut-off", "One of four shards answers nothing for 30 s, so that clients do without it, and comes back with what it knew.", struck.Shard, 1, scenarios.Fault{For: scenarios.Duration(30 * time.Second), Frozen: &struck}),
		of("added", "A fifth shard joins four.", "shard-5", 1, scenarios.Fault{Add: &scenarios.AddFault{Shard: "shard-5"}}),
	}
}

// judgeAmnesia holds a limiter to most tokens for each key that was on a shard.
func judgeAmnesia(s *Seen, at time.Duration, shard string, most int64) Finding {
	switch {
	case !s.asksStruck():
		return unasked
	case s.audited.Algorithm == "":
		return Finding{Verdict: NotExamined, Text: "it declares no algorithm, so that nobody knows what fits"}
	}
	moved := map[string]bool{}
	for i := range s.all {
		for _, t := range s.all[i].Takes {
			if t.Shard == shard {
				moved[t.Key] = true
			}
		}
	}
	again, beyond := int64(0), int64(0)
	for key, n := range s.overFrom(at) {
		again += n
		if moved[key] {
			n -= most
		}
		beyond += max(0, n)
	}
	what := "no key got a new burst"
	if again > 0 {
		what = fmt.Sprintf("%d let through again, where %d keys lost their shard, each with a burst of 20", again, len(moved))
	}
	if e := s.errorsBy(); e != "" {
		what += "; errors meanwhile: " + e
	}
	if beyond > 0 {
		return broken(float64(beyond), "over-admitted", "%d more than a new burst for each key each time that it moves explains; %s", beyond, what)
	}
	return holds(float64(again), "let through again", "%s", what)
}

// What outages may do to callers.
const (
	outageReadTimeout = 500 * time.Millisecond
	longestAnswer     = 2 * time.Second
	longestRecovery   = 5 * time.Second
)

// outageCases returns cases that trouble a shard for so short that clients do not give it up.
func outageCases(s *Subject) []Case {
	at := 30 * time.Second
	var caller scenarios.Client
	if s.declared.Process == nil { // which has a Redis client of its own
		caller.Connection.ReadTimeout = scenarios.Duration(outageReadTimeout)
	}
	of := func(name, shows string, lasts time.Duration, f scenarios.Fault) Case {
		f.At, f.For = scenarios.Duration(at), scenarios.Duration(lasts)
		end := int64(at + lasts)
		return Case{Name: name, Shows: shows, Scenario: s.scenario(time.Minute, s.limit(10, time.Hour, 10), 2*time.Millisecond, append(s.onShards(), faults(f), client("caller", caller))...),
			judge: func(s *Seen) Finding { return judgeOutage(s, end) }}
	}
	return []Case{
		of("refused", "One of four shards is down for 1 s.", time.Second, scenarios.Fault{Down: &struck}),
		of("frozen", "One of four shards answers nothing for 900 ms; clients wait 500 ms for a reply.", 900*time.Millisecond, scenarios.Fault{Frozen: &struck}),
		of("slow", "Every round trip to one of four shards takes 400 ms longer for 5 s.", 5*time.Second, scenarios.Fault{Delay: &scenarios.DelayFault{Shard: struck.Shard, RTT: constant(400 * time.Millisecond)}}),
		of("read-only", "One of four shards refuses to write for 2 s.", 2*time.Second, scenarios.Fault{ReadOnly: &struck}),
	}
}

func judgeOutage(s *Seen, end int64) Finding {
	if !s.asksStruck() {
		return unasked
	}
	slowest, last := int64(0), int64(-1)
	for i := range s.all {
		o := &s.all[i]
		if slowest = max(slowest, o.Done-o.Sent); failed(o) {
			last = max(last, o.Done-end)
		}
	}
	policy := "no error"
	if e := s.errorsBy(); e != "" {
		policy = "callers get errors: " + e
	}
	text := fmt.Sprintf("%s; slowest answer %s", policy, unit.Time(time.Duration(slowest)))
	switch open := s.over() - s.explained(audit.Moved); {
	case open > 0:
		return broken(float64(open), "let through", "%d let through without room; %s", open, text)
	case time.Duration(slowest) > longestAnswer:
		return broken(time.Duration(slowest).Seconds(), "s", "%s", text)
	case time.Duration(last) > longestRecovery:
		return broken(time.Duration(last).Seconds(), "s", "%s; the last error %s after the end", text, unit.Time(time.Duration(last)))
	}
	return holds(time.Duration(slowest).Seconds(), "s", "%s", text)
}

// Of reset: ten keys of either kind, and how long after its last use a key of a limit of 10 s may
// be there.
const (
	resetKeys = 10
	longGone  = 2 * time.Hour
)

// resetCases returns cases that cut the connection after each command of the first decision on a key, and of the second.
func resetCases(s *Subject) (all []Case) {
	const rtt = 2 * time.Millisecond
	for _, c := range []struct {
		state string
		at    time.Duration
	}{{"fresh", 0}, {"live", 100 * time.Millisecond}} {
		for k := 1; k <= 3; k++ {
			list := []source{{name: "first", keys: "struck", rate: once(0, resetKeys)}}
			if c.at > 0 {
				list = append(list, source{name: "second", keys: "struck", rate: once(c.at, resetKeys)})
			}
			for _, of := range []string{"struck", "spared"} {
				list = append(list, source{name: of, keys: of, rate: between(10*time.Second, time.Minute, constantly(resetKeys/2.5))},
					source{name: of + "-late", keys: of, rate: once(longGone, resetKeys)})
			}
			all = append(all, Case{
				Name:  fmt.Sprintf("%s-%d", c.state, k),
				Shows: fmt.Sprintf("The connection is reset when command %d of a decision on each of ten %s keys has been executed; then they are used as their limit allows, and once more after 2 h.", k, c.state),
				Scenario: s.scenario(longGone+time.Minute, s.limit(5, 10*time.Second, 5), rtt, keys("struck", resetKeys), keys("spared", resetKeys), traffic(list...),
					faults(scenarios.Fault{At: scenarios.Duration(c.at + time.Duration(k)*rtt - rtt/4), Reset: &scenarios.ShardFault{Shard: "shard-1"}})),
				judge: judgeReset,
			})
		}
	}
	return all
}

func judgeReset(s *Seen) Finding {
	left := func(name string) int {
		return s.count(ofTraffic(name, func(o *record.Observation) bool { return stillThere(o) }))
	}
	denied := func(name string) int {
		keys := map[string]bool{}
		for i := range s.all {
			if o := &s.all[i]; o.Decision == record.Denied && strings.HasPrefix(o.Traffic, name) {
				keys[o.Takes[0].Key] = true
			}
		}
		return len(keys)
	}
	text := fmt.Sprintf("%d answers lost", s.count(failed))
	// What befalls spared keys too does not come of the reset.
	out, forever := denied("struck")-denied("spared"), left("struck-late")-left("spared-late")
	switch {
	case out > 0 && forever > 0:
		return broken(float64(out), "locked out", "%d of %d keys are locked out, and %d are still there 2 h later; %s", out, resetKeys, forever, text)
	case out > 0:
		return broken(float64(out), "locked out", "%d of %d keys are denied what they are allowed; %s", out, resetKeys, text)
	case forever > 0:
		return broken(float64(forever), "keys for good", "%d of %d keys are still there 2 h later; %s", forever, resetKeys, text)
	}
	return holds(0, "locked out", "no key locked out or left; %s", text)
}

// stillThere reports whether a request found its key.
func stillThere(o *record.Observation) bool {
	return len(o.Takes) > 0 && (o.Takes[0].State == record.Found || o.Takes[0].State == record.Stale)
}
