package report_test

import (
	"fmt"
	"math"
	"time"

	"github.com/quotalab/quotalab/plots/report"
	"github.com/quotalab/quotalab/plots/series"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
)

func of[T any](v T) *T { return &v }

func counter(name string, n int64, tags ...string) summary.Metric {
	m := summary.Metric{Name: name, Unit: "count", Count: n, Tags: map[string]string{}}
	for i := 0; i < len(tags); i += 2 {
		m.Tags[tags[i]] = tags[i+1]
	}
	return m
}

func value(name string, n int64, v float64, tags ...string) summary.Metric {
	m := counter(name, n, tags...)
	m.Value = &v
	return m
}

// trend of samples around a median.
func trend(name string, n int64, median float64, tags ...string) summary.Metric {
	m := counter(name, n, tags...)
	m.Unit = "s"
	for i, p := range []**float64{&m.Min, &m.Avg, &m.Med, &m.P90, &m.P95, &m.P99, &m.P999, &m.Max} {
		*p = of(median * math.Pow(1.5, float64(i-2)))
	}
	return m
}

// limiterInput is a run in virtual time of a limiter, all names of which begin
// with a prefix.
func limiterInput(prefix string) report.Input {
	limiter := prefix + "lua"
	s := &summary.Summary{OK: true, Valid: true, Scenario: prefix + "scenario", About: prefix + "about", Seed: 7, Clock: "virtual", PlanHash: "0123456789abcdef",
		RecordHash: "fedcba9876543210", Started: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), HorizonSeconds: 600, MeasuredSeconds: 600, Observations: 30_000,
		Versions: map[string]string{"go": "go1.26.0", prefix + "module": prefix + "version"}, Warnings: []string{prefix + "warning"}}
	s.Assertions = []summary.Assertion{{Metric: "errors", Check: "count == 0", OK: true, Observed: of(0.0)}}
	set := &series.Set{Summary: &summary.Measured{Summary: s}, Manifest: record.Manifest{Scenario: s.Scenario, Clock: s.Clock, Seed: 7, Complete: true,
		Shards: []string{prefix + "a", prefix + "b"}, Limiters: []record.Limiter{{Name: limiter}}}}
	line := &set.Timeline
	*line = series.Timeline{Step: 5, N: 120, Faults: []series.Span{{From: 100, Until: 160, Label: prefix + "fault"}}}
	for i, o := range []series.Outcome{{Limiter: limiter, Decision: "allowed", Key: "found"}, {Limiter: limiter, Decision: "allowed", Key: "not_found"}, {Limiter: limiter, Decision: "denied", Key: "found"}} {
		n, median := int64(10_000/(i+1)), 0.001*float64(i+1)
		s.Metrics = append(s.Metrics, counter("decisions", n, "traffic", prefix+"source", "limiter", limiter, "client", prefix+"client", "decision", o.Decision, "key", o.Key),
			trend("latency", n, median, "traffic", prefix+"source", "limiter", limiter, "client", prefix+"client", "decision", o.Decision, "key", o.Key))
		d := series.Distribution{N: n, Min: median / 2, Max: median * 9}
		for p := range 101 {
			d.Grid = append(d.Grid, series.Quantile{P: float64(p), V: median/2 + median*8.5*math.Pow(float64(p)/100, 8)})
		}
		set.Latency = append(set.Latency, series.OutcomeLatency{Outcome: o, Service: d, Sojourn: d})
		line.Outcomes = append(line.Outcomes, series.OutcomeTimeline{Outcome: o})
	}
	for i := range line.N {
		wave := 1 + 0.4*math.Sin(float64(i)/9)
		line.Offered = append(line.Offered, 60*wave)
		for j := range line.Outcomes {
			o := &line.Outcomes[j]
			o.Rate, o.Count = append(o.Rate, 40*wave/float64(j+1)), append(o.Count, int64(200*wave/float64(j+1)))
			o.P50, o.P99 = append(o.P50, 0.001*float64(j+1)), append(o.P99, 0.003*wave*float64(j+1))
		}
	}
	line.Outcomes[2].P50[3], line.Outcomes[2].P99[3] = math.NaN(), math.NaN()
	s.Metrics = append(s.Metrics, counter("over_admission", 92, "limiter", limiter), value("worst_excess", 30_000, 12.5, "limiter", limiter))
	s.Keys.OverAdmitted = []summary.AdmittedKey{{Limiter: limiter, Limit: prefix + "limit", Key: prefix + "key", Over: 92, Excess: 12.5}, {Limiter: limiter, Limit: prefix + "limit", Key: "=2+3", Over: 5, Excess: 100}}
	set.Shards = []series.ShardLoad{{Limiter: limiter, Names: set.Manifest.Shards, Keys: []int64{510, 490}, Commands: []int64{21_000, 20_000}, KeysLow: 460, KeysHigh: 540, KeysP: 0.53,
		Step: 5, Heat: [][]float64{line.Offered, line.Offered}, Hottest: []series.HotKey{{Limit: prefix + "limit", Key: prefix + "key", Shard: prefix + "a", Decisions: 900, Share: 0.03}}, HotRest: 0.97}}
	return report.Input{Set: set, Dir: "/records/" + prefix + "one", Plan: "plan  0123456789abcdef\nlimiter " + limiter + "\n", Command: "quotalab run " + prefix + "scenario --seed 7"}
}

// engineInput is a run of two engines that fails its assertions.
func engineInput() report.Input {
	s := &summary.Summary{Valid: true, Scenario: "engines", Clock: "virtual", HorizonSeconds: 90 * 86400, Accounts: 100, Evaluations: 18_000,
		Warnings: []string{"engine old: 60 of 90 crossings of 75 % missed, most by overtaken."}}
	set := &series.Set{Summary: &summary.Measured{Summary: s}, Manifest: record.Manifest{Scenario: "engines", Clock: "virtual", Complete: true, Engines: []record.Engine{{Name: "old"}, {Name: "new"}}},
		Thresholds: &series.Thresholds{Engines: []string{"old", "new"}, Levels: []int64{75, 90}, Accounts: 100, Groups: []string{"linear"}, Causes: []string{"overtaken"}}}
	for i, e := range set.Thresholds.Engines {
		told := int64(180 - 120*(1-i))
		set.Thresholds.Delays = append(set.Thresholds.Delays, series.EngineDelay{Engine: e, Bound: 43_800, Crossings: 180, OnTime: told,
			Delays: series.Distribution{N: told, Min: 600, Max: 22_200, Grid: []series.Quantile{{P: 0, V: 600}, {P: 50, V: 7200}, {P: 100, V: 22_200}}}})
		for _, level := range set.Thresholds.Levels {
			missed := int64(60 * (1 - i))
			s.Thresholds = append(s.Thresholds, summary.Threshold{Engine: e, Threshold: level, Crossings: 90, Missed: missed, OnTime: 90 - missed, Notices: summary.Notices{First: 90 - missed, Duplicate: int64(i)}})
			s.Metrics = append(s.Metrics, trend("notice_delay", 90-missed, 7200, "engine", e, "threshold", fmt.Sprint(level)))
			set.Thresholds.Matrix = append(set.Thresholds.Matrix, series.MatrixCell{Engine: e, Group: "linear", Level: level, Missed: missed, Crossings: 90})
			set.Thresholds.Missed = append(set.Thresholds.Missed, series.MissedBar{Engine: e, Level: level, Cause: []string{"overtaken", ""}[i], Count: missed, Crossings: 90})
		}
	}
	at := time.Date(2026, 1, 20, 6, 0, 0, 0, time.UTC)
	s.Causes = []summary.ThresholdCause{{Engine: "old", Threshold: 75, Verdict: "missed", Cause: "prefilter>overtaken", Count: 60, Account: 17, Group: "linear", At: at},
		{Engine: "old", Threshold: 90, Verdict: "missed", Cause: "prefilter>overtaken", Count: 60, Account: 17, Group: "linear", At: at}}
	s.Assertions = []summary.Assertion{{Metric: "missed{engine=new}", Check: "count == 0", OK: true, Observed: of(0.0)},
		{Metric: "missed{engine=old}", Check: "count == 0", Observed: of(120.0)},
		{Metric: "notice_delay{engine=old}", Check: "p(99) < 1h", Unknown: true}}
	return report.Input{Set: set}
}

// liveInput is a run in real time that was late and did not reach its end.
func liveInput() report.Input {
	in := limiterInput("")
	s := in.Set.Summary
	in.Set.Manifest.Clock = "real"
	s.Clock, s.OK, s.Valid = "real", false, false
	s.Invalid = []string{"the generator was late: lag's 99th percentile is 12.09ms, more than 1ms.", "the run was aborted (interrupt): the numbers are of the 30,000 observations up to there."}
	s.Schedule = &summary.Schedule{Due: 30_000, Sent: 29_000, IntendedPerSecond: 50, AchievedPerSecond: 48.3, Ratio: 0.9667, LagSamples: 29_000, LagMed: of(0.00012), LagP99: of(0.01209), LagMax: of(0.2), LagBound: 0.001}
	s.AutoPipelined = []string{"front"}
	s.Servers = []summary.Server{{Shard: "a", Version: "7.0.15", KeysBefore: of(int64(0)), KeysAfter: of(int64(510)), MemoryBefore: of(int64(1 << 20)), MemoryAfter: of(int64(3 << 20)), SampledKeys: 100, KeyBytes: of(96.5),
		CommandsSent: of(int64(21_000)), CommandsServed: of(int64(21_001)), Compared: true, Disagreements: []summary.CommandCount{{Command: "get", Sent: 10, Server: 11}}},
		{Shard: "b", Unreachable: "connection refused"}}
	return in
}
