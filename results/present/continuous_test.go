package present_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/present"
)

// entry is what github-action-benchmark reads of its custom tools: see
// BenchmarkResult in its src/extract.ts.
type entry struct {
	Name, Unit, Range, Extra string
	Value                    *float64
}

func strictly(t *testing.T, text string, into any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
}

// Every figure of which less is better is there once, and no other.
func TestGitHubBenchmark(t *testing.T) {
	first, again, other, _ := several(t)
	var b bytes.Buffer
	if err := present.GitHubBenchmark(&b, first, again, again, other); err != nil {
		t.Fatal(err)
	}
	var got []entry
	strictly(t, b.String(), &got)
	byName := map[string]entry{}
	for _, e := range got {
		if _, twice := byName[e.Name]; twice || e.Value == nil {
			t.Errorf("%s: twice, or without a value", e.Name)
		}
		byName[e.Name] = e
	}
	want := 0
	for _, f := range present.Figures(first) {
		for _, scenario := range []string{"sample", "other"} {
			_, there := byName[scenario+f.Name+" "+f.Unit]
			if there != (f.Better == "lower") {
				t.Errorf("%s%s %s: there: %t, better %q", scenario, f.Name, f.Unit, there, f.Better)
			}
			if there {
				want++
			}
		}
	}
	if len(got) != want || want == 0 {
		t.Errorf("%d entries, expected %d", len(got), want)
	}
	most, least := 8.0, 3.0
	for name, want := range map[string]entry{
		"sample/limiter=boulder over_admission": {Unit: "count", Value: &most, Range: "3…8", Extra: "median of 3 of 3 runs"},
		"other/limiter=boulder over_admission":  {Unit: "count", Value: &least},
	} {
		want.Name = name
		if diff := cmp.Diff(want, byName[name]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// No metric's direction is left out of GitHubBenchmark: it is of the tool
// customSmallerIsBetter.
func TestNoMetricIsBetterWhenHigher(t *testing.T) {
	for _, m := range metric.Catalogue() {
		if m.Better == "higher" {
			t.Errorf("%s is better when higher: write a kind of customBiggerIsBetter too", m.Name)
		}
	}
}

func TestNoFiguresAreAnEmptyList(t *testing.T) {
	_, s := sample(t)
	s.Metrics = nil
	var g, b bytes.Buffer
	if err := present.GitHubBenchmark(&g, s.Summary); err != nil || g.String() != "[]\n" {
		t.Errorf("%q, %v", g.String(), err)
	}
	if err := present.Bencher(&b, s.Summary); err != nil || b.String() != "{}\n" {
		t.Errorf("%q, %v", b.String(), err)
	}
}

// Every figure is in Bencher Metric Format, within the lengths that Bencher
// takes: 1,024 letters of a benchmark's name and 64 of a measure's.
func TestBencher(t *testing.T) {
	first, again, other, _ := several(t)
	var b bytes.Buffer
	if err := present.Bencher(&b, first, again, again, again, other); err != nil {
		t.Fatal(err)
	}
	type value struct {
		Value *float64
		Lower *float64 `json:"lower_value"`
		Upper *float64 `json:"upper_value"`
	}
	var got map[string]map[string]value
	strictly(t, b.String(), &got)
	figures := 0
	for name, measures := range got {
		for measure, v := range measures {
			figures++
			if len(name) > 1024 || len(measure) > 64 || v.Value == nil {
				t.Errorf("%s, %s: %v", name, measure, v.Value)
			}
		}
	}
	if want := 2 * len(present.Figures(first)); figures != want {
		t.Errorf("%d figures, expected %d", figures, want)
	}
	least, most := 3.0, 8.0
	if diff := cmp.Diff(value{&most, &least, &most}, got["sample/limiter=boulder"]["over_admission"]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(value{Value: &least}, got["other/limiter=boulder"]["over_admission"]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
