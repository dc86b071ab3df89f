package threshold

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/quotalab/quotalab/results/record"
)

// FlagsmithOptions are the parts and settings of one Flagsmith engine. All
// parts are needed but the Sink.
type FlagsmithOptions struct {
	Name       string // in evaluations; default flagsmith-<generation>
	Generation string // G01 to G19, or Latest
	Every      time.Duration
	FlagFrom   int64   // when the feature flag was turned on; Unknown: always on
	Thresholds []int64 // percent, ascending; nil: those of the generation
	Accounts   Accounts
	Source     UsageSource
	Log        Log
	Mailer     Mailer
	Clock      Clock
	Sink       Sink
}

// Flagsmith is the polling engine that missed notices, in any of its
// generations, with that generation's faults: see generations.go for what they
// are and ../shared/flagsmith/README.md for the rules in words. Numbers in
// comments are that file's rule numbers.
type Flagsmith struct {
	FlagsmithOptions
	rules Rule
}

// NewFlagsmith builds an engine.
func NewFlagsmith(o FlagsmithOptions) (*Flagsmith, error) {
	rules, err := RulesOf(o.Generation)
	if err != nil {
		return nil, fmt.Errorf("flagsmith engine: %w", err)
	}
	if o.Accounts == nil || o.Source == nil || o.Log == nil || o.Mailer == nil || o.Clock == nil {
		return nil, errors.New("flagsmith engine: expected accounts, source, log, mailer and clock; one of them is nil")
	}
	if o.Name == "" {
		o.Name = "flagsmith-" + o.Generation
	}
	if o.Thresholds == nil {
		o.Thresholds = rules.Thresholds()
	}
	if err := checkThresholds(o.Thresholds); err != nil {
		return nil, fmt.Errorf("engine %s: %w", o.Name, err)
	}
	if o.Sink == nil {
		o.Sink = func(*record.Evaluation) {}
	}
	return &Flagsmith{o, rules}, nil
}

// Rules returns the rules that the engine follows.
func (f *Flagsmith) Rules() Rule { return f.rules }

// Interval between the starts of two runs.
func (f *Flagsmith) Interval() time.Duration { return f.Every }

// Poll does one run. It returns an *AbortError if an error at one account
// ended it; errors that the generation survives are in the evaluations only.
func (f *Flagsmith) Poll(ctx context.Context) error { return f.Run(ctx, f.Clock.Now()) }

// Run is Poll under a run's own name: the instant at which it was due.
func (f *Flagsmith) Run(ctx context.Context, run int64) error {
	selected := f.selected(run)
	for k, id := range selected {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := f.Evaluate(ctx, run, id); err != nil && !f.rules.Has(ErrorsIsolated) {
			for _, later := range selected[k+1:] {
				e := evaluation(f.Name, run, later, f.Clock.Now())
				e.Outcome, e.Error = record.RunAborted, err.Error()
				f.Sink(&e)
			}
			return &AbortError{run, id, err}
		}
	}
	return nil
}

// selected is rule 1: the accounts that a run looks at. The list is made once,
// before the first evaluation.
func (f *Flagsmith) selected(run int64) []int64 {
	ids := f.Accounts.IDs()
	selected := make([]int64, 0, len(ids))
	for _, id := range ids {
		a, ok := f.Accounts.Account(id)
		if !ok {
			continue
		}
		outcome := f.rules.selects(a)
		if outcome == "" {
			selected = append(selected, id)
			continue
		}
		e := evaluation(f.Name, run, id, f.Clock.Now())
		e.Outcome = outcome
		f.Sink(&e)
	}
	return selected
}

// selects returns why an account is not looked at, "" if it is.
func (r Rule) selects(a Account) record.EvaluationOutcome {
	switch {
	case r.Has(Prefiltered):
		switch {
		case !a.Cached:
			return record.NotSelected
		case 4*a.Recent < 3*a.Allowed:
			return record.Prefiltered
		}
	case r.Has(EveryAccount):
	case !a.Cached || a.BillingStart == Unknown || a.BillingEnd == Unknown:
		return record.NotSelected
	}
	return ""
}

// LimitSaved tells the engine that a changed limit of paid plans was saved
// for an account, other than by a bulk update: some generations then erase
// the account's log.
func (f *Flagsmith) LimitSaved(ctx context.Context, account int64) error {
	if !f.rules.Has(LimitErasesLog) {
		return nil
	}
	return f.Log.Erase(ctx, account)
}

// Refresh recomputes the cached 30-day total of every account with a row.
func (f *Flagsmith) Refresh(ctx context.Context) error {
	if f.Source.Kind() == Postgres && !f.rules.Has(RefreshFromSource) && f.rules.Has(OtherSources) {
		return nil // it asks Influx only, which holds nothing here
	}
	for _, id := range f.Accounts.IDs() {
		a, ok := f.Accounts.Account(id)
		if !ok || !a.Cached {
			continue
		}
		units, err := f.Source.Recent(ctx, id)
		if err != nil {
			return fmt.Errorf("engine %s: refresh of the cached total of account %d: %w", f.Name, id, err)
		}
		f.Accounts.SetRecent(id, units)
	}
	return nil
}

func checkThresholds(thresholds []int64) error {
	last := int64(0)
	for _, t := range thresholds {
		if t <= last {
			return fmt.Errorf("thresholds: expected percentages above 0 in ascending order, found %v", thresholds)
		}
		last = t
	}
	if len(thresholds) == 0 {
		return errors.New("thresholds: expected at least one, found none")
	}
	return nil
}
