package certify

import (
	"fmt"
	"strings"
	"time"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/scenarios"
)

// year is a period in which nothing comes back while a case goes on.
const year = 8760 * time.Hour

// raceCases have 64 callers 8 times on one key, which nobody has used before (fresh), which is in
// use (live), or whose tokens have all come back (stale).
func raceCases(s *Subject) (all []Case) {
	for _, burst := range []int64{100, 1} {
		back := year / time.Duration(burst) // one token
		for _, state := range []struct {
			name  string
			first part
			at    time.Duration
		}{
			{"fresh", traffic(), 0},
			{"live", traffic(source{name: "first", keys: "one", rate: once(0, 1)}), 20 * time.Millisecond},
			{"stale", traffic(source{name: "first", keys: "one", rate: once(0, 1)}), back + 5*time.Minute},
		} {
			if burst == 1 && state.name == "live" {
				continue // nothing is left
			}
			callers := source{name: "callers", keys: "one", rate: from(state.at, atOnce(64, 20*time.Millisecond))}
			all = append(all, Case{
				Name:     fmt.Sprintf("%s-%d", state.name, burst),
				Shows:    fmt.Sprintf("64 callers at one instant, 8 times, on a %s key with a burst of %d that does not come back meanwhile.", state.name, burst),
				Scenario: s.scenario(state.at+160*time.Millisecond, s.limit(burst, year, burst), 5*time.Millisecond, keys("one", 1), state.first, traffic(callers)),
				real:     state.name != "stale",
				judge:    judgeRace,
			})
		}
	}
	return all
}

func judgeRace(s *Seen) Finding {
	callers := s.count(func(o *record.Observation) bool { return o.Traffic == "callers" })
	through := s.count(ofTraffic("callers", allowed))
	lost := s.count(func(o *record.Observation) bool { return o.Decision == record.Dropped }) + 512 - callers
	text := fmt.Sprintf("%d of %d allowed", through, callers)
	switch bad := s.count(failed); {
	case s.over() > 0:
		return broken(float64(s.over()), "over-admitted", "%s, %d too many", text, s.over())
	case lost > 0:
		return broken(float64(lost), "lost", "%s, %d callers got no answer", text, lost)
	case bad > 0:
		return broken(float64(bad), "errors", "%s, %s ended in an error (%s)", text, unit.Counted(int64(bad), "call"), s.errorsBy())
	}
	return holds(0, "over-admitted", "%s", text)
}

// exactnessCases returns cases that send random requests one after another, in bursts with pauses in which all tokens
// come back, to limits with whole and with broken emission intervals.
func exactnessCases(s *Subject) (all []Case) {
	for _, c := range []struct {
		name         string
		count, burst int64
		period       time.Duration
		costs        []int64
	}{
		{"even", 10, 20, time.Second, []int64{1}},
		{"uneven", 7, 7, 3 * time.Second, []int64{1}},
		{"slow", 3, 5, time.Minute, []int64{1}},
		{"costs", 10, 20, time.Second, []int64{1, 4}},
	} {
		refill := c.period * time.Duration(max(c.count, c.burst)) / time.Duration(c.count)
		rate := 3 * float64(c.burst) / refill.Seconds()
		var list []source
		for i, cost := range c.costs {
			list = append(list, source{name: fmt.Sprintf("cost-%d", cost), keys: "some", cost: cost, random: true,
				rate: from(time.Duration(i)*time.Millisecond, onOff(rate/float64(cost), 2*refill, 3*refill))})
		}
		all = append(all, Case{
			Name:  c.name,
			Shows: fmt.Sprintf("Random requests one after another on two keys with a limit of %d per %s, more than fit, with pauses.", c.count, unit.Time(c.period)),
			Scenario: s.scenario(25*refill, s.limit(c.count, c.period, c.burst), 0, func(sc *scenario) {
				keys("some", 2)(sc)
			}, traffic(list...)),
			real:  c.name == "even" || c.name == "costs",
			judge: judgeExact,
		})
	}
	return all
}

func judgeExact(s *Seen) Finding {
	switch {
	case s.audited.Algorithm == "":
		return judgeEnvelope(s)
	case s.manifest.Clock == "real":
		return judgeCertain(s)
	}
	under, _ := s.wronglyDenied()
	wrong, compared, off := int64(0), int64(0), int64(0)
	slack := s.manifest.Limiters[0].Resolution
	retry, late, latest := s.audited.Retry, 0, time.Duration(0)
	s.replay(func(t told) {
		if !t.clean {
			return
		}
		if over := time.Duration(t.RetryAfter) - t.says.RetryAfter; t.Decision == record.Denied && t.RetryAfter >= 0 && t.says.RetryAfter >= 0 && over > max(retry.Unit, slack, time.Millisecond)+t.says.RetryAfter/1e6 {
			late, latest = late+1, max(latest, over)
		}
		if t.Decision != record.Allowed || !t.says.Allowed || t.Remaining < 0 {
			return
		}
		compared++
		if d := t.Remaining - t.says.Remaining; d != 0 && (d < -1 || d > 1 || slack == 0) {
			wrong, off = wrong+1, d
		}
	})
	text := fmt.Sprintf("%d decisions judged", s.audited.Compared)
	switch {
	case s.over() > 0:
		return broken(float64(s.over()), "over-admitted", "%d of %s", s.over(), text)
	case under > 0:
		return broken(float64(under), "wrongly denied", "%d of %s", under, text)
	case s.count(failed) > 0:
		return broken(float64(s.count(failed)), "errors", "%s: %s", s.errorsBy(), s.firstError())
	case wrong > 0:
		return broken(float64(wrong), "wrong remaining", "what remains is told wrong in %d of %d answers, such as by %+d", wrong, compared, off)
	case retry.Early.Count > 0:
		return broken(retry.Early.Max.Seconds(), "s too early", "%d of %d denied clients are told to come back too early, by up to %s", retry.Early.Count, retry.Compared, unit.Time(retry.Early.Max))
	case late > 0:
		return broken(latest.Seconds(), "s too late", "%d denied clients are told to come back later than rounding explains, by up to %s", late, unit.Time(latest))
	}
	unknown := ""
	if compared == 0 {
		unknown += "; it does not tell what remains"
	}
	if retry.Compared == 0 {
		unknown += "; it does not tell when to come back"
	}
	return holds(0, "wrong", "%s%s", text, unknown)
}

// judgeCertain judges a record of real time, by what is wrong whatever the order was of requests that were under
// way together.
func judgeCertain(s *Seen) Finding {
	text := fmt.Sprintf("%d decisions judged, %d of them ambiguous", s.audited.Compared, s.audited.Ambiguous)
	retry := s.audited.Retry
	switch {
	case s.over() > 0:
		return broken(float64(s.over()), "over-admitted", "%d at least; %s", s.over(), text)
	case s.audited.Under > 0:
		return broken(float64(s.audited.Under), "wrongly denied", "%d at least; %s", s.audited.Under, text)
	case s.count(failed) > 0:
		return broken(float64(s.count(failed)), "errors", "%s: %s", s.errorsBy(), s.firstError())
	case retry.Early.Count > 0:
		return broken(retry.Early.Max.Seconds(), "s too early", "%d of %d denied clients are told to come back too early, by up to %s", retry.Early.Count, retry.Compared, unit.Time(retry.Early.Max))
	}
	return holds(0, "wrong", "%s", text)
}

// judgeEnvelope is of a limiter that declares no algorithm.
func judgeEnvelope(s *Seen) Finding {
	return zero(s.over(), "tokens above", "it declares no algorithm, so that it is judged by burst + t/T alone: %.3g tokens above it in the worst window", s.audited.Worst.Excess)
}

// windowCases returns cases that look for stretches that hold too much, with a token that comes back in 10 s.
func windowCases(s *Subject) []Case {
	const length = 1000 * time.Second
	l := s.limit(100, length, 100)
	count := func(s *Seen) Finding {
		n := s.worstCount(length)
		most := fmt.Sprintf("at most %d in any %s, where the limit is 100", n, unit.Time(length))
		if x := s.audited.Worst.Excess; s.over() > 0 {
			return broken(float64(s.over()), "over-admitted", "%s: %.4g tokens above the promise", most, x)
		}
		return holds(0, "over-admitted", "%s", most)
	}
	all := []Case{{
		Name:  "edge",
		Shows: "One request at the beginning of a window of 1000 s, 150 at its end and 150 behind it, one after another.",
		Scenario: s.scenario(1500*time.Second, l, 0, keys("one", 1), traffic(source{name: "first", keys: "one", rate: once(400*time.Second, 1)},
			source{name: "before", keys: "one", rate: from(1398*time.Second, within(150, time.Second))}, source{name: "behind", keys: "one", rate: from(1401*time.Second, within(150, time.Second))})),
		judge: count,
	}}
	for _, idle := range []int{10, 50} {
		at := time.Duration(1+idle) * length / 100
		all = append(all, Case{
			Name:  fmt.Sprintf("idle-%d", idle),
			Shows: fmt.Sprintf("One request, then nothing for %d emission intervals longer than it takes to refill, then 200 one after another.", idle),
			Scenario: s.scenario(at+2*time.Second, l, 0, keys("one", 1), traffic(source{name: "first", keys: "one", rate: once(0, 1)},
				source{name: "burst", keys: "one", rate: from(at, within(200, time.Second))})),
			judge: func(s *Seen) Finding {
				f := count(s)
				f.Text = fmt.Sprintf("%d of a burst of 200 allowed; %s", s.count(ofTraffic("burst", allowed)), f.Text)
				return f
			},
		})
	}
	return all
}

// costCases are limits and costs that are easily got wrong.
func costCases(s *Subject) []Case {
	day := 24 * time.Hour
	fair := func(s *Seen) Finding {
		under, _ := s.wronglyDenied()
		under = max(under, int64(s.count(ofTraffic("calm", func(o *record.Observation) bool { return !allowed(o) && !failed(o) }))))
		switch {
		case s.count(failed) > 0:
			return broken(float64(s.count(failed)), "errors", "%s: %s", s.errorsBy(), s.firstError())
		case s.over() > 0:
			return broken(float64(s.over()), "over-admitted", "%s too many", s.counted(s.over()))
		}
		return zero(under, "wrongly denied", "%d of %d wrongly denied", under, s.audited.Compared)
	}
	flood := func(rate float64, of string) source {
		return source{name: "flood", keys: of, rate: constantly(rate), random: true}
	}
	all := []Case{{
		Name:  "above-burst",
		Shows: "Requests that cost 11 on a key with a limit of 10 per second, which can never be let through.",
		Scenario: s.scenario(30*time.Second, s.limit(20, time.Second, 20), 0, keys("one", 1), func(sc *scenario) {
			sc.Limiters[0].Value.Overrides = []scenarios.Override{{Key: "one-0", Count: 10, Per: scenarios.Duration(time.Second)}, {Key: "probe-0", Count: 1, Per: scenarios.Duration(time.Hour)}}
		}, keys("probe", 1), traffic(source{name: "large", keys: "one", cost: 11, rate: constantly(1)}, source{name: "probe", keys: "probe", rate: constantly(0.1)})),
		judge: func(s *Seen) Finding {
			if s.count(ofTraffic("probe", allowed)) > 1 { // the key's limit of 10 is an override
				return Finding{Verdict: NotExamined, Text: "it ignores overrides, without which no scenario may ask for more than the burst"}
			}
			return zero(int64(s.count(ofTraffic("large", allowed))), "let through", "%d of %d requests that cost more than the burst are let through", s.count(ofTraffic("large", allowed)), 29)
		},
	}, {
		Name:  "one-a-day",
		Shows: "A limit of 1 a day: a key that is used once in 25 hours, and another one at every hour.",
		Scenario: s.scenario(20*day, s.limit(1, day, 1), 0, keys("slow", 1), keys("fast", 1),
			traffic(source{name: "calm", keys: "slow", rate: atOnce(1, 25*time.Hour)}, flood(1.0/3600, "fast"))),
		judge: fair,
	}, {
		Name:     "millions",
		Shows:    "A limit of 3,000,000 a day; each request takes 10,000.",
		Scenario: s.scenario(400*time.Second, s.limit(3_000_000, day, 3_000_000), 0, keys("one", 1), traffic(source{name: "large", keys: "one", cost: 10_000, rate: constantly(1)})),
		judge:    fair,
	}, {
		Name:     "burst-1",
		Shows:    "A limit of 10 per second with a burst of 1, asked 20 times a second at random.",
		Scenario: s.scenario(30*time.Second, s.limit(10, time.Second, 1), 0, keys("one", 1), traffic(flood(20, "one"))),
		judge:    fair,
	}, {
		Name:     "long-period",
		Shows:    "A limit of 5 in 90 days, asked every 100 hours for a year.",
		Scenario: s.scenario(365*day, s.limit(5, 90*day, 5), 0, keys("one", 1), traffic(source{name: "now-and-then", keys: "one", rate: atOnce(1, 100*time.Hour)})),
		judge:    fair,
	}, {
		Name:  "zero",
		Shows: "100 requests that cost nothing on a key with a burst of 20, then 30 that cost 1.",
		Scenario: s.scenario(20*time.Second, s.limit(20, year, 20), 0, keys("one", 1), traffic(source{name: "free", keys: "one", cost: free, rate: between(0, 10*time.Second, constantly(10))},
			source{name: "paid", keys: "one", rate: from(11*time.Second, within(30, time.Second))})),
		judge: judgeFree,
	}}
	if p := s.declared.Process; p != nil && p.Request != nil && !strings.Contains(p.Request.Path+strings.Join(p.Request.Headers, " "), "{cost}") {
		for i := range all {
			if t := all[i].Scenario.Traffic; len(t) > 0 && t[0].Value.Cost.Constant != nil && *t[0].Value.Cost.Constant != 1 {
				all[i].Omitted = "its request has no {cost}"
			}
		}
	}
	return all
}

func judgeFree(s *Seen) Finding {
	denied := s.count(ofTraffic("free", func(o *record.Observation) bool { return o.Decision == record.Denied }))
	through := s.count(ofTraffic("paid", allowed))
	switch {
	case s.count(failed) > 0:
		return broken(float64(s.count(failed)), "errors", "%s: %s", s.errorsBy(), s.firstError())
	case s.over() > 0:
		return broken(float64(s.over()), "over-admitted", "%s too many", s.counted(s.over()))
	case denied > 0:
		return broken(float64(denied), "wrongly denied", "%d requests that cost nothing are denied on a full bucket", denied)
	case through < 20:
		return broken(float64(20-through), "wrongly denied", "%d of 20 tokens are gone after requests that cost nothing", 20-through)
	}
	return holds(0, "wrongly denied", "requests that cost nothing take nothing")
}

// changeCases returns cases in which the limit of keys that are in debt becomes ten times what it was, or a tenth.
// What they have used should stay used and no more: of a longer block, or of tokens for nothing, the number tells.
func changeCases(s *Subject) (all []Case) {
	for _, c := range []struct {
		name, shows   string
		before, after int64
	}{
		{"raised", "Ten keys use up 10 tokens a minute, which then become 100.", 10, 100},
		{"lowered", "Ten keys use up 100 tokens a minute, which then become 10.", 100, 10},
	} {
		l, to := s.limit(c.before, time.Minute, c.before), s.limit(c.after, time.Minute, c.after)
		scene := s.scenario(5*time.Minute, l, 0, keys("tenants", 10),
			traffic(source{name: "calls", keys: "tenants", rate: constantly(20), random: true}))
		scene.Limiters[0].Value.Changes = []scenarios.LimitChange{{At: scenarios.Duration(30 * time.Second), Count: to.Count, Per: to.Period, Burst: to.Burst, Promise: "rescale"}}
		all = append(all, Case{Name: c.name, Shows: c.shows, Scenario: scene, judge: judgeChange})
	}
	return all
}

func judgeChange(s *Seen) Finding {
	under, denied := s.audited.Under, s.count(func(o *record.Observation) bool { return o.Decision == record.Denied })
	switch {
	case s.audited.Algorithm == "":
		return Finding{Verdict: NotExamined, Text: "it declares no algorithm, so that nobody knows what fits"}
	case s.over() > 0:
		return broken(float64(s.over()), "over-admitted", "%d admitted beyond the new limit, what was used before counted", s.over())
	case under > 0:
		return broken(float64(under), "wrongly denied", "%d of %d denials had room in the new limit", under, denied)
	}
	return holds(0, "wrongly denied", "none of %d denials had room in the new limit", denied)
}

// deniedCases returns cases that ask much more often than is allowed.
func deniedCases(s *Subject) []Case {
	judge := func(s *Seen) Finding {
		n := s.audited.Under
		if s.audited.Algorithm == "" {
			return Finding{Verdict: NotExamined, Text: "it declares no algorithm, so that nobody knows what fits"}
		}
		return zero(n, "wrongly denied", "%d of %d denials had room", n, s.count(func(o *record.Observation) bool { return o.Decision == record.Denied }))
	}
	l := s.limit(10, time.Second, 10)
	return []Case{{
		Name:  "flood",
		Shows: "One key asked 50 times a second for 20 s where 10 are allowed, and once every 3 s behind.",
		Scenario: s.scenario(40*time.Second, l, 0, keys("one", 1), traffic(source{name: "flood", keys: "one", rate: between(0, 20*time.Second, constantly(50))},
			source{name: "behind", keys: "one", rate: from(23*time.Second, atOnce(1, 3*time.Second))})),
		judge: judge,
	}, {
		Name:  "block",
		Shows: "One key with 5 requests a minute, asked every second.",
		Scenario: s.scenario(5*time.Minute, s.limit(5, time.Minute, 5), 0, keys("one", 1),
			traffic(source{name: "flood", keys: "one", rate: constantly(1)})),
		judge: judge,
	}}
}
