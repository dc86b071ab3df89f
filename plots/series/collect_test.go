package series_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/plots/series"
	"github.com/quotalab/quotalab/results/audit"
	"github.com/quotalab/quotalab/results/keep"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
)

// small is a record in which a bit of everything happens: warm-up, outcomes of
// two limiters, a retry, a second step, a drop, an error, faults, a key with one
// token too many.
func small() (record.Manifest, []record.Observation) {
	m := manifest()
	m.Faults = []record.Fault{{At: 5e9, Until: 7e9, Kind: "down", What: "b is down", Shard: "b"}, {At: 3e9, Until: 3e9, Kind: "flush", What: "a was flushed", Shard: "a"}}
	return m, []record.Observation{
		took(1000, 1), // in the warm-up; its token is spent all the same
		took(2000, 1),
		took(2000, 3, came(record.Allowed, record.NotFound), on("j", "b")),
		took(2010, 2),
		took(2020, 4), // over: the oracle denies it
		took(2020, 2, of("m")),
		took(3000, 1, came(record.Denied, record.Found)),
		took(3100, 1, came(record.Denied, record.Found), func(o *record.Observation) { o.Attempt = 1 }),
		took(4000, 1, came(record.Denied, record.Found), func(o *record.Observation) { o.Step = 1 }),
		took(6000, 9, came(record.Errored, record.Unread), func(o *record.Observation) { o.Error, o.Effect, o.Order, o.Touched = "refused", -1, -1, nil }),
		took(6000, 0, dropped),
		took(9999, 5, on("j", "b"), func(o *record.Observation) { o.Sent += 2 * ms; o.Judged = o.Sent }),
	}
}

func TestSmall(t *testing.T) {
	m, list := small()
	goldenSet(t, "small", collect(t, testkit.WriteRecord(t, m, list)))
}

// Inputs at the edges: each says what is known, and nothing else.
func TestEdges(t *testing.T) {
	oneShard := manifest()
	oneShard.Shards = []string{"a"}
	died := manifest()
	died.Aborted = "interrupt"
	quiet := manifest()
	quiet.Limiters, quiet.Traffic, quiet.Shards = nil, nil, nil
	var equal, busy []record.Observation
	for i := range int64(40) {
		equal = append(equal, took(2000+100*i, 2, on(string(rune('a'+i)), "a")))
		busy = append(busy, took(2000+i, 1, on("k", "a")))
	}
	for name, c := range map[string]struct {
		m    record.Manifest
		list []record.Observation
	}{
		"empty":           {manifest(), nil},
		"empty-aborted":   {died, nil},
		"without-traffic": {quiet, nil},
		"only-warmup":     {manifest(), []record.Observation{took(100, 1), took(200, 1)}},
		"single":          {manifest(), []record.Observation{took(4000, 2)}},
		"single-aborted":  {died, []record.Observation{took(2000, 2)}},
		"only-drops":      {manifest(), []record.Observation{took(3000, 0, dropped)}},
		"all-equal":       {manifest(), equal},
		"one-shard":       {oneShard, busy},
	} {
		t.Run(name, func(t *testing.T) { goldenSet(t, name, collect(t, testkit.WriteRecord(t, c.m, c.list))) })
	}
}

// In real time only Sent and Done are known. The second and third request
// were under way together with the first, so four tokens were given between
// 2.000 s and 2.020 s for certain.
func TestRealTime(t *testing.T) {
	m := manifest()
	m.Clock = "real"
	list := []record.Observation{took(2000, 15), took(2005, 15), took(2001, 19), took(2010, 10), took(9000, 1, came(record.Denied, record.Found))}
	for i := range list {
		real(&list[i])
	}
	set := collect(t, testkit.WriteRecord(t, m, list))
	goldenSet(t, "real-time", set)
	if got := set.Admission[0].Keys[0]; math.Abs(got.Excess-1.98) > 1e-9 || got.From != 2 {
		t.Errorf("%v tokens too many from %v s on, want 1.98 from 2 s", got.Excess, got.From)
	}
}

// Percentiles of an interval: exact of few times, within 0.1 % of many.
func TestTimelinePercentiles(t *testing.T) {
	for _, n := range []int64{1, 2, 15, 16, 17, 1000} {
		m := manifest()
		m.Warmup, m.Horizon = 0, time.Second
		var list []record.Observation
		for i := range n {
			list = append(list, took(i%2, 0, func(o *record.Observation) { o.Done += 1_234_567 * (i*37%n + 1) }))
		}
		slices.SortStableFunc(list, func(a, b record.Observation) int { return int(a.Done - b.Done) })
		l := collect(t, testkit.WriteRecord(t, m, list)).Timeline.Outcomes[0]
		for p, got := range map[int64]float64{50: l.P50[0], 99: l.P99[0]} {
			want := 1_234_567e-9 * float64((p*n+99)/100)
			if off := math.Abs(got/want - 1); l.Count[0] != n || off > 1e-3 || n <= 16 && off > 1e-12 {
				t.Errorf("p%d of %d (%d counted) is %v, want %v", p, n, l.Count[0], got, want)
			}
		}
	}
}

// Sixty-four shards, keys even on them but for one that has all keys of a
// bad hash.
func TestManyShards(t *testing.T) {
	m := manifest()
	m.Shards = nil
	var list []record.Observation
	for i := range int64(64) {
		m.Shards = append(m.Shards, fmt.Sprintf("s%d", i))
	}
	for i := range int64(6400) {
		list = append(list, took(2000+i, 1, on(fmt.Sprint("k", i), m.Shards[i%64])))
	}
	even := collect(t, testkit.WriteRecord(t, m, list)).Shards[0]
	if even.KeysLow >= 100 || even.KeysHigh <= 100 || even.KeysP != 1 {
		t.Errorf("the band is %v to %v, p %v, all have 100", even.KeysLow, even.KeysHigh, even.KeysP)
	}
	for i := range int64(60) {
		list = append(list, took(8500+i, 1, on(fmt.Sprint("bad", i), "s63")))
	}
	load := collect(t, testkit.WriteRecord(t, m, list)).Shards[0]
	if load.Keys[63] != 160 || load.KeysHigh >= 160 || load.KeysP >= 1 {
		t.Errorf("s63 has %d keys, the band goes to %v, p %v", load.Keys[63], load.KeysHigh, load.KeysP)
	}
	if len(load.Heat) != 64 || len(load.Heat[63]) != 160 || len(load.Hottest) != 10 {
		t.Errorf("heat of %d × %d, %d hottest", len(load.Heat), len(load.Heat[63]), len(load.Hottest))
	}
}

// kept writes a record that does not hold all observations.
func kept(t *testing.T, m record.Manifest, list []record.Observation) *record.Reader {
	t.Helper()
	dir := t.TempDir()
	w, err := record.Create(dir, m)
	if err != nil {
		t.Fatal(err)
	}
	k, err := keep.New(w)
	if err != nil {
		t.Fatal(err)
	}
	for i := range list {
		if err := k.Write(&list[i]); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := k.Close(func(m *record.Manifest) { m.Complete = true }); err != nil {
		t.Fatal(err)
	}
	r, err := record.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Of a record without observations the distributions and the commands are
// known, from its totals; what was when, and on which keys, is not.
func TestNotRecorded(t *testing.T) {
	m, list := small()
	whole := collect(t, testkit.WriteRecord(t, m, list))
	m.Recorded = record.None
	set := collect(t, kept(t, m, list))
	goldenSet(t, "not-recorded", set)
	if d := cmp.Diff(whole.Latency, set.Latency); d != "" {
		t.Errorf("latency differs from that of the whole record: %s", d)
	}
	if d := cmp.Diff(whole.Shards[0].Commands, set.Shards[0].Commands); d != "" {
		t.Errorf("commands differ: %s", d)
	}
}

// Of a sample the keys that are recorded have their curves, but nothing is
// counted: a count of some would be taken for one of all.
func TestSampled(t *testing.T) {
	m, list := small()
	m.Recorded, m.SampleRate = record.Sampled, 1
	goldenSet(t, "sampled", collect(t, kept(t, m, list)))
}

func TestNoAudit(t *testing.T) {
	m, list := small()
	r := testkit.WriteRecord(t, m, list)
	s, err := summary.Measure(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	set, err := series.Collect(r, nil, s, series.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if set.Admission != nil || len(set.Timeline.Outcomes) == 0 {
		t.Errorf("admission %v, %d outcomes", set.Admission, len(set.Timeline.Outcomes))
	}
}

func TestDamaged(t *testing.T) {
	m, list := small()
	r := testkit.WriteRecord(t, m, list)
	a, s := testkit.Analyse(t, r)
	if err := os.Truncate(r.Dir()+"/"+r.Manifest().Parts[0].File, 100); err != nil {
		t.Fatal(err)
	}
	if _, err := series.Collect(r, a, s, series.Options{}); !errors.Is(err, record.ErrDamaged) {
		t.Errorf("got %v, want one that wraps ErrDamaged", err)
	}
}

// What does not fit the manifest is said, with the observation.
func TestStrangeNames(t *testing.T) {
	m, list := small()
	r := testkit.WriteRecord(t, m, list)
	a, s := testkit.Analyse(t, r)
	for want, change := range map[string]func(*record.Observation){
		`observation 0 touches shard "z", which the manifest does not list`: func(o *record.Observation) { o.Intended, o.Touched[0].Shard = 5e9, "z" },
		`observation 0: limit "z" of l is not in the manifest`:              func(o *record.Observation) { o.Takes[0].Limit = "z" },
	} {
		odd := took(1000, 1)
		change(&odd)
		if _, err := series.Collect(testkit.WriteRecord(t, m, []record.Observation{odd}), a, s, series.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// The same record makes the same set.
func TestDeterministic(t *testing.T) {
	m, list := small()
	r := testkit.WriteRecord(t, m, list)
	opts := cmp.Options{cmpopts.EquateNaNs(), cmpopts.IgnoreFields(series.Set{}, "Summary")}
	if d := cmp.Diff(collect(t, r), collect(t, r), opts); d != "" {
		t.Error(d)
	}
}

// The keys that are shown are those with the most excess, at most four, and
// the worst of all is among them even if the audit lists others as wrong more often.
func TestWorstKeys(t *testing.T) {
	m := manifest()
	m.Warmup = 0
	var list []record.Observation
	for key := range int64(30) { // key n has n + 3 in no time: n + 1 over
		for i := range key + 3 {
			list = append(list, took(1000+10*i+key, 1, on(fmt.Sprint("k", key), "a")))
		}
	}
	for i := range int64(40) { // more are wrong than of any, but they take nothing
		list = append(list, took(1500+i, 1, on("k29", "a"), func(o *record.Observation) { o.Takes[0].Key, o.Takes[0].Mode = "checked", record.CheckMode }))
	}
	list = append(list, took(1100, 1, on("checked", "a")), took(1101, 1, on("checked", "a")))
	slices.SortStableFunc(list, func(a, b record.Observation) int { return int(a.Done - b.Done) })
	set := collect(t, testkit.WriteRecord(t, m, list))
	if worst := set.Summary.Keys.OverAdmitted[0]; worst.Key != "k29" || worst.Over != 30 {
		t.Errorf("the key on which most was wrong is %v, want k29: checks take nothing", worst)
	}
	var got []string
	for _, k := range set.Admission[0].Keys {
		got = append(got, fmt.Sprintf("%s %d %.2f", k.Key, k.Over, k.Excess))
	}
	if d := cmp.Diff([]string{"k29 30 29.69", "k28 29 28.70", "k27 28 27.71", "k26 27 26.72"}, got); d != "" {
		t.Error(d)
	}
	a := &audit.Result{Limiters: []audit.Limiter{{Name: "l", Algorithm: "gcra", Compared: 1, Worst: audit.Window{Excess: 9, Limit: "x", Key: "k2"}}}}
	r := testkit.WriteRecord(t, m, list)
	_, s := testkit.Analyse(t, r)
	only, err := series.Collect(r, a, s, series.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if keys := only.Admission[0].Keys; len(keys) != 1 || keys[0].Key != "k2" {
		t.Errorf("got %v", keys)
	}
}

// An override has its own envelope.
func TestOverride(t *testing.T) {
	m := manifest()
	m.Limiters[0].Overrides = []record.Limit{{Name: "x", Key: "k", Count: 10, Period: time.Second, Burst: 5}}
	set := collect(t, testkit.WriteRecord(t, m, []record.Observation{took(3000, 1), took(3100, 1), took(3200, 1)}))
	k := set.Admission[0].Keys[0]
	if want := []series.Point{{X: 0, Y: 5}, {X: 0.3, Y: 8}}; cmp.Diff(want, k.Envelope, cmpopts.EquateApprox(0, 1e-9)) != "" || k.Burst != 5 || k.Count != 10 || k.Period != 1 {
		t.Errorf("envelope %v of %+v", k.Envelope, k)
	}
}
