package run_test

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quotalab/quotalab/results/audit"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/run"
)

// A shard that restarts empty gives every key of its own a full new burst,
// and asks for its scripts again; the other shard's keys notice nothing.
func TestShardRestart(t *testing.T) {
	p := compile(t, `
name: restart
horizon: 25s
shards: {count: 2}
network: {rtt: 1ms}
keys: {k: {sequence: {n: 20}}}
traffic: {main: {rate: {herd: {size: 200, every: 10s}}, gaps: even, keys: k}}
limiters: {l: {kind: tat, options: {write: lua}, limit: {count: 5, period: 8760h}}}
faults: [{at: 15s, restart: {shard: shard-2}}]`)
	m, a := audited(t, p)
	after := func(o record.Observation) bool { return o.Sent > int64(15*time.Second) }
	on := func(shard string) func(record.Observation) bool {
		return func(o record.Observation) bool { return o.Takes[0].Shard == shard }
	}
	keys := map[string]bool{}
	for _, o := range m {
		if o.Takes[0].Shard == "shard-2" {
			keys[o.Takes[0].Key] = true
		}
	}
	again := m.count(after, decided(record.Allowed), on("shard-2"))
	if len(keys) == 0 || again != 5*len(keys) || m.count(after, decided(record.Allowed), on("shard-1")) != 0 {
		t.Errorf("%d admitted again on %d keys of the restarted shard, %d on the other", again, len(keys), m.count(after, decided(record.Allowed), on("shard-1")))
	}
	if over := a.Limiters[0].Over; over != int64(again) || m.count(decided(record.Errored)) != 0 {
		t.Errorf("over-admission %d, want %d; %d errors", over, again, m.count(decided(record.Errored)))
	}
	t.Logf("%d keys of the restarted shard got %d tokens again; the oracle counts %d", len(keys), again, a.Limiters[0].Over)
}

// lost is two shards of 20 keys with 5 tokens each that never come back, of
// which every key is asked for 10 every 10 s.
const lost = `
name: lost
horizon: 70s
shards: {count: 2}
network: {rtt: 1ms}
keys: {k: {sequence: {n: 20}}}
traffic: {main: {rate: {herd: {size: 200, every: 10s}}, gaps: even, keys: k}}
limiters: {l: {kind: tat, options: {write: lua}, limit: {count: 5, period: 8760h}}}
faults: [{at: 15s, for: 20s, `

// A shard that is down gives its keys a full burst on the shards that are
// left, and another one when it is back, empty. One that was frozen still has
// what it had.
func TestShardLost(t *testing.T) {
	for _, tt := range []struct {
		fault  string
		tokens []int // that each key of shard-2 gets at 0, 10, … s
		errors map[string]int
	}{
		{"down", []int{5, 0, 5, 0, 5, 0, 0}, map[string]int{}},
		// The Ring needs from 15 to 24 s to find it out.
		{"frozen", []int{5, 0, 0, 5, 0, 0, 0}, map[string]int{"timeout": 10}},
	} {
		m, a := audited(t, compile(t, lost+tt.fault+": {shard: shard-2}}]"))
		keys := map[string]bool{}
		for _, o := range m {
			if o.Intended < int64(15*time.Second) && o.Takes[0].Shard == "shard-2" {
				keys[o.Takes[0].Key] = true
			}
		}
		got, errors := make([]int, 7), map[string]int{}
		for _, o := range m {
			switch {
			case !keys[o.Takes[0].Key]:
			case o.Decision == record.Allowed:
				got[o.Intended/int64(10*time.Second)]++
			case o.Decision == record.Errored:
				errors[o.Error]++
			}
		}
		for i := range got {
			got[i] /= len(keys)
		}
		for kind := range errors {
			errors[kind] /= len(keys)
		}
		t.Logf("%s: %d keys, tokens %v, errors %v, over-admission %d", tt.fault, len(keys), got, errors, a.Limiters[0].Over)
		if d := cmp.Diff(tt.tokens, got) + cmp.Diff(tt.errors, errors); d != "" {
			t.Errorf("%s: of each key of the lost shard: %s", tt.fault, d)
		}
		again := 0
		for _, n := range tt.tokens[1:] {
			again += n
		}
		if over := a.Limiters[0].Over; over != int64(again*len(keys)) || over == 0 {
			t.Errorf("%s: the oracle counts %d too many, want %d for each of %d keys", tt.fault, over, again, len(keys))
		}
	}
}

// steady is 200 requests a second on 40 keys of two shards that are 100 ms
// away, by clients that wait a second for an answer.
const steady = `
name: steady
horizon: 10s
shards: {count: 2}
network: {rtt: 100ms}
clients: {c: {connection: {read_timeout: 1s}}}
keys: {k: {sequence: {n: 40}}}
traffic: {main: {rate: 200/s, gaps: even, keys: k}}
limiters:
  lua: {kind: tat, options: {write: lua}, limit: {count: 100, period: 1s}}
  boulder: {kind: boulder, limit: {count: 100, period: 1s}}
faults: [{at: 5s, %s}]`

// TestFaultsOfRuns plays each kind of fault and says which errors a limiter
// of one script and one of several commands have, and when the first and the
// last of these requests were sent.
func TestFaultsOfRuns(t *testing.T) {
	type errors map[string]string
	for _, tt := range []struct {
		fault string
		want  errors // by limiter and kind
		more  int    // calls of the script on a shard that did not know it
		words string
	}{
		{"restart: {shard: shard-2}", errors{}, 14, "at 5s: shard-2 restarts empty"},
		{"for: 4s, down: {shard: shard-2}", errors{"boulder refused": "135 from 4.855s to 6.19s", "lua refused": "153 from 4.95s to 6.195s"}, 14, "from 5s for 4s: shard-2 is down"},
		{"for: 4s, frozen: {shard: shard-2}", errors{"boulder timeout": "320 from 4.855s to 8.045s", "lua timeout": "374 from 4.95s to 8.045s"}, 0, "from 5s for 4s: shard-2 is frozen"},
		{"for: 4s, delay: {shard: shard-2, rtt: 950ms}", errors{"boulder timeout": "341 from 4.9s to 8.3s", "lua timeout": "396 from 5.015s to 8.3s"}, 0, "from 5s for 4s: shard-2 is 950ms further away in the mean"},
		{"for: 4s, delay: {shard: shard-2, rtt: {exponential: {mean: 200ms}}}", errors{"boulder timeout": "7 from 5.35s to 8.67s", "lua timeout": "6 from 6.75s to 8.215s"}, 0, "from 5s for 4s: shard-2 is 200ms further away in the mean"},
		{"for: 4s, bandwidth: {shard: shard-2, rate: 10kB/s}", errors{"boulder timeout": "125 from 6.56s to 8.045s", "lua timeout": "220 from 6.195s to 8.045s"}, 0, "from 5s for 4s: shard-2 has a link of 10kB/s each way"},
		{"reset: {shard: shard-2}", errors{"boulder connection": "20 from 4.81s to 4.99s", "lua connection": "13 from 4.9s to 4.995s"}, 0, "at 5s: shard-2 resets its connections"},
		{"rename: {shard: shard-2, to: other}", errors{}, 0, "at 5s: shard-2 is renamed to other"},
		{"add: {shard: shard-3}", errors{}, 5, "at 5s: shard-3 joins"},
		{"clock: {client: c, offset: -10s}", errors{}, 0, "from 5s to the end: the clock of client c is 10s behind what it was"},
		{"for: 4s, clock: {client: c, offset: 10s}", errors{}, 0, "from 5s for 4s: the clock of client c is 10s ahead of what it was"},
		{"flush_scripts: {shard: shard-2}", errors{}, 14, "at 5s: shard-2 forgets its scripts"},
		{"for: 1h, read_only: {shard: shard-2}", errors{"boulder server": "500 from 4.855s to 9.845s", "lua server": "600 from 4.95s to 9.935s"}, 0, "from 5s to the end: shard-2 is read-only"},
		{"for: 4s, out_of_memory: {shard: shard-2}", errors{"boulder server": "400 from 4.855s to 8.845s", "lua server": "480 from 4.95s to 8.935s"}, 0, "from 5s for 4s: shard-2 is out of memory"},
	} {
		p := compile(t, fmt.Sprintf(steady, tt.fault))
		m, r := play(t, p)
		first, last := map[string]int64{}, map[string]int64{}
		count := map[string]int{}
		for _, o := range m {
			if o.Error != "" {
				kind := o.Limiter + " " + o.Error
				if count[kind]++; count[kind] == 1 {
					first[kind] = o.Sent
				}
				first[kind], last[kind] = min(first[kind], o.Sent), max(last[kind], o.Sent)
			}
		}
		got := errors{}
		for _, kind := range slices.Sorted(maps.Keys(count)) {
			got[kind] = fmt.Sprintf("%d from %v to %v", count[kind], time.Duration(first[kind]), time.Duration(last[kind]))
		}
		more := m.count(func(o record.Observation) bool {
			return o.Limiter == "lua" && o.RoundTrips == 2 && o.Sent > int64(2*time.Second)
		})
		if d := cmp.Diff(tt.want, got); d != "" || more != tt.more || r.Unexpected > 0 {
			t.Errorf("%s: %d more round trips, want %d; %d unexpected errors; errors (−want +got) %s", tt.fault, more, tt.more, r.Unexpected, d)
		}
		if text := p.Text(); !strings.Contains(text, tt.words) {
			t.Errorf("%s: the plan does not say %q:\n%s", tt.fault, tt.words, text)
		}
	}
}

// everyFault is what goes wrong with everything, one thing after another and
// some at once.
const everyFault = `
faults:
  - {at: 1s, add: {shard: shard-4}}
  - {at: 2s, for: 3s, delay: {shard: shard-1, rtt: {lognormal: {median: 5ms, p99: 80ms}}}}
  - {at: 2500ms, reset: {shard: shard-1}}
  - {at: 3s, rename: {shard: shard-2, to: another}}
  - {at: 4s, for: 3s, down: {shard: shard-2}}
  - {at: 5s, for: 4s, bandwidth: {shard: shard-3, rate: 20kB/s}}
  - {at: 6s, for: 5s, clock: {client: back, offset: 700ms}}
  - {at: 8s, for: 5s, frozen: {shard: shard-1}}
  - {at: 9s, for: 1s, read_only: {shard: shard-4}}
  - {at: 12s, flush_scripts: {shard: shard-3}}
  - {at: 13s, for: 2s, out_of_memory: {shard: shard-2}}
  - {at: 15s, restart: {shard: shard-3}}
  - {at: 18s, for: 1h, down: {shard: shard-4}}
`

// everyFaultHash is of the record of everything with everyFault; see the
// other hashes.
const everyFaultHash = "47ac4c39eca55955d5523072be757996a9b166fd36682614d6ef6c8daab8a35c"

func TestDeterminismOfFaults(t *testing.T) {
	source := everything + "  lua: {kind: tat, options: {write: lua}, limits: {a: {count: 60, period: 1m, burst: 5}}}\n" + everyFault
	source = strings.Replace(source, "  batch: {", "  batch: {limiters: [setnx, broken], ", 1)
	source = strings.Replace(source, "back: {does: take,", "back: {does: take, connection: {read_timeout: 300ms},", 1)
	for range 2 {
		if got := recordHash(t, source, ""); got != everyFaultHash {
			t.Errorf("record hash %s, want %s", got, everyFaultHash)
		}
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	if got := recordHash(t, source, ""); got != everyFaultHash {
		t.Errorf("one processor: record hash %s, want %s", got, everyFaultHash)
	}
}

// A manifest tells of all faults in words, and of the shards that joined.
func TestFaultsInManifest(t *testing.T) {
	m := run.Manifest(compile(t, everything+everyFault))
	if d := cmp.Diff([]string{"shard-1", "shard-2", "shard-3", "shard-4"}, m.Shards); d != "" {
		t.Error(d)
	}
	want := []record.Fault{
		{At: 1e9, Until: 1e9, Kind: "add", What: "shard-4 joins", Shard: "shard-4", MovesKeys: true, KeepsAnswers: true},
		{At: 6e9, Until: 11e9, Kind: "clock", What: "the clock of client back is 700ms ahead of what it was", Client: "back", KeepsAnswers: true, ClockOffset: 700 * time.Millisecond},
		{At: 18e9, Until: 20e9, Kind: "down", What: "shard-4 is down", Shard: "shard-4", MovesKeys: true},
	}
	if d := cmp.Diff(want, []record.Fault{m.Faults[0], m.Faults[6], m.Faults[12]}); d != "" {
		t.Error(d)
	}
}

// A clock that is ahead gives tokens before their time, one that is behind
// gives none; the limiter that asks Redis for the time does not care.
func TestClockFault(t *testing.T) {
	for _, tt := range []struct {
		offset string
		want   []int // tokens at 0, 10, … s of a bucket that fills in an hour
	}{
		{"30m", []int{10, 0, 5, 0, 0}},
		{"-30m", []int{10, 0, 0, 0, 0}},
	} {
		m, a := audited(t, compile(t, `
name: clock
horizon: 50s
keys: {k: {sequence: {n: 1}}}
clients: {c: {}}
traffic: {main: {rate: {herd: {size: 20, every: 10s, jitter: 1s}}, gaps: even, keys: k}}
limiters:
  client: {kind: boulder, limit: {count: 10, period: 1h}}
  server: {kind: tat, options: {write: lua}, limit: {count: 10, period: 1h}}
faults: [{at: 15s, for: 20s, clock: {client: c, offset: `+tt.offset+`}}]`))
		got := map[string][]int{"client": make([]int, 5), "server": make([]int, 5)}
		for _, o := range m {
			if o.Decision == record.Allowed {
				got[o.Limiter][o.Intended/int64(10*time.Second)]++
			}
		}
		if d := cmp.Diff(map[string][]int{"client": tt.want, "server": {10, 0, 0, 0, 0}}, got); d != "" {
			t.Errorf("%s: %s", tt.offset, d)
		}
		t.Logf("%s: over-admission %d", tt.offset, a.Limiters[0].Over)
		if why := a.Limiters[0].Explained; tt.want[2] > 0 && (len(why) != 1 || why[0].Kind != audit.Clocks) {
			t.Errorf("%s: causes %+v, want the clocks", tt.offset, why)
		}
		if over := a.Limiters[0].Over; over != int64(tt.want[2]) {
			t.Errorf("%s: the oracle counts %d too many, want %d", tt.offset, over, tt.want[2])
		}
	}
}
