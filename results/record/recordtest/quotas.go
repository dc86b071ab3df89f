package recordtest

import (
	"testing"

	"github.com/quotalab/quotalab/results/record"
)

// Quotas is what a run with accounts and engines leaves behind beside its
// observations.
type Quotas struct {
	Accounts    []record.Account
	Evaluations []record.Evaluation
}

// WriteQuotas is Write of a record with accounts and evaluations. Aborted in
// the manifest makes an incomplete record, as of Write.
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
