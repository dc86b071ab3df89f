package quotaaudit

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"

	"github.com/quotalab/quotalab/results/record"
)

// constants calls f with every string constant of a type in a file.
func constants(t *testing.T, file, kind string, least int, f func(string)) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	ast.Inspect(parsed, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		literal, ok := spec.Values[0].(*ast.BasicLit)
		if name, isIdent := spec.Type.(*ast.Ident); !ok || !isIdent || name.Name != kind {
			return true
		}
		value, err := strconv.Unquote(literal.Value)
		if err != nil {
			t.Fatal(err)
		}
		n++
		f(value)
		return true
	})
	if n < least {
		t.Errorf("%s: only %d constants of type %s found: the test looks at nothing", file, n, kind)
	}
}

// TestCausesAreAClosedList: every constant, every finding that can be a cause and
// every outcome without a look at usage is in it once, with a meaning.
func TestCausesAreAClosedList(t *testing.T) {
	seen := map[Cause]bool{}
	for _, term := range Causes() {
		if term.Meaning == "" || seen[term.Cause] {
			t.Errorf("cause %q is listed twice, or without a meaning", term.Cause)
		}
		seen[term.Cause] = true
	}
	constants(t, "causes.go", "Cause", 20, func(c string) {
		if !seen[Cause(c)] {
			t.Errorf("cause %q is not listed", c)
		}
	})
	constants(t, "../record/observation.go", "FindingKind", 10, func(f string) {
		if kind := record.FindingKind(f); kind != record.NoticeKept && causeOf(kind).known() == OtherCause {
			t.Errorf("finding %q is no cause", f)
		}
	})
	constants(t, "../record/observation.go", "EvaluationOutcome", 9, func(o string) {
		if outcome := record.EvaluationOutcome(o); !looked(outcome) && outcome != record.EvaluationErr && outcomeCause(outcome).known() == OtherCause {
			t.Errorf("outcome %q is no cause", o)
		}
	})
	for _, raw := range []Cause{causeOf("delivery failed: account 1, threshold 75: EOF"), outcomeCause("dial_tcp: refused")} {
		if raw.known() != OtherCause {
			t.Errorf("%q is a cause", raw)
		}
	}
}
