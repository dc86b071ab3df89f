package export

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/jstemmer/go-junit-report/v2/junit"

	"github.com/quotalab/quotalab/results/measure"
	"github.com/quotalab/quotalab/results/wording"
)

// JUnit writes summaries as JUnit XML: a suite for each, whose first test case is
// whether the run is valid, and then one for each assertion. One that is unknown
// fails. Of a run that is not valid every test case is an error: what its
// assertions came to means nothing. A suite's output is the text summary.
//
// Attributes and elements are those that the schema of Ant's JUnit task asks for,
// which is the strictest; Jenkins' and GitLab's readers take less.
func JUnit(w io.Writer, runs ...*measure.Summary) error {
	var all junit.Testsuites
	for i, s := range runs {
		suite, err := junitSuite(s)
		if err != nil {
			return err
		}
		suite.ID = i
		all.Suites = append(all.Suites, suite) // not AddSuite: Ant's schema knows no totals
	}
	if _, err := io.WriteString(w, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"); err != nil {
		return fmt.Errorf("writing JUnit XML: %w", err)
	}
	if err := all.WriteXML(w); err != nil {
		return fmt.Errorf("writing JUnit XML: %w", err)
	}
	return nil
}

func junitSuite(s *measure.Summary) (junit.Testsuite, error) {
	suite := junit.Testsuite{
		Name: printableLine(s.Scenario), Package: "quotalab", Hostname: "localhost", // the record does not know where it was made
		Time: junitTime(s.WallSeconds), Timestamp: s.Started.UTC().Format("2006-01-02T15:04:05"), SystemErr: &junit.Output{Data: printableLines(s.Warnings)},
	}
	for _, p := range [][2]string{{"seed", strconv.FormatUint(s.Seed, 10)}, {"clock", s.Clock}, {"plan", s.PlanHash}, {"record", s.RecordHash}} {
		suite.AddProperty(p[0], p[1])
	}
	for _, k := range sorted(s.Tags) {
		suite.AddProperty("tag."+k, s.Tags[k])
	}
	valid := junit.Testcase{Name: "the run is valid", Classname: suite.Name, Time: suite.Time}
	if !s.Valid {
		valid.Error = &junit.Result{Type: "invalid", Message: printableLine(strings.Join(s.Invalid, "; ")), Data: printableLines(s.Invalid)}
	}
	suite.AddTestcase(valid)
	for _, a := range s.Assertions {
		suite.AddTestcase(junitCase(s, a))
	}
	var text strings.Builder
	if err := Text(&text, s, TextOptions{}); err != nil {
		return suite, err
	}
	suite.SystemOut = &junit.Output{Data: printableLines(strings.Split(text.String(), "\n"))}
	return suite, nil
}

func junitCase(s *measure.Summary, a measure.Assertion) junit.Testcase {
	c := junit.Testcase{Name: printableLine(a.Metric + ": " + a.Check), Classname: printableLine(s.Scenario), Time: junitTime(0)}
	expected := "expected " + a.Check
	inMilliseconds := &text{o: TextOptions{Unit: "ms"}}
	switch {
	case !s.Valid:
		c.Error = &junit.Result{Type: "invalid", Message: "the run is not valid, so this means nothing", Data: printableLines(s.Invalid)}
	case a.Unknown || !a.OK && a.Observed == nil:
		c.Failure = &junit.Result{Type: "unknown", Message: printableLine(expected + ", found nothing to judge by"), Data: printableLine(a.Why)}
	case !a.OK:
		c.Failure = &junit.Result{Type: "assertion", Message: printableLine(expected + ", observed " + inMilliseconds.observed(a)), Data: printableLine(a.Why)}
	}
	return c
}

func junitTime(seconds float64) string { return strconv.FormatFloat(seconds, 'f', 3, 64) }

// printableLine has no characters that XML or a viewer would stumble over.
func printableLine(s string) string {
	return wording.Printable(strings.Join(strings.Fields(s), " "))
}

func printableLines(lines []string) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(wording.Printable(l) + "\n")
	}
	return b.String()
}
