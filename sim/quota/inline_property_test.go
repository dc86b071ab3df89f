package quota

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/quotalab/quotalab/models/usage"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/fakeredis"
)

// knobs are what rapid draws and shrinks; the rest comes from the seed.
type knobs struct {
	seed        uint64
	accounts    int
	ops         int           // of one account
	clients     int           //
	corrections float64       // share of operations
	limits      float64       // share of operations
	lost        float64       // share of calls whose request or reply is lost
	burst       time.Duration // operations of an account come in bursts this long
	rtt         time.Duration
	restarts    int // of shards, with persistence
	wipes       int // of shards, without
	onlyLower   bool
}

func drawKnobs(t *rapid.T) knobs {
	return knobs{
		seed:        rapid.Uint64().Draw(t, "seed"),
		accounts:    historiesPerCase,
		clients:     16,
		ops:         rapid.IntRange(1, 20).Draw(t, "ops"),
		corrections: rapid.SampledFrom([]float64{0, 0.1, 0.4}).Draw(t, "corrections"),
		limits:      rapid.SampledFrom([]float64{0, 0.1, 0.3}).Draw(t, "limits"),
		lost:        rapid.SampledFrom([]float64{0, 0.1, 0.5}).Draw(t, "lost"),
		burst:       rapid.SampledFrom([]time.Duration{time.Microsecond, 10 * time.Millisecond, time.Hour}).Draw(t, "burst"),
		rtt:         rapid.SampledFrom([]time.Duration{0, time.Millisecond, 50 * time.Millisecond}).Draw(t, "rtt"),
		restarts:    rapid.IntRange(0, 3).Draw(t, "restarts"),
	}
}

// operation of a history.
type operation struct {
	account int64
	at      int64
	client  int
	usages  []Usage // else a limit change
	limit   int64
	plain   bool // without tokens, and so not to be retried
}

// attempt is an operation that Redis executed.
type attempt struct {
	*operation
	order   int64
	carried usage.Contract // that its client knew
	now     int64
}

// story is one case: histories of many accounts, played by many clients.
type story struct {
	spurious int // notices that were not due, once checked
	*world
	k        knobs
	rng      *rand.Rand
	horizon  int64
	ops      []*operation
	truth    map[int64]usage.Contract // with all changes that began
	attempts []attempt
	retries  int
	findings []Finding
	got      delivered
}

func newStory(t rapid.TB, k knobs, horizon int64) *story {
	s := &story{world: newWorld(t, k.seed), k: k, rng: rand.New(rand.NewPCG(k.seed, 9)), horizon: horizon, truth: map[int64]usage.Contract{}}
	s.got.t = t
	for a := range int64(k.accounts) {
		limit := 1 + s.rng.Int64N(1000)
		s.truth[a] = usage.Contract{{From: usage.Beginning, Kind: usage.Period, Anchor: dayAt(float64(a%60) - 60), Limit: limit}}
		s.history(a, limit)
	}
	return s
}

// history draws an account's operations: bursts at which about the limit is
// used up within the horizon.
func (s *story) history(account, limit int64) {
	at := int64(0)
	taken := map[int64]bool{} // two limits cannot begin at one instant
	for i := range s.k.ops {
		if i == 0 || s.rng.IntN(4) == 0 {
			at = s.rng.Int64N(s.horizon)
		}
		op := &operation{account: account, client: s.rng.IntN(s.k.clients), at: dayAt(0) + (at+s.rng.Int64N(int64(s.k.burst)))/micro*micro}
		for taken[op.at] {
			op.at += micro
		}
		taken[op.at] = true
		switch p := s.rng.Float64(); {
		case p < s.k.limits && s.k.onlyLower:
			limit = 1 + s.rng.Int64N(limit)
			op.limit = limit
		case p < s.k.limits:
			op.limit = 1 + s.rng.Int64N(2*limit)
		default:
			s.draw(op, limit, i, p < s.k.limits+s.k.corrections)
		}
		s.ops = append(s.ops, op)
	}
	if s.k.onlyLower { // in the order of time too
		s.sortLimits(account)
	}
}

// draw gives an operation one usage or a batch of them, which is counted in
// fewer steps where it has no tokens.
func (s *story) draw(op *operation, limit int64, i int, corrects bool) {
	n := 1
	op.plain = s.rng.IntN(4) == 0
	if s.rng.IntN(4) == 0 {
		n = 1 + s.rng.IntN(5)
	}
	late := int64(0)
	if s.rng.IntN(5) == 0 {
		late = s.rng.Int64N(usage.Day)
	}
	for j := range n {
		u := Usage{Account: op.account, At: op.at - late + int64(j), Units: 1 + s.rng.Int64N(max(3*limit/int64(s.k.ops), 1))}
		if corrects && s.rng.IntN(n) == 0 {
			u.Units = -u.Units
		}
		if !op.plain {
			u.Token = fmt.Sprintf("%d/%d/%d", op.account, i, j)
		}
		op.usages = append(op.usages, u)
	}
}

func (s *story) sortLimits(account int64) {
	var changes []*operation
	var limits []int64
	for _, op := range s.ops {
		if op.account == account && op.limit > 0 {
			changes, limits = append(changes, op), append(limits, op.limit)
		}
	}
	slices.SortStableFunc(changes, func(a, b *operation) int { return cmp.Compare(a.at, b.at) })
	slices.SortFunc(limits, func(a, b int64) int { return cmp.Compare(b, a) })
	for i, op := range changes {
		op.limit = limits[i]
	}
}

// knows is what a client knows of a contract: odd ones hear of changes when
// they begin, the others only by SetLimit.
func (s *story) knows(client int, account int64) usage.Contract {
	if client%2 == 1 || s.k.wipes > 0 {
		return s.truth[account]
	}
	return s.truth[account][:1]
}

// play runs all operations, each as a Proc of its own, and whatever the engine
// needs beside them.
func (s *story) play(engine func(client int, c InlineConfig) *Inline) {
	var flakies, solids []*Inline
	for i := range s.k.clients {
		ring := s.client(s.k.rtt)
		c := InlineConfig{Clock: s, Thresholds: standard, Outboxes: Outboxes{Partitions: 8},
			Contracts: func(a int64) (usage.Contract, error) { return s.knows(i, a), nil },
			Report:    func(f Finding) { s.findings = append(s.findings, f) }}
		c.Redis = ring
		solids = append(solids, engine(i, c))
		c.Redis = &flaky{ring, rand.New(rand.NewPCG(s.rng.Uint64(), 4)), s.k.lost}
		flakies = append(flakies, engine(i, c))
	}
	for _, op := range s.ops {
		s.at(op.at, func(p *clock.Proc) { s.perform(p, op, flakies[op.client], solids[op.client]) })
	}
	s.faults()
	s.delivery()
}

// perform makes a call until it succeeds, the last time without faults.
func (s *story) perform(p *clock.Proc, op *operation, flaky, solid *Inline) {
	if op.limit > 0 {
		c := s.truth[op.account]
		i, _ := slices.BinarySearchFunc(c, op.at, func(g usage.Segment, at int64) int { return cmp.Compare(g.From, at) })
		s.truth[op.account] = slices.Insert(slices.Clone(c), i, usage.Segment{From: op.at, Kind: c[0].Kind, Anchor: c[0].Anchor, Limit: op.limit})
	}
	for try := range 5 {
		in := flaky
		if try == 4 || op.plain {
			in = solid
		}
		ctx := fakeredis.NewTrace(context.Background())
		a := attempt{operation: op, carried: s.knows(op.client, op.account), now: s.Now()}
		var err error
		if op.limit > 0 {
			err = in.SetLimit(ctx, op.account, op.limit, op.at)
		} else {
			err = in.AddBatch(ctx, op.usages)
		}
		if a.order = ctx.Order; a.order >= 0 {
			s.attempts = append(s.attempts, a)
		}
		if err == nil {
			return
		}
		if doubt := new(InDoubtError); !errors.As(err, &doubt) || len(doubt.Usages) != len(op.usages) {
			s.t.Errorf("expected all %d usages in doubt, found %v", len(op.usages), err)
			return
		}
		s.retries++
		p.Sleep(time.Duration(s.rng.Int64N(int64(5 * time.Second))))
	}
	s.t.Errorf("account %d: gave up", op.account)
}

// faults restarts shards.
func (s *story) faults() {
	ring := s.client(0)
	for i := range s.k.restarts + s.k.wipes {
		key := Outboxes{Prefix: "quota"}.Stream(s.rng.IntN(8))
		restart := forgetScripts
		if i >= s.k.restarts {
			restart = wipe
		}
		s.at(dayAt(0)+s.rng.Int64N(s.horizon), func(*clock.Proc) { restart(s.t, ring, key) })
	}
}

// delivery drains the outboxes now and then, crashes between notice and ack
// included, and once more at the end.
func (s *story) delivery() {
	d, err := NewDeliverer(&noAck{s.client(s.k.rtt), rand.New(rand.NewPCG(s.k.seed, 5))}, Outboxes{Partitions: 8}, 1, s.got.notify)
	if err != nil {
		s.t.Fatal(err)
	}
	for at := int64(0); at < s.horizon; at += 5 * usage.Day {
		s.at(dayAt(0)+at, func(*clock.Proc) {
			if err := d.Poll(context.Background()); err != nil && !errors.Is(err, errReset) {
				s.t.Error(err)
			}
		})
	}
}

// end drains what is left.
func (s *story) end() {
	s.sched.Run()
	s.now(func() { s.drainFrom(Outboxes{Partitions: 8}, &s.got) })
	s.close()
}

// ledger is the naive account of what is due, in the order in which Redis
// executed: after every operation it looks at everything.
type ledger struct {
	anchor map[int64]int64
	used   map[Claim]int64         // by account and period
	known  map[int64]usage.Segment // latest limit that Redis was told of
	due    map[Claim]bool
	tokens map[string]bool
}

func newLedger(s *story) *ledger {
	l := &ledger{map[int64]int64{}, map[Claim]int64{}, map[int64]usage.Segment{}, map[Claim]bool{}, map[string]bool{}}
	for a, c := range s.truth {
		l.anchor[a] = c[0].Anchor
	}
	slices.SortStableFunc(s.attempts, func(a, b attempt) int { return cmp.Compare(a.order, b.order) })
	for _, a := range s.attempts {
		l.apply(a)
	}
	return l
}

func (l *ledger) months(account, n int64) int64 { return usage.AddMonths(l.anchor[account], n) }

// period that holds t, month by month.
func (l *ledger) period(account, t int64) (start, end int64) {
	n := int64(0)
	for l.months(account, n+1) <= t {
		n++
	}
	return l.months(account, n), l.months(account, n+1)
}

func (l *ledger) apply(a attempt) {
	if a.limit > 0 {
		if k := l.known[a.account]; a.at >= k.From {
			l.known[a.account] = usage.Segment{From: a.at, Limit: a.limit}
		}
		for t := a.at; t <= a.now; {
			start, end := l.period(a.account, t)
			l.look(a.account, start, l.limit(a, start, end))
			t = end
		}
		return
	}
	for _, u := range a.usages {
		if l.tokens[u.Token] {
			continue
		}
		l.tokens[u.Token] = u.Token != ""
		start, end := l.period(a.account, u.At)
		limit := l.limit(a, start, end)
		l.used[Claim{a.account, start, 0}] += u.Units
		l.look(a.account, start, limit)
	}
}

// limit in force in a period: the latest change before its end that Redis or
// the caller knows of. Redis learns what the caller knows.
func (l *ledger) limit(a attempt, start, end int64) int64 {
	c := a.carried[0]
	for _, s := range a.carried {
		if s.From <= a.now && s.From < end {
			c = s
		}
	}
	k, ok := l.known[a.account]
	if ok && k.From < end && k.From >= c.From {
		return k.Limit
	}
	if !ok || c.From > k.From {
		l.known[a.account] = c
	}
	return c.Limit
}

func (l *ledger) look(account, start, limit int64) {
	for _, T := range standard {
		if 100*l.used[Claim{account, start, 0}] >= T*limit {
			l.due[Claim{account, start, T}] = true
		}
	}
}

// noAck loses the acknowledgement of every third entry.
type noAck struct {
	redis.UniversalClient
	rng *rand.Rand
}

func (n *noAck) XDel(ctx context.Context, stream string, ids ...string) *redis.IntCmd {
	if n.rng.IntN(3) > 0 {
		return n.UniversalClient.XDel(ctx, stream, ids...)
	}
	cmd := redis.NewIntCmd(ctx)
	cmd.SetErr(errReset)
	return cmd
}

// check compares what was delivered with what was due: nothing missed. What was
// not due is counted: see tally.
func (s *story) check(due map[Claim]bool) {
	s.t.Helper()
	var missed, spurious []Claim
	for c := range due {
		if s.got.ids[c] == nil {
			missed = append(missed, c)
		}
	}
	for c := range s.got.ids {
		if !due[c] {
			spurious = append(spurious, c)
		}
	}
	s.spurious = len(spurious)
	if len(missed)+len(spurious) > 0 {
		s.t.Logf("missed %v, spurious %v", missed, spurious)
		s.explain(append(missed, spurious...)[0])
	}
	if len(missed) > 0 {
		s.t.Errorf("%d obligations missed", len(missed))
	}
}

// explain prints the operations of a claim's account, by milliseconds.
func (s *story) explain(c Claim) {
	ms := func(t int64) float64 { return float64(t-dayAt(0)) / milli }
	s.t.Logf("%v began at %.6f", c, ms(c.Period))
	for _, a := range s.attempts {
		if a.account != c.Account {
			continue
		}
		s.t.Logf("#%d at %.6f (now %.6f) client %d, limit %d", a.order, ms(a.at), ms(a.now), a.client, a.limit)
		for _, u := range a.usages {
			s.t.Logf("    %d units at %.6f, token %s", u.Units, ms(u.At), u.Token)
		}
		for _, g := range a.carried[1:] {
			s.t.Logf("    knows limit %d from %.6f", g.Limit, ms(g.From))
		}
	}
	s.t.Logf("first limit %d", s.truth[c.Account][0].Limit)
}

// checkOnce: no claim was put into an outbox twice.
func (s *story) checkOnce() {
	s.t.Helper()
	for c, ids := range s.got.ids {
		if len(ids) != 1 {
			s.t.Errorf("%v: expected one entry of an outbox, found %v", c, ids)
		}
	}
}

// sum of what stories did, to show that the property is not vacuous.
//
// A spurious notice is not excluded: none to three in 10,000 of these histories,
// in which a limit changes several times within milliseconds while half of
// the calls are lost and limits are announced in another order than they
// were set, has one (-rapid.seed=1).
type tally struct{ cases, histories, operations, retries, due, redelivered, spurious int }

// mostSpurious: one history in so many may have a spurious notice.
const mostSpurious = 2_000

func (y *tally) add(s *story, due map[Claim]bool) {
	y.cases++
	y.histories += s.k.accounts
	y.operations += len(s.ops)
	y.retries += s.retries
	y.due += len(due)
	y.spurious += s.spurious
	for _, ids := range s.got.ids {
		for _, n := range ids {
			y.redelivered += n - 1
		}
	}
}

func (y *tally) report(t *testing.T) {
	t.Logf("%d histories, %d operations, %d retried calls, %d obligations, none missed, %d second deliveries, %d spurious notices",
		y.histories, y.operations, y.retries, y.due, y.redelivered, y.spurious)
	if y.spurious*mostSpurious > y.histories {
		t.Errorf("%d spurious notices in %d histories", y.spurious, y.histories)
	}
	if y.retries == 0 || y.due < y.cases || y.redelivered == 0 {
		t.Errorf("the histories do not exercise the engine: %+v", *y)
	}
}

// Increments of 16 clients interleave with corrections and limit changes that
// not all clients know of; calls and replies are lost, and retried; shards
// restart and keep their state. Every obligation comes out of the outboxes,
// and none twice but by redelivery.
func TestInlineMissesNothing(t *testing.T) {
	var y tally
	rapid.Check(t, func(rt *rapid.T) {
		s := newStory(rt, drawKnobs(rt), 65*usage.Day)
		s.play(func(_ int, c InlineConfig) *Inline { return s.inline(c) })
		s.end()
		l := newLedger(s)
		s.check(l.due)
		s.checkOnce()
		if len(s.findings) > 0 {
			rt.Errorf("nothing was lost, found %v", s.findings)
		}
		y.add(s, l.due)
	})
	y.report(t)
}
