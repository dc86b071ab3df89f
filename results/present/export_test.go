package present_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/google/go-cmp/cmp"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/results/assert"
	"github.com/quotalab/quotalab/results/present"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
)

var update = flag.Bool("update", false, "write the golden files")

const ms = int64(time.Millisecond)

// sample is a record in which about everything happens.
func sample(t testing.TB) (*record.Reader, *summary.Measured) {
	t.Helper()
	m := record.Manifest{
		Scenario: "sample", About: "A little of everything.", Seed: 7, Clock: "virtual", PlanHash: "abc", Horizon: 20 * time.Second, Warmup: time.Second,
		Epoch: time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC), Shards: []string{"a", "b"},
		Clients:  []record.Client{{Name: "wfe", ShardNames: []string{"a", "b"}}, {Name: "ra", ShardNames: []string{"c", "d"}}},
		Limiters: []record.Limiter{{Name: "boulder", Algorithm: "gcra", Limits: []record.Limit{{Name: "PerIP", Count: 1, Period: time.Hour, Burst: 2}}}, {Name: "other, one"}},
		Traffic:  []record.Traffic{{Name: "main"}, {Name: "more"}},
		Versions: map[string]string{"go": "go1.26", "boulder": "v0"},
		Asserts: []record.Assertion{{Selector: "latency{decision=denied}", Check: "p(99) < 8ms"}, {Selector: "decisions{decision=denied}", Check: "count > 1_000"},
			{Selector: "errors{limiter=nobody}", Check: "count == 0"}},
	}
	var list []record.Observation
	for i := range int64(40) {
		at := i * 500 * ms
		o := record.Observation{Arrival: i, Traffic: "main", Client: "wfe", Limiter: "boulder", Intended: at, Sent: at, Judged: at + 2*ms, Done: at + 5*ms, Effect: at + 3*ms, Order: i,
			Decision: record.Denied, Key: record.Found, RoundTrips: 1, Remaining: 0, RetryAfter: 5e9,
			Takes: []record.Take{{Limit: "PerIP", Key: "10.0.0.1", Cost: 1, Mode: record.TakeMode, Shard: "a", State: record.Found}}, Touched: []record.Touch{{Shard: "a", Commands: 1}}}
		switch {
		case i%8 == 3:
			o.Decision, o.Key, o.RoundTrips, o.Done, o.Remaining, o.RetryAfter = record.Allowed, record.NotFound, 2, at+10*ms, 1, 0
		case i%8 == 4:
			o.Client, o.Takes[0].Shard, o.Touched[0].Shard = "ra", "b", "b"
		case i%8 == 5:
			o.Traffic, o.Decision, o.Error, o.Message, o.RetryAfter, o.Remaining = "more", record.Errored, "timeout", "i/o \"timeout\"\nafter 5ms", -1, -1
		case i == 14:
			o.Sent, o.Done, o.Effect, o.Order, o.Judged, o.Decision, o.Key, o.Touched, o.RetryAfter, o.Remaining = -1, at, -1, -1, -1, record.Dropped, record.Unread, nil, -1, -1
		case i == 15:
			o.Limiter, o.Decision = "other, one", record.Allowed
			o.Takes = append(o.Takes, record.Take{Limit: "PerName", Key: "k\x1b[31m", Cost: 2, Mode: record.TakeMode, Shard: "b"})
		case i == 16:
			o.Sent += ms / 2
		}
		list = append(list, o)
	}
	r := testkit.WriteRecord(t, m, list)
	_, s := testkit.Analyse(t, r)
	assert.Judge(s, m.Asserts)
	return r, s
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")); diff != "" {
		t.Errorf("%s (-golden +got; go test -update after a look):\n%s", name, diff)
	}
}

func TestText(t *testing.T) {
	_, s := sample(t)
	for name, o := range map[string]present.TextOptions{
		"compact.txt": {}, "full_us.txt": {Mode: present.Full, Unit: "us"}, "narrow_s.txt": {Unit: "s", Width: 60},
	} {
		var b bytes.Buffer
		if err := present.Text(&b, s, o); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(b.String(), "\x1b") {
			t.Errorf("%s: an escape sequence without being asked for colour (a key's, perhaps)", name)
		}
		golden(t, name, b.Bytes())
	}
}

func TestTextOfLittle(t *testing.T) {
	r := testkit.WriteRecord(t, record.Manifest{Scenario: "empty"}, nil)
	s, err := summary.Measure(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := present.Text(&b, s, present.TextOptions{}); err != nil {
		t.Fatal(err)
	}
	golden(t, "empty.txt", b.Bytes())
}

func TestTextColour(t *testing.T) {
	_, s := sample(t)
	var plain, coloured bytes.Buffer
	if err := errors.Join(present.Text(&plain, s, present.TextOptions{}), present.Text(&coloured, s, present.TextOptions{Colour: true})); err != nil {
		t.Fatal(err)
	}
	stripped := coloured.String()
	for _, c := range []string{"\x1b[0m", "\x1b[1m", "\x1b[31m", "\x1b[32m", "\x1b[33m"} {
		if !strings.Contains(coloured.String(), c) {
			t.Errorf("no %q in the coloured text", c)
		}
		stripped = strings.ReplaceAll(stripped, c, "")
	}
	if diff := cmp.Diff(plain.String(), stripped); diff != "" {
		t.Errorf("colour changes more than colour:\n%s", diff)
	}
}

func TestTextOptions(t *testing.T) {
	_, s := sample(t)
	for _, o := range []present.TextOptions{{Mode: "loud"}, {Unit: "h"}, {Width: 3}} {
		if err := present.Text(&bytes.Buffer{}, s, o); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
}

// full is a disk that is full after n bytes.
type full struct{ n int }

var errFull = errors.New("no space left")

func (f *full) Write(p []byte) (int, error) {
	if f.n -= len(p); f.n < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestWriteErrorsAreReported(t *testing.T) {
	r, s := sample(t)
	for name, write := range map[string]func(w *full) error{
		"text":    func(w *full) error { return present.Text(w, s, present.TextOptions{}) },
		"csv":     func(w *full) error { return present.CSV(w, r) },
		"metrics": func(w *full) error { return present.MetricsCSV(w, s.Summary) },
		"hlog":    func(w *full) error { return present.HLog(w, r) },
		"hgrm":    func(w *full) error { return present.HGRM(w, s) },
		"json":    func(w *full) error { return s.WriteJSON(w) },
	} {
		for _, n := range []int{0, 100} {
			if err := write(&full{n}); !errors.Is(err, errFull) {
				t.Errorf("%s on a disk with %d bytes left: error %v", name, n, err)
			}
		}
	}
}

func TestDamagedRecordIsReported(t *testing.T) {
	r, _ := sample(t)
	if err := os.Truncate(filepath.Join(r.Dir(), "observations/part-00000.parquet"), 100); err != nil {
		t.Fatal(err)
	}
	for name, write := range map[string]func(b *bytes.Buffer) error{
		"csv": func(b *bytes.Buffer) error { return present.CSV(b, r) }, "hlog": func(b *bytes.Buffer) error { return present.HLog(b, r) },
	} {
		if err := write(&bytes.Buffer{}); !errors.Is(err, record.ErrDamaged) || !strings.Contains(err.Error(), "part-00000") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestCSV(t *testing.T) {
	r, s := sample(t)
	var b bytes.Buffer
	if err := present.CSV(&b, r); err != nil {
		t.Fatal(err)
	}
	golden(t, "observations.csv", b.Bytes())
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 1+40+1 {
		t.Errorf("%d lines, want a header, 40 observations and one more for the second limit of a batch", len(rows))
	}
	b.Reset()
	if err := present.MetricsCSV(&b, s.Summary); err != nil {
		t.Fatal(err)
	}
	golden(t, "metrics.csv", b.Bytes())
	if rows, err = csv.NewReader(&b).ReadAll(); err != nil || len(rows) != 1+len(s.Metrics) {
		t.Errorf("%d lines, error %v; want a header and %d metrics", len(rows), err, len(s.Metrics))
	}
}

// The log is read back with the library's own reader: same counts, tags and
// instants, to the millisecond.
func TestHLog(t *testing.T) {
	r, _ := sample(t)
	var b bytes.Buffer
	if err := present.HLog(&b, r); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"#[Histogram log format version 1.3]\n", "#[StartTime: 1767323045.678 (seconds since epoch), 2026-01-02T03:04:05.678Z]\n", "#[BaseTime: 1767323045.678 (seconds since epoch)]\n"} {
		if !strings.Contains(b.String(), line) {
			t.Errorf("the log has no line %q:\n%s", line, b.String())
		}
	}
	counts := map[string]int64{}
	reader := hdrhistogram.NewHistogramLogReader(&b)
	for {
		h, err := reader.NextIntervalHistogram()
		if err != nil {
			t.Fatal(err)
		}
		if h == nil {
			break
		}
		counts[h.Tag()] += h.TotalCount()
		if offset := h.StartTimeMs() - 1767323045678; offset%1000 != 0 || offset < 1000 || offset >= 20_000 {
			t.Errorf("an interval begins %d ms after the epoch, want whole seconds of the run after the warm-up", offset)
		}
		if h.Tag() == "boulder.allowed.not_found" && math.Abs(float64(h.Max())/1e7-1) > 0.001 {
			t.Errorf("the largest latency is %d ns, want 10 ms", h.Max())
		}
	}
	want := map[string]int64{"boulder.allowed.not_found": 5, "boulder.denied.found": 26, "boulder.error.found": 5, "other__one.allowed.found": 1}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Errorf("samples by tag (-want +read back):\n%s", diff)
	}
}

func TestHGRM(t *testing.T) {
	_, s := sample(t)
	var b bytes.Buffer
	if err := present.HGRM(&b, s); err != nil {
		t.Fatal(err)
	}
	golden(t, "latency.hgrm", b.Bytes())
}

// Where shards have fewer than five keys on average the balance does not call
// them even.
func TestTooFewKeysToBeEven(t *testing.T) {
	_, s := sample(t)
	var b bytes.Buffer
	if err := present.Text(&b, s, present.TextOptions{}); err != nil {
		t.Fatal(err)
	}
	if text := b.String(); !strings.Contains(text, "keys are too few for the test (fewer than five on average on each of 2 shards)") || strings.Contains(text, "keys are even") {
		t.Errorf("two keys on two shards:\n%s", text)
	}
}
