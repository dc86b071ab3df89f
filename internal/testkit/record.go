package testkit

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/quotalab/quotalab/results/audit"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
)

// WriteRecord makes a complete record in a temporary directory and opens it.
func WriteRecord(t testing.TB, m record.Manifest, observations []record.Observation, opts ...record.Option) *record.Reader {
	t.Helper()
	return WriteQuotas(t, m, Quotas{}, observations, opts...)
}

// Quotas holds what a run with accounts and engines leaves behind beside its
// observations.
type Quotas struct {
	Accounts    []record.Account
	Evaluations []record.Evaluation
}

// WriteQuotas makes a record with accounts and evaluations and opens it. With
// Aborted in the manifest it is incomplete.
func WriteQuotas(t testing.TB, m record.Manifest, q Quotas, observations []record.Observation, opts ...record.Option) *record.Reader {
	t.Helper()
	return write(t, m, opts, func(w *record.Writer) error {
		for i := range observations {
			if err := w.Write(&observations[i]); err != nil {
				return err
			}
		}
		for i := range q.Evaluations {
			if err := w.WriteEvaluation(&q.Evaluations[i]); err != nil {
				return err
			}
		}
		for i := range q.Accounts {
			if err := w.WriteAccount(&q.Accounts[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// write creates a record, lets fill write into it, closes and opens it.
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

// ReferenceHash returns the record hash of a shipped scenario's reference, which
// reference --check compares with what the scenario gives now.
func ReferenceHash(t testing.TB, scenario string) string {
	t.Helper()
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(root, "results", "reference", scenario, "summary.json"))
	if err != nil {
		t.Fatal(err)
	}
	var s summary.Summary
	if err := json.Unmarshal(data, &s); err != nil || s.RecordHash == "" {
		t.Fatalf("%s: record hash %q: %v", scenario, s.RecordHash, err)
	}
	return s.RecordHash
}

// Analyse audits a record, its engines too, and measures it. Its assertions are
// not judged.
func Analyse(t testing.TB, r *record.Reader) (*audit.Result, *summary.Measured) {
	t.Helper()
	s, a, err := summary.Analyse(r)
	if err != nil {
		t.Fatal(err)
	}
	return a, s
}
