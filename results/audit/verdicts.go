package audit

import (
	"fmt"
	"iter"

	"github.com/quotalab/quotalab/results/record"
)

// AccountVerdicts are the verdicts on what one engine did about one account.
type AccountVerdicts struct {
	Engine      *record.Engine
	Account     int64
	Group       string
	Obligations []ObligationVerdict // in the order of the crossings
	Notices     []NoticeVerdict     // in the order in which they were sent
}

// Verdicts judges the engines of a record: one after the other, as the
// manifest lists them, and of each the accounts by ascending id. Accounts
// without a verdict are passed over. What was due or sent in the warm-up is left
// out; notices for obligations from then are WarmUp. The pointer is valid until
// the next step. An error ends the sequence.
//
// It goes over the accounts and over the evaluations once each. In memory are
// the contracts and obligations of all accounts, and about twenty bytes for
// each evaluation that can matter.
func Verdicts(r *record.Reader) iter.Seq2[*AccountVerdicts, error] {
	return func(yield func(*AccountVerdicts, error) bool) {
		if _, err := eachVerdicts(r, func(v *AccountVerdicts) bool { return yield(v, nil) }); err != nil {
			yield(nil, err)
		}
	}
}

// eachVerdicts is Verdicts, and says what the record holds.
func eachVerdicts(r *record.Reader, yield func(*AccountVerdicts) bool) (*history, error) {
	l, err := readLedger(r)
	if err != nil {
		return nil, fmt.Errorf("auditing thresholds: %w", err)
	}
	h, err := readHistory(r, l)
	if err != nil {
		return nil, fmt.Errorf("auditing thresholds: %w", err)
	}
	m := r.Manifest()
	for i := range m.Engines {
		more, err := newBench(&m, i, h).judgeAll(yield)
		if err != nil {
			return nil, fmt.Errorf("auditing thresholds: engine %s: %w", m.Engines[i].Name, err)
		}
		if !more {
			break
		}
	}
	return h, nil
}

// bench judges one engine.
type bench struct {
	engine   *record.Engine
	ledger   *ledger
	history  *engineHistory
	findings *findings
	warm     int64 // end of the warm-up

	same        ThresholdInput // what is the same for all accounts
	evaluations []record.Evaluation
	verdicts    AccountVerdicts
}

func newBench(m *record.Manifest, engine int, h *history) *bench {
	e := &m.Engines[engine]
	b := &bench{engine: e, ledger: h.ledger, history: &h.engines[engine], findings: newFindings(e.Findings)}
	b.same = ThresholdInput{First: e.First, Last: e.Last, Gap: e.Gap, Slack: e.Slack, Downsampled: e.Downsampled, LooksBack: e.LooksBack}
	for _, s := range e.SourceDown {
		b.same.SourceDown = append(b.same.SourceDown, Span(s))
	}
	if m.Warmup > 0 {
		b.warm = m.Epoch.Add(m.Warmup).UnixNano()
		b.same.First = max(b.same.First, b.warm+e.Gap)
	}
	return b
}

// judgeAll yields the accounts; false when no more are wanted.
func (b *bench) judgeAll(yield func(*AccountVerdicts) bool) (more bool, err error) {
	for i := range b.ledger.ids {
		if len(b.history.set.of(i)) == 0 && len(b.history.accounts[i]) == 0 {
			continue
		}
		if err := b.judge(i); err != nil {
			return false, err
		}
		if len(b.verdicts.Obligations)+len(b.verdicts.Notices) > 0 && !yield(&b.verdicts) {
			return false, nil
		}
	}
	return true, nil
}

func (b *bench) judge(account int) error {
	var err error
	if b.evaluations, err = b.history.of(account, b.evaluations[:0]); err != nil {
		return err
	}
	a := &b.ledger.accounts[account]
	in := b.same
	in.Account, in.Contract, in.LimitChanged = b.ledger.ids[account], a.contract, a.saved
	in.Obligations, in.Evaluations = b.history.set.of(account), b.evaluations
	due, notices := JudgeThresholds(in)
	for i := range due {
		b.findings.explain(in.Account, &due[i])
	}
	b.verdicts = AccountVerdicts{Engine: b.engine, Account: in.Account, Group: a.group, Obligations: due, Notices: notices[:0]}
	for _, n := range notices {
		if n.At >= b.warm {
			b.verdicts.Notices = append(b.verdicts.Notices, n)
		}
	}
	return nil
}
