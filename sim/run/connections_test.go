package run_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/quotalab/quotalab/results/record"
)

// heldUp is callers of a shard that stands still for 400 ms, with a deadline
// of 150 ms, or without.
const heldUp = `
name: held-up
clock: %s
horizon: 2s
network: {rtt: 300us}
keys: {k: {uniform: {n: 1}}}
clients:
  heedless: {connection: {pool_size: 4, read_timeout: 250ms, max_retries: 1}}
  heeding: {connection: {pool_size: 4, read_timeout: 250ms, max_retries: 1, context_timeout: true}}
  patient: {connection: {pool_size: 4, read_timeout: 250ms, max_retries: 1}}
traffic:
  heedless: {rate: {herd: {size: 4, every: 1s}}, gaps: even, keys: k, via: [heedless], deadline: 150ms}
  heeding: {rate: {herd: {size: 4, every: 1s}}, gaps: even, keys: k, via: [heeding], deadline: 150ms}
  patient: {rate: {herd: {size: 4, every: 1s}}, gaps: even, keys: k, via: [patient]}
limiters: {lua: {kind: tat, options: {write: lua}, limit: {count: 1_000, period: 1s}}}
faults: [{at: 950ms, for: 400ms, frozen: {shard: shard-1}}]
`

// latencies of the callers of a source that were held up, in milliseconds, and
// the errors they got.
func (m memory) heldUp(source string) (latencies []int64, errors []string) {
	for _, o := range m {
		if o.Traffic == source && o.Intended >= int64(time.Second) {
			latencies = append(latencies, (o.Done-o.Sent)/1e6)
			errors = append(errors, o.Error)
		}
	}
	slices.Sort(latencies)
	slices.Sort(errors)
	return latencies, errors
}

// checkHeldUp holds by either clock: a deadline ends the wait for a reply where the
// client heeds it; elsewhere it only keeps the client from another attempt, which is
// what gives those without a deadline their answer.
func checkHeldUp(t *testing.T, clock string, m memory) {
	t.Helper()
	for _, tt := range []struct {
		source string
		bounds [2]int64
		errors []string
	}{
		{"heeding", [2]int64{100, 240}, []string{"timeout", "timeout", "timeout", "timeout"}},
		{"heedless", [2]int64{245, 345}, []string{"timeout", "timeout", "timeout", "timeout"}},
		{"patient", [2]int64{300, 600}, []string{"", "", "", ""}},
	} {
		latencies, errors := m.heldUp(tt.source)
		t.Logf("%s time, %s: %v ms, errors %q", clock, tt.source, latencies, errors)
		if len(latencies) == 0 || latencies[0] < tt.bounds[0] || latencies[len(latencies)-1] > tt.bounds[1] || !slices.Equal(errors, tt.errors) {
			t.Errorf("%s time, %s: callers waited %v ms, want %v; errors %q, want %q", clock, tt.source, latencies, tt.bounds, errors, tt.errors)
		}
	}
}

func TestConnectionsOfRuns(t *testing.T) {
	m, _ := play(t, compile(t, fmt.Sprintf(heldUp, "virtual")))
	checkHeldUp(t, "virtual", m)
	again, _ := play(t, compile(t, fmt.Sprintf(heldUp, "virtual")))
	if !slices.EqualFunc(m, again, func(a, b record.Observation) bool { return a.Done == b.Done && a.Error == b.Error }) {
		t.Error("a second run differs")
	}
}

func TestLiveConnections(t *testing.T) {
	var m memory
	runLive(t, compile(t, fmt.Sprintf(heldUp, "real")), nil, &m)
	checkHeldUp(t, "real", m)
}

// Twelve callers at once of a pool of two, whose shard takes 10 ms a script:
// those whose turn does not come in 25 ms have an error, and tried again they pass.
func TestPoolOfRuns(t *testing.T) {
	const scenario = `
name: pool
horizon: 1s
shards: {service: 10ms}
network: {rtt: 0s}
keys: {k: {uniform: {n: 1}}}
clients: {c: {connection: {pool_size: 2, pool_timeout: 25ms, max_retries: %d}}}
traffic: {t: {rate: {steps: [{rate: 0/s, for: 500ms}, {rate: 12_000/s, for: 1ms}, {rate: 0/s}]}, gaps: even, keys: k}}
limiters: {lua: {kind: tat, options: {write: lua}, limit: {count: 1_000, period: 1s}}}
`
	for _, tt := range []struct{ retries, exhausted int }{{0, 8}, {3, 0}} {
		m, _ := play(t, compile(t, fmt.Sprintf(scenario, tt.retries)))
		exhausted := m.count(func(o record.Observation) bool { return o.Error == "pool_exhausted" && o.RoundTrips == 0 })
		if failed := m.count(func(o record.Observation) bool { return o.Error != "" }); len(m) != 12 || exhausted != tt.exhausted || failed != exhausted {
			t.Errorf("%d retries: of %d callers %d had no turn, want %d, and %d an error", tt.retries, len(m), exhausted, tt.exhausted, failed)
		}
	}
}
