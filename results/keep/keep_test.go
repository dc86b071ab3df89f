package keep_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/assert"
	"github.com/quotalab/quotalab/results/keep"
	"github.com/quotalab/quotalab/results/present"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
)

const second = int64(time.Second)

// manifest of a run of 10 s with a fault, warm-up, two sources, two clients
// and windows.
func manifest(clock string, recorded record.Recorded) record.Manifest {
	return record.Manifest{
		Scenario: "long", Clock: clock, Horizon: 10 * time.Second, Warmup: time.Second, Recorded: recorded, SampleRate: 0.2,
		Epoch: time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC), Shards: []string{"a", "b"},
		Clients:  []record.Client{{Name: "wfe", Instances: 3}, {Name: "ra"}},
		Limiters: []record.Limiter{{Name: "l", Algorithm: "gcra", Limits: []record.Limit{{Name: "x", Count: 1, Period: time.Minute, Burst: 2}}}, {Name: "m"}},
		Traffic:  []record.Traffic{{Name: "main"}, {Name: "other"}},
		Faults:   []record.Fault{{At: 3 * second, Until: 5 * second, Kind: "down", What: "is killed", Shard: "a"}, {At: 7 * second, Until: 7 * second, Kind: "reset", Shard: "b"}},
		Asserts:  []record.Assertion{{Selector: "latency{phase=during}", Check: "p(90) < 40ms", Over: time.Second}, {Selector: "decisions{phase=before}", Check: "rate > 1/s", Over: time.Second}},
	}
}

// observations of about everything that can happen, in 10 s, in the
// order in which they took effect.
func observations(n int) (list []record.Observation) {
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range int64(n) {
		due := i * 10 * second / int64(n)
		sent := due + rng.Int64N(900_000)
		o := record.Observation{
			Arrival: i, Traffic: []string{"main", "other"}[i%7/6], Client: []string{"wfe/0", "wfe/2", "ra"}[rng.IntN(3)], Limiter: []string{"l", "m"}[i%5/4],
			Intended: due, Sent: sent, Judged: sent, Done: sent + 1e5 + int64(rng.ExpFloat64()*1e7), Effect: sent, Order: i,
			Decision: record.Allowed, Key: []record.KeyState{record.Found, record.NotFound}[i%2], RoundTrips: 1 + int32(rng.IntN(3)), Remaining: -1, RetryAfter: -1,
			Takes:   []record.Take{{Limit: "x", Key: fmt.Sprint("k", rng.IntN(200)), Cost: 1, Mode: record.TakeMode, Shard: "a"}},
			Touched: []record.Touch{{Shard: []string{"a", "b"}[rng.IntN(2)], Commands: 2}},
		}
		switch {
		case i%11 == 3:
			o.Decision, o.Key = record.Denied, record.Found
		case i%5 == 4: // the other limiter
		case i%13 == 5:
			o.Decision, o.Key, o.Error = record.Errored, record.Unread, []string{"timeout", "refused"}[rng.IntN(2)]
		case i%17 == 6:
			o.Decision, o.Key, o.Error = record.FailOpen, record.Unread, "refused"
		case i%101 == 7:
			o.Decision, o.Key, o.Sent, o.Done, o.Effect, o.Order, o.Judged, o.Touched = record.Dropped, record.Unread, -1, due, -1, -1, -1, nil
		case i%19 == 8:
			o.Attempt, o.Sent = 1, o.Intended
		}
		list = append(list, o)
	}
	return list
}

// play observations into a record.
func play(t testing.TB, m record.Manifest, list []record.Observation) *record.Reader {
	t.Helper()
	dir := t.TempDir()
	playInto(t, dir, m, list)
	return open(t, dir)
}

func playInto(t testing.TB, dir string, m record.Manifest, list []record.Observation, opts ...record.Option) {
	t.Helper()
	w, err := record.Create(dir, m, opts...)
	if err != nil {
		t.Fatal(err)
	}
	k, err := keep.New(w)
	if err != nil {
		t.Fatal(err)
	}
	arrivals := map[string]int64{}
	for i := range list {
		if err := k.Write(&list[i]); err != nil {
			t.Fatal(err)
		}
		if list[i].Attempt == 0 {
			arrivals[list[i].Traffic]++
		}
	}
	_, err = k.Close(func(m *record.Manifest) {
		m.Complete = true
		m.Telemetry = []record.Telemetry{{Limiter: "l", Client: "wfe", Series: "own", Count: uint64(len(list)), Seconds: 1}}
	})
	if err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, dir string) *record.Reader {
	t.Helper()
	r, err := record.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func summaryOf(t testing.TB, r *record.Reader) *summary.Measured {
	t.Helper()
	_, s := testkit.Analyse(t, r)
	assert.Judge(s, r.Manifest().Asserts)
	return s
}

// needAll are the metrics that only all observations tell.
var needAll = []string{"over_admission", "under_admission", "ambiguous", "worst_excess", "divergence", "retry_after_early", "retry_after_late", "shard_keys", "shard_disagreement"}

func known(metrics []summary.Metric) (list []summary.Metric) {
	for _, m := range metrics {
		if !slices.Contains(needAll, m.Name) && m.Tags["of"] != "keys" {
			list = append(list, m)
		}
	}
	return list
}

// TestModesAgree: what is known without all observations is the same in
// every mode, to the last digit, also assertions and windows.
func TestModesAgree(t *testing.T) {
	list := observations(4000)
	for _, clock := range []string{"virtual", "real"} {
		all := summaryOf(t, play(t, manifest(clock, record.All), list))
		if len(all.Metrics) == len(known(all.Metrics)) || len(known(all.Metrics)) < 100 {
			t.Fatalf("the run shows %d metrics, %d of them in every mode: the test compares too little", len(all.Metrics), len(known(all.Metrics)))
		}
		for _, recorded := range []record.Recorded{record.Sampled, record.None} {
			s := summaryOf(t, play(t, manifest(clock, recorded), list))
			if diff := cmp.Diff(known(all.Metrics), s.Metrics); diff != "" {
				t.Errorf("%s, %s: metrics differ (-all +%s):\n%s", clock, recorded, recorded, diff)
			}
			if diff := cmp.Diff(all.Assertions, s.Assertions); diff != "" {
				t.Errorf("%s, %s: assertions differ (-all +%s):\n%s", clock, recorded, recorded, diff)
			}
			if diff := cmp.Diff(all.Schedule, s.Schedule); diff != "" || (s.Schedule == nil) != (clock == "virtual") {
				t.Errorf("%s, %s: schedules differ (-all +%s):\n%s", clock, recorded, recorded, diff)
			}
			if diff := cmp.Diff(all.Invalid, s.Invalid); diff != "" {
				t.Errorf("%s, %s: reasons for being invalid differ (-all +%s):\n%s", clock, recorded, recorded, diff)
			}
			if s.Seen != 4000 || s.Recorded != string(recorded) || len(s.Keys.MostDenied)+len(s.Keys.OverAdmitted) > 0 {
				t.Errorf("%s, %s: seen %d, keys %+v; want 4,000 and no keys", clock, recorded, s.Seen, s.Keys)
			}
		}
	}
}

func TestSumsOfTotalsAreExact(t *testing.T) {
	list := observations(4000)
	sum := func(recorded record.Recorded) summary.Metric {
		total, ok := summary.Sum(summaryOf(t, play(t, manifest("real", recorded), list)).Series(metric.Selector{Metric: "sojourn"}))
		if !ok {
			t.Fatal("series cannot be summed")
		}
		return total.Metric
	}
	if diff := cmp.Diff(sum(record.All), sum(record.None)); diff != "" {
		t.Errorf("sums over outcomes differ (-all +none):\n%s", diff)
	}
}

func TestWhatIsUnknownFails(t *testing.T) {
	m := manifest("virtual", record.None)
	m.Asserts = []record.Assertion{{Selector: "over_admission", Check: "count == 0"}, {Selector: "worst_excess", Check: "value < 5"}, {Selector: "decisions", Check: "count > 100"}}
	s := summaryOf(t, play(t, m, observations(1000)))
	for i, want := range []bool{true, true, false} {
		if a := s.Assertions[i]; a.Unknown != want || a.OK == want {
			t.Errorf("%s: unknown %v, ok %v; want unknown %v", a.Metric, a.Unknown, a.OK, want)
		}
	}
	if w := strings.Join(s.Warnings, "\n"); !strings.Contains(w, "observations: none: of 1,000 observations the record holds none. Counts and times are of all of them, but over-admission") {
		t.Errorf("warnings do not say it: %s", w)
	}
}

// TestSampleHoldsWholeKeys: a key is in the sample with all of its history or
// not at all, and the share of the keys is the one that was asked for.
func TestSampleHoldsWholeKeys(t *testing.T) {
	const keys, each = 20_000, 3
	m := manifest("virtual", record.Sampled)
	m.SampleRate = 0.1
	var list []record.Observation
	for i := range int64(keys * each) {
		list = append(list, record.Observation{Traffic: "main", Client: "ra", Limiter: "l", Intended: 2 * second, Sent: 2 * second, Done: 2*second + i, Effect: 2*second + i, Judged: 2 * second, Order: i,
			Decision: record.Allowed, Key: record.Found, Remaining: -1, RetryAfter: -1, Takes: []record.Take{{Limit: "x", Key: fmt.Sprint(i % keys), Cost: 1, Mode: record.TakeMode, Shard: "a"}}})
	}
	r := play(t, m, list)
	counts := map[string]int{}
	for o, err := range r.Observations() {
		if err != nil {
			t.Fatal(err)
		}
		counts[o.Takes[0].Key]++
	}
	for key, n := range counts {
		if n != each {
			t.Errorf("key %s has %d of %d observations", key, n, each)
		}
	}
	if sigma := math.Sqrt(keys * 0.1 * 0.9); math.Abs(float64(len(counts))-keys*0.1) > 4*sigma {
		t.Errorf("%d of %d keys are in a sample of 10 %%, want 2,000 ± %.0f", len(counts), keys, 4*sigma)
	}
	s := summaryOf(t, r)
	want := []summary.SampledAudit{{Limiter: "l", Compared: int64(each * len(counts)), Over: int64(len(counts)), WorstExcess: 1}}
	if diff := cmp.Diff(want, s.SampledAudit, cmpopts.EquateApprox(0, 0.01)); diff != "" {
		t.Errorf("each sampled key was allowed a third time (-want +got):\n%s", diff)
	}
	if w := strings.Join(s.Warnings, "\n"); !strings.Contains(w, "on the sampled keys alone") || !strings.Contains(w, "those of 10.0 % of the keys") {
		t.Errorf("warnings: %s", w)
	}
	var b bytes.Buffer
	if err := present.Text(&b, s, present.TextOptions{}); err != nil || !strings.Contains(b.String(), "Audit of the sampled keys alone (10.0 % of the keys; of the others nothing is known)") ||
		!strings.Contains(strings.Join(strings.Fields(b.String()), " "), "60,000 observations, "+unit.Thousands(r.Manifest().Count)+" of them recorded") {
		t.Errorf("text, error %v:\n%s", err, b.String())
	}
}

// TestBatchesAreNotAudited: the second key of a sampled batch may have a
// history that is not in the sample.
func TestBatchesAreNotAudited(t *testing.T) {
	m := manifest("virtual", record.Sampled)
	m.SampleRate = 1
	list := observations(200)
	for i := range list {
		list[i].Takes = append(list[i].Takes, record.Take{Limit: "x", Key: "all", Cost: 1, Mode: record.TakeMode, Shard: "b"})
	}
	s := summaryOf(t, play(t, m, list))
	if w := strings.Join(s.Warnings, "\n"); len(s.SampledAudit) > 0 || !strings.Contains(w, "l: no audit: it decides on several keys at once") {
		t.Errorf("audit %+v, warnings: %s", s.SampledAudit, w)
	}
}

// TestDeadRun: of a run that was killed nothing is claimed.
func TestDeadRun(t *testing.T) {
	for _, recorded := range []record.Recorded{record.Sampled, record.None} {
		m := manifest("real", recorded)
		m.SampleRate = 1
		dir := t.TempDir()
		w, err := record.Create(dir, m, record.PartRows(1000))
		if err != nil {
			t.Fatal(err)
		}
		k, err := keep.New(w)
		if err != nil {
			t.Fatal(err)
		}
		list := observations(4000)
		for i := range list {
			if err := k.Write(&list[i]); err != nil {
				t.Fatal(err)
			}
		}
		// Killed here: the totals were never written. The log is, but for the
		// last second or two.
		s := summaryOf(t, open(t, dir))
		if len(s.Metrics) > 0 || s.Valid || !strings.Contains(strings.Join(s.Invalid, "\n"), "died before it wrote") {
			t.Errorf("%s: %d metrics, invalid because %q", recorded, len(s.Metrics), s.Invalid)
		}
		if _, err := k.Close(nil); err != nil {
			t.Fatal(err)
		}
	}
}

// TestKilledRun: of a run that was killed all is told that was saved, as of one that
// ended there, and that the record is incomplete.
func TestKilledRun(t *testing.T) {
	list := observations(2000)
	for _, recorded := range []record.Recorded{record.Sampled, record.None} {
		asked, dir := 0, t.TempDir()
		w, err := record.Create(dir, manifest("real", recorded), record.CloseWhen(func() bool { asked++; return asked%1000 == 0 }))
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
		// Killed here: what was written before the last look at the clock is there.
		var r *record.Reader
		for r = open(t, dir); max(r.Manifest().Seen, r.Manifest().Count) < 1999; r = open(t, dir) {
			time.Sleep(time.Millisecond)
		}
		if err := r.Verify(); err != nil {
			t.Error(err)
		}
		s, want := summaryOf(t, r), summaryOf(t, play(t, manifest("real", recorded), list[:1999]))
		for _, metric := range []string{"decisions", "latency"} {
			get := func(s *summary.Measured) (all []summary.Metric) {
				for _, m := range s.Metrics {
					if m.Name == metric {
						all = append(all, m)
					}
				}
				return all
			}
			if d := cmp.Diff(get(want), get(s)); d != "" || len(get(s)) == 0 {
				t.Errorf("%s: %s of a run that was killed: %s", recorded, metric, d)
			}
		}
		if s.Valid || !strings.Contains(strings.Join(s.Invalid, "\n"), "the record is incomplete") || !strings.Contains(strings.Join(s.Invalid, "\n"), "1,999 observations") {
			t.Errorf("%s: valid %v, %q", recorded, s.Valid, s.Invalid)
		}
		if _, err := k.Close(nil); err != nil {
			t.Fatal(err)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "totals-*")); len(left) > 0 {
			t.Errorf("%s: %q are left", recorded, left)
		}
	}
}

func TestDamagedTotals(t *testing.T) {
	r := play(t, manifest("real", record.None), observations(500))
	path := filepath.Join(r.Dir(), record.TotalsFile)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for why, change := range map[string]func() error{
		"a digit": func() error {
			return os.WriteFile(path, bytes.Replace(data, []byte(`"count":4`), []byte(`"count":5`), 1), 0o644)
		},
		"cut off":   func() error { return os.WriteFile(path, data[:len(data)/2], 0o644) },
		"not there": func() error { return os.Remove(path) },
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if _, err := summary.Measure(r, nil); err == nil || !errors.Is(err, record.ErrDamaged) && !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: error %v", why, err)
		}
	}
}

// TestLogs: while the run goes on, a second an interval, and all of it.
func TestLogs(t *testing.T) {
	list := observations(4000)
	for _, recorded := range []record.Recorded{record.All, record.None} {
		r := play(t, manifest("real", recorded), list)
		want := map[string]int64{}
		for i := range list {
			if o := &list[i]; o.Sent >= 0 && o.Intended >= second {
				want[fmt.Sprintf("%s.%s.%s", o.Limiter, o.Decision, o.Key)]++
			}
		}
		for _, name := range []string{"latency", "lag", "sojourn"} {
			f, err := os.ReadFile(filepath.Join(r.Dir(), name+".hlog"))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Contains(f, []byte("#[StartTime: 1767323045.678 (seconds since epoch), 2026-01-02T03:04:05.678Z]\n#[BaseTime: 1767323045.678 (seconds since epoch)]\n")) {
				t.Errorf("%s: no milliseconds in\n%.300s", name, f)
			}
			got := map[string]int64{}
			log := hdrhistogram.NewHistogramLogReader(bytes.NewReader(f))
			for {
				h, err := log.NextIntervalHistogram()
				if err != nil {
					t.Fatal(err)
				}
				if h == nil {
					break
				}
				got[h.Tag()] += h.TotalCount()
				if at := h.StartTimeMs() - 1767323045678; at%1000 != 0 || h.EndTimeMs()-h.StartTimeMs() != 1000 || at < 1000 || at > 11_000 {
					t.Errorf("%s: an interval begins at %d ms and is %d ms long", name, at, h.EndTimeMs()-h.StartTimeMs())
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, %s: samples by tag (-want +read back):\n%s", recorded, name, diff)
			}
		}
	}
}

// TestExportsOfUnrecorded: logs and percentiles are those of all
// observations, though none is recorded.
func TestExportsOfUnrecorded(t *testing.T) {
	list := observations(4000)
	all, none := play(t, manifest("real", record.All), list), play(t, manifest("real", record.None), list)
	for name, write := range map[string]func(*bytes.Buffer, *record.Reader) error{
		"hlog": func(b *bytes.Buffer, r *record.Reader) error { return present.HLog(b, r) },
		"hgrm": func(b *bytes.Buffer, r *record.Reader) error { return present.HGRM(b, summaryOf(t, r)) },
	} {
		var a, b bytes.Buffer
		if err := errors.Join(write(&a, all), write(&b, none)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(a.String(), b.String()); diff != "" || a.Len() < 1000 {
			t.Errorf("%s differs (-all +none), %d bytes:\n%.2000s", name, a.Len(), diff)
		}
	}
	if err := os.Remove(filepath.Join(none.Dir(), "latency.hlog")); err != nil {
		t.Fatal(err)
	}
	if err := present.HLog(&bytes.Buffer{}, none); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without the log: error %v", err)
	}
}

// TestLogsAreOnDiskWhileItRuns: what a killed run leaves.
func TestLogsAreOnDiskWhileItRuns(t *testing.T) {
	dir := t.TempDir()
	l, err := present.NewLogs(dir, manifest("real", record.None))
	if err != nil {
		t.Fatal(err)
	}
	o := observations(1)[0]
	for n := range int64(10) {
		o.Intended, o.Sent, o.Done = 2*second, (2+n)*second, (2+n)*second
		if err := l.Add(&o); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(filepath.Join(dir, "sojourn.hlog"))
	if n := bytes.Count(data, []byte("\nTag=")); err != nil || n < 6 {
		t.Errorf("%d of 10 seconds are on disk, at most three may be missing (error %v)", n, err)
	}
	if err := l.Close(&record.Manifest{}); err != nil {
		t.Fatal(err)
	}
	if _, err := present.NewLogs(dir, manifest("real", record.None)); !errors.Is(err, os.ErrExist) {
		t.Errorf("logs are overwritten: error %v", err)
	}
}

// TestNothingIsKeptInVirtualTime: a whole record in virtual time is what it
// always was.
func TestNothingIsKeptInVirtualTime(t *testing.T) {
	list := observations(100)
	for i := range list {
		list[i].Seq = int64(i)
	}
	m := manifest("virtual", "")
	r := play(t, m, list)
	if _, err := os.Stat(filepath.Join(r.Dir(), record.TotalsFile)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("totals: %v", err)
	}
	w, err := record.Create(t.TempDir(), m)
	if err != nil {
		t.Fatal(err)
	}
	for i := range list {
		if err := w.Write(&list[i]); err != nil {
			t.Fatal(err)
		}
	}
	plain, err := w.Close(nil)
	if err != nil || plain.Hash != r.Manifest().Hash {
		t.Errorf("hash %s, without a Keeper %s, error %v", r.Manifest().Hash, plain.Hash, err)
	}
}

// TestDeterminism: the hash of a record without observations is that of its
// totals, and the same each time.
func TestDeterminism(t *testing.T) {
	hashes := map[string]bool{}
	for range 3 {
		hashes[play(t, manifest("virtual", record.None), observations(2000)).Manifest().Hash] = true
	}
	other := play(t, manifest("virtual", record.None), observations(2001)).Manifest().Hash
	if len(hashes) != 1 || hashes[other] {
		t.Errorf("%d hashes of three equal runs; one of another run is among them: %v", len(hashes), hashes[other])
	}
}

func TestRateIsChecked(t *testing.T) {
	for _, rate := range []float64{0, -1, 1.1} {
		m := manifest("virtual", record.Sampled)
		m.SampleRate = rate
		w, err := record.Create(t.TempDir(), m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := keep.New(w); err == nil {
			t.Errorf("a sample of %v is taken", rate)
		}
		if _, err := w.Close(nil); err != nil {
			t.Fatal(err)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	list := observations(4000)
	for _, recorded := range []record.Recorded{record.All, record.None} {
		for _, clock := range []string{"virtual", "real"} {
			b.Run(string(recorded)+"/"+clock, func(b *testing.B) {
				w, err := record.Create(b.TempDir(), manifest(clock, recorded))
				if err != nil {
					b.Fatal(err)
				}
				k, err := keep.New(w)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					o := &list[i%len(list)]
					if err := k.Write(o); err != nil {
						b.Fatal(err)
					}
				}
				if _, err := k.Close(nil); err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}
