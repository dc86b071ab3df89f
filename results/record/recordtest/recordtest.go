// Package recordtest makes records by hand for the tests of the packages
// that read them. In flow a manifest and observations, out flows an open
// record in a temporary directory. Only tests import it.
package recordtest

import (
	"testing"

	"github.com/quotalab/quotalab/results/record"
)

// Write makes a complete record in a temporary directory and opens it.
func Write(t testing.TB, m record.Manifest, observations []record.Observation, opts ...record.Option) *record.Reader {
	t.Helper()
	return WriteQuotas(t, m, Quotas{}, observations, opts...)
}

// write makes a record of what fill writes.
func write(t testing.TB, m record.Manifest, opts []record.Option, fill func(*record.Writer) error) *record.Reader {
	t.Helper()
	dir := t.TempDir()
	w, err := record.Create(dir, m, opts...)
	if err != nil {
		t.Fatal(err)
	}
	if err := fill(w); err != nil {
		t.Fatal(err)
	}
	finish := func(end *record.Manifest) { end.Complete, end.Aborted = m.Aborted == "", m.Aborted }
	if _, err := w.Close(finish); err != nil {
		t.Fatal(err)
	}
	r, err := record.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
