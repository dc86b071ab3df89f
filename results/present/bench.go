package present

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/perf/benchfmt"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
)

// Bench writes summaries in the Go benchmark format
// (golang.org/x/perf/benchfmt, version 2), for benchstat: one line for each
// combination of tags, with all that was measured of it, and so several lines of
// one name for several runs of a scenario. Times are in seconds. In virtual
// time every figure is exact (assume=exact): any change is a difference, and
// so a file is of one clock.
//
// The last line says how many lines have results, so that a file that was cut
// short is told from a whole one: see ReadBench. Files may be appended to one
// another.
func Bench(w io.Writer, runs ...*summary.Summary) error {
	named := make([]BenchRun, len(runs))
	for i, s := range runs {
		named[i].Summary = s
	}
	return BenchRuns(w, named)
}

// BenchRun is a summary whose benchmarks' names have more parts in front, such as
// "/shards=4".
type BenchRun struct {
	Name    string
	Summary *summary.Summary
	More    []Figure // before those of the summary
}

// BenchRuns is Bench of runs that are named.
func BenchRuns(w io.Writer, runs []BenchRun) error {
	if len(runs) == 0 {
		return errors.New("writing benchmarks: expected at least one run")
	}
	var b benchWriter
	for _, run := range runs {
		if s, first := run.Summary, runs[0].Summary; s.Clock != first.Clock {
			return fmt.Errorf("writing benchmarks: figures of a benchmark file are either exact or not, so its runs have one clock: found %s (%s) and %s (%s); write a file for each",
				first.Clock, first.Scenario, s.Clock, s.Scenario)
		}
		b.run(run)
	}
	fmt.Fprintf(&b, "%s: %d\n", endKey, b.results)
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("writing benchmarks: %w", err)
	}
	return nil
}

// benchWriter is a file being written: strings.Builder never fails.
type benchWriter struct {
	strings.Builder
	config  [][2]string // key and value, as the lines before set them
	units   []string    // that are told already
	results int         // lines of them
}

func (b *benchWriter) run(run BenchRun) {
	s := run.Summary
	b.configure(append([][2]string{{endKey, ""}, {scenarioKey, oneLine(s.Scenario)}, {clockKey, oneLine(s.Clock)}}, benchTags(s.Tags)...))
	// Lines of configuration that differ would put each run into a table of its
	// own; the format ignores this one.
	fmt.Fprintf(b, runFormat+"\n", strconv.FormatUint(s.Seed, 10), oneLine(s.PlanHash))
	figures := slices.Concat(run.More, Figures(s))
	b.unitsOf(figures)
	for i, f := range figures {
		if i == 0 || f.Name != figures[i-1].Name {
			b.results++
			fmt.Fprintf(b, "BenchmarkScenario%s%s 1", run.Name, f.Name)
		}
		fmt.Fprintf(b, " %s %s", strconv.FormatFloat(f.Value, 'g', -1, 64), f.Unit)
		if i == len(figures)-1 || f.Name != figures[i+1].Name {
			b.WriteByte('\n')
		}
	}
}

// configure writes the lines of configuration that are not so already. One
// without a value takes a key back: of a run before, or of a file before, if files
// are appended to one another.
func (b *benchWriter) configure(config [][2]string) {
	for _, line := range b.config {
		if !slices.ContainsFunc(config, func(l [2]string) bool { return l[0] == line[0] }) {
			fmt.Fprintf(b, "%s:\n", line[0])
		}
	}
	for _, line := range config {
		if !slices.Contains(b.config, line) {
			b.WriteString(strings.TrimRight(line[0]+": "+line[1], " ") + "\n")
		}
	}
	b.config = config
}

// Keys of configuration of a file of Bench.
const (
	scenarioKey = "scenario"
	clockKey    = "clock"
	endKey      = "end" // after the results: how many lines of them
)

func ownKeys() []string { return []string{scenarioKey, clockKey, endKey} }

// benchTags are the tags of a run that can be keys of configuration: one begins
// with a lower-case letter and has neither capitals nor spaces, and is not one
// of the file's own.
func benchTags(tags map[string]string) (config [][2]string) {
	for k, v := range tags {
		if k != "" && 'a' <= k[0] && k[0] <= 'z' && !strings.ContainsFunc(k, notOfKey) && !slices.Contains(ownKeys(), k) {
			config = append(config, [2]string{k, oneLine(v)})
		}
	}
	slices.SortFunc(config, func(a, b [2]string) int { return cmp.Compare(a[0], b[0]) })
	return config
}

// notOfKey reports whether no key of configuration has the character.
func notOfKey(r rune) bool {
	return r == ':' || r == unicode.ReplacementChar || unicode.IsSpace(r) || unicode.IsUpper(r) || !unicode.IsPrint(r)
}

// unitsOf figures: which direction is better, and whether they are exact.
func (b *benchWriter) unitsOf(figures []Figure) {
	units := slices.SortedFunc(slices.Values(figures), func(a, b Figure) int { return cmp.Compare(a.Unit, b.Unit) })
	for _, u := range slices.CompactFunc(units, func(a, b Figure) bool { return a.Unit == b.Unit }) {
		var about []string
		if u.Better != "" {
			about = append(about, "better="+u.Better)
		}
		if u.Exact {
			about = append(about, "assume=exact")
		}
		if len(about) > 0 && !slices.Contains(b.units, u.Unit) {
			b.units = append(b.units, u.Unit)
			fmt.Fprintf(b, "Unit %s %s\n", u.Unit, strings.Join(about, " "))
		}
	}
}

// ErrTruncated is in the error about a file of Bench that was cut short.
var ErrTruncated = errors.New("the file was cut short")

// Benchmarks are what a benchmark file holds. Results of Bench have their run's
// seed and plan as configuration, though they do not tell tables apart.
type Benchmarks struct {
	Results []*benchfmt.Result
	Units   benchfmt.UnitMetadataMap
}

// Bounds of what ReadBench reads and of the mistakes that it lists.
const (
	mostHeld     = 300_000 // results, and for each the lines of configuration that hold for it
	mostMistakes = 100
)

// ReadBench reads a file in the Go benchmark format, of Bench or of any other
// program; name is for errors. A line that does not fit the format is an error,
// and so are no results at all, and a file of Bench without its last line
// (ErrTruncated).
func ReadBench(text []byte, name string) (*Benchmarks, error) {
	runs, err := checkEnd(string(text), name)
	if err != nil {
		return nil, err
	}
	b := &Benchmarks{}
	reader := benchfmt.NewReader(bytes.NewReader(text), name)
	mistakes, held := 0, 0
	for mistakes < mostMistakes && reader.Scan() {
		switch rec := reader.Result().(type) {
		case *benchfmt.SyntaxError:
			mistakes++
			err = errors.Join(err, rec)
		case *benchfmt.Result:
			if held += 1 + len(rec.Config); held > mostHeld {
				return nil, fmt.Errorf("%s: expected at most %d results and lines of configuration of each, found more", name, mostHeld)
			}
			b.Results = append(b.Results, withRun(rec.Clone(), runs))
		}
	}
	b.Units = reader.Units()
	if errors.Is(reader.Err(), bufio.ErrTooLong) {
		err = errors.Join(err, fmt.Errorf("%s: expected lines of at most %d bytes, found a longer one; is this a benchmark file?", name, bufio.MaxScanTokenSize))
	} else {
		err = errors.Join(err, reader.Err())
	}
	if err != nil {
		return nil, fmt.Errorf("reading benchmarks: %w", err)
	}
	if len(b.Results) == 0 {
		return nil, fmt.Errorf("%s: expected results in the Go benchmark format (lines that begin with Benchmark), found none", name)
	}
	return b, nil
}

// runLine is where a run's results begin.
type runLine struct {
	line       int
	seed, plan string
}

const runFormat = "# seed %s plan %s"

// withRun adds what is known of the run that a result is of.
func withRun(r *benchfmt.Result, runs []runLine) *benchfmt.Result {
	_, line := r.Pos()
	for _, run := range slices.Backward(runs) {
		if run.line < line {
			r.SetConfig("seed", run.seed)
			r.SetConfig("plan", run.plan)
			break
		}
	}
	return r
}

// checkEnd goes through what Bench wrote, perhaps several times into one file:
// after a line with a scenario's name comes one with the number of results.
func checkEnd(text, name string) (runs []runLine, err error) {
	begun, results, line := false, 0, 0
	for l := range strings.Lines(text) {
		line++
		l = strings.TrimRight(l, "\r\n")
		key, value, _ := strings.Cut(l, ":")
		run := runLine{line: line}
		switch {
		case strings.HasPrefix(l, "Benchmark"):
			results++
		case key == scenarioKey:
			begun = true
		case key == endKey && begun:
			if strings.TrimSpace(value) != strconv.Itoa(results) {
				return nil, truncated(name, line, results, strconv.Quote(l))
			}
			begun, results = false, 0
		case strings.HasPrefix(l, "#"):
			if n, _ := fmt.Sscanf(l, runFormat, &run.seed, &run.plan); n == 2 {
				runs = append(runs, run)
			}
		}
	}
	if begun {
		return nil, truncated(name, line, results, "the end of the file")
	}
	return runs, nil
}

func truncated(name string, line, results int, found string) error {
	return fmt.Errorf("%s:%d: %w: expected %q after its results, found %s; write it again", name, line, ErrTruncated,
		fmt.Sprintf("%s: %d", endKey, results), found)
}

// repeated is a figure of all runs of one scenario.
type repeated struct {
	Figure   // of the first run that has it
	scenario string
	runs     int       // of the scenario
	values   []float64 // of those that have the figure, ascending
}

// low is the least value of the runs that have the figure, followed by their
// median and the greatest.
func (r *repeated) low() float64  { return r.values[0] }
func (r *repeated) high() float64 { return r.values[len(r.values)-1] }

func (r *repeated) middle() float64 {
	n := len(r.values)
	return (r.values[(n-1)/2] + r.values[n/2]) / 2
}

// repeats joins the same figures of runs of the same scenario: tools that keep
// figures over time want one number of each.
func repeats(runs []*summary.Summary) []*repeated {
	type key struct{ scenario, name, unit string }
	var all []*repeated
	byKey := map[key]*repeated{}
	of := map[string]int{}
	for _, s := range runs {
		of[s.Scenario]++
		for _, f := range Figures(s) {
			k := key{s.Scenario, f.Name, f.Unit}
			r := byKey[k]
			if r == nil {
				r = &repeated{Figure: f, scenario: s.Scenario}
				all, byKey[k] = append(all, r), r
			}
			r.values = append(r.values, f.Value)
		}
	}
	for _, r := range all {
		r.runs = of[r.scenario]
		slices.SortFunc(r.values, cmp.Compare[float64])
	}
	return all
}

// Figure is one number of a summary, as other tools keep it over time: what
// was measured (Unit) in one part of the run (Name).
type Figure struct {
	Name        string            // the tags as parts of a benchmark's name, in the catalogue's order: "/limiter=boulder/decision=denied", or ""
	Metric      string            // of the catalogue
	Aggregation string            // count, value, avg, p50, p90, p99 or max
	Tags        map[string]string // as the summary has them
	Unit        string            // metric and aggregation: "latency-p99-sec", "decisions"
	Better      string            // lower, higher, or "": neither
	Exact       bool              // of virtual time: any change is a difference
	Value       float64           // in base units
}

// Figures returns those of a summary: those of the same name follow one another, in the
// order of the metrics.
func Figures(s *summary.Summary) []Figure {
	var names []string
	byName := map[string][]Figure{}
	total := 0
	metrics := perLimiter(s.Metrics)
	for i := range metrics {
		figures := figuresOf(&metrics[i], s.Clock == "virtual")
		name := figures[0].Name
		if byName[name] == nil {
			names = append(names, name)
		}
		byName[name] = append(byName[name], figures...)
		total += len(figures)
	}
	all := make([]Figure, 0, total)
	for _, name := range names {
		all = append(all, byName[name]...)
	}
	return all
}

// perLimiter joins what the audit found by traffic, client, limit and phase:
// other tools keep one number for each limiter over time.
func perLimiter(list []summary.Metric) (out []summary.Metric) {
	at := map[[2]string]int{}
	for _, m := range list {
		if m.Name != "over_admission" && m.Name != "under_admission" && m.Name != "worst_excess" {
			out = append(out, m)
			continue
		}
		id := [2]string{m.Name, m.Tags["limiter"]}
		i, known := at[id]
		if !known {
			m.Tags = map[string]string{"limiter": id[1]}
			at[id], out = len(out), append(out, m)
			continue
		}
		out[i].Count += m.Count
		if m.Value != nil && *m.Value > *out[i].Value {
			out[i].Value = m.Value
		}
	}
	return out
}

// figuresOf returns a metric's figures: at least one.
func figuresOf(m *summary.Metric, exact bool) []Figure {
	about, _ := metric.Find(m.Name)
	of := Figure{Name: figureName(about.Tags, m.Tags), Metric: m.Name, Tags: m.Tags, Better: about.Better, Exact: exact}
	one := func(aggregation, unit string, v float64) Figure {
		f := of
		f.Aggregation, f.Unit, f.Value = aggregation, unit, v
		return f
	}
	switch {
	case m.Value != nil:
		return []Figure{one("value", m.Name, *m.Value)}
	case m.Avg == nil:
		return []Figure{one("count", m.Name, float64(m.Count))}
	}
	suffix := ""
	if m.Unit == "s" {
		suffix = "-sec"
	}
	var figures []Figure
	for _, a := range []struct {
		name string
		v    *float64
	}{{"avg", m.Avg}, {"p50", m.Med}, {"p90", m.P90}, {"p99", m.P99}, {"max", m.Max}} {
		figures = append(figures, one(a.name, m.Name+"-"+a.name+suffix, *a.v))
	}
	return figures
}

// figureName writes tags as /key=value in their order.
func figureName(order []string, tags map[string]string) string {
	var b strings.Builder
	for _, tag := range order {
		if v := tags[tag]; v != "" {
			b.WriteString(NamePart(tag, v))
		}
	}
	return b.String()
}

// NamePart returns what a tag or an axis adds to a benchmark's name.
func NamePart(tag, value string) string {
	return "/" + strings.Map(nameRune, tag) + "=" + strings.Map(nameRune, value)
}

// nameRune keeps a tag's value in one part of the name.
func nameRune(r rune) rune {
	if r == '/' || unicode.IsSpace(r) || !unicode.IsPrint(r) {
		return '_'
	}
	return r
}

// bencherMetric is a value of Bencher Metric Format, with the least and the
// greatest of several runs.
type bencherMetric struct {
	Value float64  `json:"value"`
	Lower *float64 `json:"lower_value,omitempty"`
	Upper *float64 `json:"upper_value,omitempty"`
}

// Bencher writes figures in Bencher Metric Format (bencher.dev): by the
// benchmark's name, which begins with the scenario's, and then by measure, which
// is the figure's unit. Bencher's thresholds say which direction is worse. Of
// several runs of a scenario it is the median, with the range.
func Bencher(w io.Writer, runs ...*summary.Summary) error {
	all := map[string]map[string]bencherMetric{}
	for _, r := range repeats(runs) {
		name := r.scenario + r.Name
		if all[name] == nil {
			all[name] = map[string]bencherMetric{}
		}
		m := bencherMetric{Value: r.middle()}
		if r.runs > 1 {
			low, high := r.low(), r.high()
			m.Lower, m.Upper = &low, &high
		}
		all[name][r.Unit] = m
	}
	return writeJSON(w, all)
}

// githubBenchmark is an entry of github.com/benchmark-action/github-action-benchmark.
type githubBenchmark struct {
	Name  string  `json:"name"`
	Unit  string  `json:"unit"`
	Value float64 `json:"value"`
	Range string  `json:"range,omitempty"`
	Extra string  `json:"extra,omitempty"`
}

// GitHubBenchmark writes figures for the GitHub action github-action-benchmark,
// whose `tool` is customSmallerIsBetter: those where less is better, as the
// action raises alarms at what grows. Of several runs of a scenario it is the
// median, with the range.
func GitHubBenchmark(w io.Writer, runs ...*summary.Summary) error {
	entries := []githubBenchmark{} // never null
	for _, r := range repeats(runs) {
		if r.Better != "lower" {
			continue
		}
		about, _ := metric.Find(r.Metric)
		e := githubBenchmark{Name: r.scenario + r.Name + " " + r.Unit, Unit: about.Unit, Value: r.middle()}
		if r.runs > 1 {
			e.Range = number(r.low()) + "…" + number(r.high())
			e.Extra = fmt.Sprintf("median of %d of %d runs", len(r.values), r.runs)
		}
		entries = append(entries, e)
	}
	return writeJSON(w, entries)
}

func writeJSON(w io.Writer, v any) error {
	if err := record.WriteJSON(w, v); err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	return nil
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// Exactly returns all digits of a number, "" for none.
func Exactly(v *float64) string {
	if v == nil {
		return ""
	}
	return number(*v)
}
