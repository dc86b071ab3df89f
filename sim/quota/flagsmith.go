package quota

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/quotalab/quotalab/models/usage"
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
// generations, with that generation's faults, which Rule lists. A run selects
// accounts (rule 1), finds what usage counts and against which limit (2), reads it
// (3), finds the highest threshold that it reaches (4, 5), and looks into the log
// and mails (6, 7).
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

// Interval returns the time between the starts of two runs.
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
		Account: a.ID, Threshold: e.Threshold, Period: e.PeriodAt, At: f.Clock.Now(), Run: e.Run, Recipients: a.Recipients(e.Threshold),
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

// window is rule 2: what usage counts at an instant, and against which limit.
type window struct {
	start   int64
	limit   int64
	days    int64 // whole days since start, without its whole months
	rolling bool
}

// rolls tells whether an account counts the last 30 days.
func (r Rule) rolls(a Account) bool {
	return r.Has(FreeRolls) && a.Free || r.Has(CancelledRolls) && a.Cancelled
}

// rollingWindow returns the last 30 days of an account.
func rollingWindow(a Account, now int64) window {
	return window{start: now - usage.Window, limit: a.FreeLimit, days: usage.Window / usage.Day, rolling: true}
}

// periodWindow returns the period of an account whose billing start is known. Before
// YearsCounted the months since then are taken without their years, so that in
// the second year of a term the period starts a year early or more.
func (r Rule) periodWindow(a Account, now int64) window {
	m := usage.MonthsBetween(now, a.BillingStart)
	if !r.Has(YearsCounted) {
		m %= 12 // towards zero, as m is
	}
	start := usage.AddMonths(a.BillingStart, m)
	rest := now - usage.AddMonths(start, usage.MonthsBetween(now, start))
	return window{start: start, limit: a.Allowed, days: rest / usage.Day}
}

// readFrom is the start of the range that is read (rule 3). Before ExactStart
// it is as many whole days ago as the period is old, so it misses up to a day,
// and whole months once the period is older than that.
func (r Rule) readFrom(w window, now int64) int64 {
	if r.Has(ExactStart) {
		return w.start
	}
	return now - w.days*usage.Day
}

// Rule is one of the rules in which generations of the flagsmith engine
// differ.
type Rule uint32

// The rules, in the order in which they came.
const (
	Flagged           Rule = 1 << iota // obeys the feature flag
	FirstSeries                        // of several series the first counts (before: an error)
	AllSeries                          // all series count
	LimitErasesLog                     // saving a changed limit erases the account's log
	BelowReturns                       // below the lowest threshold is no error
	EveryAccount                       // looks at every account, not only at those with both billing dates
	FreeRolls                          // free plans count the last 30 days
	SuppressesAtLeast                  // a log row of an equal or higher threshold suppresses (before: an equal one)
	HighThresholds                     // thresholds up to 500
	EmptyIsZero                        // a period of no whole day counts as 0 (before: an error)
	ZeroLimitDefault                   // limit 0 means the free one (before: an error)
	ErrorsIsolated                     // an error at one account does not end the run
	NoStartSkipped                     // no billing start is no error
	ExactStart                         // counts from the exact start (before: the day count since it)
	OwnLog                             // only the account's own log suppresses
	CancelledRolls                     // cancelled subscriptions count the last 30 days
	YearsCounted                       // finds the period of terms longer than a year
	Prefiltered                        // looks only at accounts whose cached total is at 75 %
	OtherSources                       // may read from other usage sources
	RefreshFromSource                  // the cached total too comes from the other source
)

// Has tells whether all of q hold.
func (r Rule) Has(q Rule) bool { return r&q == q }

// Generation is one version of the flagsmith engine.
type Generation struct {
	Name   string
	Change string
	Pull   string // pull request
	Date   string
	Adds   Rule // what it changed; rules are never dropped again
}

// generations in their order. The rules of one are its own and those of all
// before it.
var generations = []Generation{
	{"G01", "first version", "#3340", "2024-02-15", 0},
	{"G02", "feature flag; first usage series only", "#3507", "2024-03-28", Flagged | FirstSeries},
	{"G03", "sums all series; a changed limit erases the log", "#3846", "2024-04-29", AllSeries | LimitErasesLog},
	{"G04", "below the lowest threshold returns instead of failing", "#3714", "2024-05-07", BelowReturns},
	{"G05", "no rule change", "#3870", "", 0},
	{"G06", "free plans on a rolling 30 days; every account; suppression by >=", "#4204", "2024-06-20", EveryAccount | FreeRolls | SuppressesAtLeast},
	{"G07", "thresholds up to 500", "#4255", "2024-06-27", HighThresholds},
	{"G08", "an empty range counts as 0", "#4274", "2024-07-09", EmptyIsZero},
	{"G09", "no rule change", "#4338", "", 0},
	{"G10", "limit 0 becomes 50,000", "#4428", "2024-07-30", ZeroLimitDefault},
	{"G11", "an error at one account no longer ends the run", "#4426", "2024-07-31", ErrorsIsolated},
	{"G12", "no billing start: skipped", "#4440", "2024-08-01", NoStartSkipped},
	{"G13", "usage from the exact period start", "#4450", "2024-08-07", ExactStart},
	{"G14", "suppression by the account's own log only", "#4480", "2024-08-12", OwnLog},
	{"G15", "cancelled subscriptions on a rolling 30 days", "#4672", "2024-09-30", CancelledRolls},
	{"G16", "counts years in the period start", "#5415", "2025-05-14", YearsCounted},
	{"G17", "prefilter on the cached 30-day usage", "#6458", "2026-01-04", Prefiltered},
	{"G18", "other usage sources behind a flag", "#6975", "2026-03-20", OtherSources},
	{"G19", "the cache is refreshed from the other source too", "#7336", "", RefreshFromSource},
}

// Latest is the name under which the newest generation is also known.
const Latest = "latest"

// Generations returns all generations of the flagsmith engine, in order.
func Generations() []Generation { return slices.Clone(generations) }

// RulesOf returns the rules of a generation by name (G01 to G19, or Latest).
func RulesOf(name string) (Rule, error) {
	if name == Latest {
		name = generations[len(generations)-1].Name
	}
	var r Rule
	for _, g := range generations {
		r |= g.Adds
		if g.Name == name {
			return r, nil
		}
	}
	return 0, fmt.Errorf("generation: expected one of %s, found %q", strings.Join(append(names(), Latest), ", "), name)
}

func names() []string {
	all := make([]string, len(generations))
	for i, g := range generations {
		all[i] = g.Name
	}
	return all
}

// Thresholds returns the thresholds of an engine with these rules, in percent,
// ascending.
func (r Rule) Thresholds() []int64 {
	if r.Has(HighThresholds) {
		return []int64{75, 90, 100, 120, 200, 300, 400, 500}
	}
	return []int64{75, 90, 100, 120}
}
