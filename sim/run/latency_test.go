package run_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/quotalab/quotalab/results/record"
)

// Latency by outcome is the number of round trips and nothing else.
func TestLatencyIsRoundTrips(t *testing.T) {
	p := shipped(t, "race-boulder") // a constant 5 ms, no service time
	m, _ := play(t, p)
	type class struct {
		decision record.Decision
		trips    int32
		latency  time.Duration
	}
	seen := map[class]int{}
	for _, o := range m {
		seen[class{o.Decision, o.RoundTrips, time.Duration(o.Done - o.Sent)}]++
	}
	for c, n := range seen {
		t.Logf("%s after %d round trips: %v, %d samples", c.decision, c.trips, c.latency, n)
	}
	for _, want := range []class{
		{record.Denied, 1, 5 * time.Millisecond},   // GET
		{record.Allowed, 2, 10 * time.Millisecond}, // GET, then SET NX or INCRBY
		{record.Allowed, 3, 15 * time.Millisecond}, // GET, lost SET NX, INCRBY
	} {
		if seen[want] == 0 {
			t.Errorf("no %s with %d round trips and %v", want.decision, want.trips, want.latency)
		}
		delete(seen, want)
	}
	for c := range seen {
		t.Errorf("unexpected: %s with %d round trips in %v", c.decision, c.trips, c.latency)
	}
}

// What a limiter waits in a shard's queue is in its latency.
func TestQueueingIsInTheLatency(t *testing.T) {
	const s, rtt = time.Millisecond, 4 * time.Millisecond
	m, _ := play(t, compile(t, fmt.Sprintf(`
name: queue
horizon: 1s
shards: {service: %v}
network: {rtt: %v}
keys: {k: {sequence: {n: 1000}}}
traffic: {main: {rate: {herd: {size: 5, every: 1s}}, gaps: even, keys: k}}
limiters: {l: {kind: redis_rate, limit: {count: 1, period: 1h}}}`, s, rtt)))
	if len(m) != 5 {
		t.Fatalf("%d observations", len(m))
	}
	// All five EVALSHA arrive at once and queue; all miss the script, and
	// their EVALs follow in the same order, 1 ms apart, and do not queue.
	for i, o := range m {
		want := rtt + time.Duration(i+1)*s + rtt + s
		if got := time.Duration(o.Done - o.Sent); got != want || o.RoundTrips != 2 {
			t.Errorf("request %d: latency %v after %d round trips, want %v after 2", i, got, o.RoundTrips, want)
		}
	}
}

// A batch over two shards returns with the slower one.
func TestBatchWaitsForTheSlowestShard(t *testing.T) {
	m, _ := play(t, compile(t, `
name: batch
horizon: 10s
shards: {names: [near, far], zones: [here, there]}
network: {rtt: 1ms, links: [{from: here, to: there, rtt: 9ms}]}
clients: {c: {zone: here}}
keys: {a: {uniform: {n: 50}}, b: {uniform: {n: 50}}}
traffic: {main: {rate: 50/s, batch: [{limit: a, keys: a}, {limit: b, keys: b}]}}
limiters: {l: {kind: tat, options: {write: setnx}, limits: {a: {count: 1, period: 1s, burst: 100}, b: {count: 1, period: 1s, burst: 100}}}}`))
	both := 0
	for _, o := range m {
		if o.Takes[0].Shard != o.Takes[1].Shard {
			both++
			if o.RoundTrips == 2 && o.Done-o.Sent != int64(18*time.Millisecond) {
				t.Errorf("batch over both shards took %v, want 18ms", time.Duration(o.Done-o.Sent))
			}
			if len(o.Touched) != 2 {
				t.Errorf("batch over both shards touched %v", o.Touched)
			}
		}
	}
	if both == 0 {
		t.Fatal("no batch went over both shards")
	}
}
