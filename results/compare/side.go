package compare

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/perf/benchfmt"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/present"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
)

// key is that of a number: two values of the same key can be compared.
type key struct {
	group string // scenario, or package of a Go benchmark
	name  string // benchmark name without "Benchmark": "Scenario/limiter=lua", "Encode-8"
	unit  string
}

// figure is what one side knows of one figure.
type figure struct {
	key
	metric, aggregation string // of the catalogue; "" both: not one of quotalab's
	clock               string // virtual, real or "": not one of quotalab's
	better              string // lower, higher or ""
	exact               bool
	values              []float64 // one a run, in the order of the runs
}

// Side is one of the two that are compared: figures of one or several runs,
// of one or several scenarios. The zero Side is empty.
type Side struct {
	keys    []key // in the order in which they came
	figures map[key]*figure
	plans   map[string][]string // distinct plan hashes by scenario
	units   map[string]present.Figure
}

// AddSummary adds a run. from is where it is from, for errors.
func (s *Side) AddSummary(sum *summary.Summary, from string) error {
	if len(sum.Metrics) == 0 {
		return fmt.Errorf("%s: expected a summary with metrics, found none: nothing was measured", from)
	}
	for i := range sum.Metrics {
		if err := check(&sum.Metrics[i]); err != nil {
			return fmt.Errorf("%s: %w", from, err)
		}
	}
	for _, f := range present.Figures(sum) {
		err := s.add(figure{
			key: key{sum.Scenario, scenarioName + f.Name, f.Unit}, metric: f.Metric, aggregation: f.Aggregation,
			clock: sum.Clock, better: f.Better, exact: f.Exact, values: []float64{f.Value},
		})
		if err != nil {
			return fmt.Errorf("%s: %w", from, err)
		}
	}
	s.planned(sum.Scenario, sum.PlanHash)
	return nil
}

// check checks a metric that may come from a file that people or other versions wrote.
func check(m *summary.Metric) error {
	if _, ok := metric.Find(m.Name); !ok {
		return fmt.Errorf("this version of quotalab has no metric %q: compare benchmark files (-o bench=…), which name their figures themselves", m.Name)
	}
	if m.Avg != nil && (m.Med == nil || m.P90 == nil || m.P99 == nil || m.Max == nil) {
		return fmt.Errorf("metric %s: expected avg, med, p90, p99 and max, found only some of them", m.Name)
	}
	return nil
}

// scenarioName begins the name of every benchmark of quotalab's own.
const scenarioName = "Scenario"

// MostText is the most bytes of a summary or benchmark file.
const MostText = 16 << 20

// AddBench adds what is in a benchmark file: results of the same name are runs
// of the same benchmark. name is the file's, for errors.
func (s *Side) AddBench(text []byte, name string) error {
	if err := noConflict(text, name); err != nil {
		return err
	}
	b, err := present.ReadBench(text, name)
	if err != nil {
		return err
	}
	for _, result := range b.Results {
		if err := s.addResult(result, b.Units); err != nil {
			file, line := result.Pos()
			return fmt.Errorf("%s:%d: %w", file, line, err)
		}
	}
	return nil
}

// noConflict looks for the markers of a merge that was not resolved: the
// benchmark format skips lines that it does not know, and so both sides of the
// merge would count.
func noConflict(text []byte, name string) error {
	line := 0
	for l := range bytes.Lines(text) {
		line++
		for _, marker := range []string{"<<<<<<<", "|||||||", "=======", ">>>>>>>"} {
			if rest, ok := bytes.CutPrefix(bytes.TrimRight(l, "\r\n"), []byte(marker)); ok && (len(rest) == 0 || rest[0] == ' ') {
				return fmt.Errorf("%s:%d: %s is the marker of a merge conflict: resolve it, or write the file anew", name, line, marker)
			}
		}
	}
	return nil
}

func (s *Side) addResult(result *benchfmt.Result, units benchfmt.UnitMetadataMap) error {
	scenario, clock := result.GetConfig("scenario"), result.GetConfig("clock")
	for _, v := range result.Values {
		f := figure{key: key{scenario, string(result.Name), v.Unit}, values: []float64{v.Value}}
		if scenario == "" {
			f.group, f.exact = result.GetConfig("pkg"), isExact(units, v.Unit)
			f.better = direction(units.GetBetter(v.Unit))
		} else {
			about := s.about(v.Unit)
			f.metric, f.aggregation, f.better = about.Metric, about.Aggregation, about.Better
			f.clock, f.exact = clock, clock == "virtual"
		}
		if err := s.add(f); err != nil {
			return err
		}
	}
	if scenario != "" {
		s.planned(scenario, result.GetConfig("plan"))
	}
	return nil
}

func isExact(units benchfmt.UnitMetadataMap, unit string) bool {
	assume := units.Get(unit, "assume")
	return assume != nil && assume.Value == "exact"
}

func direction(better int) string {
	switch {
	case better < 0:
		return lower
	case better > 0:
		return higher
	}
	return ""
}

const lower, higher = "lower", "higher"

// about returns what is known of a unit of quotalab's own figures; the zero Figure for one that no
// metric of the catalogue has.
func (s *Side) about(unit string) present.Figure {
	if s.units == nil {
		s.units = catalogueUnits()
	}
	return s.units[unit]
}

// catalogueUnits are the units of every figure that a summary can have.
func catalogueUnits() map[string]present.Figure {
	var all summary.Summary
	some := new(float64)
	for _, m := range metric.Catalogue() {
		row := summary.Metric{Name: m.Name, Unit: m.Unit}
		switch m.Kind {
		case metric.Counter:
		case metric.Value:
			row.Value = some
		case metric.Trend:
			row.Avg, row.Med, row.P90, row.P99, row.Max = some, some, some, some, some
		}
		all.Metrics = append(all.Metrics, row)
	}
	units := map[string]present.Figure{}
	for _, f := range present.Figures(&all) {
		units[f.Unit] = f
	}
	return units
}

// add adds the values of f to those that are there.
func (s *Side) add(f figure) error {
	if v := f.values[0]; math.IsNaN(v) || math.IsInf(v, 0) {
		return fmt.Errorf("%s: expected a number, found %v", f.title(), v)
	}
	if s.figures == nil {
		s.figures = map[key]*figure{}
	}
	has := s.figures[f.key]
	switch {
	case has == nil:
		s.keys = append(s.keys, f.key)
		s.figures[f.key] = &f
	case has.exact != f.exact:
		return fmt.Errorf("%s: %w: a side is of one of them", f.title(), errClocks)
	default:
		has.values = append(has.values, f.values...)
	}
	return nil
}

// errClocks is what cannot be compared.
var errClocks = errors.New("some runs are exact (of virtual time), others are not (of real time)")

func (s *Side) planned(scenario, hash string) {
	if s.plans == nil {
		s.plans = map[string][]string{}
	}
	if hash != "" && !slices.Contains(s.plans[scenario], hash) {
		s.plans[scenario] = append(s.plans[scenario], hash)
	}
}

// Runs returns those of a scenario, or of the benchmarks of a package: as many as its most
// frequent figure has values.
func (s *Side) Runs(group string) (n int) {
	for k, f := range s.figures {
		if k.group == group {
			n = max(n, len(f.values))
		}
	}
	return n
}

// Groups are the scenarios, or packages of Go benchmarks, in the order in
// which they came.
func (s *Side) Groups() []string {
	var groups []string
	for _, k := range s.keys {
		if !slices.Contains(groups, k.group) {
			groups = append(groups, k.group)
		}
	}
	return groups
}

// title names a figure for people: latency{limiter=lua} p99, or what a Go
// benchmark calls it.
func (f *figure) title() string {
	if f.metric == "" {
		return f.name + " " + f.unit
	}
	title := f.metric
	if parts := tagParts(f.name); len(parts) > 0 {
		title += "{" + strings.Join(parts, ",") + "}"
	}
	if f.aggregation == "count" || f.aggregation == "value" {
		return title
	}
	return title + " " + f.aggregation
}

// tagParts returns those of a name: each a "tag=value".
func tagParts(name string) []string {
	_, tags, _ := strings.Cut(name, "/")
	if tags == "" {
		return nil
	}
	return strings.Split(tags, "/")
}

// Plans are the hashes of the plans that a scenario's runs are of.
func (s *Side) Plans(scenario string) []string { return s.plans[scenario] }

// csvHead names the columns of CSV. Numbers are in base units; changes are
// shares of the base (0.1: 10 % more).
var csvHead = []string{"verdict", "scenario", "figure", "name", "unit", "better", "exact", "base", "new", "base_runs", "new_runs",
	"shift", "change", "change_low", "change_high", "p", "why"}

// CSV writes all rows, with a header.
func CSV(w io.Writer, rows []Row) error {
	t := present.NewTable("", "", csvHead...)
	for i := range rows {
		r := &rows[i]
		t.AddWords(string(r.Verdict), r.Group, r.Figure, r.Name, r.Unit, r.Better, strconv.FormatBool(r.Exact), present.Exactly(r.Base.Center), present.Exactly(r.New.Center),
			strconv.Itoa(len(r.Base.Values)), strconv.Itoa(len(r.New.Values)),
			present.Exactly(r.Shift), present.Exactly(r.Change), present.Exactly(r.ChangeLow), present.Exactly(r.ChangeHigh), present.Exactly(r.P), r.Why)
	}
	return t.CSV(w)
}

// JSON writes all rows and how many there are of each verdict.
func JSON(w io.Writer, rows []Row) error {
	counts := map[Verdict]int{}
	for i := range rows {
		counts[rows[i].Verdict]++
	}
	return record.WriteJSON(w, struct {
		Counts  map[Verdict]int `json:"counts"`
		Figures []Row           `json:"figures"`
	}{counts, rows})
}
