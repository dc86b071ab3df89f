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
	s := &summary.Measured{Summary: &summary.Summary{Causes: []summary.ThresholdCause{{Cause: "prefilter>overtaken"}, {Cause: "overtaken"}, {Cause: "an-engine's-own"}}}}
	var names []string
	for _, term := range glossary(s) {
		names = append(names, term.Word)
	}
	if got := strings.Join(names, " "); got != "overtaken prefilter" {
		t.Errorf("got terms %q, expected those that are known, once, by the alphabet", got)
	}
}
