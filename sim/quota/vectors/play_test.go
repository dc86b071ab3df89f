package vectors

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/quota"
)

// Result is what our engine made of a vector.
type Result struct {
	Expect
	// Evaluations of all organisations, in the order in which they ended.
	Evaluations []record.Evaluation
}

// Run plays a vector on the engine of its generation, log in memory.
func Run(v *Vector) (Result, error) { return RunWith(v, &quota.MemoryLog{}) }

// RunWith is Run with another log.
func RunWith(v *Vector, log quota.Log) (Result, error) {
	p, err := newPlayer(v, log)
	if err != nil {
		return Result{}, fmt.Errorf("vector %s: %w", v.ID, err)
	}
	for _, a := range p.actions() {
		p.now = max(p.now, int64(a.at)) // the clock never goes back
		if err := a.do(); err != nil {
			return Result{}, fmt.Errorf("vector %s: %w", v.ID, err)
		}
	}
	return p.result, nil
}

// player is the world of one vector.
type player struct {
	v        *Vector
	ctx      context.Context
	now      int64
	run      int64        // the run whose turn it is
	overlap  func() error // to do inside the next send, once
	accounts quota.Directory
	events   quota.Events
	engine   *quota.Flagsmith
	post     quota.Post
	result   Result
}

func newPlayer(v *Vector, log quota.Log) (*player, error) {
	p := &player{v: v, ctx: context.Background(), result: Result{Expect: Expect{Sent: []Sent{}, Aborted: []Abort{}, Probes: []Probe{}}}}
	p.addOrganisations()
	p.addUsage()
	source, err := p.source()
	if err != nil {
		return nil, err
	}
	p.post = quota.Post{Clock: p, Sleep: p.sleep, Latency: int64(v.Options.MailLatency), Down: spans(v.Options.MailDown)}
	flag := int64(quota.Unknown)
	if f := v.Options.FlagEnabledFrom; f != nil {
		flag = int64(*f)
	}
	p.engine, err = quota.NewFlagsmith(quota.FlagsmithOptions{
		Generation: v.Generation, FlagFrom: flag,
		Accounts: &p.accounts, Source: source, Log: log, Mailer: p, Clock: p, Sink: p.evaluated,
	})
	return p, err
}

// Now is the time of the vector's clock.
func (p *player) Now() int64 { return p.now }

func (p *player) sleep(_ context.Context, d int64) error {
	p.now += d
	return nil
}

// action is one thing that happens.
type action struct {
	at   Time
	rank int
	do   func() error
}

// actions returns them in order; at equal times changes, refresh, evaluation.
func (p *player) actions() []action {
	var all []action
	for _, c := range p.v.Changes {
		all = append(all, action{c.T, 0, func() error { return p.change(c) }})
	}
	for _, t := range p.v.CacheRefresh {
		all = append(all, action{t, 1, func() error { return p.engine.Refresh(p.ctx) }})
	}
	for _, e := range p.v.Evaluations {
		all = append(all, action{e.T, 2, func() error { return p.evaluate(e) }})
	}
	slices.SortStableFunc(all, func(a, b action) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.rank, b.rank))
	})
	return all
}

func (p *player) evaluate(e EvaluationTime) error {
	p.overlap = nil
	if e.Overlap {
		p.overlap = func() error { return p.play(int64(e.T) + Second) }
	}
	return p.play(int64(e.T))
}

// play does one run, inside another perhaps.
func (p *player) play(run int64) error {
	outer := p.run
	p.run = run
	defer func() { p.run = outer }()
	err := p.engine.Run(p.ctx, run)
	var abort *quota.AbortError
	if errors.As(err, &abort) {
		p.result.Aborted = append(p.result.Aborted, Abort{Time(run), abort.Err.Error()})
		return nil
	}
	return err
}

// Send delivers a notice. Before it is recorded the overlapping run happens.
func (p *player) Send(ctx context.Context, n quota.Notice) (bool, error) {
	delivered, err := p.post.Send(ctx, n)
	if second := p.overlap; second != nil {
		p.overlap = nil
		err = errors.Join(err, second())
	}
	return delivered, err
}

func (p *player) evaluated(e *record.Evaluation) {
	p.result.Evaluations = append(p.result.Evaluations, *e)
	if e.Outcome == record.SentNotice {
		p.result.Sent = append(p.result.Sent, Sent{e.Account, e.Threshold, Time(e.SentAt), Time(e.Run), e.Delivered})
	}
}
