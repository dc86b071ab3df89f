package sweep_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/jsonschema-go/jsonschema"
	"golang.org/x/perf/benchfmt"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/present"
	"github.com/quotalab/quotalab/results/summary"
	"github.com/quotalab/quotalab/results/sweep"
)

func column(t *testing.T, text string) sweep.Column {
	t.Helper()
	c, _, errs := metric.ScanColumn(text)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return sweep.NewColumn(c)
}

func known(values ...float64) (all []*float64) {
	for _, v := range values {
		all = append(all, &v)
	}
	return all
}

// grid of two limiters and two rates, where the second rate of tat is unknown
// and over_admission of it too much.
func grid(t *testing.T) sweep.Result {
	r := sweep.Result{Scenario: "demo", Clock: "virtual", Repeats: 1,
		Axes:    []sweep.Axis{sweep.NewAxis("limiters.main.kind", []string{"tat", "boulder"}), sweep.NewAxis("traffic.main.rate", []string{"100/s", "12_000/m"})},
		Columns: []sweep.Column{column(t, "latency p(99)"), column(t, "over_admission count")},
		Pareto:  []string{"latency p(99)", "over_admission count"}}
	for place, values := range [][]*float64{known(0.001, 1200), known(0.002, 0), known(0.003, 0), {nil, known(0)[0]}} {
		run := sweep.Run{Place: place, Settings: []string{r.Axes[0].Values[place/2], r.Axes[1].Values[place%2]}, Seed: 1, Plan: "abc", Valid: true, OK: true, Values: values}
		if place == 0 {
			run.OK, run.Failing = false, []string{"over_admission: count == 0"}
		}
		r.Runs = append(r.Runs, run)
	}
	return r
}

func made(t *testing.T, r sweep.Result) *sweep.Result {
	t.Helper()
	out, err := sweep.New(r)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func text(t *testing.T, r *sweep.Result) string {
	t.Helper()
	var b strings.Builder
	if err := r.Text(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTables(t *testing.T) {
	r := made(t, grid(t))
	want := `demo: 4 runs at 4 places, 3 PASSED, 1 FAILED

  kind         rate  latency p(99) (ms)  over_admission count  verdict         what fails
  tat         100/s               1.000                 1,200  FAILED   front  over_admission: count == 0
  tat      12_000/m               2.000                     0  PASSED   front
  boulder     100/s               3.000                     0  PASSED   front
  boulder  12_000/m             unknown                     0  PASSED
  Front: no other place under the same load (axes of traffic, keys and accounts) beats it in both latency p(99) and over_admission count. Places with an invalid run or an unknown value are never on it.
`
	if diff := cmp.Diff(want, text(t, r)); diff != "" {
		t.Error(diff)
	}
	var b strings.Builder
	if err := r.CSV(&b); err != nil {
		t.Fatal(err)
	}
	want = `kind,rate,repeat,seed,plan,verdict,what_fails,latency p(99),over_admission count,front
tat,100/s,0,1,abc,FAILED,over_admission: count == 0,0.001,1200,true
tat,12_000/m,0,1,abc,PASSED,,0.002,0,true
boulder,100/s,0,1,abc,PASSED,,0.003,0,true
boulder,12_000/m,0,1,abc,PASSED,,,0,false
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
	b.Reset()
	if err := r.Markdown(&b); err != nil {
		t.Fatal(err)
	}
	if row := `| boulder | 12\_000/m | unknown | 0 | PASSED |  |  |`; !strings.Contains(b.String(), row) {
		t.Errorf("Markdown has no line %s:\n%s", row, b.String())
	}
}

// The best place leaves the front when one of its runs is invalid, and the one
// it beat takes its place.
func TestInvalidRunsAreNotOnTheFront(t *testing.T) {
	r := grid(t)
	r.Runs[1].Valid, r.Runs[1].OK, r.Runs[1].Invalid = false, false, []string{"2 arrivals were dropped"}
	got := made(t, r)
	if diff := cmp.Diff([]int{0, 2}, got.Front); diff != "" {
		t.Error(diff)
	}
	for _, part := range []string{"1 INVALID", "INVALID         2 arrivals were dropped"} {
		if !strings.Contains(text(t, got), part) {
			t.Errorf("%q is missing:\n%s", part, text(t, got))
		}
	}
}

func TestRepeats(t *testing.T) {
	r := grid(t)
	r.Repeats, r.Pareto = 3, nil
	first := r.Runs
	r.Runs = nil
	for repeat := range 3 { // as they might come in: place by place is for New to see to
		for _, run := range first {
			run.Repeat = repeat
			if run.Place == 1 {
				run.Values = known(0.002+0.001*float64(repeat), 0)
			}
			if run.Place == 3 && repeat == 1 {
				run.Values = known(0.5, 7)
			}
			r.Runs = append(r.Runs, run)
			if run.Place == 0 && repeat == 2 {
				r.Runs[len(r.Runs)-1].OK, r.Runs[len(r.Runs)-1].Failing = true, nil
			}
		}
	}
	got := text(t, made(t, r))
	for _, line := range []string{
		"1.000                 1,200  1 of 3 PASSED  over_admission: count == 0",
		"3.000 (2.000–4.000)                     0  PASSED",
		"500.000, 2 of 3 unknown               0 (0–7)  PASSED",
		"Of 3 runs of a place: median (least–greatest).",
	} {
		if !strings.Contains(got, line) {
			t.Errorf("%q is missing:\n%s", line, got)
		}
	}
}

// searched is a search of a rate for two limiters; the second never fails.
func searched(t *testing.T) sweep.Result {
	r := grid(t)
	r.Axes, r.Pareto = r.Axes[:1], nil
	r.Search = &sweep.Search{Path: "traffic.main.rate", Unit: "/s", From: "60/m", To: "600/m", Tolerance: 0.01}
	capacity := known(5, 10)
	r.Searched = []sweep.Found{
		{Place: 0, Outcome: sweep.Capacity, Passes: "300/m", Fails: "303/m", Capacity: capacity[0], Probes: 4, Stops: []string{"over_admission: count == 0"}},
		{Place: 1, Outcome: sweep.AllPass, Passes: "600/m", Capacity: capacity[1], Probes: 2},
	}
	r.Runs = nil
	for _, p := range []struct {
		place int
		value string
		p99   float64
	}{{0, "60/m", 0.001}, {0, "600/m", 0.9}, {0, "300/m", 0.004}, {0, "303/m", 0.8}, {1, "60/m", 0.001}, {1, "600/m", 0.002}} {
		r.Runs = append(r.Runs, sweep.Run{Place: p.place, Settings: []string{r.Axes[0].Values[p.place], p.value}, Plan: "abc", Valid: true, OK: p.p99 < 0.1, Values: known(p.p99, 0)})
	}
	return r
}

func TestSearch(t *testing.T) {
	r := made(t, searched(t))
	want := `demo: 6 runs at 2 places, 4 PASSED, 2 FAILED

  kind     highest rate that passes  lowest that fails  probes  latency p(99) (ms)  over_admission count  verdict   what fails
  tat                         300/m              303/m       4               4.000                     0  found     over_admission: count == 0
  boulder                   ≥ 600/m                  –       2               2.000                     0  all pass
`
	if diff := cmp.Diff(want, text(t, r)); diff != "" {
		t.Error(diff)
	}
	var b strings.Builder
	if err := r.CSV(&b); err != nil {
		t.Fatal(err)
	}
	want = `kind,outcome,passes,fails,probes,what_fails,latency p(99),over_admission count
tat,found,5,5.05,4,over_admission: count == 0,0.004,0
boulder,all pass,10,,2,,0.002,0
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
	r.Searched[1] = sweep.Found{Place: 1, Outcome: sweep.NotMonotone, Fails: "60/m", Probes: 2}
	if got := text(t, r); !strings.Contains(got, "–                     –  not monotone") || !strings.Contains(got, "Not monotone: 600/m passes where 60/m does not") {
		t.Errorf("that the search could not be made is not told:\n%s", got)
	}
}

func TestJSON(t *testing.T) {
	schema, err := sweep.Schema()
	if err != nil {
		t.Fatal(err)
	}
	var s jsonschema.Schema
	if err := json.Unmarshal(schema, &s); err != nil {
		t.Fatal(err)
	}
	resolved, err := s.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []sweep.Result{grid(t), searched(t)} {
		want := made(t, r)
		var b bytes.Buffer
		if err := want.WriteJSON(&b); err != nil {
			t.Fatal(err)
		}
		var value any
		if err := json.Unmarshal(b.Bytes(), &value); err != nil {
			t.Fatal(err)
		}
		if err := resolved.Validate(value); err != nil {
			t.Error(err)
		}
		got, err := sweep.Read(b.Bytes(), "sweep.json")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("written and read (-written +read):\n%s", diff)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	for _, c := range []struct{ why, text, want string }{
		{"no JSON", "no", "expected the result of a sweep"},
		{"a file cut short", `{"schemaVersion": 1, "runs": [`, "expected the result of a sweep"},
		{"a summary of a run", `{"planHash": "abc"}`, "schemaVersion 1 to 1, found 0"},
		{"a newer layout", `{"schemaVersion": 2}`, "schemaVersion 1 to 1, found 2"},
		{"a place that there is none of", `{"schemaVersion": 1, "runs": [{"place": 1}]}`, "place below 1"},
		{"a run without its settings", `{"schemaVersion": 1, "axes": [{"values": ["a"]}], "runs": [{}]}`, "1 settings"},
		{"an axis without values", `{"schemaVersion": 1, "axes": [{"path": "a"}]}`, "no values"},
		{"axes of different length that vary together", `{"schemaVersion": 1, "zip": true, "axes": [{"values": ["a", "b"]}, {"values": ["a"]}]}`, "2 values"},
		{"numbers that are not those of the values", `{"schemaVersion": 1, "axes": [{"values": ["1", "2"], "numeric": [1]}]}`, "number for each"},
		{"a front of columns that there are none of", `{"schemaVersion": 1, "pareto": ["a"]}`, `found "a"`},
		{"text after the result", `{"schemaVersion": 1}x`, "expected the result of a sweep"},
		{"no runs", `{"schemaVersion": 1}`, "found 0 runs"},
		{"more places than there can be runs", `{"schemaVersion": 1, "axes": [` + strings.Repeat(`{"values": ["a", "b"]},`, 62) + `{"values": ["a", "b"]}]}`, "found 0 runs"},
		{"a search that is missing", `{"schemaVersion": 1, "search": {"path": "a"}}`, "expected one for each"},
	} {
		if _, err := sweep.Read([]byte(c.text), "x.json"); err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "x.json: ") {
			t.Errorf("%s: got %v, want an error with %q", c.why, err, c.want)
		}
	}
}

func TestBench(t *testing.T) {
	r := grid(t)
	r.Axes[0] = sweep.NewAxis("limiters.main.kind", []string{"tat v2", "sha-256"})
	for i := range r.Runs {
		r.Runs[i].Settings[0] = r.Axes[0].Values[i/2]
	}
	summary := func(run *sweep.Run) (*summary.Summary, error) {
		return &summary.Summary{Scenario: "demo", Clock: "virtual", Metrics: []summary.Metric{{Name: "over_admission", Tags: map[string]string{"limiter": "main"}, Unit: "count", Count: int64(*run.Values[1])}}}, nil
	}
	names := func(r sweep.Result) (all []string) {
		var b bytes.Buffer
		if err := made(t, r).Bench(&b, summary); err != nil {
			t.Fatal(err)
		}
		read, err := present.ReadBench(b.Bytes(), "x")
		if err != nil {
			t.Fatal(err)
		}
		if u := read.Units[benchfmt.UnitMetadataKey{Unit: "capacity", Key: "better"}]; r.Search != nil && (u == nil || u.Value != "higher") {
			t.Errorf("of capacities more is better: %+v", read.Units)
		}
		for _, result := range read.Results {
			all = append(all, string(result.Name))
		}
		return all
	}
	if diff := cmp.Diff([]string{"Scenario/kind=tat_v2/rate=100/limiter=main", "Scenario/kind=tat_v2/rate=200/limiter=main",
		"Scenario/kind=sha_256/rate=100/limiter=main", "Scenario/kind=sha_256/rate=200/limiter=main"}, names(r)); diff != "" {
		t.Error(diff)
	}
	r.Repeats = 2
	if got := names(r)[0]; got != "Scenario/kind=tat_v2/rate=100/repeat=0/limiter=main" {
		t.Errorf("of several repeats, each exact: %s", got)
	}
	if diff := cmp.Diff([]string{"Scenario/kind=tat", "Scenario/kind=tat/limiter=main", "Scenario/kind=boulder", "Scenario/kind=boulder/limiter=main"}, names(searched(t))); diff != "" {
		t.Errorf("of a search:\n%s", diff)
	}
}

func TestDrawn(t *testing.T) {
	for _, r := range []sweep.Result{grid(t), searched(t)} {
		drawn := made(t, r).Drawn()
		for _, s := range drawn {
			if err := s.Check(); err != nil || len(s.Cells) != made(t, r).Places() {
				t.Errorf("%s: %v, %d cells", s.Metric, err, len(s.Cells))
			}
		}
		if r.Search != nil && (drawn[0].Metric != "highest rate that passes" || drawn[0].Cells[0].Value != 5 || !drawn[0].Cells[0].OK) {
			t.Errorf("the capacity is %+v", drawn[0])
		}
	}
	pipelined := grid(t)
	pipelined.Runs[0].Pipelined, pipelined.Runs[1].Pipelined = []string{"wfe"}, []string{"wfe", "ra"}
	if got := made(t, pipelined).Drawn()[0].AutoPipelined; !slices.Equal(got, []string{"wfe", "ra"}) {
		t.Errorf("auto-pipelined in any run: %q", got)
	}
	zip := grid(t)
	zip.Zip, zip.Runs, zip.Pareto = true, zip.Runs[:2], nil
	s := made(t, zip).Drawn()[0]
	if err := s.Check(); err != nil || len(s.Axes) != 1 || s.Axes[0].Name != "kind, rate" || s.Axes[0].Values[1] != "boulder, 12_000/m" || s.Cells[1].Value != 0.002 {
		t.Errorf("axes that vary together: %v, %+v", err, s)
	}
}

// The real benchstat reads the figures, and its projections know the axes.
func TestBenchstat(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bench.txt")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	err = made(t, grid(t)).Bench(f, func(run *sweep.Run) (*summary.Summary, error) {
		return &summary.Summary{Scenario: "demo", Clock: "virtual", Metrics: []summary.Metric{{Name: "over_admission", Tags: map[string]string{}, Unit: "count", Count: int64(*run.Values[1])}}}, nil
	})
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "tool", "benchstat", "-format", "csv", "-row", "/rate", "-col", "/kind", path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, line := range []string{",tat,,boulder,,", "100,1200,", "200,0,"} {
		if !strings.Contains(string(out), line) {
			t.Errorf("%q is missing:\n%s", line, out)
		}
	}
}
