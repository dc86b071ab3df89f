package report

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"github.com/quotalab/quotalab/results/audit"
	"github.com/quotalab/quotalab/results/summary"
	"github.com/quotalab/quotalab/results/wording"
)

func TestLasting(t *testing.T) {
	for want, seconds := range map[string]float64{"0s": 0, "250µs": 0.00025, "1.5ms": 0.0015, "12.35s": 12.346, "5m": 300, "1m40s": 100, "10m1s": 601.2, "1h": 3600, "1h30m": 5400, "1h0m5s": 3605,
		"47h": 47 * 3600, "2d": 48 * 3600, "2d1h": 49 * 3600, "90d": 90 * 86400, "10d10h": 250 * 3600, "10d10h10m": 250*3600 + 600, "-5s": -5} {
		if got := lasting(seconds); got != want {
			t.Errorf("%g s: got %s, expected %s", seconds, got, want)
		}
	}
}

// Instants that are a step apart do not look alike.
func TestLastingTo(t *testing.T) {
	for _, tt := range []struct {
		seconds, step float64
		want          string
	}{{60.2, 0.2, "1m0.2s"}, {60, 0.2, "1m"}, {3661.5, 0.5, "1h1m1.5s"}, {1.005, 0.005, "1.005s"}, {300, 5, "5m"}, {90000, 3600, "25h"}, {0.0000002, 0.0000001, "200ns"}} {
		if got := lastingTo(tt.seconds, tt.step); got != tt.want {
			t.Errorf("%g s in steps of %g s: got %s, expected %s", tt.seconds, tt.step, got, tt.want)
		}
	}
}

func TestShort(t *testing.T) {
	for want, seconds := range map[string]float64{"0 µs": 0, "12.3 µs": 0.0000123, "1 ms": 0.001, "12.1 ms": 0.01209, "2.5 s": 2.5, "40000 s": 40000, "-3 ms": -0.003} {
		if got := short(seconds); got != want {
			t.Errorf("%g s: got %s, expected %s", seconds, got, want)
		}
	}
}

// A share is never rounded to nothing or to all.
func TestPercentText(t *testing.T) {
	for want, share := range map[string]float64{"0.0 %": 0, "<0.1 %": 0.0004, "0.1 %": 0.001, "49.6 %": 0.49567, "99.9 %": 0.999, ">99.9 %": 0.9991, "100.0 %": 1} {
		if got := wording.Percent(share); got != want {
			t.Errorf("%g: got %s, expected %s", share, got, want)
		}
	}
}

func TestDrop(t *testing.T) {
	one := newTable("", "limiter", "key", ">count")
	one.add(words("lua"), words("k"), count(3))
	one.drop("limiter")
	if len(one.Columns) != 2 || one.Columns[0].Name != "key" || one.Rows[0][0].Text != "k" {
		t.Errorf("the column is still there: %v", one)
	}
	for _, columns := range [][]string{{"limiter", ">count"}, {"shard", "limiter"}, {"limiter"}} {
		kept := newTable("", columns...)
		if kept.drop("limiter"); len(kept.Columns) != len(columns) {
			t.Errorf("of %v one column was dropped: a row needs a name that is no number", columns)
		}
	}
}

// The figures that are left out are the least important, and the others stay in
// order.
func TestMost(t *testing.T) {
	var list []keyFigure
	for i, rank := range []int{3, 0, 2, 3, 1, 0} {
		list = append(list, keyFigure{Name: strconv.Itoa(i), rank: rank})
	}
	for n, want := range map[int]string{9: "012345", 6: "012345", 5: "01245", 4: "1245", 3: "145", 2: "15", 1: "1", 0: ""} {
		got := ""
		for _, k := range most(list, n) {
			got += k.Name
		}
		if got != want {
			t.Errorf("%d of the figures: got %s, expected %s", n, got, want)
		}
	}
}

// Every cause that the audit knows has words in the glossary.
func TestEveryCauseHasWords(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../../results/audit/thresholds_causes.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		literal, ok := spec.Values[0].(*ast.BasicLit)
		if name, isIdent := spec.Type.(*ast.Ident); !ok || !isIdent || name.Name != "Cause" {
			return true
		}
		n++
		cause, err := strconv.Unquote(literal.Value)
		if err != nil {
			t.Fatal(err)
		}
		if causeWords[audit.Cause(cause)] == "" {
			t.Errorf("cause %q has no words", cause)
		}
		return true
	})
	if n < 20 {
		t.Errorf("only %d causes found in the audit: the test looks at nothing", n)
	}
}

func TestGlossary(t *testing.T) {
	s := &summary.Summary{Causes: []summary.ThresholdCause{{Cause: "prefilter>overtaken"}, {Cause: "overtaken"}, {Cause: "an-engine's-own"}}}
	var names []string
	for _, term := range glossary(s) {
		names = append(names, term.Word)
	}
	if got := strings.Join(names, " "); got != "overtaken prefilter" {
		t.Errorf("got terms %q, expected those that are known, once, by the alphabet", got)
	}
}

func TestJoinCauses(t *testing.T) {
	s := &summary.Summary{Causes: []summary.ThresholdCause{
		{Engine: "b", Threshold: 75, Verdict: "spurious", Cause: "x", Count: 9}, {Engine: "b", Threshold: 75, Verdict: "missed", Cause: "x", Count: 1}, {Engine: "b", Threshold: 75, Verdict: "missed", Cause: "y", Count: 2},
		{Engine: "b", Threshold: 90, Verdict: "missed", Cause: "y", Count: 3}, {Engine: "a", Threshold: 75, Verdict: "missed", Cause: "x", Count: 4}}}
	var got []string
	for _, r := range joinCauses(s) {
		got = append(got, r.first.Engine+r.first.Verdict+r.first.Cause+strings.Join(r.thresholds, "+")+"="+strconv.FormatInt(r.count, 10))
	}
	if want := "bmissedy75+90=5 bmissedx75=1 bspuriousx75=9 amissedx75=4"; strings.Join(got, " ") != want {
		t.Errorf("got %v, expected %s: by engine, verdict, then the most frequent", got, want)
	}
}
