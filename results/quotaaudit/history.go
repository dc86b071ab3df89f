package quotaaudit

import (
	"encoding/binary"
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

// lastInstant returns the instant up to which obligations can be judged: the end of the run, or
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

// history is what the engines did, as far as it can matter to a verdict: of
// an account all notices, and the evaluations that judged an instant after its
// first crossing. It is packed, since millions of evaluations must fit in
// memory at once: they come run by run, and are judged account by account.
type history struct {
	ledger   *ledger
	complete bool // the record holds every account
	engines  []engineHistory
	byName   map[string]int
	unknown  int64 // evaluations of accounts or engines that the record does not hold
}

// engineHistory is that of one engine.
type engineHistory struct {
	set      *thresholdSet
	accounts [][]byte // by the index of the account: packed evaluations, in order
	outcomes table[record.EvaluationOutcome]
	runs     table[int64]
}

// readHistory goes over the evaluations once.
func readHistory(r *record.Reader, l *ledger) (*history, error) {
	m := r.Manifest()
	h := &history{ledger: l, complete: m.Complete, byName: map[string]int{}}
	for i, e := range m.Engines {
		h.byName[e.Name] = i
		h.engines = append(h.engines, engineHistory{set: &l.sets[findSet(l.sets, e.Thresholds)], accounts: make([][]byte, len(l.ids))})
	}
	n := int64(0)
	for e, err := range r.Evaluations() {
		if err == nil {
			err = h.add(e)
		}
		if err != nil {
			return nil, fmt.Errorf("evaluation %d: %w", n, err)
		}
		n++
	}
	return h, nil
}

func (h *history) add(e *record.Evaluation) error {
	i, ok := h.byName[e.Engine]
	if !ok && h.complete {
		return fmt.Errorf("it is of engine %q, which the manifest does not list", e.Engine)
	}
	account := h.ledger.find(e.Account)
	switch {
	case account < 0 && h.complete:
		return fmt.Errorf("it is of account %d, which the record does not hold", e.Account)
	case !ok || account < 0: // the run died before it wrote them
		h.unknown++
		return nil
	}
	engine := &h.engines[i]
	if engine.matters(account, e) {
		engine.accounts[account] = engine.pack(engine.accounts[account], e)
	}
	return nil
}

// matters tells whether a verdict or a cause can come of the evaluation.
func (h *engineHistory) matters(account int, e *record.Evaluation) bool {
	if e.Outcome == record.SentNotice {
		return true
	}
	due := h.set.of(account)
	return len(due) > 0 && due[0].Crossing < e.Judged()
}

// of unpacks the evaluations of an account. What no verdict depends on is
// left zero.
func (h *engineHistory) of(account int, list []record.Evaluation) ([]record.Evaluation, error) {
	u := unpacker{b: h.accounts[account]}
	for len(u.b) > 0 {
		list = append(list, h.unpack(&u))
		if u.short {
			return nil, fmt.Errorf("evaluations of account %d do not unpack", account)
		}
	}
	return list, nil
}

// looked tells whether an evaluation came to look at usage, so that what it
// read matters.
func looked(o record.EvaluationOutcome) bool {
	return o == record.Below || o == record.Suppressed || o == record.SentNotice
}

// pack appends an evaluation: numbers as varints, instants relative to one
// another, runs and outcomes by their place in a table.
func (h *engineHistory) pack(b []byte, e *record.Evaluation) []byte {
	b = binary.AppendUvarint(b, h.outcomes.place(e.Outcome))
	b = binary.AppendUvarint(b, h.runs.place(e.Run))
	b = binary.AppendVarint(b, e.At-e.Run)
	b = binary.AppendVarint(b, e.Judged()-e.At)
	if !looked(e.Outcome) {
		return b
	}
	b = binary.AppendVarint(b, e.ReadFrom)
	b = binary.AppendVarint(b, e.Limit)
	b = binary.AppendVarint(b, e.Percent)
	switch e.Outcome {
	case record.Suppressed:
		b = binary.AppendVarint(b, e.Threshold)
		b = binary.AppendVarint(b, e.RowAccount)
		b = binary.AppendVarint(b, e.RowThreshold)
		b = binary.AppendVarint(b, e.RowAt)
	case record.SentNotice:
		b = binary.AppendVarint(b, e.Threshold)
		b = binary.AppendVarint(b, e.SentAt-e.At)
		delivered := uint64(0)
		if e.Delivered {
			delivered = 1
		}
		b = binary.AppendUvarint(b, delivered)
	}
	return b
}

func (h *engineHistory) unpack(u *unpacker) (e record.Evaluation) {
	e.Outcome = h.outcomes.at(u.uvarint())
	e.Run = h.runs.at(u.uvarint())
	e.At = e.Run + u.varint()
	if judged := e.At + u.varint(); judged != e.At {
		e.AsOf = judged
	}
	if !looked(e.Outcome) {
		return e
	}
	e.ReadFrom, e.Limit, e.Percent = u.varint(), u.varint(), u.varint()
	switch e.Outcome {
	case record.Suppressed:
		e.Threshold, e.RowAccount, e.RowThreshold, e.RowAt = u.varint(), u.varint(), u.varint(), u.varint()
	case record.SentNotice:
		e.Threshold, e.SentAt = u.varint(), e.At+u.varint()
		e.Delivered = u.uvarint() == 1
	}
	return e
}

// unpacker takes numbers off the front of b.
type unpacker struct {
	b     []byte
	short bool // b ended within a number
}

func (u *unpacker) varint() int64 {
	v, n := binary.Varint(u.b)
	u.take(n)
	return v
}

func (u *unpacker) uvarint() uint64 {
	v, n := binary.Uvarint(u.b)
	u.take(n)
	return v
}

func (u *unpacker) take(n int) {
	if n <= 0 {
		u.b, u.short = nil, true
		return
	}
	u.b = u.b[n:]
}

// table numbers values that repeat, in the order of their first appearance.
// Equal values mostly follow each other.
type table[T comparable] struct {
	values []T
	places map[T]uint64
	last   uint64
}

func (t *table[T]) place(v T) uint64 {
	if len(t.values) > 0 && t.values[t.last] == v {
		return t.last
	}
	i, ok := t.places[v]
	if !ok {
		if t.places == nil {
			t.places = map[T]uint64{}
		}
		i = uint64(len(t.values))
		t.values, t.places[v] = append(t.values, v), i
	}
	t.last = i
	return i
}

func (t *table[T]) at(i uint64) (v T) {
	if i < uint64(len(t.values)) {
		return t.values[i]
	}
	return v
}
