package run_test

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	"github.com/quotalab/quotalab/results/audit"
	"github.com/quotalab/quotalab/results/record"
)

// Jobs that hold a permit for about half a second: 60 a second want 30 of 20. A
// tenth of them dies and never returns it, so that its lease of 4 s has to end.
const jobs = `
name: jobs
horizon: 20s
network: {rtt: 4ms}
keys: {queue: {uniform: {n: 1}}}
traffic: {jobs: {rate: 60/s, keys: queue, settle: {after: {lognormal: {median: 400ms, p99: 2s}}, lost: 10%}}}
limiters:
  lua: {kind: concurrency, limit: {count: 20, period: 4s}}
  split: {kind: concurrency, limit: {count: 20, period: 4s}, options: {write: split}}
  count: {kind: concurrency, limit: {count: 20, period: 4s}, options: {write: count}}
`

// The script never lets more than 20 hold a permit at once, the look and the
// spend apart do, and a counter without leases loses a permit with every job that
// dies until it denies for ever.
func TestConcurrencyLimits(t *testing.T) {
	m, found := audited(t, compile(t, jobs))
	for _, c := range []struct {
		limiter      string
		races, stuck bool
	}{{"lua", false, false}, {"split", true, false}, {"count", false, true}} {
		l, _ := found.Find(c.limiter)
		most, leaked, settled := held(m, c.limiter, 4e9, 20e9)
		t.Logf("%s: %d over-admissions, at most %d held, %d of %d leases leaked, %d under-admissions", l.Name, l.Over, most, l.Leaked, l.Settled, l.Under)
		if (l.Over > 0) != c.races || (most > 20) != c.races || l.Over < most-20 {
			t.Errorf("%s: %d over-admissions, %d held at most", l.Name, l.Over, most)
		}
		if l.Leaked != leaked || l.Settled != settled || settled == 0 || leaked == 0 {
			t.Errorf("%s: %d leaked and %d settled, the rows say %d and %d", l.Name, l.Leaked, l.Settled, leaked, settled)
		}
		if (l.Under > 0) != c.stuck {
			t.Errorf("%s: %d under-admissions", l.Name, l.Under)
		}
	}
}

// held recounts from the rows how many permits were held at most, how many leases
// ended unreturned and how many were returned in time.
func held(m memory, limiter string, lease, horizon int64) (most, leaked, settled int64) {
	type turn struct{ at, order, by int64 }
	var turns []turn
	returned := map[[2]int64]record.Observation{}
	for _, o := range m {
		if o.Limiter == limiter && o.Decision == record.Settled {
			returned[[2]int64{o.Arrival, int64(o.Attempt)}] = o
		}
	}
	for _, o := range m {
		if o.Limiter != limiter || o.Decision != record.Allowed {
			continue
		}
		end := turn{o.Effect + lease, -1, -1}
		r, back := returned[[2]int64{o.Arrival, int64(o.Attempt)}]
		if back && r.Effect < end.at {
			end.at, end.order = r.Effect, r.Order
			settled++
		} else if end.at <= horizon {
			leaked++
		}
		turns = append(turns, turn{o.Effect, o.Order, 1}, end)
	}
	slices.SortFunc(turns, func(a, b turn) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.order, b.order)) })
	n := int64(0)
	for _, x := range turns {
		n += x.by
		most = max(most, n)
	}
	return most, leaked, settled
}

// Calls that reserve 500 tokens and learn later what they used, which may be more:
// buckets and windows that settle atomically keep their promise to the token, and
// those that never settle leave half of it unused.
func TestReservationsAreSettled(t *testing.T) {
	const source = `
name: tokens
horizon: 30s
network: {rtt: 2ms}
keys: {tenants: {uniform: {n: 3}}}
traffic: {calls: {rate: 30/s, keys: tenants, cost: 500, settle: {after: {exponential: {mean: 800ms}}, cost: {lognormal: {median: 150, p99: 900, max: 2_000}}, lost: 5%}}}
limiters:
  bucket: {kind: token_bucket, limit: {count: 2_000, period: 1s, burst: 4_000}}
  leaky: {kind: leaky_bucket, limit: {count: 2_000, period: 1s, burst: 4_000}}
  window: {kind: fixed_window, limit: {count: 12_000, period: 5s}}
`
	m, found := audited(t, compile(t, source))
	settled := settlements(t, m, found)
	for _, name := range []string{"bucket", "leaky", "window"} {
		if settled[name] < 200 {
			t.Errorf("%s: %d settled: the run tests too little", name, settled[name])
		}
	}
	if a, b := settled["bucket"], settled["leaky"]; a != b {
		t.Errorf("token and leaky bucket settled %d and %d, want the same", a, b)
	}
	never, _ := audited(t, compile(t, strings.Replace(source, ", settle: {after: {exponential: {mean: 800ms}}, cost: {lognormal: {median: 150, p99: 900, max: 2_000}}, lost: 5%}", "", 1)))
	with, without := m.count(allowedBy("bucket")), never.count(allowedBy("bucket"))
	if with*2 < without*3 {
		t.Errorf("%d allowed with settlements, %d without, want half as many more at least", with, without)
	}
}

func allowedBy(limiter string) func(record.Observation) bool {
	return func(o record.Observation) bool { return o.Limiter == limiter && o.Decision == record.Allowed }
}

func settlements(t *testing.T, m memory, found *audit.Result) map[string]int64 {
	t.Helper()
	rows := map[string]int64{}
	for _, o := range m {
		if o.Decision == record.Settled {
			rows[o.Limiter]++
			if o.Takes[0].Mode != record.SettleMode || o.Sent < o.Intended || o.RoundTrips > 2 {
				t.Fatalf("a settlement is %+v", o)
			}
		}
	}
	for _, l := range found.Limiters {
		t.Logf("%s: %d decisions, %d settled, %d ambiguous", l.Name, l.Compared, l.Settled, l.Ambiguous)
		if l.Over != 0 || l.Under != 0 || l.Settled != rows[l.Name] {
			t.Errorf("%s: %d over- and %d under-admissions, %d of %d settlements", l.Name, l.Over, l.Under, l.Settled, rows[l.Name])
		}
	}
	return rows
}
