package plan

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/limiter"
	"github.com/quotalab/quotalab/sim/quota"
)

const watching = "name: test\nhorizon: 30d\naccounts: {a: {count: 1, limit: 1, usage: {of_limit: 1%}}}\nengines:\n"

func TestEngines(t *testing.T) {
	p := compiled(t, watching+`  old: {kind: flagsmith, options: {generation: G06}}
  new: {kind: flagsmith}
  told: {kind: inline}
  all: {kind: flagsmith, options: {generation: G18}, every: 6h, offset: 10m, account_time: 5ms, overlap: {every: 3}, thresholds: [75, 100], source: {kind: postgres, lag: 5m, downsample: true, query_latency: 50ms, outages: [{from: 1h, for: 2h}]}, cache_refresh: 1h, mail: {latency: 1s, outages: [{from: 0s, for: 1s}]}, flag_from: 2d}
`)
	start := p.Epoch.UnixNano()
	after := func(d time.Duration) int64 { return start + int64(d) }
	low, high := []int64{75, 90, 100, 120}, []int64{75, 90, 100, 120, 200, 300, 400, 500}
	want := []Engine{
		{Name: "old", Kind: "flagsmith", Options: map[string]string{"generation": "G06", "stale_limit": "cache"}, Thresholds: low, Every: 12 * time.Hour, First: start, FlagFrom: quota.Unknown},
		{Name: "new", Kind: "flagsmith", Options: map[string]string{"generation": "latest", "stale_limit": "cache"}, Thresholds: high, Every: 12 * time.Hour, First: start, CacheRefresh: 6 * time.Hour, FlagFrom: quota.Unknown},
		{Name: "told", Kind: "inline", Options: map[string]string{"buffer": "0s"}, Thresholds: high, First: start, FlagFrom: quota.Unknown},
		{Name: "all", Kind: "flagsmith", Options: map[string]string{"generation": "G18", "stale_limit": "cache"}, Thresholds: []int64{75, 100}, Every: 6 * time.Hour, First: after(10 * time.Minute), AccountTime: 5 * time.Millisecond, Overlap: 3,
			Source: quota.Postgres, Lag: 5 * time.Minute, Downsample: true, QueryLatency: 50 * time.Millisecond, SourceDown: quota.Spans{{From: after(time.Hour), To: after(3 * time.Hour)}},
			CacheRefresh: time.Hour, MailLatency: time.Second, MailDown: quota.Spans{{From: start, To: after(time.Second)}}, FlagFrom: after(48 * time.Hour)},
	}
	if d := cmp.Diff(want, p.Engines); d != "" {
		t.Error(d)
	}
}

func TestWrongEngines(t *testing.T) {
	for _, c := range []struct{ engine, want, reason string }{
		{"{kind: flagsmyth}", `5:13: engines.e.kind: unknown kind "flagsmyth" (did you mean "flagsmith"?): known are broken, catch_up, flagsmith, hybrid, inline, process`, "a kind that does not exist"},
		{"{kind: flagsmith, options: {generation: G20}}", `5:46: engines.e.options.generation: expected one of G01, G02, G03, G04, G05, G06, G07, G08, G09, G10, G11, G12, G13, G14, G15, G16, G17, G18, G19, latest, found "G20" (did you mean "G02"?)`, "a generation that does not exist"},
		{"{kind: catch_up, options: {generation: G13}}", `5:45: engines.e.options.generation: kind catch_up has no option "generation"`, "an option of another kind"},
		{"{kind: inline, every: 12h}", "5:28: engines.e.every: every means nothing to an engine of kind inline: remove it", "an engine that does not poll"},
		{"{kind: inline, source: {lag: 5m}}", "5:21: engines.e.source: source means nothing to an engine of kind inline: remove it", "and reads nothing"},
		{"{kind: catch_up, cache_refresh: 1h}", "5:38: engines.e.cache_refresh: cache_refresh means nothing to an engine of kind catch_up: remove it", "an engine without a cache"},
		{"{kind: flagsmith, options: {generation: G16}, cache_refresh: 1h}", "5:67: engines.e.cache_refresh: cache_refresh means nothing to an engine of kind flagsmith generation=G16: remove it", "a generation without a cache"},
		{"{kind: flagsmith, options: {generation: G17}, source: {kind: postgres}}", "5:67: engines.e.source.kind: source.kind means nothing to an engine of kind flagsmith generation=G17: remove it", "a generation with one source"},
		{"{kind: catch_up, source: {kind: postgres}}", "5:38: engines.e.source.kind: an engine of kind catch_up reads exact ranges: use influx", "a source of whole days"},
		{"{kind: hybrid, source: {kind: influx_total}}", "5:36: engines.e.source.kind: an engine of kind hybrid reads exact ranges: use influx", "totals of whole days"},
		{"{kind: process}", "5:13: engines.e.kind: missing field process: kind process needs the command of its program", "a program that is not told"},
		{"{kind: inline, process: {command: [job]}}", "5:21: engines.e.process: kind inline has no program of its own: leave process out, or say kind: process", "a program of a kind without"},
		{"{kind: process, source: {lag: 5m}, process: {command: [job]}}", "5:22: engines.e.source: source means nothing to an engine of kind process: remove it", "a source of what is given its usage"},
		{"{kind: process, process: {command: [job], algorithm: gcra}}", "5:59: engines.e.process.algorithm: algorithm is of limiters, and means nothing to an engine: remove it", "an algorithm of an engine"},
		{"{kind: process, process: {url: 'http://localhost:1'}}", "5:37: engines.e.process.url: only services are asked at a URL, and kind process is asked on its standard input: say its command, or kind: http", "an engine that is running already"},
		{"{kind: flagsmith, options: {generation: G01}, flag_from: 1d}", "5:63: engines.e.flag_from: flag_from means nothing to an engine of kind flagsmith generation=G01: remove it", "before the feature flag"},
	} {
		s, problems := scenarios.Decode("x.yaml", []byte(watching+"  e: "+c.engine+"\n"))
		if len(problems) > 0 {
			t.Fatalf("%s: %v", c.reason, problems)
		}
		got := strings.Split(Check(s, limiter.Builtin()).Error(), "\n")[0]
		if want := "x.yaml:" + c.want; got != want {
			t.Errorf("%s:\n got %s\nwant %s", c.reason, got, want)
		}
		if _, problems := Compile(s, limiter.Builtin()); len(problems) == 0 {
			t.Errorf("%s: Compile accepts it", c.reason)
		}
	}
}

// TestRollingPlansAreRefused by the engines that cannot count a rolling window,
// whether the plan is free from the start or becomes so.
func TestRollingPlansAreRefused(t *testing.T) {
	for kind, refuses := range map[string]bool{"inline": true, "hybrid": true, "catch_up": false, "flagsmith": false, "broken": false} {
		for group, path := range map[string]string{"plan: free": "accounts.a (plan: free)", "changes: [{at: 1d, limit: 2}, {at: 2d, plan: free}]": "accounts.a.changes.1 (plan: free)", "plan: paid": ""} {
			text := strings.Replace(watching, "count: 1,", "count: 1, "+group+",", 1) + "  e: {kind: " + kind + "}\n"
			s, problems := scenarios.Decode("x.yaml", []byte(text))
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			got, want := "", ""
			if found := Check(s, limiter.Builtin()); len(found) > 0 {
				got = found[0].Error()
			}
			if refuses && path != "" {
				want = "x.yaml:5:13: engines.e.kind: an engine of kind " + kind + " cannot watch " + path + ", " + quota.ErrRolling.Error()
			}
			if got != want {
				t.Errorf("%s with %s: got %q, want %q", kind, group, got, want)
			}
		}
	}
}

// TestEveryKindOfEngineCompiles: each with its own thresholds.
func TestEveryKindOfEngineCompiles(t *testing.T) {
	for name, kind := range Engines() {
		program := ""
		if kind.Outside {
			program = ", process: {command: [job]}"
		}
		p := compiled(t, watching+"  e: {kind: "+name+program+"}\n")
		if e := p.Engines[0]; len(e.Thresholds) == 0 || kind.About == "" {
			t.Errorf("%s: %+v, %q", name, e, kind.About)
		}
	}
}
