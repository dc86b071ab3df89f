package threshold

import (
	"context"

	"github.com/quotalab/quotalab/results/record"
)

// zeroLimit is what a limit of 0 means from ZeroLimitDefault on.
const zeroLimit = 50_000

// Evaluate looks at one account in a run and reports it. Its error is also in
// the evaluation.
func (f *Flagsmith) Evaluate(ctx context.Context, run, account int64) error {
	e := evaluation(f.Name, run, account, f.Clock.Now())
	if err := f.evaluate(ctx, &e); err != nil {
		e = evaluation(f.Name, run, account, f.Clock.Now())
		e.Outcome, e.Error = record.EvaluationErr, err.Error()
		f.Sink(&e)
		return err
	}
	f.Sink(&e)
	return nil
}

// evaluate is rules 1 (the flag) to 5; it fills e.
func (f *Flagsmith) evaluate(ctx context.Context, e *record.Evaluation) error {
	if f.rules.Has(Flagged) && f.FlagFrom != Unknown && e.At < f.FlagFrom {
		e.Outcome = record.FlagOff
		return nil
	}
	a, ok := f.Accounts.Account(e.Account)
	w := rollingWindow(a, e.At)
	if !f.rules.rolls(a) {
		switch {
		case !ok || !a.Cached:
			e.Outcome = record.NoCacheRow
			return nil
		case a.BillingStart != Unknown:
			w = f.rules.periodWindow(a, e.At)
		case f.rules.Has(NoStartSkipped):
			e.Outcome = record.NoBillingStart
			return nil
		default:
			return ErrType
		}
	}
	e.Rolling, e.PeriodAt, e.ReadFrom = w.rolling, w.start, f.rules.readFrom(w, e.At)
	var err error
	if e.Usage, err = f.read(ctx, w, e); err != nil {
		return err
	}
	e.Limit = w.limit
	if e.Limit == 0 && f.rules.Has(ZeroLimitDefault) {
		e.Limit = zeroLimit
	}
	if e.Limit == 0 {
		return ErrZeroDivision
	}
	e.Percent = percent(e.Usage, e.Limit)
	e.Threshold = highest(f.Thresholds, e.Percent)
	switch {
	case e.Threshold > 0:
		return f.notify(ctx, a, e)
	case !f.rules.Has(BelowReturns):
		return ErrType
	}
	e.Outcome = record.Below
	return nil
}

// read is rule 3: the usage that the engine sees.
func (f *Flagsmith) read(ctx context.Context, w window, e *record.Evaluation) (int64, error) {
	kind := f.Source.Kind()
	switch {
	case f.rules.Has(ExactStart):
		if w.start == e.At && kind == Influx {
			return 0, nil
		}
	case f.rules.Has(EmptyIsZero) && w.days == 0:
		return 0, nil
	}
	rows, err := f.Source.Sum(ctx, e.Account, e.ReadFrom, e.At)
	if err != nil {
		return 0, err
	}
	switch {
	case len(rows) == 0 && kind == Postgres:
		return 0, ErrType
	case len(rows) == 0:
		return 0, nil
	case kind == Postgres || f.rules.Has(AllSeries):
	case f.rules.Has(FirstSeries):
		rows = rows[:1]
	case len(rows) > 1 && kind == Influx:
		return 0, ErrAssertion
	}
	var sum int64
	for _, r := range rows {
		sum += r.Units
	}
	return sum, nil
}

// notify is rules 6 and 7. Between the look into the log and the new row
// another run may do the same.
func (f *Flagsmith) notify(ctx context.Context, a Account, e *record.Evaluation) error {
	row, found, err := f.Log.First(ctx, Query{
		Account: a.ID, AnyAccount: !f.rules.Has(OwnLog),
		After: e.PeriodAt, Threshold: e.Threshold, OrHigher: f.rules.Has(SuppressesAtLeast),
	})
	if err != nil {
		return err
	}
	if found {
		e.Outcome = record.Suppressed
		e.RowAccount, e.RowThreshold, e.RowAt = row.Account, row.Threshold, row.At
		return nil
	}
	e.Delivered, err = f.Mailer.Send(ctx, Notice{
		Account: a.ID, Threshold: e.Threshold, Period: e.PeriodAt, At: f.Clock.Now(), Run: e.Run, Recipients: recipients(a, e.Threshold),
	})
	if err != nil {
		return err
	}
	e.SentAt = f.Clock.Now()
	if err := f.Log.Append(ctx, Row{a.ID, e.Threshold, e.SentAt}); err != nil {
		return err
	}
	e.Outcome = record.SentNotice
	return nil
}
