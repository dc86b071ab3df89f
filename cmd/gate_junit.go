package cmd

import (
	"fmt"
	"io"

	"github.com/quotalab/quotalab/results/compare"
	"github.com/quotalab/quotalab/results/export"
)

// writeJUnit writes a suite for each scenario: whether its runs are valid, its
// assertions, and every figure that was judged. An assertion holds if it does in
// all runs.
func (g *gating) writeJUnit(w io.Writer, r *gateReport) error {
	suites := make([]export.Suite, len(g.scenarios))
	for i, s := range g.scenarios {
		suites[i] = s.suite(r, g.invalidOf(s))
	}
	return export.JUnitSuites(w, suites)
}

func (s *gated) suite(r *gateReport, invalid []string) export.Suite {
	runs := s.played[newBuild]
	suite := export.Suite{Name: s.name, Started: runs[0].Started, Cases: []export.Case{{Name: "every run is valid"}}}
	for _, run := range runs {
		suite.Seconds += run.WallSeconds
	}
	for i, a := range runs[0].Assertions {
		c := export.Case{Name: a.Name()}
		if text := s.failedAssertion(i); text != "" {
			c.Problem = &export.Problem{Kind: "assertion", Message: text}
		}
		suite.Cases = append(suite.Cases, c)
	}
	for i := range r.Rows {
		if row := &r.Rows[i]; row.Group == s.name && row.Outcome != compare.Ignored && row.Outcome != compare.Unjudged {
			suite.Cases = append(suite.Cases, figureCase(row))
		}
	}
	if len(invalid) > 0 {
		for i := range suite.Cases {
			suite.Cases[i].Problem = &export.Problem{Kind: export.Invalid, Message: "not every run is valid, so nothing of them means anything", Details: invalid}
		}
	}
	return suite
}

// figureCase is what became of a figure.
func figureCase(row *compare.Judged) export.Case {
	c := export.Case{Name: row.Figure}
	if row.Outcome == compare.Passed {
		return c
	}
	cells := row.Cells()
	c.Problem = &export.Problem{Kind: "regression", Message: fmt.Sprintf("expected %s, found %s where the baseline has %s (%s)", row.Rule, cells[3], cells[2], cells[4]), Details: []string{row.Reason}}
	if row.Outcome == compare.Untold {
		c.Kind = "unknown"
	}
	return c
}
