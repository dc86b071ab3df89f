package run

import (
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/models/usage"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/plan"
	"github.com/quotalab/quotalab/sim/quota"
)

// QuotaSink takes what accounts and engines leave behind, beside
// observations; a record.Writer is one.
type QuotaSink interface {
	Sink
	WriteAccount(a *record.Account) error
	WriteEvaluation(e *record.Evaluation) error
}

var errNoQuotaSink = errors.New("the plan has accounts, and the sink takes no accounts and evaluations")

// counted is the usage that does not depend on what is played: it is drawn
// once, and all worlds read it.
type counted struct {
	all, negative quota.Events // negative: corrections alone
	at            []int64      // the instants at which any is counted, ascending
}

func newCounted(a *plan.Accounts) *counted {
	c := &counted{}
	sortAt := func() {
		slices.Sort(c.at)
		c.at = slices.Compact(c.at)
	}
	most := 1 << 12 // at which c.at is made shorter: many accounts count at the same instants
	var events []usage.Event
	for i := range a.Len() {
		events = a.Usage(i).Append(events[:0])
		for _, e := range events {
			u := quota.Usage{Account: int64(i) + 1, At: e.At, Units: e.Units}
			c.all.Add(u)
			if e.Units < 0 {
				c.negative.Add(u)
			}
			c.at = append(c.at, e.At)
		}
		if len(c.at) > most {
			sortAt()
			most = 2*len(c.at) + 1<<12
		}
	}
	sortAt()
	return c
}

// quotas is the part of a run that counts usage of accounts and lets engines
// look at it.
type quotas struct {
	w        *world
	accounts *plan.Accounts
	start    int64 // Unix nanoseconds of instant 0

	coming   []int64 // instants at which usage is still to be counted
	until    int64   // the last at which it was
	pending  []quota.Usage
	next     []int         // of each account, in the order of Nth: handed to the engines that count
	since    []int64       // of each account: allowed requests since their last correction
	events   *quota.Events // all usage, for the engines' sources
	negative *quota.Events // corrections alone
	engines  []*engineWorld
}

func newQuotas(w *world) (*quotas, error) {
	d := w.d
	if _, ok := d.sink.(QuotaSink); !ok {
		return nil, errNoQuotaSink
	}
	a := d.plan.Accounts
	q := &quotas{w: w, accounts: a, start: d.plan.Epoch.UnixNano(), coming: d.counted.at, until: math.MinInt64,
		next: make([]int, a.Len()), since: make([]int64, a.Len())}
	q.events, q.negative = d.counted.all.Until(&q.until), d.counted.negative.Until(&q.until)
	for _, i := range w.Engines {
		e, err := newEngineWorld(q, i)
		if e != nil {
			q.engines = append(q.engines, e)
		}
		if err != nil {
			return q, err // with what is to be closed
		}
	}
	return q, nil
}

// begin puts the first usage, the changes and the engines' runs on the
// schedule.
func (q *quotas) begin() {
	for g := range q.accounts.Groups {
		for _, ch := range q.accounts.Groups[g].Changes {
			q.w.clock.First(ch.At-q.start, func() { q.change(&q.accounts.Groups[g], ch) })
		}
	}
	for g := range q.accounts.Groups {
		if group := &q.accounts.Groups[g]; group.Source >= 0 && group.Corrections.Every > 0 {
			q.scheduleCorrection(group, int64(group.Corrections.Every))
		}
	}
	q.scheduleUsage()
	for _, e := range q.engines {
		e.begin()
	}
}

// scheduleCorrection takes back, at the instant at, a share of the allowed
// requests since the correction before.
func (q *quotas) scheduleCorrection(g *plan.AccountGroup, at int64) {
	if q.w.d.over(at) {
		return
	}
	q.w.clock.Call(at, func() {
		var us []quota.Usage
		for i := g.First; i < g.First+g.Count; i++ {
			if back := int64(g.Corrections.Share * float64(q.since[i])); back > 0 {
				q.since[i] = 0
				us = append(us, q.file(i, q.start+at, -back))
			}
		}
		q.hand(us)
		q.scheduleCorrection(g, at+int64(g.Corrections.Every))
	})
}

// scheduleUsage puts the next instant at which any account's usage is
// counted on the schedule.
func (q *quotas) scheduleUsage() {
	if len(q.coming) == 0 {
		return
	}
	if first := q.coming[0]; !q.w.d.over(first-q.start) && !q.w.interrupted(first-q.start) {
		q.w.clock.Call(first-q.start, func() { q.count(first) })
	}
}

// count lets all usage be seen that is due at the instant at, and hands it to
// the engines that count for themselves.
func (q *quotas) count(at int64) {
	if q.w.d.over(at - q.start) {
		return
	}
	q.until, q.coming = at, q.coming[1:]
	if slices.ContainsFunc(q.engines, func(e *engineWorld) bool { return e.add != nil }) {
		us := q.pending[:0]
		for i := range q.next {
			before := len(us)
			us = q.w.d.counted.all.From(us, int64(i)+1, q.next[i], at)
			q.next[i] += len(us) - before
		}
		q.pending = us
		q.hand(us)
	}
	q.scheduleUsage()
}

// file keeps usage that is found while the run goes on for the sources.
func (q *quotas) file(i int, at, units int64) quota.Usage {
	u := quota.Usage{Account: int64(i) + 1, At: at, Units: units}
	q.events.Add(u)
	if units < 0 {
		q.negative.Add(u)
	}
	return u
}

// hand gives usage to the engines that count.
func (q *quotas) hand(us []quota.Usage) {
	for _, e := range q.engines {
		if e.add != nil {
			e.count(us)
		}
	}
}

// allowed counts an allowed request of a traffic source as usage.
func (q *quotas) allowed(source, limiter int, key uint64, cost int64) {
	for g := range q.accounts.Groups {
		group := &q.accounts.Groups[g]
		if group.Source != source || group.Limiter != limiter {
			continue
		}
		i := group.Of(key)
		q.since[i] += cost
		q.hand([]quota.Usage{q.file(i, q.start+q.w.clock.Now(), cost)})
	}
}

// change applies a change of contract to what the engines know.
func (q *quotas) change(g *plan.AccountGroup, ch plan.AccountChange) {
	for i := g.First; i < g.First+g.Count; i++ {
		acc := q.accounts.Account(i)
		for _, e := range q.engines {
			e.change(acc, ch)
		}
	}
	for _, e := range q.engines {
		e.announce(g, ch)
	}
}

// finish writes the accounts and their usage.
func (q *quotas) finish(write func(*record.Account) error) error {
	var row record.Account
	var us []quota.Usage
	for i := range q.accounts.Len() {
		acc := q.accounts.Account(i)
		row = record.Account{ID: acc.ID, Group: acc.Group.Name, Contract: row.Contract[:0], At: row.At[:0], Units: row.Units[:0]}
		for _, s := range acc.Contract {
			row.Contract = append(row.Contract, record.ContractSegment{From: s.From, Kind: int32(s.Kind), Anchor: s.Anchor, Limit: s.Limit})
		}
		for _, ch := range acc.Group.Changes {
			row.Saved = row.Saved || ch.Limit > 0 && !ch.Bulk
		}
		us = q.events.From(us[:0], acc.ID, 0, math.MaxInt64)
		for _, u := range us {
			row.At, row.Units = append(row.At, u.At), append(row.Units, u.Units)
		}
		if err := write(&row); err != nil {
			return err
		}
	}
	return nil
}

// result is what the record's manifest says of the engines.
func (q *quotas) result() []record.Engine {
	var all []record.Engine
	for _, e := range q.engines {
		all = append(all, e.result())
	}
	return all
}

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
			e.fault(e.refresh(e.q.w.d.ctx), record.RefreshFailed, 0)
		})
	}
	if e.run != nil {
		e.every(e.First-e.q.start, int64(e.Every), e.startRun)
	}
	if e.flush != nil {
		e.every(int64(e.flushEvery), int64(e.flushEvery), func() {
			e.process(func(ctx context.Context) { e.fault(e.flush(ctx), record.UsageNotCounted, 0) })
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
	if e.q.w.d.over(at) {
		return
	}
	e.q.w.clock.Call(at, func() {
		if e.q.w.d.over(at) {
			return
		}
		f()
		e.every(at+period, period, f)
	})
}

// process runs f as a Proc.
func (e *engineWorld) process(f func(ctx context.Context)) {
	e.q.w.clock.Start(func(p clock.Process) { f(context.WithValue(e.q.w.d.requests, processKey{}, p)) })
}

type processKey struct{}

// processOf is the Process that an engine's call is made in, nil outside of
// one.
func processOf(ctx context.Context) clock.Process {
	p, _ := ctx.Value(processKey{}).(clock.Process)
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
	var aborted *quota.AbortError
	if errors.As(err, &aborted) || errors.Is(err, context.Canceled) {
		return
	}
	e.fault(err, record.RunFailed, 0)
}

// fault notes errors that no evaluation has: each one of several that were
// joined is a finding of the account that it is about, or of the given one.
func (e *engineWorld) fault(err error, kind record.FindingKind, account int64) {
	if err == nil {
		return
	}
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range all.Unwrap() {
			e.fault(one, kind, account)
		}
		return
	}
	var notice *quota.DeliveryError
	var doubt *quota.InDoubtError
	var of *quota.AccountError
	switch {
	case errors.As(err, &notice):
		kind = record.NoticeUndelivered
		if notice.Delivered {
			kind = record.NoticeKept
		}
		e.find(kind, notice.Due.Account, notice.Err)
	case errors.As(err, &doubt) && len(doubt.Usages) > 0:
		for _, u := range doubt.Usages {
			e.find(kind, u.Account, doubt.Err)
		}
	case errors.As(err, &of):
		e.find(kind, of.Account, of.Err)
	default:
		e.find(kind, account, err)
	}
}

// count lets an engine count usage, but that of accounts that it cannot
// count.
func (e *engineWorld) count(us []quota.Usage) {
	mine := make([]quota.Usage, 0, len(us))
	for _, u := range us {
		if e.program != nil || e.contracts[u.Account-1].At(u.At).Kind != usage.Rolling {
			mine = append(mine, u)
		}
	}
	if len(mine) > 0 {
		e.process(func(ctx context.Context) { e.fault(e.add(ctx, mine), record.UsageNotCounted, 0) })
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
			e.fault(err, record.OutboxUnread, 0)
		}
		e.delivering = false
	})
}

// change lets an engine's knowledge follow an account's contract.
func (e *engineWorld) change(acc plan.Account, ch plan.AccountChange) {
	known, _ := e.directory.Account(acc.ID)
	before := known
	acc.Change(&known, ch)
	if ch.Lost {
		e.mislead(&known, before)
	} else if ch.Limit > 0 && !before.Cached && e.Options["stale_limit"] == "skip" { // it is trusted again
		known.Cached = true
		known.BillingStart, known.BillingEnd = acc.Contract.At(ch.At).PeriodAt(ch.At)
	}
	e.directory.Put(known)
	if e.changed != nil {
		e.changed(before, known)
	}
	if e.saved != nil && ch.Limit > 0 && !ch.Bulk && known.Allowed != before.Allowed {
		e.process(func(ctx context.Context) { e.fault(e.saved(ctx, acc.ID), record.LimitUnnoticed, acc.ID) })
	}
}

// mislead leaves an engine with the limit before one that was lost on the way to
// its cache, unless it reads the contract, or does not trust such a cache.
func (e *engineWorld) mislead(known *quota.Account, before quota.Account) {
	switch e.Options["stale_limit"] {
	case "contract":
		return
	case "skip":
		known.Cached, known.BillingStart, known.BillingEnd = false, quota.Unknown, quota.Unknown
	}
	known.Allowed, known.FreeLimit = before.Allowed, before.FreeLimit
}

// announce tells an engine that counts of a new limit.
func (e *engineWorld) announce(g *plan.AccountGroup, ch plan.AccountChange) {
	if e.program != nil {
		e.tellChange(g, ch.At)
		return
	}
	if e.setLimit == nil || ch.Limit == 0 {
		return
	}
	e.process(func(ctx context.Context) {
		for i := g.First; i < g.First+g.Count; i++ {
			if err := e.setLimit(ctx, int64(i)+1, ch.Limit, ch.At); !errors.Is(err, quota.ErrRolling) {
				e.fault(err, record.LimitUnannounced, int64(i)+1)
			}
		}
	})
}

// result describes the engine for the manifest.
func (e *engineWorld) result() record.Engine {
	out := record.Engine{Name: e.Name, Kind: e.Kind, Options: e.Options, Thresholds: slices.Clone(e.Thresholds), Downsampled: e.Downsample,
		LooksBack: e.Kind != "flagsmith", Opaque: e.program != nil}
	perAccount := int64(e.QueryLatency+e.AccountTime+e.MailLatency) + 4*int64(e.q.w.d.plan.Clients[0].RTT[0].Mean())
	out.Slack = int64(e.Lag) + deliverySlack + perAccount*int64(e.q.accounts.Len())
	out.First, out.Last = e.q.start, e.q.start+int64(e.q.w.d.plan.Horizon)
	if e.run != nil && (e.add == nil || e.program != nil) {
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
	quota.Post
	hook func()
}

// Send delivers, after what the hook wants done first.
func (m *overlappingMail) Send(ctx context.Context, n quota.Notice) (bool, error) {
	if hook := m.hook; hook != nil {
		m.hook = nil
		hook()
	}
	return m.Post.Send(ctx, n)
}

// outside is a hook on an engine's client in real time: while a command is
// under way, the run's other steps go on.
type outside struct{}

func (outside) DialHook(next redis.DialHook) redis.DialHook { return next }

func (outside) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) (err error) {
		beside(ctx, func() { err = next(ctx, cmd) })
		return err
	}
}

func (outside) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) (err error) {
		beside(ctx, func() { err = next(ctx, cmds) })
		return err
	}
}

// beside runs f outside of the Process that ctx knows. There is none while
// an engine is made.
func beside(ctx context.Context, f func()) {
	if p := processOf(ctx); p != nil {
		p.Outside(f)
		return
	}
	f()
}
