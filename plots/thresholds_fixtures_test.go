package plots

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/quotalab/quotalab/plots/series"
	"github.com/quotalab/quotalab/results/record"
)

const (
	anHour = 3600.0
	aDay   = 86400.0
)

// thresholdFixtures are inputs of the figures of thresholds, by name.
func thresholdFixtures() map[string]*series.Set {
	return map[string]*series.Set{
		"not-audited":    quotaSet(&series.Thresholds{Engines: []string{"g"}, Levels: []int64{75}}),
		"no-crossing":    quotaSet(&series.Thresholds{Engines: []string{"g", "h"}, Levels: []int64{75}, Accounts: 3, Delays: []series.EngineDelay{{Engine: "g", Bound: 60}, {Engine: "h", Bound: 60}}}),
		"one-account":    quotaSet(oneAccount()),
		"nothing-missed": quotaSet(nothingMissed()),
		"all-missed":     quotaSet(allMissed()),
		"usual":          quotaSet(usualThresholds()),
		"eight-engines":  quotaSet(eightEngines()),
		"at-once":        quotaSet(atOnce()),
		"rolling":        quotaSet(rollingStory()),
		"no-obligation":  quotaSet(noObligation()),
		"not-complete":   notComplete(),
	}
}

func quotaSet(t *series.Thresholds) *series.Set {
	m := record.Manifest{Scenario: "quotas", Clock: "virtual", Seed: 1, Complete: true, Epoch: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Horizon: 60 * 24 * time.Hour}
	return &series.Set{Manifest: m, Thresholds: t}
}

func notComplete() *series.Set {
	s := quotaSet(nothingMissed())
	s.Manifest.Complete = false
	return s
}

// thresholdsOf engines and groups; missed tells how many of the crossings of a
// threshold in a group an engine missed.
func thresholdsOf(engines, groups []string, levels []int64, causes []string, crossings func(g, l int) int64, missed func(e, g, l int) int64) *series.Thresholds {
	t := &series.Thresholds{Engines: engines, Groups: groups, Levels: levels, Causes: causes, Accounts: int64(100 * len(groups))}
	for e, engine := range engines {
		delay := series.EngineDelay{Engine: engine, Bound: 12.25 * anHour}
		for l, level := range levels {
			bar := series.MissedBar{Engine: engine, Level: level}
			var sum int64
			for g, group := range groups {
				n := crossings(g, l)
				if n == 0 {
					continue
				}
				t.Matrix = append(t.Matrix, series.MatrixCell{Engine: engine, Group: group, Level: level, Missed: missed(e, g, l), Crossings: n})
				bar.Crossings += n
				sum += missed(e, g, l)
			}
			t.Missed = append(t.Missed, barsOf(bar, sum, causes, e)...)
			delay.Crossings += bar.Crossings
			delay.Delays.N += bar.Crossings - sum
		}
		if n := delay.Delays.N; n > 0 {
			delay.Delays = distribution(uint64(e+1), int(n), 60, 3*anHour)
		}
		t.Delays = append(t.Delays, bounded(delay, delay.Bound))
	}
	return t
}

// bounded tells how many notices came within a bound.
func bounded(d series.EngineDelay, bound float64) series.EngineDelay {
	d.Bound, d.OnTime = bound, 0
	for _, q := range d.Delays.Grid {
		if q.V <= bound {
			d.OnTime = int64(math.Round(q.P / 100 * float64(d.Delays.N)))
		}
	}
	return d
}

// barsOf spreads misses over causes, the nth of an engine first.
func barsOf(bar series.MissedBar, sum int64, causes []string, first int) (list []series.MissedBar) {
	if sum == 0 || bar.Crossings == 0 {
		if bar.Crossings > 0 {
			list = append(list, bar)
		}
		return list
	}
	for i := range causes {
		bar.Cause, bar.Count = causes[(i+first)%len(causes)], (sum+1)/2
		if i == len(causes)-1 {
			bar.Count = sum
		}
		if sum -= bar.Count; bar.Count > 0 {
			list = append(list, bar)
		}
	}
	return list
}

var fewCauses = []string{"suppressed-by-other-organisation", "overtaken", "prefilter>overtaken"}

func usualThresholds() *series.Thresholds {
	t := thresholdsOf([]string{"g13", "latest", "catch-up", "inline"}, []string{"linear", "spikes", ""}, []int64{75, 90, 100, 120, 500}, fewCauses,
		func(g, l int) int64 { return max(0, int64(300-70*l-110*g)) },
		func(e, g, l int) int64 {
			n := max(0, int64(300-70*l-110*g))
			return []int64{n - n/50, int64(g) * n / 9, 0, 0}[e]
		})
	d := &t.Delays[3]
	d.Delays = distribution(9, int(d.Crossings), 0.003, 0.02)
	*d = bounded(*d, 904)
	catchUp := &t.Delays[2]
	catchUp.Delays = distribution(3, int(catchUp.Crossings), 60, anHour)
	*catchUp = bounded(*catchUp, 12.25*anHour)
	t.Account = missedStory()
	return t
}

// missedStory is of a month in which one engine was suppressed and another told.
func missedStory() *series.AccountStory {
	s := &series.AccountStory{ID: 2, Group: "linear", Engine: "g13", Until: 29.5 * aDay, At: 21 * aDay, Level: 75, Verdict: "missed", Cause: "suppressed-by-other-organisation", Limit: []series.Point{{Y: 100_000}}}
	for i := range 118 {
		s.Usage = append(s.Usage, series.Point{X: float64(i) * aDay / 4, Y: math.Mod(0.9*float64(i), 100.8)})
	}
	for i := range 59 {
		l := series.Look{At: float64(i)*aDay/2 + 600, Outcome: "below", Percent: math.Mod(1.8*float64(i), 100.8)}
		if l.Percent >= 75 {
			l.Outcome, l.Level, l.By = "suppressed", 75, 147
		}
		s.Looks = append(s.Looks, l)
	}
	s.LooksMade = int64(len(s.Looks))
	end := 28.25 * aDay
	missed := []series.Crossing{{At: 21 * aDay, Level: 75, Verdict: "missed", Until: end, Cause: s.Cause}, {At: 25 * aDay, Level: 90, Verdict: "missed", Until: end, Cause: s.Cause}}
	told := []series.Crossing{{At: 21 * aDay, Level: 75, Verdict: "on-time", Until: 21.25 * aDay}, {At: 25 * aDay, Level: 90, Verdict: "on-time", Until: 25.25 * aDay}}
	notices := []series.Mark{{At: 21.25 * aDay, Level: 75, Text: "first"}, {At: 25.25 * aDay, Level: 90, Text: "first"}, {At: 26 * aDay, Level: 90, Text: "duplicate"}}
	s.Engines = []series.EngineStory{{Engine: "g13", Crossings: missed}, {Engine: "latest", Crossings: missed}, {Engine: "catch-up", Crossings: told, Notices: notices}, {Engine: "inline"}}
	return s
}

func oneAccount() *series.Thresholds {
	one := func(...int) int64 { return 1 }
	t := thresholdsOf([]string{"g"}, []string{""}, []int64{75}, []string{"no-evaluation-before-the-end"},
		func(_, _ int) int64 { return one() }, func(_, _, _ int) int64 { return one() })
	t.Accounts = 1
	t.Account = &series.AccountStory{ID: 1, Engine: "g", Until: 10 * aDay, At: 9 * aDay, Level: 75, Verdict: "missed", Cause: "no-evaluation-before-the-end",
		Limit: []series.Point{{Y: 1}}, Usage: []series.Point{{}, {X: 9 * aDay, Y: 100}, {X: 10 * aDay, Y: 100}},
		Engines: []series.EngineStory{{Engine: "g", Crossings: []series.Crossing{{At: 9 * aDay, Level: 75, Verdict: "missed", Until: 10 * aDay, Cause: "no-evaluation-before-the-end"}}}}}
	return t
}

func nothingMissed() *series.Thresholds {
	t := thresholdsOf([]string{"catch-up", "inline"}, []string{"a", "b"}, []int64{75, 90}, nil,
		func(_, _ int) int64 { return 20 }, func(_, _, _ int) int64 { return 0 })
	for i := range t.Delays {
		t.Delays[i] = bounded(t.Delays[i], 2*aDay)
	}
	t.Account = missedStory()
	t.Account.Engine, t.Account.Verdict, t.Account.Cause = "catch-up", "on-time", ""
	return t
}

func allMissed() *series.Thresholds {
	t := thresholdsOf([]string{"g", "h"}, []string{"a"}, []int64{75, 90}, []string{"flag-off"},
		func(_, _ int) int64 { return 1_234_567 }, func(_, _, _ int) int64 { return 1_234_567 })
	s := missedStory()
	s.Engine, s.Cause = "g", "flag-off"
	for i := range s.Looks {
		s.Looks[i].Outcome, s.Looks[i].Percent, s.Looks[i].Level = "flag off", math.NaN(), 0
	}
	for i := range s.Engines[0].Crossings {
		s.Engines[0].Crossings[i].Cause = s.Cause
	}
	s.Engines[0].Engine = "g"
	s.Engines = s.Engines[:1]
	t.Account = s
	return t
}

// eightEngines has more of everything, and the longest names.
func eightEngines() *series.Thresholds {
	var engines, groups []string
	for i := range 8 {
		engines = append(engines, fmt.Sprintf("flagsmith-generation-%d-with-a-long-name", i+1))
	}
	for i := range 30 {
		groups = append(groups, fmt.Sprintf("group %d %s", i, strings.Repeat("of accounts ", i%3)))
	}
	var levels []int64
	for i := range int64(20) {
		levels = append(levels, 25*(i+1))
	}
	causes := append(slices.Clone(fewCauses), "usage-source-down>own-evaluation-error>suppressed-by-record-before-a-term-change", "x", series.OtherCauses)
	t := thresholdsOf(engines, groups, levels, causes,
		func(g, l int) int64 { return int64(max(0, 40-2*l-g)) },
		func(e, g, l int) int64 { return int64(max(0, 40-2*l-g)*e*(g%4)) / 24 })
	for i := range t.Delays {
		t.Delays[i] = bounded(t.Delays[i], float64(i)*anHour)
	}
	s := missedStory()
	s.Engines = nil
	for i, e := range engines {
		one := series.EngineStory{Engine: e}
		for l, level := range levels[:10] {
			c := series.Crossing{At: float64(l+i) * aDay, Level: level, Verdict: []string{"missed", "on-time", "late", "censored"}[(l+i)%4], Until: float64(l+i+3) * aDay, Cause: "prefilter"}
			one.Crossings = append(one.Crossings, c)
			if c.Verdict == "on-time" || c.Verdict == "late" {
				one.Notices = append(one.Notices, series.Mark{At: c.Until, Level: level, Text: "first"})
			}
		}
		s.Engines = append(s.Engines, one)
	}
	s.Engine, s.At, s.Level, s.Verdict, s.Cause = engines[1], 2*aDay, 50, "late", "prefilter"
	t.Account = s
	return t
}

// atOnce: all thresholds are crossed and reported at one instant, without delay.
func atOnce() *series.Thresholds {
	levels := []int64{75, 90, 100, 120, 200}
	t := thresholdsOf([]string{"inline"}, []string{"a"}, levels, nil, func(_, _ int) int64 { return 7 }, func(_, _, _ int) int64 { return 0 })
	d := &t.Delays[0]
	d.Bound, d.OnTime, d.Delays = 0, d.Crossings, same(d.Crossings, 0)
	own := series.EngineStory{Engine: "inline"}
	for _, l := range levels {
		own.Crossings = append(own.Crossings, series.Crossing{At: aDay, Level: l, Verdict: "on-time", Until: aDay})
		own.Notices = append(own.Notices, series.Mark{At: aDay, Level: l, Text: "first"})
	}
	t.Account = &series.AccountStory{ID: 7, Group: "a", Engine: "inline", Until: 2 * aDay, At: aDay, Level: 75, Verdict: "on-time", Limit: []series.Point{{Y: 10}},
		Usage: []series.Point{{}, {X: aDay, Y: 240}, {X: 2 * aDay, Y: 240}}, Engines: []series.EngineStory{own}}
	return t
}

// rollingStory has limits that change, an engine that reads far too much, and
// more evaluations than are drawn.
func rollingStory() *series.Thresholds {
	t := usualThresholds()
	s := missedStory()
	s.Limit = nil
	for i := range 12 {
		s.Limit = append(s.Limit, series.Point{X: float64(i) * aDay, Y: float64(1000 * (i%3 + 1))})
	}
	for i := range s.Looks {
		s.Looks[i].Percent *= 10
	}
	s.LooksMade = 5000
	t.Account = s
	return t
}

func noObligation() *series.Thresholds {
	t := usualThresholds()
	t.Account = &series.AccountStory{ID: 4, Group: "quiet", Engine: "g13", Until: 60 * aDay, Limit: []series.Point{{Y: 100}},
		Usage: []series.Point{{}, {X: 60 * aDay}}, Engines: []series.EngineStory{{Engine: "g13"}, {Engine: "latest"}}}
	return t
}
