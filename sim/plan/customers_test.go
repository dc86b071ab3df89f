package plan_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/limiter"
	"github.com/quotalab/quotalab/sim/plan"
)

// TestCustomersAreNotMerged: the keys of a trace are customers with names, and more
// of them than accounts are refused; fewer, and shared numbered keys, are said.
func TestCustomersAreNotMerged(t *testing.T) {
	dir := t.TempDir()
	csv := "time,host\n1781092800.5,acme\n1781092801,globex\n1781092802,initech\n"
	if err := os.WriteFile(filepath.Join(dir, "c.csv"), []byte(csv), 0o600); err != nil {
		t.Fatal(err)
	}
	const text = `name: c
horizon: 1d
keys:
  named: {from_trace: {file: c.csv, format: csv}}
  numbered: {uniform: {n: 30}}
  churning: {churn: {arrivals: 1/h, lifetime: 1h, start: 3}}
  heaps: {growing: {k: 2, b: 0.5}}
  new: {fresh: {}}
  few: {uniform: {n: 3}}
  both: {mix: [{keys: few, weight: 1}, {keys: named, weight: 1}]}
  ever: {mix: [{keys: new, weight: 1}, {keys: few, weight: 1}]}
traffic:
  events: {%s}
  other: {rate: 1/s, keys: numbered}
  more: {rate: 1/s, keys: named}
limiters:
  always: {kind: always, limit: {count: 1, period: 1s}}
accounts:
  customers: {count: %d, limit: 10, usage: {from: events}}
engines:
  catch-up: {kind: catch_up}
`
	replayed, drawn, numbers := "rate: {replay: {file: c.csv, format: csv}}", "rate: 1/s, keys: named", "rate: 1/s, keys: numbered"
	for _, c := range []struct {
		source        string
		count         int
		problem, warn string
	}{
		{replayed, 2, "19:22: accounts.customers.count: traffic events has 3 customers (acme, globex, initech) and the group 2 accounts, so some would share one: write count: 3", ""},
		{drawn, 2, "has 3 customers (acme, globex, initech) and the group 2 accounts", ""},
		{replayed, 3, "", ""},
		{replayed, 5, "", "traffic events has 3 customers (acme, globex, initech), so 2 of the 5 accounts use nothing"},
		{numbers, 30, "", ""},
		{"rate: 1/s, keys: churning", 20, "", "traffic events draws ever new keys, which share 20 accounts"},
		{"rate: 1/s, keys: heaps", 20, "", "ever new keys, which share 20 accounts: key n counts for account n modulo 20"},
		{"rate: 1/s, keys: new", 20, "", "ever new keys"},
		// 2⁵⁶ is 16 modulo 20 and 30: acme's account is that of key 16, of which few has none.
		{"rate: 1/s, keys: both", 20, "", ""},
		{"rate: 1/s, keys: both", 16, "traffic events: its keys are of the mix both, whose parts number their keys each for itself: acme and few-0 would be one customer", ""},
		{"rate: 1/s, keys: both", 17, "few-1 and acme would be one customer", ""},
		{"rate: 1/s, keys: ever", 20, "new-16 and few-0 would be one customer", ""},
		{numbers, 20, "", "the 30 keys of traffic events share 20 accounts: key n counts for account n modulo 20"},
	} {
		s, problems := scenarios.Decode(filepath.Join(dir, "c.yaml"), fmt.Appendf(nil, text, c.source, c.count))
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		p, problems := plan.Compile(s, limiter.Builtin())
		if got := problems.Error(); (got == "") != (c.problem == "") || !strings.Contains(got, c.problem) {
			t.Errorf("%s, %d accounts: problems %q, want %q", c.source, c.count, got, c.problem)
		}
		if len(problems) > 0 {
			continue
		}
		if got := strings.Join(p.Warnings, "; "); (got == "") != (c.warn == "") || !strings.Contains(got, c.warn) {
			t.Errorf("%s, %d accounts: warnings %q, want %q", c.source, c.count, got, c.warn)
		}
		if text := p.Text(); c.source == replayed && !strings.Contains(text, "acme, globex, initech") {
			t.Errorf("the plan does not name the customers:\n%s", text)
		}
	}
}

// TestWholeSecondsAreSpread, and the plan warns; stamps with a fraction stay.
func TestWholeSecondsAreSpread(t *testing.T) {
	for stamp, want := range map[string]string{"1781092800": "0 200000000 400000000 600000000 800000000", "1781092800.25": "0 0 0 0 0"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "c.csv"), []byte("time,host\n"+strings.Repeat(stamp+",u\n", 5)), 0o600); err != nil {
			t.Fatal(err)
		}
		s, problems := scenarios.Decode(filepath.Join(dir, "c.yaml"), []byte(`name: c
horizon: 1m
traffic: {calls: {rate: {replay: {file: c.csv, format: csv}}}}
limiters: {l: {kind: tat, limit: {count: 10, period: 1s}}}
`))
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		p, problems := plan.Compile(s, limiter.Builtin())
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		var got []string
		for _, e := range events(p, "calls") {
			got = append(got, strings.Fields(e)[1])
		}
		if strings.Join(got, " ") != want {
			t.Errorf("stamps %s: at %v, want %s", stamp, got, want)
		}
		if warned := strings.Contains(strings.Join(p.Warnings, ""), "whole multiples of 1s"); warned != !strings.Contains(stamp, ".") {
			t.Errorf("stamps %s: warnings %q", stamp, p.Warnings)
		}
	}
}

// TestMappedAddressesHaveTheRangesOfIPv4 in a derived population.
func TestMappedAddressesHaveTheRangesOfIPv4(t *testing.T) {
	dir := t.TempDir()
	csv := "host\n192.0.2.2\n::ffff:192.0.2.2\n::ffff:c000:0202\n2001:db8::1\n2001:DB8:0::1\n"
	if err := os.WriteFile(filepath.Join(dir, "c.csv"), []byte(csv), 0o600); err != nil {
		t.Fatal(err)
	}
	for bits, want := range map[int][2]string{24: {"192.0.2.0/24", "2001:d00::/24"}, 64: {"192.0.2.2", "2001:db8::/64"}} {
		s, problems := scenarios.Decode(filepath.Join(dir, "c.yaml"), fmt.Appendf(nil, `name: c
horizon: 30s
keys:
  clients: {from_trace: {file: c.csv, format: csv}}
  nets: {derive: {from: clients, prefix: %d}}
traffic: {s: {rate: 1/s, gaps: even, keys: nets}}
limiters: {l: {kind: tat, limit: {count: 10, period: 1s}}}
`, bits))
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		p, problems := plan.Compile(s, limiter.Builtin())
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		seen := map[string]bool{}
		for _, e := range events(p, "s") {
			seen[strings.Fields(e)[2]] = true
		}
		if len(seen) != 2 || !seen[want[0]] || !seen[want[1]] {
			t.Errorf("prefix %d: keys %v, want %v", bits, seen, want)
		}
	}
}
