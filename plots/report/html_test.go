package report_test

import (
	"bytes"
	"errors"
	"html"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/plots/report"
	"github.com/quotalab/quotalab/plots/series"
)

// page of some records.
func page(t *testing.T, in ...report.Input) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.HTML(&b, in); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// textOf a page, without its tags.
func textOf(page string) string {
	body := page[strings.Index(page, "<body>"):]
	body = regexp.MustCompile(`(?s)<script.*?</script>|<!--.*?-->`).ReplaceAllString(body, "")
	body = html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(body, "\n"))
	return regexp.MustCompile(`[\s\x{a0}]+`).ReplaceAllString(body, " ")
}

// inOrder checks that a text has all parts, one after the other.
func inOrder(t *testing.T, text string, parts ...string) {
	t.Helper()
	for i, p := range parts {
		at := strings.Index(text, p)
		if at < 0 {
			t.Errorf("expected %q after %q, found none", p, append([]string{"the beginning"}, parts...)[i])
			continue
		}
		text = text[at+len(p):]
	}
}

func TestOrderOfAReport(t *testing.T) {
	inOrder(t, textOf(page(t, limiterInput(""))),
		"scenario", "Verdict", "PASSED", "1 of 1 assertions hold.", "92", "more were admitted by lua than its limit allows (of ", "What to do:", "Figure:", "Assertions and key figures", "The run is valid", "Assertions", "errors", "over-admission", "92", "Warnings", "warning",
		"Figures", "Explore over time", "Causes and examples", "Keys on which a limiter broke its promise",
		"Tables", "Decisions by outcome", "not_found", "Scenario and plan", "about", "The plan that was played", "limiter lua", "Versions and reproduction", "quotalab run scenario --seed 7", "go1.26.0")
	inOrder(t, textOf(page(t, engineInput())),
		"FAILED", "1 of 3 assertions hold; missed{engine=old}: count == 0 does not, nor do 1 more.", "120", "of 180 notices were missed by old.", "120 of 120: prefilter>overtaken", "missed none", "holds", "fails", "120", "unknown", "old: missed", "120", "66.7 % of 180 crossings",
		"Not drawn, for want of data: ", "Why notices were missed", "prefilter>overtaken", "75, 90 %", "account 17 (linear), 75 % at 2026-01-20 06:00:00",
		"overtaken", "a higher threshold was told instead", "prefilter", "cached usage", "Thresholds (crossings that were due a notice, and what became of them)", "Missed notices by group")
	inOrder(t, textOf(page(t, liveInput())),
		"INVALID", "The generator was late: lag's 99th percentile is 12.09ms, more than 1ms", "The run was aborted",
		"sent on schedule", "96.7 %", "Servers, before and after", "7.0.15", "could not be asked at the end: connection refused", "cannot all be compared", "Commands that servers counted otherwise", "get")
}

func TestComparison(t *testing.T) {
	one, other := limiterInput(""), limiterInput("")
	other.Dir, other.Set.Summary.OK = "/records/two", false
	text := textOf(page(t, one, engineInput(), liveInput()))
	inOrder(t, text, "3 records compared", "Promises", "What limiters promise, and what they do", "lua (", "no", "92", "What engines promise, and what they do", "old (", "no", "120", "new (",
		"Which admit more than they promise?", "How long do decisions take?", "Verdicts", "scenario, virtual", "engines, virtual", "scenario, real", "PASSED", "FAILED", "INVALID", "Assertions", "holds, 0", "Key figures", "over-admission", "92", "–")
	inOrder(t, textOf(page(t, one, other)), "Verdicts", "run 1", "run 2", "PASSED", "FAILED", "/records/one", "/records/two", "Key figures", "allowed", "run 1", "Verdict", "run 2", "Verdict")
	many := textOf(page(t, one, one, one, one, one))
	if !strings.Contains(many, "Of more than 4 records figures are drawn side by side only.") {
		t.Error("a report of five records does not say that their own figures are left out")
	}
}

func TestReportsAreDeterministic(t *testing.T) {
	for name, in := range map[string][]report.Input{"limiter": {limiterInput("")}, "engines": {engineInput()}, "both": {limiterInput(""), engineInput()}} {
		if first, second := page(t, in...), page(t, in...); first != second {
			t.Errorf("%s: two reports of the same records differ", name)
		}
	}
}

// A page refers to nothing but its own parts.
func TestNothingIsReferredTo(t *testing.T) {
	for _, in := range []report.Input{limiterInput(""), engineInput(), liveInput()} {
		text := regexp.MustCompile(`(?s)<script>.*?</script>|<!--.*?-->`).ReplaceAllString(page(t, in), "")
		for _, m := range regexp.MustCompile(`(?i)\s(src|href|action|data|style|on[a-z]+)\s*=\s*"?([^"> ]*)|url\([^)]*\)|@import[^;]*`).FindAllStringSubmatch(text, -1) {
			if m[1] != "href" || !strings.HasPrefix(m[2], "#") && m[2] != "data:," { // no icon, so that no browser asks for one
				t.Errorf("the page has %q: expected links within the page alone", m[0])
			}
		}
	}
}

func TestMistakenInput(t *testing.T) {
	for want, in := range map[string][]report.Input{
		"no record given": nil,
		"record 2 of 2 has no series or no summary": {limiterInput(""), {}},
		"record 1 of 1 has no series or no summary": {{Set: &series.Set{}}},
	} {
		for name, write := range map[string]func() error{
			"HTML":     func() error { return report.HTML(&bytes.Buffer{}, in) },
			"Markdown": func() error { return report.Markdown(&bytes.Buffer{}, in) },
		} {
			if err := write(); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got error %v, expected %q", name, err, want)
			}
		}
	}
}

// full takes some bytes and then no more.
type full struct{ left int }

var errFull = errors.New("disk full")

func (f *full) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestFailedWritesAreTold(t *testing.T) {
	in := []report.Input{limiterInput("")}
	for _, left := range []int{0, 10_000} {
		if err := report.HTML(&full{left}, in); !errors.Is(err, errFull) {
			t.Errorf("HTML with %d bytes of room: got %v, expected %v", left, err, errFull)
		}
	}
	if err := report.Markdown(&full{}, in); !errors.Is(err, errFull) {
		t.Errorf("Markdown without room: got %v, expected %v", err, errFull)
	}
}

// What is not there is left out: no empty section, no table without rows.
func TestEmptyRecord(t *testing.T) {
	in := engineInput()
	*in.Set.Summary = *limiterInput("").Set.Summary
	s := in.Set.Summary
	s.Metrics, s.Assertions, s.Warnings, s.Keys.OverAdmitted, in.Set.Thresholds = nil, nil, nil, nil, nil
	text := page(t, in)
	for _, no := range []string{">Warnings<", ">Servers<", ">Causes and examples<", "<tbody>\n</tbody>", ">Explore over time<"} {
		if strings.Contains(text, no) {
			t.Errorf("the report of a record without anything has %q", no)
		}
	}
	if strings.Contains(textOf(text), "NaN") {
		t.Error("the report of a record without anything shows NaN")
	}
	inOrder(t, textOf(text), "PASSED", "The scenario asserts nothing.", "Versions and reproduction")
}

// The size of the largest shipped report, which this one is a part of, is in
// proportion to figures and tables, not to the length of a run.
func TestSize(t *testing.T) {
	plays := map[string]*shortened{"boulder-not-found": notFound, "flagsmith-5069": flagsmith}
	if !testkit.IsLive() {
		delete(plays, "flagsmith-5069")
	}
	for name, play := range plays {
		if n := len(page(t, must(t, play))); n > 2<<20 {
			t.Errorf("the report of %s has %d bytes: expected at most 2 MiB", name, n)
		} else {
			t.Logf("%s: %d bytes", name, n)
		}
	}
}

func TestLicences(t *testing.T) {
	for path, want := range map[string]string{"assets/uplot/LICENSE": "MIT License", "testdata/axe-core/LICENSE": "Mozilla Public License"} {
		b, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(b), want) {
			t.Errorf("%s: got %v, expected %q in it", path, err, want)
		}
	}
	if !strings.Contains(page(t, engineInput()), "Permission is hereby granted, free of charge") {
		t.Error("a report holds uPlot without its licence")
	}
}
