package plan

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/models/traffic"
	"github.com/quotalab/quotalab/models/usage"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/quota"
)

// Accounts are the compiled accounts of a scenario: account i of 0 … Len()−1
// has the id i+1, over all groups in the file's order. Of a single account
// nothing is kept: what differs between the accounts of a group is drawn
// again, from the account's own streams, whenever it is asked for, so that
// the plan of a million accounts is small.
type Accounts struct {
	Groups []AccountGroup
	Batch  time.Duration // usage is counted in batches this long

	seed    uint64
	epoch   int64 // Unix nanoseconds
	horizon int64 // nanoseconds
}

// AccountGroup is a number of accounts with the same contract. Instants are
// Unix nanoseconds.
type AccountGroup struct {
	Name    string
	First   int // index of its first account
	Count   int
	Free    bool
	Limit   int64 // at the start
	Admins  int64
	Members int64

	CachedLimit int64 // what the engines' cache holds at the start
	CachedUsage int64

	Changes []AccountChange // in the order of their instants

	// Source is the traffic source, an index in Plan.Sources, of whose
	// requests those that Limiter (an index in Plan.Limiters) allows are the
	// usage; −1: usage is drawn, and Usage streams it.
	Source, Limiter int
	Customers       []string // names of those in the source's trace, by account; none: keys are numbers
	Mean            float64  // of usage that is drawn: units that the account of scale 1 uses over the run, in expectation
	Corrections     Corrections

	anchor func(n uint64) int64 // of the account that drew n, uniform over 64 bits
	scale  scale
	even   bool
	share  []float64 // of the usage over the run: what comes before batch k, and 1 at the end
	peak   float64   // the largest share of one batch
}

// Corrections says that ⌊Share · units since the correction before⌋ are taken
// back at every multiple of Every after the epoch. No Every: none.
type Corrections struct {
	Every time.Duration
	Share float64
}

// AccountChange is a change of a group's contracts.
type AccountChange struct {
	At      int64
	Limit   int64 // 0: as before
	Bulk    bool  // the new limit is not saved account by account: no engine notices
	Lost    bool  // nor does it reach what engines read
	Plan    PlanChange
	Cancel  bool // a cancellation date is set
	Restart bool // billing periods are counted from At on
}

// PlanChange is a change from one plan to another.
type PlanChange uint8

// The changes of plan.
const (
	SamePlan PlanChange = iota
	ToFree
	ToPaid
)

// Account is one account, as it is at the start.
type Account struct {
	ID       int64
	Group    *AccountGroup
	N        int            // number in its group, from 0
	Anchor   int64          // first billing instant, of a paid account
	Scale    float64        // factor of its usage
	Contract usage.Contract // with all changes
}

// Len is the number of accounts. No Accounts have none.
func (a *Accounts) Len() int {
	if a == nil || len(a.Groups) == 0 {
		return 0
	}
	last := &a.Groups[len(a.Groups)-1]
	return last.First + last.Count
}

// Group returns the group of account i.
func (a *Accounts) Group(i int) *AccountGroup {
	at, found := slices.BinarySearchFunc(a.Groups, i, func(g AccountGroup, i int) int { return g.First - i })
	if !found {
		at--
	}
	return &a.Groups[at]
}

// Account returns account i.
func (a *Accounts) Account(i int) Account {
	g := a.Group(i)
	out := Account{ID: int64(i) + 1, Group: g, N: i - g.First, Scale: a.scaleOf(g, i-g.First)}
	if !g.Free {
		out.Anchor = a.anchorOf(g, out.N)
	}
	out.Contract = contract(g, out.Anchor)
	return out
}

// Of is the index of the account that a key of the group's traffic source
// belongs to. The key is the number that the request drew for its first take.
func (g *AccountGroup) Of(key uint64) int { return g.First + int(key%uint64(g.Count)) }

// contract follows an account through the changes of its group. A date of
// cancellation changes nothing: the contract goes on until the plan changes.
func contract(g *AccountGroup, anchor int64) usage.Contract {
	now := usage.Segment{From: usage.Beginning, Kind: usage.Period, Anchor: anchor, Limit: g.Limit}
	if g.Free {
		now.Kind = usage.Rolling
	}
	c := append(make(usage.Contract, 0, 1+len(g.Changes)), now)
	for _, ch := range g.Changes {
		before := now
		if ch.Limit > 0 {
			now.Limit = ch.Limit
		}
		switch {
		case ch.Plan == ToFree:
			now.Kind, now.Anchor = usage.Rolling, 0
		case ch.Plan == ToPaid || ch.Restart:
			now.Kind, now.Anchor = usage.Period, ch.At
		}
		if now != before {
			now.From = ch.At
			c = append(c, now)
		}
	}
	return c
}

// compileAccounts compiles the accounts of a scenario; nil without any.
func compileAccounts(s *scenarios.Scenario) (*Accounts, scenarios.Problems) {
	if len(s.Accounts) == 0 {
		return nil, nil
	}
	a := &Accounts{Batch: time.Duration(s.UsageBatch), seed: s.Seed, epoch: s.Epoch.UnixNano(), horizon: int64(s.Horizon)}
	var ps scenarios.Problems
	for _, e := range s.Accounts {
		g := AccountGroup{Name: e.Name, First: a.Len(), Count: int(e.Value.Count)}
		if err := a.compileGroup(&g, s, e.Value); err != nil {
			ps = append(ps, s.Problem("accounts."+e.Name+".usage.shape", "%v", err))
		}
		a.Groups = append(a.Groups, g)
	}
	return a, ps
}

func (a *Accounts) compileGroup(g *AccountGroup, s *scenarios.Scenario, def scenarios.AccountGroup) error {
	g.Free, g.Limit, g.Admins, g.Members = def.Plan == "free", int64(def.Limit), int64(def.Admins), int64(def.Members)
	g.CachedLimit = g.Limit
	if def.Cached != nil && def.Cached.Limit != nil {
		g.CachedLimit = int64(*def.Cached.Limit)
	}
	if def.Cached != nil && def.Cached.Usage30d != nil {
		g.CachedUsage = int64(*def.Cached.Usage30d)
	}
	g.anchor = anchors(def.Anchor, s.Epoch)
	for _, ch := range def.Changes {
		g.Changes = append(g.Changes, a.change(ch))
	}
	if k := def.Usage.Corrections; k != nil {
		g.Corrections = Corrections{Every: time.Duration(k.Every), Share: float64(k.Share)}
	}
	g.Source, g.Limiter = -1, -1
	if from := def.Usage.From; from != "" {
		g.Source = slices.Index(s.Traffic.Names(), from)
		g.Limiter = slices.Index(s.Limiters.Names(), def.Usage.Limiter)
		return nil
	}
	return a.compileUsage(g, s, def)
}

func (a *Accounts) change(ch scenarios.AccountChange) AccountChange {
	out := AccountChange{At: a.epoch + int64(ch.At), Bulk: ch.Via != "save", Lost: ch.Via == "lost", Cancel: ch.Cancel, Restart: ch.RestartAnchor}
	if ch.Limit != nil {
		out.Limit = int64(*ch.Limit)
	}
	switch ch.Plan {
	case "free":
		out.Plan = ToFree
	case "paid":
		out.Plan = ToPaid
	}
	return out
}

// defaultFreeLimit is the limit of free plans that engines know of an account
// that never had one.
const defaultFreeLimit = 50_000

// Known is what engines know of an account at the start: its contract, and
// the cache where that is wrong.
func (a *Accounts) Known(acc Account) quota.Account {
	g := acc.Group
	out := quota.Account{ID: acc.ID, Free: g.Free, FreeLimit: defaultFreeLimit, Cached: true, Allowed: g.CachedLimit, Recent: g.CachedUsage,
		BillingStart: quota.Unknown, BillingEnd: quota.Unknown, Admins: g.Admins, Members: g.Members}
	if g.Free {
		out.FreeLimit = g.Limit
		return out
	}
	out.BillingStart = acc.Anchor
	_, out.BillingEnd = acc.Contract.PeriodAt(a.epoch)
	return out
}

// Change applies a change of the account's group to what engines know of it.
// Whether an engine also notices (see AccountChange.Bulk) is its own business.
func (acc Account) Change(known *quota.Account, ch AccountChange) {
	now := acc.Contract.At(ch.At)
	known.Free = now.Kind == usage.Rolling
	if known.Free {
		known.FreeLimit = now.Limit
	}
	if ch.Limit > 0 {
		known.Allowed = ch.Limit
	}
	switch {
	case ch.Plan == ToFree:
		known.BillingStart, known.BillingEnd, known.Cancelled = quota.Unknown, quota.Unknown, false
	case ch.Plan == ToPaid:
		known.Cancelled = false
		fallthrough
	case ch.Restart:
		known.BillingStart, known.BillingEnd = now.PeriodAt(ch.At)
	}
	if ch.Cancel {
		known.Cancelled = true
	}
}

// accountsText describes the accounts to a person.
func (p *Plan) accountsText(w io.Writer) {
	if p.Accounts.Len() == 0 {
		return
	}
	fmt.Fprintf(w, "accounts\t%d in batches of usage of %s\n", p.Accounts.Len(), unit.Time(p.Accounts.Batch))
	for i := range p.Accounts.Groups {
		g := &p.Accounts.Groups[i]
		plan := "paid"
		if g.Free {
			plan = "free"
		}
		usage := fmt.Sprintf("%.0f units expected of one of scale 1", g.Mean)
		if g.Source >= 0 {
			usage = fmt.Sprintf("what %s of %s is allowed", p.Limiters[g.Limiter].Name, p.Scenario.Traffic[g.Source].Name)
		}
		fmt.Fprintf(w, "  %s\t%d to %d, %s, limit %d: %s\n", g.Name, g.First+1, g.First+g.Count, plan, g.Limit, usage)
		if len(g.Customers) > 0 {
			fmt.Fprintf(w, "    account %d on\t%s\n", g.First+1, listed(g.Customers))
		}
		for _, ch := range g.Changes {
			fmt.Fprintf(w, "    from %s\t%s\n", unit.Time(time.Duration(ch.At-p.Epoch.UnixNano())), ch)
		}
	}
}

// String says what changes.
func (c AccountChange) String() string {
	var parts []string
	if c.Limit > 0 {
		parts = append(parts, fmt.Sprintf("limit %d", c.Limit))
	}
	if c.Lost {
		parts = append(parts, "lost on the way to the cache")
	} else if c.Bulk {
		parts = append(parts, "in bulk")
	}
	switch c.Plan {
	case ToFree:
		parts = append(parts, "free plan")
	case ToPaid:
		parts = append(parts, "paid plan")
	}
	if c.Cancel {
		parts = append(parts, "cancelled")
	}
	if c.Restart {
		parts = append(parts, "new anchor")
	}
	return strings.Join(parts, ", ")
}

// enginesText describes the engines to a person.
func (p *Plan) enginesText(w io.Writer) {
	for _, e := range p.Engines {
		runs := "as usage is counted"
		if e.Every > 0 {
			runs = fmt.Sprintf("every %s from %s", unit.Time(e.Every), unit.Time(time.Duration(e.First-p.Epoch.UnixNano())))
		}
		fmt.Fprintf(w, "engine %s\t%s%s, %s, thresholds %s%s\n", e.Name, e.Kind, optionsText(e.Options), runs, percents(e.Thresholds), processText(e.Process))
	}
}

func percents(thresholds []int64) string {
	words := make([]string, len(thresholds))
	for i, t := range thresholds {
		words[i] = fmt.Sprintf("%d%%", t)
	}
	return strings.Join(words, ", ")
}

// month is the time that of_limit speaks of.
const month = 30 * 24 * time.Hour

// mostUnits bounds the expected usage of one account, so that sums of it and
// a hundred times that fit into 64 bits. A heavy tail may reach it.
const mostUnits = 1 << 53

// compileUsage compiles how much an account of the group uses, and when. The
// shape is normalised: only its form counts.
func (a *Accounts) compileUsage(g *AccountGroup, s *scenarios.Scenario, def scenarios.AccountGroup) error {
	u := def.Usage
	c, err := curve(u.Shape, s.Epoch)
	if err != nil {
		return err
	}
	g.Mean = float64(u.OfLimit) * float64(def.Limit) * (float64(s.Horizon) / float64(month))
	g.scale, g.even = scales(u.Scale), u.Draw == "even"
	g.share, err = shares(c, time.Duration(s.Horizon), a.Batch)
	for k := 1; k < len(g.share); k++ {
		g.peak = max(g.peak, g.share[k]-g.share[k-1])
	}
	return err
}

// shares returns for every batch of a run the share of the curve's Λ that
// comes before it, and 1 at the end. What is due at the instant at which a
// batch begins belongs to it.
func shares(c traffic.Curve, horizon, batch time.Duration) ([]float64, error) {
	n := int((horizon + batch - 1) / batch)
	out := make([]float64, n+1)
	for k := 1; k <= n; k++ {
		out[k] = before(c, min(time.Duration(k)*batch, horizon).Seconds())
	}
	total := out[n]
	if !(total > 0) || math.IsInf(total, 0) {
		return nil, errors.New("the pattern has no rate before the horizon, so nothing would be used: its form alone counts, and it needs one")
	}
	for k := range out {
		out[k] /= total
	}
	return out, nil
}

// before is Λ(t−), what is due before t.
func before(c traffic.Curve, t float64) float64 {
	n := c.Cumulative(t)
	if p, ok := c.(traffic.Piecewise); ok {
		n -= p.Mass(t)
	}
	return n
}
