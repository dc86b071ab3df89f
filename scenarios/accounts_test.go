package scenarios

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/jsonschema-go/jsonschema"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/scenarios/decode"
)

const watched = `name: watched
horizon: 90d
accounts:
  a: {count: 3, limit: 1_000, usage: {of_limit: 110%}}
engines:
  e: {kind: flagsmith}
`

func preview(t *testing.T, text string) *Scenario {
	t.Helper()
	s, problems := Decode("test.yaml", []byte(text))
	if err := problems.Err(); err != nil {
		t.Fatalf("%v\nin\n%s", err, text)
	}
	return s
}

func TestAccountDefaults(t *testing.T) {
	s := preview(t, watched)
	month := AnchorSpread{From: time.Date(2025, 12, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	wantAccounts := Named[AccountGroup]{{Name: "a", Value: AccountGroup{Count: 3, Plan: "paid", Anchor: Anchor{Spread: &month}, Limit: 1000, Admins: 1, Members: 1,
		Usage: AccountUsage{OfLimit: 1.1, Shape: RatePattern{Constant: pointer(Rate(1))}, Scale: Scale{Constant: pointer(Number(1))}, Draw: "poisson"}}}}
	if d := cmp.Diff(wantAccounts, s.Accounts); d != "" {
		t.Error(d)
	}
	wantEngines := Named[Engine]{{Name: "e", Value: Engine{Kind: "flagsmith", Every: Duration(12 * time.Hour), CacheRefresh: Duration(6 * time.Hour), Source: UsageSource{Kind: "influx"}}}}
	if d := cmp.Diff(wantEngines, s.Engines); d != "" {
		t.Error(d)
	}
	if s.UsageBatch != Duration(5*time.Minute) || len(s.Traffic)+len(s.Limiters) != 0 {
		t.Errorf("batches of %v, %d sources, %d limiters", s.UsageBatch, len(s.Traffic), len(s.Limiters))
	}
}

// everyField writes every field of accounts and engines.
const everyField = `name: every-field
epoch: 2025-03-31T00:00:00Z
horizon: 90d
usage_batch: 1h
keys: {k: {uniform: {n: 10}}}
traffic: {calls: {rate: 5/s, keys: k}}
limiters: {l: {kind: tat, limit: {count: 3, period: 1s}}, m: {kind: tat, limit: {count: 3, period: 1s}}}
accounts:
  at: {count: 1, plan: paid, anchor: {at: 2025-03-31T00:00:00Z}, limit: 100_000, admins: 0, members: 9, cached: {limit: 0, usage_30d: 75_000},
    usage: {of_limit: 1.1, shape: {ramp: {to: 5/s}}, scale: {lognormal: {p99: 4}}, draw: even, corrections: {every: 10d, share: 5%}},
    changes: [{at: 0s, limit: 200_000, via: bulk}, {at: 20d, restart_anchor: true}, {at: 25d, cancel: true}, {at: 30d, plan: free, limit: 50_000}, {at: 40d, plan: paid}]}
  spread: {count: 10, anchor: {spread: {from: 2025-03-30T23:59:59Z, to: 2025-03-31T00:00:00Z}}, limit: 1, usage: {of_limit: 50%, scale: {pareto: {min: 0.5, alpha: 1.2}}}}
  ends: {count: 10, anchor: {month_ends: {months: 13}}, limit: 1, usage: {of_limit: 50%, scale: 3}}
  free: {count: 10, plan: free, limit: 1, usage: {from: calls, limiter: m, corrections: {every: 1d, share: 100%}}}
engines:
  all: {kind: flagsmith, options: {generation: G13}, every: 6h, offset: 10m, account_time: 5ms, overlap: {every: 3}, thresholds: [75, 100],
    source: {kind: postgres, lag: 5m, downsample: true, query_latency: 50ms, outages: [{from: 0s, for: 6h}, {from: 6h, for: 1h}]},
    cache_refresh: 1h, mail: {latency: 1s, outages: [{from: 3d, for: 6h}]}, flag_from: 2d}
  daily: {kind: hybrid, every: 8h, overlap: true}
  rare: {kind: hybrid, every: 7d, overlap: true}
  never: {kind: hybrid, overlap: false}
assert:
  decisions: ["count > 0"]
`

func TestEveryFieldOfAccountsAndEngines(t *testing.T) {
	s := preview(t, everyField)
	at, _ := s.Accounts.Get("at")
	if *at.Cached.Limit != 0 || *at.Cached.Usage30d != 75_000 || at.Admins != 0 || at.Members != 9 || *at.Usage.Shape.Ramp != (Ramp{0, 5, Duration(90 * 24 * time.Hour)}) {
		t.Errorf("got %+v", at)
	}
	day := Duration(24 * time.Hour)
	want := []AccountChange{{At: 0, Limit: pointer(Count(200_000)), Via: "bulk"}, {At: 20 * day, Via: "save", RestartAnchor: true}, {At: 25 * day, Via: "save", Cancel: true},
		{At: 30 * day, Limit: pointer(Count(50_000)), Via: "save", Plan: "free"}, {At: 40 * day, Via: "save", Plan: "paid"}}
	if d := cmp.Diff(want, at.Changes); d != "" {
		t.Error(d)
	}
	for name, every := range map[string]Count{"all": 3, "daily": 3, "rare": 1, "never": 0} {
		if e, _ := s.Engines.Get(name); e.Overlap.Every != every {
			t.Errorf("engine %s: every %d. run is overlapped, want %d", name, e.Overlap.Every, every)
		}
	}
	if free, _ := s.Accounts.Get("free"); free.Usage.Limiter != "m" || free.Anchor != (Anchor{}) {
		t.Errorf("free accounts: %+v", free)
	}
}

func TestUsageFromTheOnlyLimiter(t *testing.T) {
	text := strings.Replace(minimal+strings.TrimPrefix(watched, "name: watched\nhorizon: 90d\n"), "of_limit: 110%", "from: t", 1)
	if a, _ := preview(t, text).Accounts.Get("a"); a.Usage.Limiter != "l" {
		t.Errorf("the limiter is %q, want the source's only one", a.Usage.Limiter)
	}
}

func TestMonthBeforeTheEpoch(t *testing.T) {
	for _, c := range []struct{ epoch, from, reason string }{
		{"2026-01-01T00:00:00Z", "2025-12-01T00:00:00Z", "across a year"},
		{"2025-03-31T09:30:00Z", "2025-02-28T09:30:00Z", "clipped"},
		{"2024-03-31T00:00:00Z", "2024-02-29T00:00:00Z", "in a leap year"},
		{"2025-03-28T00:00:00Z", "2025-02-28T00:00:00Z", "the last day, not clipped"},
		{"2025-07-31T00:00:00Z", "2025-06-30T00:00:00Z", "to 30 days"},
		{"1970-01-01T00:00:00Z", "1969-12-01T00:00:00Z", "before 1970"},
	} {
		s := preview(t, strings.Replace(watched, "horizon", "epoch: "+c.epoch+"\nhorizon", 1))
		if got := s.Accounts[0].Value.Anchor.Spread; got.From.Format(time.RFC3339) != c.from || !got.To.Equal(s.Epoch) {
			t.Errorf("%s (%s): spread from %s, want %s", c.epoch, c.reason, got.From, c.from)
		}
	}
}

// TestAccountBoundaries puts values just inside of what the checks reject.
func TestAccountBoundaries(t *testing.T) {
	for _, c := range []struct{ old, new, reason string }{
		{"count: 3", "count: 10_000_000", "the most accounts"},
		{"limit: 1_000", "limit: 1e15", "the highest limit"},
		{"of_limit: 110%", "of_limit: 0.001%", "hardly any usage"},
		{"of_limit: 110%", "of_limit: 110%, scale: {lognormal: {median: 4, p99: 4}}", "no spread"},
		{"of_limit: 110%", "of_limit: 110%, corrections: {every: 2159h59m, share: 100%}", "one correction, of everything"},
		{"horizon: 90d", "horizon: 90d\nusage_batch: 100d", "one batch, longer than the run"},
		{"horizon: 90d", "horizon: 90d\nusage_batch: 1s", "short batches"},
		{"horizon: 90d", "horizon: 18250d", "the longest run"},
		{"limit: 1_000", "limit: 1_000, cached: {limit: 0}", "a cached limit of 0"},
		{"limit: 1_000", "limit: 1_000, anchor: {at: 2026-01-01T00:00:00Z}", "the anchor at the epoch"},
		{"limit: 1_000", "limit: 1_000, anchor: {month_ends: {months: 600}}", "an old term"},
		{"limit: 1_000", "limit: 1_000, changes: [{at: 0s, limit: 1}, {at: 2159h59m, cancel: true, limit: 1, restart_anchor: true}]", "changes at both ends, several at once"},
		{"limit: 1_000", "limit: 1_000, changes: [{at: 1d, cancel: true}, {at: 2d, plan: free}, {at: 3d, plan: paid}, {at: 4d, cancel: true}]", "a new subscription can be cancelled again"},
		{"kind: flagsmith", "kind: anything", "kinds are the plan's business"},
		{"kind: flagsmith", "kind: flagsmith, thresholds: [1, 10_000]", "thresholds at the bounds"},
		{"kind: flagsmith", "kind: flagsmith, every: 1s, cache_refresh: 365d", "often, and never"},
		{"kind: flagsmith", "kind: flagsmith, mail: {outages: [{from: 0s, for: 90d}]}", "never any mail"},
	} {
		text := strings.Replace(watched, c.old, c.new, 1)
		if text == watched {
			t.Fatalf("%s: %q is not in the text", c.reason, c.old)
		}
		if _, problems := Decode("x.yaml", []byte(text)); len(problems) > 0 {
			t.Errorf("%s: %v", c.reason, problems)
		}
	}
}

// TestSchemaOfAccountsAndEngines is the schema once nothing is rejected.
func TestSchemaOfAccountsAndEngines(t *testing.T) {
	data, err := decode.WriteSchema(Schema())
	if err != nil {
		t.Fatal(err)
	}
	var schema jsonschema.Schema
	if err := json.Unmarshal(data, &schema); err != nil {
		t.Fatal(err)
	}
	r, err := schema.Resolve(&jsonschema.ResolveOptions{ValidateDefaults: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{minimal, watched, everyField} {
		if err := r.Validate(instance(t, []byte(text))); err != nil {
			t.Errorf("%v in\n%s", err, text)
		}
	}
	for _, c := range []struct{ old, new, reason string }{
		{watched[strings.Index(watched, "accounts"):], "about: x\n", "nothing to limit, nothing to watch"},
		{"of_limit: 110%", "of_limit: 110%, from: x", "two amounts"},
		{"of_limit: 110%", "of_limit: 110%, scale: {}", "no scale"},
		{"kind: flagsmith", "kind: flagsmith, overlap: often", "neither true nor false"},
		{"count: 3", "count: 0", "no accounts"},
		{"limit: 1_000", "limit: 1_000, anchor: 2025-12-01T00:00:00Z", "an anchor that does not say what it is"},
	} {
		text := strings.Replace(watched, c.old, c.new, 1)
		if err := r.Validate(instance(t, []byte(text))); err == nil {
			t.Errorf("%s: it obeys the schema:\n%s", c.reason, text)
		}
		if _, problems := Decode("x.yaml", []byte(text)); len(problems) == 0 {
			t.Errorf("%s: the decoder accepts\n%s", c.reason, text)
		}
	}
}

func TestEngineTagsOfAssertions(t *testing.T) {
	s := preview(t, watched)
	for _, c := range []struct{ tag, value, want string }{
		{"engine", "e", ""},
		{"engine", "f", `no engine "f"; there is e in engines`},
		{"threshold", "75", ""},
		{"threshold", "75%", `expected a percentage without its sign, such as 75, found "75%"`},
		{"threshold", "075", `expected a percentage without its sign, such as 75, found "075"`},
		{"threshold", "0", `expected a percentage without its sign, such as 75, found "0"`},
	} {
		d := decode.New(&language, s.source)
		d.Positions = s.Positions
		(&checker{d, s}).assertTag("assert.0."+c.tag, metric.Tag{Name: c.tag, Value: c.value})
		got := ""
		for _, p := range d.Problems {
			got += p.Msg
		}
		if got != c.want {
			t.Errorf("%s=%s: got %q, want %q", c.tag, c.value, got, c.want)
		}
	}
}
