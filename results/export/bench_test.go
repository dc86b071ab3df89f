package export_test

import (
	"bytes"
	"strings"
	"testing"

	"golang.org/x/perf/benchfmt"

	"github.com/quotalab/quotalab/results/export"
)

// The library behind benchstat reads every line, and finds the figures of
// the summary with what is better and that they are exact.
func TestBenchIsReadByBenchfmt(t *testing.T) {
	_, s := sample(t)
	var b bytes.Buffer
	if err := export.Bench(&b, s); err != nil {
		t.Fatal(err)
	}
	r := benchfmt.NewReader(&b, "bench.txt")
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
