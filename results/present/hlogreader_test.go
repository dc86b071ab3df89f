package present_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/results/present"
	"github.com/quotalab/quotalab/results/record"
)

// logged is an interval of a tag as hdr-histogram-js reads it.
type logged struct {
	Tag        string
	Start, End int64 // ms
	Count      int
	Values     []float64 // ns, at readPercentiles
}

// readPercentiles from the least value to the greatest.
var readPercentiles = []float64{0, 50, 90, 99, 99.9, 100}

// threeDigits is the precision of the log.
var threeDigits = cmpopts.EquateApprox(0.001, 0)

// An independent reader, hdr-histogram-js, finds in an interval log just what
// was observed: the counts of every tag in every interval and its percentiles, and
// summed up those of the summary.
func TestHLogIsReadByHdrHistogramJS(t *testing.T) {
	r := testkit.WriteRecord(t, outcomesManifest(), outcomes())
	_, s := testkit.Analyse(t, r)
	var log bytes.Buffer
	if err := present.HLog(&log, r); err != nil {
		t.Fatal(err)
	}
	intervals, totals := readHLog(t, log.Bytes())
	if diff := gocmp.Diff(observed(), intervals, threeDigits); diff != "" {
		t.Errorf("(-observed +read by hdr-histogram-js):\n%s", diff)
	}
	var want []logged
	for _, m := range s.Metrics {
		if m.Name == "latency" {
			tag := fmt.Sprintf("%s.%s.%s", loggedAs[m.Tags["limiter"]], m.Tags["decision"], m.Tags["key"])
			want = append(want, logged{Tag: tag, Count: int(m.Count), Values: []float64{*m.Min, *m.Med, *m.P90, *m.P99, *m.P999, *m.Max}})
		}
	}
	for i := range totals {
		totals[i].Start, totals[i].End = 0, 0
		for j := range totals[i].Values {
			totals[i].Values[j] /= float64(time.Second)
		}
	}
	byTag := cmpopts.SortSlices(func(a, b logged) bool { return a.Tag < b.Tag })
	if diff := gocmp.Diff(want, totals, threeDigits, byTag); diff != "" {
		t.Errorf("(-summary +read by hdr-histogram-js):\n%s", diff)
	}
	if len(totals) != 6 || len(intervals) < 5*len(totals) {
		t.Errorf("%d tags in %d intervals: too few to show anything", len(totals), len(intervals))
	}
}

// readHLog reads a log with hdr-histogram-js.
func readHLog(t *testing.T, log []byte) (intervals, totals []logged) {
	t.Helper()
	node, modules := testkit.Program(t, "node", "nodejs"), nodeModules(t)
	path := filepath.Join(t.TempDir(), "latency.hlog")
	if err := os.WriteFile(path, log, 0o644); err != nil {
		t.Fatal(err)
	}
	read := exec.Command(node, filepath.Join("testdata", "node", "read_hlog.cjs"), path)
	read.Env = append(os.Environ(), "NODE_PATH="+modules)
	for _, p := range readPercentiles {
		read.Args = append(read.Args, fmt.Sprint(p))
	}
	out, err := read.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var got struct{ Intervals, Totals []logged }
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v in\n%s", err, out)
	}
	return got.Intervals, got.Totals
}

// loggedAs is how the log writes limiters' names.
var loggedAs = map[string]string{"one": "one", "two, three": "two__three"}

func outcomesManifest() record.Manifest {
	return record.Manifest{Scenario: "outcomes", Clock: "virtual", Horizon: 8 * time.Second, Warmup: time.Second,
		Epoch: time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC), Shards: []string{"a"}, Clients: []record.Client{{Name: "c", ShardNames: []string{"a"}}},
		Limiters: []record.Limiter{{Name: "one"}, {Name: "two, three"}}, Traffic: []record.Traffic{{Name: "t"}}}
}

// outcomes are 8,000 observations of six outcomes, from a microsecond to a
// minute long, most of them under a millisecond.
func outcomes() []record.Observation {
	rng := rand.New(rand.NewPCG(1, 2))
	var list []record.Observation
	for i := range int64(8000) {
		at := i * ms
		o := record.Observation{Arrival: i, Traffic: "t", Client: "c", Limiter: "one", Intended: at, Sent: at, Done: at + 1000 + int64(rng.ExpFloat64()*3e5),
			Effect: -1, Order: -1, Judged: -1, Decision: record.Allowed, Key: record.Found, Remaining: -1, RetryAfter: -1}
		if rng.IntN(2) == 0 {
			o.Limiter = "two, three"
		}
		switch rng.IntN(4) {
		case 0:
			o.Decision = record.Denied
		case 1:
			o.Decision, o.Key, o.Error = record.Errored, record.Unread, "timeout"
			o.Done = at + rng.Int64N(int64(time.Minute))
		}
		list = append(list, o)
	}
	slices.SortStableFunc(list, func(a, b record.Observation) int { return cmp.Compare(a.Done, b.Done) })
	return list
}

// observed are the intervals of the log, from the observations themselves.
func observed() (all []logged) {
	type at struct {
		second int64
		tag    string
	}
	m, byAt := outcomesManifest(), map[at][]float64{}
	for _, o := range outcomes() {
		if o.Intended >= m.Warmup.Nanoseconds() {
			k := at{o.Done / int64(time.Second), fmt.Sprintf("%s.%s.%s", loggedAs[o.Limiter], o.Decision, o.Key)}
			byAt[k] = append(byAt[k], float64(o.Done-o.Sent))
		}
	}
	for k, times := range byAt {
		slices.Sort(times)
		start := m.Epoch.UnixMilli() + k.second*1000
		l := logged{Tag: k.tag, Start: start, End: start + 1000, Count: len(times)}
		for _, p := range readPercentiles {
			rank := max(1, int(math.Ceil(p/100*float64(len(times)))))
			l.Values = append(l.Values, times[rank-1])
		}
		all = append(all, l)
	}
	slices.SortFunc(all, func(a, b logged) int { return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.Tag, b.Tag)) })
	return all
}
