package drive

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/quotalab/quotalab/models/usage"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/plan"
	"github.com/quotalab/quotalab/sim/threshold"
	"github.com/quotalab/quotalab/sim/vtime"
)

// redeliverEvery is when a deliverer looks again for notices that it could
// not deliver.
const redeliverEvery = time.Hour

// partitions of the outboxes.
const partitions = 64

// overlapBy is how much later the second of two overlapping runs was due.
const overlapBy = int64(time.Second)

// begin schedules an engine's first run, refresh and redelivery.
func (e *engineWorld) begin() {
	if e.refresh != nil {
		e.every(int64(e.CacheRefresh), int64(e.CacheRefresh), func() {
			e.fault(e.refresh(e.q.d.ctx), "refresh of the cached usage failed")
		})
	}
	if e.run != nil {
		e.every(e.First-e.q.start, int64(e.Every), e.startRun)
	}
	if e.flush != nil {
		e.every(int64(e.flushEvery), int64(e.flushEvery), func() {
			e.process(func(ctx context.Context) { e.fault(e.flush(ctx), "usage was not counted") })
		})
	}
	if e.drain != nil {
		e.every(int64(redeliverEvery), int64(redeliverEvery), func() { e.wake(slices.Collect(maps.Keys(e.failed))...) })
	}
}

// every calls f at the instant at and then periodically, to the horizon. At
// one instant what was scheduled earlier comes first; changes of accounts are
// scheduled before everything else, and runs are Procs, so that they find
// changes and refreshes done.
func (e *engineWorld) every(at, period int64, f func()) {
	if e.q.d.over(at) {
		return
	}
	e.q.d.clock.Call(at, func() {
		f()
		e.every(at+period, period, f)
	})
}

// process runs f as a Proc.
func (e *engineWorld) process(f func(ctx context.Context)) {
	e.q.d.clock.Start(func(p vtime.Process) { f(context.WithValue(e.q.d.requests, processKey{}, p)) })
}

type processKey struct{}

// processOf is the Process that an engine's call is made in, nil outside of
// one.
func processOf(ctx context.Context) vtime.Process {
	p, _ := ctx.Value(processKey{}).(vtime.Process)
	return p
}

// startRun starts a run, which a second one may overlap.
func (e *engineWorld) startRun() {
	run := e.clock.Now()
	e.runs++
	e.last = run
	overlapped := e.Overlap > 0 && e.runs%e.Overlap == 0
	e.process(func(ctx context.Context) {
		if overlapped {
			e.mail.hook = func() { e.finishRun(e.run(ctx, run+overlapBy)) }
		}
		e.finishRun(e.run(ctx, run))
		e.mail.hook = nil
	})
}

// finishRun looks at how a run ended: that one account's error ended it is
// in the evaluations.
func (e *engineWorld) finishRun(err error) {
	var aborted *threshold.AbortError
	if errors.As(err, &aborted) || errors.Is(err, context.Canceled) {
		return
	}
	e.fault(err, "run failed")
}

// fault notes an error that no evaluation tells.
func (e *engineWorld) fault(err error, what string) {
	if err != nil {
		e.find(what+": "+err.Error(), 0)
	}
}

// count lets an engine count usage, but that of accounts that it cannot
// count.
func (e *engineWorld) count(us []threshold.Usage) {
	mine := make([]threshold.Usage, 0, len(us))
	for _, u := range us {
		if e.contracts[u.Account-1].At(u.At).Kind != usage.Rolling {
			mine = append(mine, u)
		}
	}
	if len(mine) > 0 {
		e.process(func(ctx context.Context) { e.fault(e.add(ctx, mine), "usage was not counted") })
	}
}

// wake has outboxes emptied. An engine has one deliverer: what wakes it
// while it is at work it does next, so that no two deliver the same entry.
func (e *engineWorld) wake(partitions ...int) {
	for _, n := range partitions {
		e.woken[n] = true
	}
	if e.delivering || len(e.woken) == 0 {
		return
	}
	e.delivering = true
	e.process(func(ctx context.Context) {
		for len(e.woken) > 0 {
			next := slices.Sorted(maps.Keys(e.woken))
			clear(e.woken)
			err := e.drain(ctx, next)
			for _, n := range next {
				if delete(e.failed, n); err != nil {
					e.failed[n] = true
				}
			}
			e.fault(err, "delivery failed")
		}
		e.delivering = false
	})
}

// change lets an engine's knowledge follow an account's contract.
func (e *engineWorld) change(acc plan.Account, ch plan.AccountChange) {
	known, _ := e.directory.Account(acc.ID)
	before := known
	acc.Change(&known, ch)
	e.directory.Put(known)
	if e.changed != nil {
		e.changed(before, known)
	}
	if e.saved != nil && ch.Limit > 0 && !ch.Bulk && known.Allowed != before.Allowed {
		e.process(func(ctx context.Context) { e.fault(e.saved(ctx, acc.ID), "a saved limit was not noticed") })
	}
}

// announce tells an engine that counts of a new limit.
func (e *engineWorld) announce(g *plan.AccountGroup, ch plan.AccountChange) {
	if e.setLimit == nil || ch.Limit == 0 {
		return
	}
	e.process(func(ctx context.Context) {
		for i := g.First; i < g.First+g.Count; i++ {
			if err := e.setLimit(ctx, int64(i)+1, ch.Limit, ch.At); !errors.Is(err, threshold.ErrRolling) {
				e.fault(err, "a new limit was not announced")
			}
		}
	})
}

// result describes the engine for the manifest.
func (e *engineWorld) result() record.Engine {
	out := record.Engine{Name: e.Name, Kind: e.Kind, Options: e.Options, Thresholds: slices.Clone(e.Thresholds), Downsampled: e.Downsample,
		LooksBack: e.Kind != "flagsmith"}
	perAccount := int64(e.QueryLatency+e.AccountTime+e.MailLatency) + 4*int64(e.q.d.plan.Clients[0].RTT[0].Mean())
	out.Slack = int64(e.Lag) + deliverySlack + perAccount*int64(e.q.accounts.Len())
	out.First, out.Last = e.q.start, e.q.start+int64(e.q.d.plan.Horizon)
	if e.run != nil && e.add == nil {
		out.First, out.Last, out.Gap = e.First, max(e.last, e.First), int64(e.Every)
	}
	for _, s := range e.SourceDown {
		out.SourceDown = append(out.SourceDown, record.Span{From: s.From, Until: s.To})
	}
	for _, f := range e.order {
		out.Findings = append(out.Findings, *e.findings[f])
	}
	return out
}

// deliverySlack is δ, and the width of the buckets of a source.
const deliverySlack = int64(15 * time.Minute)

// overlappingMail is mail during whose first sending a second run may start.
type overlappingMail struct {
	threshold.Post
	hook func()
}

// Send delivers, after what the hook wants done first.
func (m *overlappingMail) Send(ctx context.Context, n threshold.Notice) (bool, error) {
	if hook := m.hook; hook != nil {
		m.hook = nil
		hook()
	}
	return m.Post.Send(ctx, n)
}
