package foreign

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/quotalab/quotalab/models/usage"
)

// Engine is what a usage-threshold engine is told in the first line.
type Engine struct {
	Thresholds []int64   `json:"thresholds"`         // percent, ascending
	Every      float64   `json:"every_ms,omitempty"` // from one poll to the next; 0: it is not polled
	Accounts   []Account `json:"accounts"`
}

// Account is what an engine is told of an account: at the start, and again at
// every change of its contract.
type Account struct {
	ID     int64       `json:"id"`
	Limit  int64       `json:"limit"`
	Plan   string      `json:"plan"`                // as usage.Kind has it
	Anchor json.Number `json:"anchor_ms,omitempty"` // of plan period: the instant from which months are counted
}

// AccountOf returns an account with the contract that now holds.
func AccountOf(id int64, s usage.Segment) Account {
	a := Account{ID: id, Limit: s.Limit, Plan: s.Kind.String()}
	if s.Kind == usage.Period {
		a.Anchor = instantText(s.Anchor)
	}
	return a
}

// Usage is usage of an account.
type Usage struct {
	Account int64       `json:"account"`
	At      json.Number `json:"at_ms"`
	Units   int64       `json:"units"`
}

// UsageOf returns usage at an instant in Unix nanoseconds.
func UsageOf(account, at, units int64) Usage { return Usage{account, instantText(at), units} }

// News is a line to an engine: usage, changed accounts, or that it is time to
// look at all accounts.
type News struct {
	ID       int64       `json:"id"`
	Now      json.Number `json:"now_ms"`
	Usage    []Usage     `json:"usage,omitempty"`
	Accounts []Account   `json:"accounts,omitempty"`
	Poll     int64       `json:"poll,omitempty"` // number of the run, from 1
}

// Notice is a line of an engine: the message to an account that a threshold is
// reached. What it leaves out is taken to be as the account's contract says.
type Notice struct {
	Account   int64    `json:"account"`
	Threshold int64    `json:"threshold"`
	Period    *float64 `json:"period_ms"` // start of the period that it is about
	AsOf      *float64 `json:"as_of_ms"`  // instant whose usage was looked at, where that is not now
	Usage     *int64   `json:"usage"`
	Limit     *int64   `json:"limit"`
}

func (n *Notice) check() error {
	switch {
	case n.Account < 1:
		return fmt.Errorf("expected the id of an account in a notice, found %d", n.Account)
	case n.Threshold < 1:
		return fmt.Errorf("expected a threshold in percent in a notice to account %d, found %d", n.Account, n.Threshold)
	case n.Limit != nil && *n.Limit < 1:
		return fmt.Errorf("expected a limit of at least 1 in a notice to account %d, found %d", n.Account, *n.Limit)
	}
	for _, at := range []*float64{n.Period, n.AsOf} {
		if at != nil && !(*at >= 0 && *at < 1e13) {
			return fmt.Errorf("expected instants in milliseconds since 1970 in a notice to account %d, found %v", n.Account, *at)
		}
	}
	return nil
}

// sortNotices puts the accounts in order, whose notices threads wrote in any.
func sortNotices(all []Notice) {
	slices.SortStableFunc(all, func(a, b Notice) int { return cmp.Compare(a.Account, b.Account) })
}

// Nanoseconds returns an instant of a notice in Unix nanoseconds, or otherwise
// where it is left out.
func Nanoseconds(ms *float64, otherwise int64) int64 {
	if ms == nil {
		return otherwise
	}
	whole := int64(*ms)
	return whole*1_000_000 + int64((*ms-float64(whole))*1e6)
}

// errNoEngine is of a notice by a limiter.
var errNoEngine = errors.New("expected decisions of a limiter, found a notice, which only engines send")
