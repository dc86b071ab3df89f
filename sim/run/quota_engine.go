package run

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/models/usage"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/fakeredis"
	"github.com/quotalab/quotalab/sim/plan"
	"github.com/quotalab/quotalab/sim/quota"
)

// engineWorld is one usage-threshold engine: what it knows, its shards, its
// usage source and its mail. What the engine can do is in the functions; nil
// is what it cannot.
type engineWorld struct {
	plan.Engine
	index     int
	q         *quotas
	fleet     fleet
	client    fakeredis.ClientSpec
	redis     redis.UniversalClient // nil: the engine is a program, with a client of its own
	program   process               // that the engine is; nil: it is here
	clock     unixClock
	directory quota.Directory
	source    quota.UsageSource
	mail      *overlappingMail
	contracts []usage.Contract // by account, of an engine that counts

	run      func(ctx context.Context, run int64) error        // one run over all accounts
	refresh  func(ctx context.Context) error                   // of the cached usage
	saved    func(ctx context.Context, account int64) error    // a changed limit was saved
	add      func(ctx context.Context, us []quota.Usage) error // counts usage
	changed  func(before, after quota.Account)                 // what is known of an account
	setLimit func(ctx context.Context, account, limit, at int64) error
	flush    func(ctx context.Context) error                   // counts what is kept back
	drain    func(ctx context.Context, partitions []int) error // empties outboxes

	runs     int64
	last     int64 // start of the last run
	findings map[finding]*record.Finding
	order    []finding // of findings, as they first came up

	flushEvery time.Duration
	woken      map[int]bool // outboxes that may have got something
	failed     map[int]bool // outboxes that kept something
	delivering bool
}

// finding is what findings are counted by.
type finding struct {
	what    record.FindingKind
	account int64
}

// engineMakers by kind. To add one, write its maker and a line here and in
// plan.Engines.
var engineMakers = map[string]func(*engineWorld) error{
	"broken":    makeBroken,
	"catch_up":  makeCatchUp,
	"flagsmith": makeFlagsmith,
	"hybrid":    makeHybrid,
	"inline":    makeInline,
	"process":   (*engineWorld).startProgram,
}

func newEngineWorld(q *quotas, index int) (*engineWorld, error) {
	p := q.w.d.plan
	e := &engineWorld{Engine: p.Engines[index], index: index, q: q, clock: unixClock{q.w.clock, q.start}, last: -1, findings: map[finding]*record.Finding{}, woken: map[int]bool{}, failed: map[int]bool{}}
	scope := "engine/" + e.Name
	scoped := func(name string) *rand.Rand { return p.Stream(scope + "/" + name) }
	var err error
	if e.fleet, err = q.w.stage.fleet(scope, nil, scoped); err != nil {
		return nil, fmt.Errorf("engine %s: %w", e.Name, err)
	}
	client := p.Clients[0]
	e.client = fakeredis.ClientSpec{ShardNames: client.ShardNames, RTT: client.RTT, Stream: func(shard string) *rand.Rand { return scoped("network/" + shard) }, Connection: client.Connection}
	if err := e.connect(); err != nil {
		return nil, fmt.Errorf("engine %s: %w", e.Name, err)
	}
	for i := range q.accounts.Len() {
		e.directory.Put(q.accounts.Known(q.accounts.Account(i)))
	}
	e.source = e.sourceOf(q.events)
	e.mail = &overlappingMail{Post: quota.Post{Clock: e.clock, Sleep: e.sleep, Latency: int64(e.MailLatency), Down: e.MailDown}}
	if err := engineMakers[e.Kind](e); err != nil {
		return e, fmt.Errorf("%w: engine %s: %w", ErrLimiter, e.Name, err)
	}
	return e, nil
}

// connect makes the engine's client, unless it is a program that has one.
func (e *engineWorld) connect() (err error) {
	if e.Process != nil {
		return nil
	}
	if e.redis, err = e.fleet.Client(e.client); err == nil && e.q.w.d.inRealTime() {
		e.redis.AddHook(outside{})
	}
	return err
}

// sourceOf is the engine's way of reading a table of usage. What an account
// takes in a run is spent where its usage is read.
func (e *engineWorld) sourceOf(events *quota.Events) quota.UsageSource {
	view := &quota.View{Events: events, Clock: e.clock, Of: e.Source, Downsample: e.Downsample, Lag: int64(e.Lag)}
	if e.Source == quota.Postgres {
		return view // is in the engine's own database, which neither waits nor fails
	}
	return &quota.Unreliable{UsageSource: view, Clock: e.clock, Sleep: e.sleep, Latency: int64(e.QueryLatency + e.AccountTime),
		Down: e.SourceDown, Says: e.Kind != "flagsmith"} // upstream's client answers 0 when it is down
}

func (e *engineWorld) sleep(ctx context.Context, ns int64) error {
	p := processOf(ctx)
	if p == nil {
		return errors.New("an engine waits outside of its runs")
	}
	p.Sleep(time.Duration(ns))
	return nil
}

// record writes an evaluation.
func (e *engineWorld) record(ev *record.Evaluation) {
	ev.Engine = e.Name
	e.q.w.evaluated(ev, e.index)
}

// find counts what the engine, or the harness about it, noticed.
func (e *engineWorld) find(what record.FindingKind, account int64, err error) {
	key := finding{what, account}
	f := e.findings[key]
	if f == nil {
		f = &record.Finding{What: what, Account: account, At: e.clock.Now()}
		if err != nil && !errors.Is(err, quota.ErrNotDelivered) { // which says no more than the finding
			f.Error = err.Error()
		}
		e.findings[key], e.order = f, append(e.order, key)
	}
	f.Count, f.Last = f.Count+1, e.clock.Now()
}

func makeFlagsmith(e *engineWorld) error {
	rules, err := quota.RulesOf(e.Options["generation"])
	if err != nil {
		return err
	}
	f, err := quota.NewFlagsmith(quota.FlagsmithOptions{
		Name: e.Name, Generation: e.Options["generation"], Every: e.Every, FlagFrom: e.FlagFrom, Thresholds: e.Thresholds,
		Accounts: &e.directory, Source: e.source, Log: &quota.RedisLog{Redis: e.redis, Shared: !rules.Has(quota.OwnLog)},
		Mailer: e.mail, Clock: e.clock, Sink: e.record,
	})
	if err != nil {
		return err
	}
	e.run, e.saved = f.Run, f.LimitSaved
	if e.CacheRefresh > 0 {
		e.refresh = f.Refresh
	}
	return nil
}

func (e *engineWorld) catchUpOptions() quota.CatchUpOptions {
	return quota.CatchUpOptions{
		Name: e.Name, Every: e.Every, Thresholds: e.Thresholds, Lag: int64(e.Lag), EndStamps: e.Downsample, Accounts: &e.directory,
		Source: e.source, Claims: &quota.RedisClaims{Redis: e.redis}, Mailer: e.mail, Clock: e.clock, Sink: e.record,
	}
}

func (e *engineWorld) polls(c *quota.CatchUp, err error) error {
	if err == nil {
		e.run, e.changed = c.Run, c.Changed
	}
	return err
}

func makeCatchUp(e *engineWorld) error {
	return e.polls(quota.NewCatchUp(e.catchUpOptions()))
}

func makeBroken(e *engineWorld) error {
	return e.polls(quota.NewBroken(e.catchUpOptions()))
}

func (e *engineWorld) inlineConfig() (quota.InlineConfig, error) {
	e.contracts = make([]usage.Contract, e.q.accounts.Len())
	for i := range e.contracts {
		e.contracts[i] = e.q.accounts.Account(i).Contract
	}
	receiver := &quota.Receiver{Name: e.Name, Clock: e.clock, Accounts: &e.directory, Mailer: e.mail,
		Sent: &quota.RedisClaims{Redis: e.redis, Prefix: "sent:"}, Sink: e.record}
	deliverer, err := quota.NewDeliverer(e.redis, quota.Outboxes{Partitions: partitions}, int64(redeliverEvery), receiver.Notify)
	if err != nil {
		return quota.InlineConfig{}, err
	}
	e.drain = deliverer.Drain
	return quota.InlineConfig{
		Redis: e.redis, Clock: e.clock, Thresholds: e.Thresholds, Outboxes: quota.Outboxes{Partitions: partitions},
		Contracts: func(account int64) (usage.Contract, error) { return e.contracts[account-1], nil },
		Report:    func(f quota.Finding) { e.find(f.Cause, f.Account, nil) },
		Hint:      func(partition int) { e.wake(partition) },
	}, nil
}

func makeInline(e *engineWorld) error {
	c, err := e.inlineConfig()
	if err != nil {
		return err
	}
	in, err := quota.NewInline(c)
	if err != nil {
		return err
	}
	e.add, e.setLimit = in.AddBatch, in.SetLimit
	buffer, err := time.ParseDuration(e.Options["buffer"])
	if err != nil || buffer == 0 {
		return err
	}
	b, err := quota.NewBuffered(in, int64(buffer))
	if err != nil {
		return err
	}
	e.setLimit, e.flush, e.flushEvery = b.SetLimit, b.Poll, buffer
	e.add = func(ctx context.Context, us []quota.Usage) error {
		var errs []error
		for _, u := range us {
			errs = append(errs, b.Add(ctx, u))
		}
		return errors.Join(errs...)
	}
	return nil
}

func makeHybrid(e *engineWorld) error {
	c, err := e.inlineConfig()
	if err != nil {
		return err
	}
	h, err := quota.NewHybrid(quota.HybridConfig{InlineConfig: c, Accounts: &e.directory, Every: int64(e.Every), Lag: int64(e.Lag),
		Totals: totals{all: e.source, negative: e.sourceOf(e.q.negative)}})
	if err != nil {
		return err
	}
	e.add, e.setLimit = h.AddBatch, h.SetLimit
	e.run = func(ctx context.Context, _ int64) error { return h.Poll(ctx) }
	return nil
}

// totals reads what was added and what was corrected from two tables.
type totals struct{ all, negative quota.UsageSource }

func (t totals) Totals(ctx context.Context, account, from, to int64) (added, corrected int64, err error) {
	if from >= to {
		return 0, 0, nil
	}
	sum, err := unitsOf(ctx, t.all, account, from, to)
	if err != nil {
		return 0, 0, err
	}
	negative, err := unitsOf(ctx, t.negative, account, from, to)
	return sum - negative, -negative, err
}

func unitsOf(ctx context.Context, s quota.UsageSource, account, from, to int64) (sum int64, err error) {
	series, err := s.Sum(ctx, account, from, to)
	for _, x := range series {
		sum += x.Units
	}
	return sum, err
}

// unixClock is the run's clock as engines read it.
type unixClock struct {
	clock clock.Clock
	start int64
}

func (c unixClock) Now() int64 { return c.start + c.clock.Now() }
