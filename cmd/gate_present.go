package cmd

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/quotalab/quotalab/cmd/campaign"
	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/compare"
	"github.com/quotalab/quotalab/results/present"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
)

// gateWriters are the kinds of gate's -o that are about the verdict.
func gateWriters(g *campaign.Gate, all bool) map[string]func(io.Writer, *gateReport) error {
	return map[string]func(io.Writer, *gateReport) error{
		"json":     func(w io.Writer, r *gateReport) error { return record.WriteJSON(w, r.Verdict) },
		"markdown": func(w io.Writer, r *gateReport) error { return r.write(w, true, all) },
		"junit":    func(w io.Writer, r *gateReport) error { return writeJUnit(w, g, r) },
	}
}

// gateKinds are these and, as of export, those that are about what this build came to.
func gateKinds() []string {
	kinds := append(kindsOf(gateWriters(nil, false)), "bench", "bencher", "github-benchmark", "prometheus")
	slices.Sort(kinds)
	return kinds
}

// gateReport shows a verdict.
type gateReport struct{ *campaign.Verdict }

// presentGate prints the verdict, unless an output goes to standard output.
func (a *app) presentGate(g *campaign.Gate, v *campaign.Verdict, outs []output, all bool) error {
	r, writers := &gateReport{v}, gateWriters(g, all)
	return a.emit(outs, func(w io.Writer) error { return r.write(w, false, all) }, func(o output) error {
		if write := writers[o.kind]; write != nil {
			return a.writeTo(o, func(w io.Writer) error { return write(w, r) })
		}
		return a.export(newRuns(g), o)
	})
}

// newRuns are what exporters of figures need.
func newRuns(g *campaign.Gate) (all []*campaign.Analysis) {
	for _, s := range g.Scenarios {
		for _, run := range s.Played[campaign.NewBuild] {
			all = append(all, &campaign.Analysis{Summary: &summary.Measured{Summary: run}})
		}
	}
	return all
}

// write writes the verdict, what failed, and how much was judged: as text, or as
// Markdown.
func (r *gateReport) write(w io.Writer, markdown, all bool) error {
	var b strings.Builder
	line, head := "%s\n", "%s: %s\n"
	if markdown {
		line, head = "- %s\n", "## %s: %s\n"
	}
	shown := metric.Printable
	if markdown {
		shown = present.Literal
	}
	fmt.Fprintf(&b, head, r.Verdict.Verdict, shown(r.Why))
	for _, list := range [][]string{r.Invalid, r.Asserts} {
		for i, text := range list {
			if i == 0 {
				b.WriteByte('\n')
			}
			fmt.Fprintf(&b, line, shown(text))
		}
	}
	table, more := r.table(all)
	show := func(w io.Writer) error { return table.Write(w, present.Look{}) }
	if markdown {
		show = table.Markdown
	}
	if len(table.Rows) > 0 {
		b.WriteByte('\n')
	}
	if err := show(&b); err != nil {
		return err
	}
	if more > 0 {
		fmt.Fprintf(&b, "\nListed is the worst figure of each metric: --all lists %s more.\n", unit.Thousands(int64(more)))
	}
	fmt.Fprintf(&b, "\n%s\n", r.counts())
	_, err := io.WriteString(w, b.String())
	return err
}

// table returns the worst figure of each metric that failed, cannot be judged, or is
// information that changed, or all figures; and how many more there are, of those metrics.
func (r *gateReport) table(all bool) (table *present.Table, more int) {
	table = present.NewTable("", "", "scenario", "figure", ">base", ">new", "change", "rule", "outcome")
	outcomes := []compare.Outcome{compare.Failed, compare.Untold, compare.Informed}
	if all {
		outcomes = append(outcomes, compare.Unjudged, compare.Ignored, compare.Passed)
	}
	for _, s := range r.Scenarios {
		for _, o := range outcomes {
			listed := map[string]bool{} // metrics
			for i := range r.Rows {
				row := &r.Rows[i]
				switch {
				case row.Group != s.Name || row.Outcome != o || o == compare.Informed && row.Verdict == compare.Same && !all:
				case !all && listed[row.Metric]:
					more++
				default:
					listed[row.Metric] = true
					table.AddWords(row.Cells()...)
				}
			}
		}
	}
	return table, more
}

// counts says what was judged, and how.
func (r *gateReport) counts() string {
	var parts []string
	for _, o := range []compare.Outcome{compare.Failed, compare.Untold, compare.Passed, compare.Unjudged, compare.Informed, compare.Ignored} {
		if n := r.Count(o); n > 0 {
			parts = append(parts, unit.Thousands(int64(n))+" "+string(o))
		}
	}
	text := fmt.Sprintf("%s of %s: %s", unit.Counted(int64(len(r.Rows)), "figure"), unit.Counted(int64(len(r.Scenarios)), "scenario"), strings.Join(parts, ", "))
	if r.Family > 0 {
		text += fmt.Sprintf("; if nothing got worse, one of the %s that vary fails with a probability of at most %s", unit.Counted(int64(r.Family), "figure"), unit.Percent(r.Alpha))
	}
	return text
}

// writeJUnit writes a suite for each scenario: whether its runs are valid, its
// assertions, and every figure that was judged. An assertion holds if it does in
// all runs.
func writeJUnit(w io.Writer, g *campaign.Gate, r *gateReport) error {
	suites := make([]present.Suite, len(g.Scenarios))
	for i, s := range g.Scenarios {
		suites[i] = r.suite(s)
	}
	return present.JUnitSuites(w, suites)
}

func (r *gateReport) suite(s *campaign.Gated) present.Suite {
	runs := s.Played[campaign.NewBuild]
	suite := present.Suite{Name: s.Name, Started: runs[0].Started, Cases: []present.Case{{Name: "every run is valid"}}}
	for _, run := range runs {
		suite.Seconds += run.WallSeconds
	}
	if text := s.Undecided(); text != "" {
		suite.Cases = append(suite.Cases, present.UndecidedCase(text, nil))
	}
	for i, a := range runs[0].Assertions {
		c := present.Case{Name: a.Name()}
		if text := s.FailedAssertion(i); text != "" {
			c.Problem = &present.Problem{Kind: "assertion", Message: text}
		}
		suite.Cases = append(suite.Cases, c)
	}
	for i := range r.Rows {
		if row := &r.Rows[i]; row.Group == s.Name && (row.Outcome == compare.Passed || row.Outcome == compare.Failed || row.Outcome == compare.Untold) {
			suite.Cases = append(suite.Cases, figureCase(row))
		}
	}
	if invalid := s.Invalid(); len(invalid) > 0 {
		for i := range suite.Cases {
			suite.Cases[i].Problem = &present.Problem{Kind: present.Invalid, Message: "not every run is valid, so nothing of them means anything", Details: invalid}
		}
	}
	return suite
}

// figureCase is what became of a figure.
func figureCase(row *compare.Judged) present.Case {
	c := present.Case{Name: row.Figure}
	if row.Outcome == compare.Passed {
		return c
	}
	cells := row.Cells()
	c.Problem = &present.Problem{Kind: "regression", Message: fmt.Sprintf("expected %s, found %s where the baseline has %s (%s)", row.Rule, cells[3], cells[2], cells[4]), Details: []string{row.Reason}}
	if row.Outcome == compare.Untold {
		c.Kind = "unknown"
	}
	return c
}
