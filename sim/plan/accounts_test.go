package plan

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quotalab/quotalab/models/usage"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/limiter"
	"github.com/quotalab/quotalab/sim/quota"
)

// accountsOf compiles a scenario with these groups, one a line, and one
// engine.
func accountsOf(t testing.TB, head string, groups ...string) *Plan {
	t.Helper()
	text := "name: test\n" + head + "\nengines: {e: {kind: catch_up}}\naccounts:\n  " + strings.Join(groups, "\n  ") + "\n"
	return compiled(t, text)
}

func compiled(t testing.TB, text string) *Plan {
	t.Helper()
	s, problems := scenarios.Decode("test.yaml", []byte(text))
	if len(problems) > 0 {
		t.Fatalf("%v\nin\n%s", problems, text)
	}
	p, problems := Compile(s, limiter.Builtin())
	if len(problems) > 0 {
		t.Fatalf("%v\nin\n%s", problems, text)
	}
	return p
}

func at(t testing.TB, instant string) int64 {
	t.Helper()
	x, err := time.Parse(time.RFC3339, instant)
	if err != nil {
		t.Fatal(err)
	}
	return x.UnixNano()
}

func TestAccountsInTheFilesOrder(t *testing.T) {
	p := accountsOf(t, "horizon: 1d", "b: {count: 3, limit: 10, usage: {of_limit: 1%}}", "a: {count: 1, plan: free, limit: 20, usage: {of_limit: 1%}}", "c: {count: 2, limit: 30, usage: {of_limit: 1%}}")
	var got []string
	for i := range p.Accounts.Len() {
		a := p.Accounts.Account(i)
		got = append(got, fmt.Sprintf("%d %s %d %d %v", a.ID, a.Group.Name, a.N, a.Contract[0].Limit, a.Contract[0].Kind))
	}
	want := []string{"1 b 0 10 period", "2 b 1 10 period", "3 b 2 10 period", "4 a 0 20 rolling", "5 c 0 30 period", "6 c 1 30 period"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if (*Accounts)(nil).Len() != 0 {
		t.Error("no accounts have a length")
	}
}

func TestContracts(t *testing.T) {
	const epoch, day = "2026-01-01T00:00:00Z", 24 * time.Hour
	anchor := at(t, "2025-12-15T10:00:00Z")
	after := func(d time.Duration) int64 { return at(t, epoch) + int64(d) }
	paid := usage.Segment{From: usage.Beginning, Kind: usage.Period, Anchor: anchor, Limit: 100}
	free := usage.Segment{From: usage.Beginning, Kind: usage.Rolling, Limit: 100}
	for _, c := range []struct {
		plan, changes, reason string
		want                  usage.Contract
	}{
		{"paid", "", "nothing changes", usage.Contract{paid}},
		{"free", "", "a rolling window has no anchor", usage.Contract{free}},
		{"paid", "[{at: 2d, limit: 200}, {at: 3d, limit: 50, via: bulk}]", "limits, however they are saved", usage.Contract{paid,
			{From: after(2 * day), Kind: usage.Period, Anchor: anchor, Limit: 200}, {From: after(3 * day), Kind: usage.Period, Anchor: anchor, Limit: 50}}},
		{"paid", "[{at: 2d, cancel: true}]", "a cancelled contract goes on", usage.Contract{paid}},
		{"paid", "[{at: 2d, limit: 100}]", "the same limit is no change", usage.Contract{paid}},
		{"paid", "[{at: 2d, cancel: true}, {at: 9d, plan: free, limit: 7}]", "until the plan changes", usage.Contract{paid, {From: after(9 * day), Kind: usage.Rolling, Limit: 7}}},
		{"paid", "[{at: 2d, restart_anchor: true}]", "periods from then on", usage.Contract{paid, {From: after(2 * day), Kind: usage.Period, Anchor: after(2 * day), Limit: 100}}},
		{"free", "[{at: 0s, plan: paid}]", "a new subscription has its anchor there", usage.Contract{free, {From: after(0), Kind: usage.Period, Anchor: after(0), Limit: 100}}},
	} {
		group := "g: {count: 1, plan: " + c.plan + ", limit: 100, usage: {of_limit: 1%}"
		if c.plan == "paid" {
			group += ", anchor: {at: 2025-12-15T10:00:00Z}"
		}
		if c.changes != "" {
			group += ", changes: " + c.changes
		}
		a := accountsOf(t, "horizon: 30d", group+"}").Accounts.Account(0)
		if d := cmp.Diff(c.want, a.Contract); d != "" {
			t.Errorf("%s: %s", c.reason, d)
		}
		if err := a.Contract.Check(); err != nil {
			t.Errorf("%s: %v", c.reason, err)
		}
	}
}

// TestKnownToEngines follows what engines know of an account whose cache is
// wrong through its changes.
func TestKnownToEngines(t *testing.T) {
	p := accountsOf(t, "horizon: 60d\nepoch: 2026-01-20T00:00:00Z", `g: {count: 1, anchor: {at: 2025-01-31T00:00:00Z}, limit: 100, admins: 2, members: 0, cached: {limit: 0, usage_30d: 75}, usage: {of_limit: 1%},
    changes: [{at: 1d, cancel: true}, {at: 2d, plan: free, limit: 30}, {at: 3d, limit: 40}, {at: 4d, plan: paid, limit: 500}, {at: 5d, limit: 600, restart_anchor: true}]}`)
	a := p.Accounts.Account(0)
	known := p.Accounts.Known(a)
	want := quota.Account{ID: 1, FreeLimit: 50_000, Cached: true, Allowed: 0, Recent: 75, Admins: 2,
		BillingStart: at(t, "2025-01-31T00:00:00Z"), BillingEnd: at(t, "2026-01-31T00:00:00Z")}
	steps := []func(*quota.Account){
		func(k *quota.Account) { k.Cancelled = true },
		func(k *quota.Account) {
			k.Free, k.FreeLimit, k.Allowed, k.Cancelled, k.BillingStart, k.BillingEnd = true, 30, 30, false, quota.Unknown, quota.Unknown
		},
		func(k *quota.Account) { k.FreeLimit, k.Allowed = 40, 40 },
		func(k *quota.Account) {
			k.Free, k.Allowed, k.BillingStart, k.BillingEnd = false, 500, at(t, "2026-01-24T00:00:00Z"), at(t, "2026-02-24T00:00:00Z")
		},
		func(k *quota.Account) {
			k.Allowed, k.BillingStart, k.BillingEnd = 600, at(t, "2026-01-25T00:00:00Z"), at(t, "2026-02-25T00:00:00Z")
		},
	}
	if d := cmp.Diff(want, known); d != "" {
		t.Error("at the start:", d)
	}
	for i, ch := range a.Group.Changes {
		a.Change(&known, ch)
		steps[i](&want)
		if d := cmp.Diff(want, known); d != "" {
			t.Errorf("after %v: %s", ch, d)
		}
	}
	free := accountsOf(t, "horizon: 1d", "g: {count: 1, plan: free, limit: 100, usage: {of_limit: 1%}}").Accounts
	if k := free.Known(free.Account(0)); !k.Free || k.FreeLimit != 100 || k.Allowed != 100 || k.BillingStart != quota.Unknown {
		t.Errorf("a free account is known as %+v", k)
	}
}

// usageAndLimiter drives a limiter and accounts from one source.
const usageAndLimiter = `name: both
horizon: 1h
keys: {k: {uniform: {n: 10}}}
traffic: {other: {rate: 1/s, keys: k, limiters: [m]}, calls: {rate: 5/s, keys: k}}
limiters: {l: {kind: always, limit: {count: 3, period: 1s}}, m: {kind: always, limit: {count: 3, period: 1s}}}
accounts:
  first: {count: 2, limit: 100, usage: {of_limit: 1%}}
  callers: {count: 4, limit: 100, usage: {from: calls, limiter: m, corrections: {every: 10m, share: 5%}}, changes: [{at: 30m, limit: 200, via: bulk}]}
engines:
  new: {kind: flagsmith, every: 10m, offset: 1m}
  told: {kind: inline, thresholds: [80]}
`

func TestUsageFromATrafficSource(t *testing.T) {
	p := compiled(t, usageAndLimiter)
	g := p.Accounts.Groups[1]
	if p.Sources[g.Source].Name != "calls" || p.Limiters[g.Limiter].Name != "m" || g.Corrections != (Corrections{10 * time.Minute, 0.05}) {
		t.Errorf("got %+v", g)
	}
	if p.Accounts.Groups[0].Source != -1 {
		t.Error("the first group has a source")
	}
	for key, want := range map[uint64]int{0: 2, 3: 5, 4: 2, 1<<63 + 1: 3} {
		if got := g.Of(key); got != want {
			t.Errorf("key %d is of account %d, want %d", key, got, want)
		}
	}
	if at, units, ok := p.Usage(3).Next(); ok {
		t.Errorf("usage of its own: %d at %d", units, at)
	}
}

func TestAccountsText(t *testing.T) {
	_, text, found := strings.Cut(compiled(t, usageAndLimiter).Text(), "accounts ")
	if !found {
		t.Fatal("the plan says nothing of accounts")
	}
	var got []string
	for line := range strings.Lines(text) {
		got = append(got, strings.Join(strings.Fields(line), " "))
	}
	want := []string{"6 in batches of usage of 5m", "first 1 to 2, paid, limit 100: 0 units expected of one of scale 1", "callers 3 to 6, paid, limit 100: what m of calls is allowed", "from 30m limit 200, in bulk",
		"engine new flagsmith generation=latest stale_limit=cache, every 10m from 1m, thresholds 75%, 90%, 100%, 120%, 200%, 300%, 400%, 500%", "engine told inline buffer=0s, as usage is counted, thresholds 80%",
		"worlds 2, played side by side on up to 2 cores: limiter l, limiter m with engine new with engine told", "not split limiters and engines: what the limiters allow is the usage that the engines look at", "assertions 0",
		"estimate about 39,599 decisions over 20 keys and 96 counts of usage of 6 accounts: 2s, 0.1 GB of memory, 0.001 GB of disk",
		"warning accounts callers: the 10 keys of traffic calls share 4 accounts: key n counts for account n modulo 4"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestShapeWithoutRate(t *testing.T) {
	s, problems := scenarios.Decode("test.yaml", []byte(strings.Replace(usageAndLimiter, "of_limit: 1%", "of_limit: 1%, shape: {spike: {peak: 1/s, at: 2h}}", 1)))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	_, problems = Compile(s, limiter.Builtin())
	want := "test.yaml:7:55: accounts.first.usage.shape: the pattern has no rate before the horizon"
	if len(problems) != 1 || !strings.HasPrefix(problems[0].Error(), want) {
		t.Errorf("got %v, want %s", problems, want)
	}
}
