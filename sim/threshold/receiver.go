package threshold

import (
	"context"
	"errors"

	"github.com/quotalab/quotalab/results/record"
)

// ErrNotDelivered: the mailer could not deliver now.
var ErrNotDelivered = errors.New("not delivered")

// Receiver mails what a Deliverer brings, each claim once, and reports it. It
// notes a claim behind the mail, so that a crash between the two sends a
// second mail rather than none; Sent must outlive it for the first to count.
type Receiver struct {
	Name     string // of the engine, in evaluations
	Clock    Clock
	Accounts interface {
		Account(id int64) (Account, bool)
	}
	Mailer Mailer
	Sent   Claims
	Sink   Sink
}

// Notify is the Notify of a Deliverer.
func (r *Receiver) Notify(ctx context.Context, d Due) error {
	held, err := r.Sent.Held(ctx, d.Account, d.Period, []int64{d.Threshold})
	if err != nil || held[0] != Unknown {
		return err
	}
	e := evaluation(r.Name, 0, d.Account, r.Clock.Now())
	e.Run, e.PeriodAt, e.ReadFrom = e.At, d.Period, d.Period
	if d.At != e.At {
		e.AsOf = d.At
	}
	e.Outcome, e.Threshold, e.Usage, e.Limit, e.Percent = record.SentNotice, d.Threshold, d.Usage, d.Limit, percent(d.Usage, d.Limit)
	a, _ := r.Accounts.Account(d.Account)
	n := Notice{Account: d.Account, Threshold: d.Threshold, Period: d.Period, At: e.At, Run: e.Run, Recipients: recipients(a, d.Threshold)}
	if n.Recipients > 0 { // else there is nobody to wait for
		if e.Delivered, err = r.Mailer.Send(ctx, n); err != nil {
			return err
		}
		if !e.Delivered {
			return ErrNotDelivered
		}
	}
	e.SentAt = r.Clock.Now()
	if _, err := r.Sent.Claim(ctx, d.Claim, e.SentAt); err != nil {
		return err
	}
	r.Sink(&e)
	return nil
}
