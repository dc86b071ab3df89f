package run

import (
	"context"
	"fmt"

	"github.com/quotalab/quotalab/models/usage"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/foreign"
	"github.com/quotalab/quotalab/sim/plan"
	"github.com/quotalab/quotalab/sim/quota"
)

// startProgram starts the program of an engine of kind process. It is given all
// usage when it is counted, changes of contracts, and polls; what it announces
// is delivered by the engine's mail.
func (e *engineWorld) startProgram() error {
	w, a := e.q.w, e.q.accounts
	about := &foreign.Engine{Thresholds: e.Thresholds, Every: float64(e.Every.Milliseconds())}
	for i := range a.Len() {
		acc := a.Account(i)
		about.Accounts = append(about.Accounts, foreign.AccountOf(acc.ID, acc.Contract.At(e.q.start)))
	}
	var err error
	seed := w.d.plan.Stream("engine/" + e.Name + "/client").Uint32()
	e.program, err = w.startProcess(e.fleet, e.client, foreign.Spec{
		Process: *e.Process, Client: "engine " + e.Name, Does: record.TakeMode, Options: e.Options, Seed: seed,
		Offset: w.clients[0].of, Engine: about, Notice: e.announced,
	})
	if err != nil {
		return err
	}
	e.add = func(ctx context.Context, us []quota.Usage) error {
		n := foreign.News{}
		for _, u := range us {
			n.Usage = append(n.Usage, foreign.UsageOf(u.Account, u.At, u.Units))
		}
		return e.tell(ctx, n)
	}
	if e.Every > 0 {
		runs := int64(0)
		e.run = func(ctx context.Context, _ int64) error {
			runs++
			return e.tell(ctx, foreign.News{Poll: runs})
		}
	}
	return nil
}

// tell gives the program news. In real time the run's other steps go on until it
// has answered.
func (e *engineWorld) tell(ctx context.Context, n foreign.News) (err error) {
	beside(ctx, func() { err = e.program.Tell(ctx, n) })
	return err
}

// tellChange tells the program of changed contracts.
func (e *engineWorld) tellChange(g *plan.AccountGroup, at int64) {
	e.process(func(ctx context.Context) {
		n := foreign.News{}
		for i := g.First; i < g.First+g.Count; i++ {
			acc := e.q.accounts.Account(i)
			n.Accounts = append(n.Accounts, foreign.AccountOf(acc.ID, acc.Contract.At(at)))
		}
		e.fault(e.tell(ctx, n), record.LimitUnannounced, 0)
	})
}

// announced delivers a notice of the program, and records it as the evaluation
// that it is: what the program does not tell is taken to be right.
func (e *engineWorld) announced(n foreign.Notice) {
	if n.Account > int64(e.q.accounts.Len()) {
		e.q.w.d.fail(fmt.Errorf("%w: engine %s: expected an account of 1 to %d in a notice, found %d", foreign.ErrFailed, e.Name, e.q.accounts.Len(), n.Account))
		return
	}
	now := e.clock.Now()
	e.process(func(ctx context.Context) {
		ev := record.Evaluation{Engine: e.Name, Run: now, Account: n.Account, At: now, Outcome: record.SentNotice, Threshold: n.Threshold, RowAt: -1}
		if at := foreign.Nanoseconds(n.AsOf, now); at != now {
			ev.AsOf = at
		}
		s := e.q.accounts.Account(int(n.Account - 1)).Contract.At(ev.Judged())
		start, _ := s.PeriodAt(ev.Judged())
		ev.PeriodAt, ev.Rolling = foreign.Nanoseconds(n.Period, start), s.Kind == usage.Rolling
		ev.ReadFrom, ev.Limit, ev.Percent = ev.PeriodAt, s.Limit, n.Threshold
		if n.Limit != nil {
			ev.Limit = *n.Limit
		}
		if ev.Usage = ev.Limit / 100 * n.Threshold; n.Usage != nil {
			ev.Usage = *n.Usage
			ev.Percent = int64(100 * float64(ev.Usage) / float64(ev.Limit))
		}
		known, _ := e.directory.Account(n.Account)
		notice := quota.Notice{Account: n.Account, Threshold: n.Threshold, Period: ev.PeriodAt, At: now, Run: now, Recipients: known.Recipients(n.Threshold)}
		var err error
		if ev.Delivered, err = e.mail.Send(ctx, notice); err != nil {
			e.fault(err, record.NoticeUndelivered, n.Account)
			return
		}
		ev.SentAt = e.clock.Now()
		e.record(&ev)
	})
}
