package sweep

import (
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/present"
	"github.com/quotalab/quotalab/results/summary"
)

// Text writes the result for people: a line on the whole, and a table with a
// row for each place.
func (r *Result) Text(w io.Writer) error {
	if _, err := fmt.Fprintf(w, "%s: %s\n\n", metric.Printable(r.Scenario), r.Whole()); err != nil {
		return err
	}
	return r.Table().Write(w, present.Look{})
}

// Markdown writes the same in GitHub's Markdown.
func (r *Result) Markdown(w io.Writer) error {
	if _, err := fmt.Fprintf(w, "### %s: %s\n\n", present.Literal(r.Scenario), present.Literal(r.Whole())); err != nil {
		return err
	}
	return r.Table().Markdown(w)
}

// Whole returns what came of the runs in a line.
func (r *Result) Whole() string {
	count := map[string]int64{}
	for i := range r.Runs {
		count[r.Runs[i].Verdict()]++
	}
	text := fmt.Sprintf("%s at %s", unit.Counted(int64(len(r.Runs)), "run"), unit.Counted(int64(r.Places()), "place"))
	for _, verdict := range []string{"PASSED", "FAILED", "INVALID"} {
		if n := count[verdict]; n > 0 {
			text += fmt.Sprintf(", %s %s", unit.Thousands(n), verdict)
		}
	}
	return text
}

// notes returns what the table cannot show.
func (r *Result) notes() (list []string) {
	if r.Repeats > 1 {
		list = append(list, fmt.Sprintf("Of %d runs of a place: median (least–greatest).", r.Repeats))
	}
	if slices.ContainsFunc(r.Searched, func(f Found) bool { return f.Outcome == NotMonotone }) {
		list = append(list, fmt.Sprintf("Not monotone: %s passes where %s does not, so there is no one highest value below which all pass.", r.Search.To, r.Search.From))
	}
	if len(r.Pareto) > 0 {
		list = append(list, fmt.Sprintf("Front: no other place under the same load (axes of traffic, keys and accounts) beats it in both %s and %s. Places with an invalid run or an unknown value are never on it.", r.Pareto[0], r.Pareto[1]))
	}
	return list
}

// Table returns a table with a row for each place.
func (r *Result) Table() *present.Table {
	header := r.axisColumns()
	if r.Search != nil {
		header = append(header, ">highest "+r.Search.Label+" that passes", ">lowest that fails", ">probes")
	}
	for _, c := range r.Columns {
		header = append(header, ">"+c.heading())
	}
	places := r.places()
	failing := slices.ContainsFunc(places, func(p place) bool { return r.fails(&p) != "" })
	header = append(header, "verdict")
	if len(r.Pareto) > 0 {
		header = append(header, "")
	}
	if failing {
		header = append(header, "what fails")
	}
	t := present.NewTable("", "", header...)
	t.Notes = r.notes()
	for i := range places {
		t.AddWords(r.row(i, &places[i], failing)...)
	}
	return t
}

// axisColumns are those of the axes in a table for people.
func (r *Result) axisColumns() (header []string) {
	for _, a := range r.Axes {
		header = append(header, numeric(a.Numeric != nil)+a.Label)
	}
	return header
}

// RunsTable returns a table for people with a row for each run, in their order. by has who
// played each; nil: nobody asks.
func (r *Result) RunsTable(by []string) *present.Table {
	header := r.axisColumns()
	if r.Search != nil {
		header = append(header, ">"+r.Search.Label)
	}
	if r.Repeats > 1 {
		header = append(header, ">repeat")
	}
	header = append(header, "verdict")
	for _, c := range r.Columns {
		header = append(header, ">"+c.heading()+shareUnit[c.Unit])
	}
	header = append(header, "what fails")
	if by != nil {
		header = append(header, "played by")
	}
	t := present.NewTable("runs", "Runs", header...)
	for i := range r.Runs {
		run := &r.Runs[i]
		row := present.AllWords(run.Settings)
		if r.Repeats > 1 {
			row = append(row, present.Count(int64(run.Repeat)))
		}
		row = append(row, present.Cell{Text: run.Verdict(), State: present.State(strings.ToLower(run.Verdict()))})
		for c, v := range run.Values {
			row = append(row, r.Columns[c].one(v))
		}
		row = append(row, present.Words(strings.Join(Fails(r.Runs[i:i+1]), "; ")))
		if by != nil {
			row = append(row, present.Words(by[i]))
		}
		t.Add(row...)
	}
	return t
}

func numeric(is bool) string {
	if is {
		return ">"
	}
	return ""
}

func (r *Result) row(number int, p *place, failing bool) []string {
	row := slices.Clone(p.settings)
	if f := p.found; f != nil {
		row = append(row, orDash(atLeast(f)+f.Passes), orDash(f.Fails), strconv.Itoa(f.Probes))
	}
	for i := range r.Columns {
		row = append(row, r.Columns[i].cell(p, i))
	}
	row = append(row, p.verdict())
	if len(r.Pareto) > 0 {
		mark := ""
		if slices.Contains(r.Front, number) {
			mark = "front"
		}
		row = append(row, mark)
	}
	if failing {
		row = append(row, r.fails(p))
	}
	return row
}

func atLeast(f *Found) string {
	if f.Outcome == AllPass {
		return "≥ "
	}
	return ""
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

// verdict returns that on a place: of a search, what it found.
func (p *place) verdict() string {
	if f := p.found; f != nil {
		return string(f.Outcome)
	}
	if len(p.runs) == 0 {
		return "–"
	}
	first := p.runs[0].Verdict()
	same := !slices.ContainsFunc(p.runs, func(r Run) bool { return r.Verdict() != first })
	if same {
		return first
	}
	return fmt.Sprintf("%d of %d PASSED", p.passed(), len(p.runs))
}

// fails tells what fails at a place: of a search, at the lowest value that
// does.
func (r *Result) fails(p *place) string {
	if p.found != nil {
		return strings.Join(p.found.Stops, "; ")
	}
	return strings.Join(Fails(p.runs), "; ")
}

// Fails lists what fails in any of some runs, once each.
func Fails(runs []Run) (all []string) {
	for _, run := range runs {
		for _, f := range append(slices.Clone(run.Invalid), run.Failing...) {
			if !slices.Contains(all, f) {
				all = append(all, f)
			}
		}
	}
	return all
}

// heading returns a column's name, with the unit of its cells.
func (c *Column) heading() string {
	switch c.Unit {
	case "s":
		return c.Name + " (ms)"
	case "/s":
		return c.Name + " (1/s)"
	case "tokens":
		return c.Name + " (tokens)"
	}
	return c.Name
}

// cell writes the median over a place's runs, and where they differ their
// range; how many of them know it, if not all do. A search that found no
// capacity has no runs there.
func (c *Column) cell(p *place, column int) string {
	values := p.values(column)
	switch {
	case len(p.runs) == 0:
		return orDash("")
	case len(values) == 0:
		return "unknown"
	}
	text := c.number(summary.Median(values))
	if least, greatest := c.number(values[0]), c.number(values[len(values)-1]); least != greatest {
		text += fmt.Sprintf(" (%s–%s)", least, greatest)
	}
	if n := len(p.runs); len(values) < n {
		text += fmt.Sprintf(", %d of %d unknown", n-len(values), n)
	}
	return text
}

// shareUnit marks columns of shares for present.NewTable.
var shareUnit = map[string]string{"ratio": "|%"}

// one writes the value of a run.
func (c *Column) one(v *float64) present.Cell {
	switch {
	case v == nil:
		return present.Cell{Text: "unknown"}
	case c.Unit == "ratio":
		return present.Percent(*v)
	case c.Unit == "s": // the text is plain, in milliseconds
		return present.Cell{Text: c.number(*v)}
	}
	return present.Cell{Text: c.number(*v), Number: present.Exactly(v)}
}

func (c *Column) number(v float64) string {
	switch {
	case c.Unit == "s":
		return strconv.FormatFloat(v*1e3, 'f', 3, 64)
	case c.Unit == "ratio":
		return unit.Percent(v)
	case v == math.Trunc(v) && math.Abs(v) < 1<<53:
		return unit.Thousands(int64(v))
	}
	return strconv.FormatFloat(v, 'g', 6, 64)
}

// CSV writes a line for each run under a header; of a search a line for each
// place, with the columns as they are at the highest value that passes (of
// several repeats their median). Numbers are in base units; what is unknown is
// empty.
func (r *Result) CSV(w io.Writer) error {
	if r.Search != nil {
		return r.searchedTable().CSV(w)
	}
	return r.runsTable().CSV(w)
}

func (r *Result) header(own ...string) []string {
	var names []string
	for _, a := range r.Axes {
		names = append(names, a.Label)
	}
	names = append(names, own...)
	for _, c := range r.Columns {
		names = append(names, c.Name)
	}
	if len(r.Pareto) > 0 {
		names = append(names, "front")
	}
	return names
}

func (r *Result) runsTable() *present.Table {
	t := present.NewTable("", "", r.header("repeat", "seed", "plan", "verdict", "what_fails")...)
	for i := range r.Runs {
		run := &r.Runs[i]
		row := append(slices.Clone(run.Settings), strconv.Itoa(run.Repeat), strconv.FormatUint(run.Seed, 10), run.Plan, run.Verdict(), strings.Join(Fails(r.Runs[i:i+1]), "; "))
		for _, v := range run.Values {
			row = append(row, present.Exactly(v))
		}
		t.AddWords(r.onFront(row, run.Place)...)
	}
	return t
}

func (r *Result) searchedTable() *present.Table {
	t := present.NewTable("", "", r.header("outcome", "passes", "fails", "probes", "what_fails")...)
	for i, p := range r.places() {
		fails := ""
		if x, _, ok := Quantity(p.found.Fails); ok {
			fails = present.Exactly(&x)
		}
		row := append(slices.Clone(p.settings), string(p.found.Outcome), present.Exactly(p.found.Capacity), fails, strconv.Itoa(p.found.Probes), r.fails(&p))
		for c := range r.Columns {
			cell := ""
			if v := p.median(c); v == v { // known
				cell = present.Exactly(&v)
			}
			row = append(row, cell)
		}
		t.AddWords(r.onFront(row, i)...)
	}
	return t
}

func (r *Result) onFront(row []string, place int) []string {
	if len(r.Pareto) > 0 {
		row = append(row, strconv.FormatBool(slices.Contains(r.Front, place)))
	}
	return row
}

// Bench writes the figures of all runs in the Go benchmark format, with the
// axes as parts of the names: BenchmarkScenario/kind=tat/count=4/limiter=main.
// summaryOf gives a run's summary. In virtual time each repeat has a name of its
// own (/repeat=1), as its figures are exact; in real time repeats are samples of
// one name. Of a search there are the runs at the highest values that pass, and
// these values as capacity.
func (r *Result) Bench(w io.Writer, summaryOf func(*Run) (*summary.Summary, error)) error {
	var runs []present.BenchRun
	for _, p := range r.places() {
		name := r.benchName(&p)
		if p.found != nil && p.found.Capacity != nil {
			capacity := present.Figure{Unit: "capacity", Better: "higher", Exact: r.Clock == "virtual", Value: *p.found.Capacity}
			runs = append(runs, present.BenchRun{Name: name, Summary: &summary.Summary{Scenario: r.Scenario, Clock: r.Clock}, More: []present.Figure{capacity}})
		}
		for i := range p.runs {
			run := &p.runs[i]
			s, err := summaryOf(run)
			if err != nil {
				return err
			}
			named := present.BenchRun{Name: name, Summary: s}
			if r.Repeats > 1 && r.Clock == "virtual" {
				named.Name += fmt.Sprintf("/repeat=%d", run.Repeat)
			}
			runs = append(runs, named)
		}
	}
	if len(runs) == 0 {
		return errors.New("writing benchmarks: no place has a value that passes, so there are no figures")
	}
	return present.BenchRuns(w, runs)
}

func (r *Result) benchName(p *place) string {
	var b strings.Builder
	for i, a := range r.Axes {
		value := p.settings[i]
		if strings.HasSuffix(a.Unit, "/s") { // a slash would begin another part
			x, _, _ := Quantity(value)
			value = present.Exactly(&x)
		}
		b.WriteString(present.NamePart(a.Label, procs.ReplaceAllString(value, "_$1")))
	}
	return b.String()
}

// procs is what the format takes for GOMAXPROCS at the end of a name.
var procs = regexp.MustCompile(`-([0-9]+)$`)
