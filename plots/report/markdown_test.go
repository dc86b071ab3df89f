package report_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/quotalab/quotalab/plots/report"
	"github.com/quotalab/quotalab/results/summary"
)

func markdown(t *testing.T, in ...report.Input) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.Markdown(&b, in); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

const passedMarkdown = `### scenario: **PASSED**

1 of 1 assertions hold.

| verdict | assertion | observed |
| --- | --- | ---: |
| holds | ` + "`errors: count == 0`" + ` | 0 |

| figure | value | detail |
| --- | ---: | --- |
| allowed | 81.8 % | of 18,333 decisions |
| denied | 18.2 % | of 18,333 decisions |
| key not found | 27.3 % | of 18,333 decisions |
| over-admission | 92 | 0.5 % of 18,333 decisions |
| worst excess | 12.5 | tokens above the promise |
| denied, latency p99 | 10.1 ms | median 3 ms |

- warning

seed 7, virtual clock, plan ` + "`0123456789abcdef`, record `fedcba987654`" + `

Again: ` + "`quotalab run scenario --seed 7`" + `
`

func TestMarkdown(t *testing.T) {
	if got := markdown(t, limiterInput("")); got != passedMarkdown {
		t.Errorf("got\n%s\nexpected\n%s", got, passedMarkdown)
	}
	inOrder(t, markdown(t, engineInput()), "**FAILED**", "1 of 3 assertions hold; missed{engine=old}: count == 0 does not, nor do 1 more.",
		"| **fails** | `missed{engine=old}: count == 0` | 120 |", "| **unknown** | `notice_delay{engine=old}: p(99) < 1h` | – |", "| holds | `missed{engine=new}: count == 0` | 0 |",
		"| old: missed | 120 | 66.7 % of 180 crossings |", "| new: missed | 0 | of 180 crossings |")
	inOrder(t, markdown(t, liveInput()), "**INVALID**", "The generator was late", "| lag p99 | 12.1 ms | may be 1 ms |")
}

func TestMarkdownOfSeveral(t *testing.T) {
	got := markdown(t, limiterInput(""), engineInput())
	inOrder(t, got, "### 2 records compared", "|  | scenario | engines |", "| --- | --- | --- |", "| verdict | PASSED | **FAILED** |", "| over-admission | 92 (0.5 % of 18,333 decisions) | – |", "| old: missed | – | 120 (66.7 % of 180 crossings) |")
	many := make([]report.Input, 9)
	for i := range many {
		many[i] = limiterInput("")
	}
	inOrder(t, markdown(t, many...), "### 9 records compared", "Not shown: 3 more records; 3 of them passed.")
}

// Whatever there is, it stays short, and what is left out is counted.
func TestMarkdownIsShort(t *testing.T) {
	in := engineInput()
	s := in.Set.Summary
	for i := range 100 {
		s.Assertions = append(s.Assertions, summary.Assertion{Metric: fmt.Sprintf("missed{engine=e%d}", i), Check: "count == 0", OK: i%20 > 0, Why: strings.Repeat("because ", 200), Observed: of(0.0)})
		s.Warnings = append(s.Warnings, strings.Repeat("odd ", 300))
		s.Thresholds = append(s.Thresholds, summary.Threshold{Engine: fmt.Sprint("e", i), Crossings: 5, Missed: 1, Notices: summary.Notices{Duplicate: 1}})
	}
	in.Command = "quotalab run engines"
	for name, text := range map[string]string{"one": markdown(t, in), "several": markdown(t, in, in, in, in, in, in, in)} {
		if n := strings.Count(text, "\n"); n > 60 {
			t.Errorf("%s: %d lines, expected at most 60", name, n)
		}
		if len(text) > 20_000 {
			t.Errorf("%s: %d bytes, expected at most 20,000", name, len(text))
		}
	}
	one := markdown(t, in)
	inOrder(t, one, "`missed{engine=e80}: count == 0` |", "| holds | `missed{engine=new}: count == 0` | 0 |", "Not shown: 89 more assertions; all hold.", "odd …", "- and 95 more warnings")
	for i := range s.Assertions {
		s.Assertions[i].OK = false
	}
	inOrder(t, markdown(t, in), "Not shown: 89 more assertions; 89 of them do not hold.")
}

// Names mean nothing but themselves, also where a table's cell would end.
func TestMarkdownEscapes(t *testing.T) {
	in := limiterInput("a|b<img>`*_[x](y)\n@c&")
	in.Set.Summary.Assertions[0].Metric = "m|`n"
	in.Command = "quotalab run `x` | y"
	got := markdown(t, in, limiterInput("plain"))
	if strings.Contains(got, "<img>") || strings.Contains(got, "a|b") || strings.Contains(got, "\n@") {
		t.Errorf("a name is taken for markup in\n%s", got)
	}
	got = markdown(t, in)
	inOrder(t, got, "### a\\|b&lt;img&gt;\\`\\*\\_\\[x\\](y) @\u200bc&amp;scenario", "| holds | `` m\\|`n: count == 0 `` |", "Again: `` quotalab run `x` | y ``")
	for line := range strings.Lines(got) {
		if cells := strings.Count(strings.ReplaceAll(line, "\\|", ""), "|"); strings.HasPrefix(line, "|") && cells != 4 {
			t.Errorf("a row has %d bars, expected 4: %s", cells, line)
		}
	}
}
