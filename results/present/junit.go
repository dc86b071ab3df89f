package present

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jstemmer/go-junit-report/v2/junit"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/summary"
)

// Suite is one of JUnit XML.
type Suite struct {
	Name       string
	Started    time.Time
	Seconds    float64 // of wall time
	Properties [][2]string
	Cases      []Case
	Out, Err   []string // lines
}

// Case is a test case: passed, without a problem.
type Case struct {
	Name string
	*Problem
}

// Problem is what a test case found.
type Problem struct {
	Kind    string // Invalid is an error, any other a failure
	Message string
	Details []string // lines
}

// Invalid is the kind of problem that leaves nothing to judge.
const Invalid = "invalid"

// JUnit writes summaries as JUnit XML: a suite for each, whose first test case is
// whether the run is valid, and then one for each assertion; between them one fails
// if nothing was decided. One that is unknown
// fails. Of a run that is not valid every test case is an error: what its
// assertions came to means nothing. A suite's output is the text summary.
func JUnit(w io.Writer, runs ...*summary.Measured) error {
	suites := make([]Suite, len(runs))
	for i, s := range runs {
		var text strings.Builder
		if err := Text(&text, s, TextOptions{}); err != nil {
			return err
		}
		suite := Suite{
			Name: s.Scenario, Started: s.Started, Seconds: s.WallSeconds, Out: strings.Split(text.String(), "\n"), Err: s.Warnings,
			Properties: [][2]string{{"seed", strconv.FormatUint(s.Seed, 10)}, {"clock", s.Clock}, {"plan", s.PlanHash}, {"record", s.RecordHash}},
			Cases:      []Case{{Name: "the run is valid"}},
		}
		for _, k := range slices.Sorted(maps.Keys(s.Tags)) {
			suite.Properties = append(suite.Properties, [2]string{"tag." + k, s.Tags[k]})
		}
		if !s.Valid {
			suite.Cases[0].Problem = &Problem{Invalid, strings.Join(s.Invalid, "; "), s.Invalid}
		}
		if s.Undecided != "" {
			suite.Cases = append(suite.Cases, UndecidedCase(s.Undecided, s.ErrorTexts))
		}
		for _, a := range s.Assertions {
			suite.Cases = append(suite.Cases, assertionCase(s, a))
		}
		suites[i] = suite
	}
	return JUnitSuites(w, suites)
}

// UndecidedCase returns that of a run in which nothing was decided, which says why
// and what the errors said.
func UndecidedCase(why string, said []summary.ErrorTexts) Case {
	c := Case{Name: "requests were decided", Problem: &Problem{Kind: "undecided", Message: why}}
	for _, of := range said {
		for _, text := range of.Most {
			c.Details = append(c.Details, fmt.Sprintf("%s: %s, %s: %s", of.Limiter, of.Error, unit.Counted(text.Count, "time"), text.Text))
		}
	}
	return c
}

// assertionCase is what became of an assertion of a run.
func assertionCase(s *summary.Measured, a summary.Assertion) Case {
	c := Case{Name: a.Name()}
	switch {
	case !s.Valid:
		c.Problem = &Problem{Invalid, "the run is not valid, so this means nothing", s.Invalid}
	case a.OK:
	case a.Unknown || a.Observed == nil:
		c.Problem = &Problem{"unknown", "expected " + a.Check + ", found nothing to judge by", []string{a.Why}}
	default:
		c.Problem = &Problem{"assertion", "expected " + a.Check + ", observed " + Observed(a).Text, []string{a.Why}}
	}
	return c
}

// JUnitSuites writes suites as JUnit XML. Attributes and elements are those that
// the schema of Ant's JUnit task asks for, which is the strictest; Jenkins' and
// GitLab's readers take less.
func JUnitSuites(w io.Writer, suites []Suite) error {
	var all junit.Testsuites
	for i := range suites {
		all.Suites = append(all.Suites, suites[i].xml(i)) // not AddSuite: Ant's schema knows no totals
	}
	if _, err := io.WriteString(w, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"); err != nil {
		return fmt.Errorf("writing JUnit XML: %w", err)
	}
	if err := all.WriteXML(w); err != nil {
		return fmt.Errorf("writing JUnit XML: %w", err)
	}
	return nil
}

func (s *Suite) xml(id int) junit.Testsuite {
	suite := junit.Testsuite{
		ID: id, Name: oneLine(s.Name), Package: "quotalab", Hostname: "localhost", // a record does not know where it was made
		Time: junitTime(s.Seconds), Timestamp: s.Started.UTC().Format("2006-01-02T15:04:05"),
		SystemOut: &junit.Output{Data: printableLines(s.Out)}, SystemErr: &junit.Output{Data: printableLines(s.Err)},
	}
	for _, p := range append([][2]string{{"package", "quotalab"}}, s.Properties...) { // Jenkins' schema wants one at least
		suite.AddProperty(oneLine(p[0]), oneLine(p[1]))
	}
	for i, c := range s.Cases {
		out := junit.Testcase{Name: oneLine(c.Name), Classname: suite.Name, Time: junitTime(0)}
		if i == 0 {
			out.Time = suite.Time // the run is one, and not of each case
		}
		if c.Problem != nil {
			result := &junit.Result{Type: c.Kind, Message: oneLine(c.Message), Data: printableLines(c.Details)}
			if c.Kind == Invalid {
				out.Error = result
			} else {
				out.Failure = result
			}
		}
		suite.AddTestcase(out)
	}
	return suite
}

func junitTime(seconds float64) string { return strconv.FormatFloat(seconds, 'f', 3, 64) }

// printableLines returns lines without characters that XML or a viewer would stumble over.
func printableLines(lines []string) string {
	printable := make([]string, len(lines))
	for i, l := range lines {
		printable[i] = metric.Printable(l)
	}
	return strings.Join(printable, "\n")
}
