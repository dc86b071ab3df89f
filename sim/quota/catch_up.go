package quota

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/quotalab/quotalab/models/usage"
	"github.com/quotalab/quotalab/results/record"
)

// CatchUpOptions are the parts and settings of one CatchUp engine. All parts
// are needed but the Sink. The source is one of kind Influx.
type CatchUpOptions struct {
	Name       string // in evaluations; default catch_up
	Every      time.Duration
	Thresholds []int64 // percent, ascending; nil: 75, 90, 100, 120, 200, 300, 400, 500
	Lag        int64   // λ: how long after its stamp the source may hide usage
	// EndStamps says that the source stamps usage with the end of its bucket,
	// as a View does with Downsample. A bucket that holds the end of a period
	// then counts to the period in which the bucket ends.
	EndStamps bool
	Accounts  Accounts
	Source    UsageSource
	Claims    Claims
	Mailer    Mailer
	Clock     Clock
	Sink      Sink
}

// CatchUp is polling done right:
//
//   - It looks at every account, and an error at one concerns only that one.
//   - It sends every unsent T ≤ percent in ascending order, not the highest
//     only.
//   - It looks at a period after its end e too, up to the first run at or after
//     e + λ, so that what was used after the last run inside the period counts.
//     A contract that changes ends its period in that sense.
//   - A notice is unique by its claim on (account, period, T). It claims first
//     and gives the claim back if the mail fails, to send again in the next run.
//     A process that dies between the two sends nothing.
//   - An account that counts the last 30 days is told once for each excursion:
//     the claim is given back when usage is below (T − 5) %, seen by a run.
//
// What remains is in the nature of polling: a notice is late by up to the time
// between two runs, and an excursion shorter than that may go unseen.
//
// Runs may overlap, also from several goroutines.
type CatchUp struct {
	CatchUpOptions
	mu       sync.Mutex
	progress map[int64]*progress
}

// NewCatchUp builds an engine.
func NewCatchUp(o CatchUpOptions) (*CatchUp, error) {
	if o.Name == "" {
		o.Name = "catch_up"
	}
	if o.Accounts == nil || o.Source == nil || o.Claims == nil || o.Mailer == nil || o.Clock == nil {
		return nil, fmt.Errorf("engine %s: expected accounts, source, claims, mailer and clock; one of them is nil", o.Name)
	}
	if o.Source.Kind() != Influx {
		return nil, fmt.Errorf("engine %s: source: expected one that counts exact ranges (influx), found one that counts by days", o.Name)
	}
	if o.Thresholds == nil {
		o.Thresholds = HighThresholds.Thresholds()
	}
	if err := checkThresholds(o.Thresholds); err != nil {
		return nil, fmt.Errorf("engine %s: %w", o.Name, err)
	}
	if o.Sink == nil {
		o.Sink = func(*record.Evaluation) {}
	}
	return &CatchUp{CatchUpOptions: o, progress: map[int64]*progress{}}, nil
}

// Interval returns the time between the starts of two runs.
func (c *CatchUp) Interval() time.Duration { return c.Every }

// Poll does one run. Errors at accounts are in the evaluations; such an
// account is looked at again in the next run.
func (c *CatchUp) Poll(ctx context.Context) error { return c.Run(ctx, c.Clock.Now()) }

// Run is Poll under a run's own name: the instant at which it was due.
func (c *CatchUp) Run(ctx context.Context, run int64) error {
	for _, id := range c.Accounts.IDs() {
		if err := ctx.Err(); err != nil {
			return err
		}
		_ = c.Evaluate(ctx, run, id) // reported there; the others have their turn
	}
	return nil
}

// Evaluate looks at one account in a run and reports it: at the stretches that
// ended, then at the one that goes on. Its error is also in the evaluations.
func (c *CatchUp) Evaluate(ctx context.Context, run, account int64) error {
	a, ok := c.Accounts.Account(account)
	if !ok {
		return nil
	}
	now := c.Clock.Now()
	ended, current := c.stretches(a, now)
	for i, s := range ended {
		if err := c.judge(ctx, a, s, c.evaluation(run, account, now, s)); err != nil {
			c.putBack(account, ended[i:])
			return c.failed(run, account, err)
		}
	}
	if err := c.judge(ctx, a, current, c.evaluation(run, account, now, current)); err != nil {
		return c.failed(run, account, err)
	}
	return nil
}

func (c *CatchUp) evaluation(run, account, now int64, s stretch) record.Evaluation {
	e := evaluation(c.Name, run, account, now)
	e.PeriodAt, e.ReadFrom, e.Limit = s.start, s.start, s.segment.Limit
	e.Rolling = s.segment.Kind == usage.Rolling
	if s.ended {
		e.AsOf = s.end - 1
	}
	return e
}

func (c *CatchUp) failed(run, account int64, err error) error {
	e := evaluation(c.Name, run, account, c.Clock.Now())
	e.Outcome, e.Error = record.EvaluationErr, err.Error()
	c.Sink(&e)
	return err
}

// judge sends what is due of a stretch and not sent. Of a stretch that goes on
// it always reports, of one that ended only what it sent.
func (c *CatchUp) judge(ctx context.Context, a Account, s stretch, e record.Evaluation) error {
	var err error
	if e.Usage, err = c.read(ctx, a.ID, s); err != nil {
		return err
	}
	e.Percent = percent(e.Usage, e.Limit)
	e.Outcome = record.Below
	var sent bool
	if e.Rolling || e.Percent >= c.Thresholds[0] {
		if sent, err = c.settle(ctx, a, s, &e); err != nil {
			return err
		}
	}
	if !sent && !s.ended {
		c.Sink(&e)
	}
	return nil
}

// settle compares what is due with what is claimed. If it sends nothing it
// notes in e which claim is the reason.
func (c *CatchUp) settle(ctx context.Context, a Account, s stretch, e *record.Evaluation) (sent bool, err error) {
	held, err := c.Claims.Held(ctx, a.ID, s.period, c.Thresholds)
	if err != nil {
		return false, err
	}
	for i, t := range c.Thresholds {
		claim, claimed := Claim{a.ID, s.period, t}, held[i] != Unknown
		switch {
		case t <= e.Percent && !claimed:
			if claimed, err = c.send(ctx, a, claim, *e); err != nil {
				return sent, err
			}
			sent = sent || claimed
		case t <= e.Percent:
			e.Outcome, e.Threshold = record.Suppressed, t
			e.RowAccount, e.RowThreshold, e.RowAt = a.ID, t, held[i]
		}
		if claimed && s.over(e.Percent, t) {
			if err := c.Claims.Release(ctx, claim); err != nil {
				return sent, err
			}
		}
	}
	return sent, nil
}

// send claims and sends one notice. It returns false if another run was
// faster.
func (c *CatchUp) send(ctx context.Context, a Account, claim Claim, e record.Evaluation) (bool, error) {
	won, err := c.Claims.Claim(ctx, claim, e.At)
	if err != nil || !won {
		return false, err
	}
	n := Notice{Account: a.ID, Threshold: claim.Threshold, Period: e.PeriodAt, At: c.Clock.Now(), Run: e.Run,
		Recipients: a.Recipients(claim.Threshold)}
	e.Delivered, err = c.Mailer.Send(ctx, n)
	if err != nil || !e.Delivered && n.Recipients > 0 {
		if err := errors.Join(err, c.Claims.Release(ctx, claim)); err != nil {
			return false, err
		}
	}
	e.Outcome, e.Threshold, e.SentAt = record.SentNotice, claim.Threshold, c.Clock.Now()
	c.Sink(&e)
	return true, nil
}

// read sums a stretch.
func (c *CatchUp) read(ctx context.Context, account int64, s stretch) (int64, error) {
	if s.start >= s.end {
		return 0, nil // nothing of it has been yet
	}
	from, to := s.start, s.end
	if c.EndStamps && s.segment.Kind != usage.Rolling {
		from, to = from+1, to+1
	}
	rows, err := c.Source.Sum(ctx, account, from, to)
	if err != nil {
		return 0, err
	}
	return total(rows), nil
}

// stretch is usage that is judged together: that of a period, as far as it has
// been or after its end, or of a window.
type stretch struct {
	segment usage.Segment
	period  int64 // of its claims
	start   int64 // the first instant that counts
	end     int64 // the first one that does not
	ended   bool
	final   bool // ended, and all its usage is visible
	last    bool // no window follows it: its excursions end here
}

// over tells whether an excursion above a threshold ended.
func (s stretch) over(percent, threshold int64) bool {
	if s.ended {
		return s.last && s.final
	}
	return s.segment.Kind == usage.Rolling && percent < threshold-usage.Hysteresis
}

// progress says how far an account has been looked at.
type progress struct {
	segment usage.Segment
	from    int64     // since when it is the segment
	since   int64     // periods that ended up to here are in ended, or done with
	ended   []stretch // to be looked at when their usage is visible
}

// agreed is what an engine takes for an account's contract.
func agreed(a Account) usage.Segment {
	s := usage.Segment{Kind: usage.Calendar, Limit: a.Allowed}
	switch {
	case a.Free:
		s.Kind = usage.Rolling
	case a.BillingStart != Unknown:
		s.Kind, s.Anchor = usage.Period, a.BillingStart
	}
	if a.Free || !a.Cached {
		s.Limit = a.FreeLimit
	}
	if s.Limit <= 0 {
		s.Limit = zeroLimit
	}
	return s
}

// Changed tells the engine that an account was changed just now, before any
// run sees it: what was used until now is judged by the old contract.
func (c *CatchUp) Changed(before, after Account) {
	now := c.Clock.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	old := agreed(before)
	p := c.of(before.ID, old, now)
	p.pass(old, now)
	p.change(agreed(after), now)
}

// stretches returns those of an account that ended, and the current one. Those
// whose usage is all visible by now it takes off the list; until then each run
// looks at them, or a crossing shortly before the end would have to wait for
// the run after e + λ, longer than the time between two runs and λ.
func (c *CatchUp) stretches(a Account, now int64) (ended []stretch, current stretch) {
	segment := agreed(a)
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.of(a.ID, segment, now)
	p.pass(segment, now)
	var later []stretch
	for _, s := range p.ended {
		if s.final = s.end+c.Lag <= now; !s.final {
			later = append(later, s)
		}
		ended = append(ended, s)
	}
	p.ended = later
	return ended, upTo(segment, now+1)
}

// putBack keeps stretches for the next run that were taken off the list.
func (c *CatchUp) putBack(account int64, ended []stretch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.progress[account]
	for _, s := range ended {
		if s.final {
			p.ended = append(p.ended, s)
		}
	}
}

// of returns the progress of an account. That of one not seen before begins
// an interval ago: a period that ended since then is looked at.
func (c *CatchUp) of(account int64, segment usage.Segment, now int64) *progress {
	p, ok := c.progress[account]
	if !ok {
		p = &progress{segment: segment, from: Unknown, since: now - c.Every.Nanoseconds()}
		c.progress[account] = p
	}
	return p
}

// pass notes the periods that ended up to now. A change that was not announced
// shows here, too late to judge the old contract's last period by itself.
func (p *progress) pass(segment usage.Segment, now int64) {
	if p.segment != segment {
		p.change(segment, p.since)
	}
	if segment.Kind != usage.Rolling {
		for {
			start, end := segment.PeriodAt(p.since)
			if end > now || end <= p.since {
				break
			}
			p.ended = append(p.ended, stretch{segment: segment, period: start, start: start, end: end, ended: true})
			p.since = end
		}
	}
	p.since = now
}

// change ends the old contract's period, or window, before an instant. A
// contract that never held, because it changed twice at once, is not judged.
func (p *progress) change(to usage.Segment, at int64) {
	if p.segment == to {
		return
	}
	if p.from < at {
		s := upTo(p.segment, at)
		s.ended, s.last = true, p.segment.Kind == usage.Rolling && to.Kind != usage.Rolling
		p.ended = append(p.ended, s)
	}
	p.segment, p.from, p.since = to, at, at
}

// upTo is the stretch of a segment that goes on before an instant.
func upTo(segment usage.Segment, end int64) stretch {
	start, _ := segment.PeriodAt(end - 1)
	s := stretch{segment: segment, period: start, start: start, end: end}
	if segment.Kind == usage.Rolling {
		s.period, s.start = RollingPeriod, start+1
	}
	return s
}

// forgottenOf: one account in this many is forgotten.
const forgottenOf = 50

// NewBroken builds a test double: a CatchUp that forgets one account in fifty,
// those of ids 1, 51, 101 and so on. The harness is itself tested by whether it
// catches it.
func NewBroken(o CatchUpOptions) (*CatchUp, error) {
	if o.Name == "" {
		o.Name = "broken"
	}
	if o.Accounts != nil {
		o.Accounts = forgetful{o.Accounts}
	}
	return NewCatchUp(o)
}

// forgetful Accounts leave some out of the list.
type forgetful struct{ Accounts }

// Forgotten tells whether the broken engine forgets an account.
func Forgotten(id int64) bool { return id%forgottenOf == 1 }

func (f forgetful) IDs() []int64 {
	all := f.Accounts.IDs()
	kept := make([]int64, 0, len(all))
	for _, id := range all {
		if !Forgotten(id) {
			kept = append(kept, id)
		}
	}
	return kept
}
