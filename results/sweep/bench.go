package sweep

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode"

	"github.com/quotalab/quotalab/results/export"
	"github.com/quotalab/quotalab/results/measure"
)

// Bench writes the figures of all runs in the Go benchmark format, with the
// axes as parts of the names: BenchmarkScenario/kind=tat/count=4/limiter=main.
// summaryOf gives a run's summary. In virtual time each repeat has a name of its
// own (/repeat=1), as its figures are exact; in real time repeats are samples of
// one name. Of a search there are the runs at the highest values that pass, and
// these values as capacity.
func (r *Result) Bench(w io.Writer, summaryOf func(*Run) (*measure.Summary, error)) error {
	var runs []export.BenchRun
	for _, p := range r.places() {
		name := r.benchName(&p)
		if p.found != nil && p.found.Capacity != nil {
			capacity := export.Figure{Unit: "capacity", Better: "higher", Exact: r.Clock == "virtual", Value: *p.found.Capacity}
			runs = append(runs, export.BenchRun{Name: name, Summary: &measure.Summary{Scenario: r.Scenario, Clock: r.Clock}, More: []export.Figure{capacity}})
		}
		for i := range p.runs {
			run := &p.runs[i]
			s, err := summaryOf(run)
			if err != nil {
				return err
			}
			named := export.BenchRun{Name: name, Summary: s}
			if r.Repeats > 1 && r.Clock == "virtual" {
				named.Name += fmt.Sprintf("/repeat=%d", run.Repeat)
			}
			runs = append(runs, named)
		}
	}
	if len(runs) == 0 {
		return errors.New("writing benchmarks: no place has a value that passes, so there are no figures")
	}
	return export.BenchRuns(w, runs)
}

func (r *Result) benchName(p *place) string {
	var b strings.Builder
	for i, a := range r.Axes {
		value := p.settings[i]
		if strings.HasSuffix(a.Unit, "/s") { // a slash would begin another part
			x, _, _ := Quantity(value)
			value = number(&x)
		}
		fmt.Fprintf(&b, "/%s=%s", a.Label, benchValue(value))
	}
	return b.String()
}

// procs is what the format takes for GOMAXPROCS at the end of a name.
var procs = regexp.MustCompile(`-([0-9]+)$`)

func benchValue(v string) string {
	v = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsControl(r) || r == '/' {
			return '_'
		}
		return r
	}, v)
	return procs.ReplaceAllString(v, "_$1")
}
