package audit

import (
	"fmt"
	"slices"

	"github.com/quotalab/quotalab/models/usage"
	"github.com/quotalab/quotalab/results/record"
)

// ledger is what the accounts of a record were due: contracts and
// obligations, without the usage that they come from.
type ledger struct {
	ids      []int64 // ascending; the fields below are by the index of an id
	accounts []agreed
	sets     []thresholdSet
}

// agreed is what is kept of one account.
type agreed struct {
	group    string
	contract usage.Contract
	saved    bool
}

// thresholdSet is what is due of one list of thresholds. Engines with the
// same list share it.
type thresholdSet struct {
	thresholds []int64
	due        []usage.Obligation // of all accounts
	ends       []int              // by account: where its obligations end in due
}

// of returns the obligations of an account, in the order of the crossings.
func (s *thresholdSet) of(account int) []usage.Obligation {
	start := 0
	if account > 0 {
		start = s.ends[account-1]
	}
	return s.due[start:s.ends[account]:s.ends[account]]
}

// readLedger goes over the accounts once. Only one account's usage is in
// memory at a time.
func readLedger(r *record.Reader) (*ledger, error) {
	m := r.Manifest()
	l := &ledger{sets: thresholdSets(&m)}
	until := lastInstant(&m)
	var arithmetic usage.Ledger
	var events []usage.Event
	for a, err := range r.Accounts() {
		if err != nil {
			return nil, err
		}
		contract, err := contractOf(a)
		if err != nil {
			return nil, fmt.Errorf("account %d: %w", a.ID, err)
		}
		events = events[:0]
		for i, at := range a.At {
			events = append(events, usage.Event{At: at, Units: a.Units[i]})
		}
		l.ids = append(l.ids, a.ID)
		l.accounts = append(l.accounts, agreed{group: a.Group, contract: contract, saved: a.Saved})
		for i := range l.sets {
			s := &l.sets[i]
			s.due = append(s.due, arithmetic.Obligations(events, contract, s.thresholds, until)...)
			s.ends = append(s.ends, len(s.due))
		}
	}
	return l, nil
}

// lastInstant up to which obligations can be judged: the end of the run, or
// of one that did not get there the last that an engine did.
func lastInstant(m *record.Manifest) int64 {
	last := m.Epoch.UnixNano()
	if m.Complete {
		last += m.Horizon.Nanoseconds()
	}
	for _, e := range m.Engines {
		last = max(last, e.Last)
	}
	return last
}

// thresholdSets are the distinct lists of thresholds.
func thresholdSets(m *record.Manifest) (sets []thresholdSet) {
	for _, e := range m.Engines {
		if findSet(sets, e.Thresholds) < 0 {
			sets = append(sets, thresholdSet{thresholds: e.Thresholds})
		}
	}
	return sets
}

func findSet(sets []thresholdSet, thresholds []int64) int {
	return slices.IndexFunc(sets, func(s thresholdSet) bool { return slices.Equal(s.thresholds, thresholds) })
}

func contractOf(a *record.Account) (usage.Contract, error) {
	c := make(usage.Contract, len(a.Contract))
	for i, s := range a.Contract {
		if s.Kind < 0 || s.Kind > int32(usage.Rolling) {
			return nil, fmt.Errorf("contract: segment %d is of kind %d, expected 0 (period), 1 (calendar) or 2 (rolling)", i, s.Kind)
		}
		c[i] = usage.Segment{From: s.From, Kind: usage.Kind(s.Kind), Anchor: s.Anchor, Limit: s.Limit}
	}
	return c, c.Check()
}

// find returns an account's index, or −1. Ids are mostly 1, 2, 3, ….
func (l *ledger) find(id int64) int {
	if len(l.ids) == 0 {
		return -1
	}
	if i := id - l.ids[0]; i >= 0 && i < int64(len(l.ids)) && l.ids[i] == id {
		return int(i)
	}
	if i, ok := slices.BinarySearch(l.ids, id); ok {
		return i
	}
	return -1
}
