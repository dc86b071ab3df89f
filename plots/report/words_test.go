package report

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"github.com/quotalab/quotalab/results/quotaaudit"
	"github.com/quotalab/quotalab/results/summary"
)

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
	file, err := parser.ParseFile(token.NewFileSet(), "../../results/audit/thresholds.go", nil, 0)
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
		if causeWords[quotaaudit.Cause(cause)] == "" {
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
