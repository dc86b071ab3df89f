package plan

import (
	"fmt"
	"slices"
	"time"

	"github.com/quotalab/quotalab/models/usage"
	"github.com/quotalab/quotalab/scenarios"
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
	Mean            float64 // of usage that is drawn: units that the account of scale 1 uses over the run, in expectation
	Corrections     Corrections

	anchor func(n uint64) int64 // of the account that drew n, uniform over 64 bits
	scale  scale
	even   bool
	share  []float64 // of the usage over the run: what comes before batch k, and 1 at the end
	peak   float64   // the largest share of one batch
}

// Corrections take back ⌊Share · units since the correction before⌋ at every
// multiple of Every after the epoch. No Every: none.
type Corrections struct {
	Every time.Duration
	Share float64
}

// AccountChange is a change of a group's contracts.
type AccountChange struct {
	At      int64
	Limit   int64 // 0: as before
	Bulk    bool  // the new limit is not saved account by account: no engine notices
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
		if path, err := a.compileGroup(&g, s, e.Value); err != nil {
			ps = append(ps, s.Problem("accounts."+e.Name+path, "%v", err))
		}
		a.Groups = append(a.Groups, g)
	}
	return a, ps
}

func (a *Accounts) compileGroup(g *AccountGroup, s *scenarios.Scenario, def scenarios.AccountGroup) (path string, err error) {
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
		if g.Source < 0 || g.Limiter < 0 {
			return ".usage.from", fmt.Errorf("no traffic source %q, or no limiter %q", from, def.Usage.Limiter)
		}
		return "", nil
	}
	return ".usage.shape", a.compileUsage(g, s, def)
}

func (a *Accounts) change(ch scenarios.AccountChange) AccountChange {
	out := AccountChange{At: a.epoch + int64(ch.At), Bulk: ch.Via == "bulk", Cancel: ch.Cancel, Restart: ch.RestartAnchor}
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
