package present_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/perf/benchfmt"

	"github.com/quotalab/quotalab/results/present"
	"github.com/quotalab/quotalab/results/summary"
)

func bench(t testing.TB, runs ...*summary.Summary) string {
	t.Helper()
	var b bytes.Buffer
	if err := present.Bench(&b, runs...); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// The library behind benchstat reads every line, and finds the figures of
// the summary with what is better and that they are exact.
func TestBenchIsReadByBenchfmt(t *testing.T) {
	_, s := sample(t)
	r := benchfmt.NewReader(strings.NewReader(bench(t, s.Summary)), "bench.txt")
	figures, exact, better := map[string]float64{}, 0, 0
	for r.Scan() {
		switch rec := r.Result().(type) {
		case *benchfmt.SyntaxError:
			t.Errorf("%v", rec)
		case *benchfmt.Result:
			if rec.GetConfig("scenario") != s.Scenario || rec.Iters != 1 {
				t.Errorf("%s: scenario %q, %d iterations", rec.Name, rec.GetConfig("scenario"), rec.Iters)
			}
			for _, v := range rec.Values {
				figures[string(rec.Name)+" "+v.Unit] = v.Value
			}
		case *benchfmt.UnitMetadata:
			if rec.Key == "assume" && rec.Value == "exact" {
				exact++
			}
			if rec.Key == "better" {
				better++
			}
		}
	}
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	if exact == 0 || better == 0 {
		t.Errorf("%d units are exact and %d have a better direction", exact, better)
	}
	counted := 0
	for _, m := range s.Metrics {
		if m.Name != "decisions" {
			continue
		}
		name := "Scenario"
		for _, tag := range []string{"traffic", "limiter", "client", "decision", "key"} {
			if v := m.Tags[tag]; v != "" {
				name += "/" + tag + "=" + strings.NewReplacer("/", "_", " ", "_").Replace(v)
			}
		}
		if got, ok := figures[name+" decisions"]; !ok || got != float64(m.Count) {
			t.Errorf("%s: %v decisions, the summary has %d", name, got, m.Count)
		}
		counted++
	}
	if counted == 0 {
		t.Error("the sample has no decisions")
	}
}

// several runs: the same scenario with other seeds and plans and twice
// the over-admissions, another scenario, and a run with a tag.
func several(t *testing.T) (first, again, other, tagged *summary.Summary) {
	t.Helper()
	for _, run := range []**summary.Summary{&first, &again, &other, &tagged} {
		_, s := sample(t)
		*run = s.Summary
	}
	again.Seed, again.PlanHash = 8, "def"
	for i, m := range again.Metrics {
		if m.Name == "over_admission" {
			again.Metrics[i].Count = 2*m.Count + 1
		}
	}
	other.Scenario = "other"
	tagged.Tags = map[string]string{"commit": "1234", "end": "7", "Not A Key": "x", "scenario": "mine"}
	return first, again, other, tagged
}

// Runs have their own lines, and only what differs from the run before is
// said of each.
func TestBenchOfSeveral(t *testing.T) {
	first, again, other, tagged := several(t)
	text := bench(t, first, again, tagged, other)
	var got []string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "Unit ") && !strings.HasPrefix(line, "Benchmark") {
			got = append(got, strings.TrimSuffix(line, "\n"))
		}
	}
	lines := strings.Count(bench(t, first), "\nBenchmark")
	want := []string{"end:", "scenario: sample", "clock: virtual", "# seed 7 plan abc", "# seed 8 plan def",
		"commit: 1234", "# seed 7 plan abc", "commit:", "scenario: other", "# seed 7 plan abc", fmt.Sprintf("end: %d", 4*lines)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines that are no results (-want +got):\n%s", diff)
	}
	if units := strings.Count(text, "Unit latency-avg-sec "); units != 1 {
		t.Errorf("the unit is told %d times", units)
	}
	b, err := present.ReadBench([]byte(text), "bench.txt")
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range b.Results {
		scenario, commit, plan := "sample", "", "abc"
		switch i / lines {
		case 1:
			plan = "def"
		case 2:
			commit = "1234"
		case 3:
			scenario = "other"
		}
		if r.GetConfig("scenario") != scenario || r.GetConfig("commit") != commit || r.GetConfig("plan") != plan {
			t.Errorf("result %d: scenario %q, commit %q, plan %q", i, r.GetConfig("scenario"), r.GetConfig("commit"), r.GetConfig("plan"))
		}
	}
}

func TestBenchHasOneClock(t *testing.T) {
	_, virtual := sample(t)
	err := present.Bench(&bytes.Buffer{}, virtual.Summary, live(t, nil).Summary)
	if err == nil || !strings.Contains(err.Error(), "found virtual (sample) and real (live); write a file for each") {
		t.Errorf("%v", err)
	}
}

func TestBenchOfNamedRuns(t *testing.T) {
	_, s := sample(t)
	var b bytes.Buffer
	if err := present.BenchRuns(&b, []present.BenchRun{{Name: "/shards=4", Summary: s.Summary}}); err != nil {
		t.Fatal(err)
	}
	if want := strings.ReplaceAll(bench(t, s.Summary), "BenchmarkScenario", "BenchmarkScenario/shards=4"); b.String() != want {
		t.Error(cmp.Diff(want, b.String()))
	}
}

func TestReadBenchOfALongLine(t *testing.T) {
	_, err := present.ReadBench([]byte("BenchmarkX 1 "+strings.Repeat("9", 70_000)+" ns/op\n"), "x")
	if want := "expected lines of at most 65536 bytes, found a longer one"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, expected %q in it", err, want)
	}
}
