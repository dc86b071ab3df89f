// Package summarytest analyses records for the tests of the packages that use
// what came of it. In flows an open record, out flow its audit and its
// summary. Only tests import it.
package summarytest

import (
	"testing"

	"github.com/quotalab/quotalab/results/audit"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
)

// Analyse audits a record, its engines too, and measures it. Its assertions are
// not judged.
func Analyse(t testing.TB, r *record.Reader) (*audit.Result, *summary.Summary) {
	t.Helper()
	a, err := audit.All(r)
	if err != nil {
		t.Fatal(err)
	}
	s, err := summary.Measure(r, a)
	if err != nil {
		t.Fatal(err)
	}
	return a, s
}
