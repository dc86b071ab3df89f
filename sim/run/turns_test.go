package run_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// twoLimits is eleven requests of one user, who has 10 and a service that has 4.
const twoLimits = `
name: two-limits
horizon: 12s
network: {rtt: 2ms}
keys: {user: {uniform: {n: 1}}, service: {uniform: {n: 1}}}
traffic: {t: {rate: 1/s, gaps: even, batch: [{limit: user, keys: user}, {limit: service, keys: service}]}}
limiters:
  l: {kind: %s, limits: {user: {count: 10, period: 1h}, service: {count: 4, period: 1h}}}
`

// A limiter whose calls take from one limit is asked for one after another: who
// is denied by the second has taken from the first, and who is denied by the first
// does not ask the second. What takes from both at once takes from none
// when it denies.
func TestLimitsInTurn(t *testing.T) {
	inTurn := map[string]int{"user allowed": 10, "user denied": 1, "service allowed": 4, "service denied": 6}
	atOnce := map[string]int{"user+service allowed": 4, "user+service denied": 7}
	for kind, want := range map[string]map[string]int{
		"redis_rate":                        inTurn,
		"tat":                               inTurn,
		"throttled":                         inTurn,
		"sliding_log":                       inTurn,
		"fixed_window":                      inTurn,
		"redis_rate, model: true":           inTurn,
		"tat, options: {write: set}":        atOnce,
		"tat, options: {write: setnx}":      atOnce,
		"broken":                            {"user+service allowed": 5, "user+service denied": 6},
		"token_bucket, reference: gcra":     inTurn,
		"redis_rate, reference: gcra_float": inTurn,
	} {
		p := compile(t, fmt.Sprintf(twoLimits, kind))
		m, found := audited(t, p)
		got := map[string]int{}
		for _, o := range m {
			var names []string
			for _, take := range o.Takes {
				names = append(names, take.Limit)
			}
			got[strings.Join(names, "+")+" "+string(o.Decision)]++
			if late := o.Takes[0].Limit == "service"; late != (o.Step == 1) || late && o.Intended != o.Sent {
				t.Errorf("%s: %v is step %d, due at %d and sent at %d", kind, names, o.Step, o.Intended, o.Sent)
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: calls (−want +got) %s", kind, d)
		}
		if l, _ := found.Find("l"); l.Under != 0 || l.Over != 0 && kind != "broken" {
			t.Errorf("%s: %d over-admissions and %d under-admissions", kind, l.Over, l.Under)
		}
		if text := p.Text(); strings.Contains(text, "nothing is given back") != (want["user allowed"] > 0) {
			t.Errorf("%s: the plan says\n%s", kind, text)
		}
	}
}

// Each client of a path asks for all limits, and who tries again asks for
// them anew.
func TestTurnsOfPathsAndRetries(t *testing.T) {
	m, _ := play(t, compile(t, `
name: path
horizon: 4s
network: {rtt: 2ms}
keys: {user: {uniform: {n: 1}}, service: {uniform: {n: 1}}}
clients: {check: {does: check, instances: 3}, spend: {does: spend}}
traffic:
  t:
    rate: 1/s
    gaps: even
    via: [check, spend]
    batch: [{limit: user, keys: user}, {limit: service, keys: service}]
    on_denial: {retry: {fixed: 100ms, max_attempts: 2}}
limiters:
  l: {kind: tat, limits: {user: {count: 10, period: 1h}, service: {count: 1, period: 1h}}}
`))
	got := map[string]int{}
	for _, o := range m {
		got[fmt.Sprintf("%d.%d %s %s %s", o.Attempt, o.Step, strings.SplitN(o.Client, "/", 2)[0], o.Takes[0].Limit, o.Decision)]++
		for _, other := range m {
			if o.Arrival == other.Arrival && o.Attempt == other.Attempt && o.Step/2 == other.Step/2 && o.Client != other.Client {
				t.Errorf("one request asks %s and %s", o.Client, other.Client)
			}
		}
	}
	if d := cmp.Diff(map[string]int{
		"0.0 check user allowed": 3, "0.1 check service allowed": 1, "0.1 check service denied": 2,
		"0.2 spend user allowed": 1, "0.3 spend service allowed": 1,
		"1.0 check user allowed": 2, "1.1 check service denied": 2,
	}, got); d != "" {
		t.Errorf("calls (−want +got) %s", d)
	}
}
