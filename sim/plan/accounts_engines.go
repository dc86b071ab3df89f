package plan

import (
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/limiter"
	"github.com/quotalab/quotalab/sim/quota"
)

// Engine is a usage-threshold engine under test. Instants are Unix
// nanoseconds.
type Engine struct {
	Name       string
	Kind       string
	Options    map[string]string
	Thresholds []int64 // percent, ascending

	Every       time.Duration // 0: it does not look at accounts in runs
	First       int64         // start of the first run
	AccountTime time.Duration
	Overlap     int64 // runs from one that a second one overlaps to the next; 0 none

	Source       quota.SourceKind
	Lag          time.Duration
	Downsample   bool
	QueryLatency time.Duration
	SourceDown   quota.Spans

	CacheRefresh time.Duration // 0: it does not use cached totals
	MailLatency  time.Duration
	MailDown     quota.Spans
	FlagFrom     int64 // threshold.Unknown: always on

	Process *limiter.Process // of a kind that is Outside
}

// EngineKind is what a scenario may say about engines of one kind.
type EngineKind struct {
	About   string
	Options []limiter.Option
	// Thresholds of an engine that is given none.
	Thresholds func(options map[string]string) []int64
	// Unused are the fields of an engine ("every", "source.kind") that mean
	// nothing to it. May be nil.
	Unused func(options map[string]string) []string
	// Exact says that it needs a source of usage that counts exact ranges.
	Exact bool
	// Refuses is why it cannot watch accounts on rolling plans; "": it can.
	Refuses string
	// Outside says that it lives in a process of its own: its options are
	// those that are written, and it is polled where every is.
	Outside bool
}

// EngineKinds holds the kinds of engine by name.
type EngineKinds map[string]EngineKind

// Engines returns the kinds of engine that quotalab comes with.
func Engines() EngineKinds {
	newest := func(map[string]string) []int64 { return rules(quota.Latest).Thresholds() }
	unused := func(fields ...string) func(map[string]string) []string {
		return func(map[string]string) []string { return fields }
	}
	return EngineKinds{
		"broken":   {About: "catch_up that forgets one account in fifty", Exact: true, Thresholds: newest, Unused: unused("cache_refresh", "flag_from")},
		"catch_up": {About: "polling done right", Exact: true, Thresholds: newest, Unused: unused("cache_refresh", "flag_from")},
		"flagsmith": {About: "the polling engine that missed notices", Thresholds: flagsmithThresholds, Unused: flagsmithUnused,
			Options: []limiter.Option{{Name: "generation", About: "state of the engine's code", Default: quota.Latest, Values: generations()},
				{Name: "stale_limit", About: "where a new limit did not reach its cache: cache, it goes by the old one; contract, it reads the contract; skip, it does not look at the account", Default: "cache", Values: []string{"cache", "contract", "skip"}}}},
		"hybrid": {About: "inline with a catch-up sweep", Exact: true, Refuses: quota.ErrRolling.Error(), Thresholds: newest, Unused: unused("cache_refresh", "flag_from")},
		"inline": {About: "finds crossings where usage is counted", Refuses: quota.ErrRolling.Error(), Thresholds: newest, Options: buffered,
			Unused: unused("every", "offset", "account_time", "overlap", "source", "cache_refresh", "flag_from")},
		"process": {About: "a program in any language that is given usage and polls, with its own Redis client; see quotalab adapter", Outside: true, Thresholds: newest,
			Unused: unused("account_time", "overlap", "source", "cache_refresh", "flag_from")},
	}
}

// buffered is the option of engines that count for themselves.
var buffered = []limiter.Option{{
	Name: "buffer", Default: "0s", Check: checkBuffer,
	About: "usage that cannot reach a threshold is kept back for up to this long, which saves most calls; 0s: every usage is counted at once",
}}

func checkBuffer(s string) error {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || d > 24*time.Hour {
		return fmt.Errorf("expected a duration from 0s to 24h, found %q", s)
	}
	return nil
}

func generations() []string {
	var all []string
	for _, g := range quota.Generations() {
		all = append(all, g.Name)
	}
	return append(all, quota.Latest)
}

// rules returns those of a generation; none of one that does not exist, which the check of
// options reports.
func rules(generation string) quota.Rule {
	r, err := quota.RulesOf(generation)
	if err != nil {
		return 0
	}
	return r
}

func flagsmithThresholds(options map[string]string) []int64 {
	return rules(options["generation"]).Thresholds()
}

func flagsmithUnused(options map[string]string) []string {
	var unused []string
	for _, f := range []struct {
		field string
		needs quota.Rule
	}{{"flag_from", quota.Flagged}, {"cache_refresh", quota.Prefiltered}, {"source.kind", quota.OtherSources}} {
		if !rules(options["generation"]).Has(f.needs) {
			unused = append(unused, f.field)
		}
	}
	return unused
}

// compileEngines resolves the engines' kinds, options and defaults.
func compileEngines(s *scenarios.Scenario, kinds EngineKinds) ([]Engine, scenarios.Problems) {
	var out []Engine
	var ps scenarios.Problems
	for _, e := range s.Engines {
		compiled, found := compileEngine(s, e.Name, e.Value, kinds)
		out, ps = append(out, compiled), append(ps, found...)
	}
	return out, ps
}

func compileEngine(s *scenarios.Scenario, name string, e scenarios.Engine, kinds EngineKinds) (Engine, scenarios.Problems) {
	path := "engines." + name
	kind, unknown := kindOf(s, path, e.Kind, kinds)
	if kind == nil {
		return Engine{}, unknown
	}
	options, ps := compileOptions(s, path, e.Kind, e.Options, optionsOf(kind.Outside, kind.Options, e.Options))
	out := engine(s, e)
	if out.Process = programOf(s, path, e.Kind, e.Process, kind.Outside, runtime.GOOS, &ps); out.Process != nil {
		ps = append(ps, checkEngineProgram(s, path)...)
	}
	if kind.Outside && !s.Written(path+".every") {
		out.Every = 0
	}
	out.Name, out.Kind, out.Options = name, e.Kind, options
	if out.Thresholds == nil {
		out.Thresholds = kind.Thresholds(options)
	}
	if kind.Unused != nil {
		ps = append(ps, out.leaveOut(s, path, kind.Unused(options))...)
	}
	if kind.Exact && out.Source != quota.Influx {
		ps = append(ps, s.Problem(path+".source.kind", "an engine of kind %s reads exact ranges: use influx", e.Kind))
	}
	if kind.Refuses != "" {
		for _, at := range rolling(s) {
			ps = append(ps, s.Problem(path+".kind", "an engine of kind %s cannot watch %s, %s", e.Kind, at, kind.Refuses))
		}
	}
	return out, ps
}

// rolling lists what makes accounts count the last 30 days: of each group the plan,
// or the first change to it.
func rolling(s *scenarios.Scenario) (paths []string) {
	for _, g := range s.Accounts {
		path := "accounts." + g.Name
		if g.Value.Plan == "free" {
			paths = append(paths, path+" (plan: free)")
			continue
		}
		if i := slices.IndexFunc(g.Value.Changes, func(c scenarios.AccountChange) bool { return c.Plan == "free" }); i >= 0 {
			paths = append(paths, fmt.Sprintf("%s.changes.%d (plan: free)", path, i))
		}
	}
	return paths
}

// engine compiles the fields that every kind may have.
func engine(s *scenarios.Scenario, e scenarios.Engine) Engine {
	start := s.Epoch.UnixNano()
	out := Engine{
		Every: time.Duration(e.Every), First: start + int64(e.Offset), AccountTime: time.Duration(e.AccountTime), Overlap: int64(e.Overlap.Every),
		Source: sourceKinds[e.Source.Kind], Lag: time.Duration(e.Source.Lag), Downsample: e.Source.Downsample,
		QueryLatency: time.Duration(e.Source.QueryLatency), SourceDown: spans(start, e.Source.Outages),
		CacheRefresh: time.Duration(e.CacheRefresh), MailLatency: time.Duration(e.Mail.Latency), MailDown: spans(start, e.Mail.Outages),
		FlagFrom: quota.Unknown,
	}
	if e.FlagFrom > 0 {
		out.FlagFrom = start + int64(e.FlagFrom)
	}
	for _, t := range e.Thresholds {
		out.Thresholds = append(out.Thresholds, int64(t))
	}
	return out
}

var sourceKinds = map[string]quota.SourceKind{"influx": quota.Influx, "influx_total": quota.InfluxTotal, "postgres": quota.Postgres}

func spans(start int64, outages []scenarios.Outage) quota.Spans {
	var out quota.Spans
	for _, o := range outages {
		from := start + int64(o.From)
		out = append(out, quota.Span{From: from, To: max(from, from+int64(o.For))})
	}
	return out
}

// leaveOut refuses fields that mean nothing to the engine, and drops their
// defaults.
func (e *Engine) leaveOut(s *scenarios.Scenario, path string, unused []string) scenarios.Problems {
	var ps scenarios.Problems
	kind := e.Kind
	if g := e.Options["generation"]; g != "" { // which is what decides
		kind += " generation=" + g
	}
	for _, field := range unused {
		if at := path + "." + field; s.Written(at) {
			ps = append(ps, s.Problem(at, "%s means nothing to an engine of kind %s: remove it", field, kind))
		}
	}
	if slices.Contains(unused, "every") {
		e.Every = 0
	}
	if slices.Contains(unused, "cache_refresh") {
		e.CacheRefresh = 0
	}
	return ps
}
