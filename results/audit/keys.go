package audit

import (
	"fmt"
	"iter"
	"net/netip"
	"slices"

	"github.com/quotalab/quotalab/models/limits"
	"github.com/quotalab/quotalab/results/record"
)

// keys holds those of one limiter, K the state of one.
type keys[K comparable] struct {
	table  *record.LimitTable
	limits map[string]*numbered[K]
	makers map[record.Limit]func() K
	maker  func(limits.Limit) (func() K, error)
}

// numbered are the keys of one limit by their numbers, which takes have, or
// which they are given here.
type numbered[K comparable] struct {
	index  map[string]int32 // of keys whose takes have none
	names  []string
	states []K          // zero: not seen
	limit  record.Limit // of the key that was new last, and its maker
	full   func() K
}

// all yields the keys that were seen.
func (n *numbered[K]) all() iter.Seq2[string, K] {
	return func(yield func(string, K) bool) {
		for i, s := range n.states {
			if s != *new(K) && !yield(n.names[i], s) {
				return
			}
		}
	}
}

func newKeys[K comparable](spec record.Limiter, maker func(limits.Limit) (func() K, error)) (*keys[K], error) {
	k := &keys[K]{table: spec.Table(), limits: map[string]*numbered[K]{}, makers: map[record.Limit]func() K{}, maker: maker}
	for _, l := range spec.Limits {
		k.limits[l.Name] = &numbered[K]{index: map[string]int32{}}
		if _, err := k.makerOf(l); err != nil {
			return nil, err
		}
	}
	return k, nil
}

func (k *keys[K]) makerOf(l record.Limit) (func() K, error) {
	l.Key = "" // an override's: the numbers alone matter here
	if m, ok := k.makers[l]; ok {
		return m, nil
	}
	m, err := k.maker(limits.Limit{Count: l.Count, Period: l.Period, Burst: l.Burst})
	if err != nil {
		return nil, fmt.Errorf("limit %q: %w", l.Name, err)
	}
	k.makers[l] = m
	return m, nil
}

// number returns that of a take's key.
func (n *numbered[K]) number(t *record.Take) int {
	if t.Number > 0 {
		return int(t.Number)
	}
	if n.index[t.Key] == 0 {
		n.index[t.Key] = int32(len(n.index) + 1)
	}
	return int(n.index[t.Key])
}

// of returns the state of a take's key, full if it is new.
func (k *keys[K]) of(t *record.Take) (state K, err error) {
	n, ok := k.limits[t.Limit]
	if !ok {
		return state, fmt.Errorf("limit %q is not in the manifest", t.Limit)
	}
	at := n.number(t)
	for len(n.states) < at {
		n.states, n.names = append(n.states, state), append(n.names, "")
	}
	if s := n.states[at-1]; s != state {
		return s, nil
	}
	if l, _ := k.table.For(t.Limit, t.Key); n.full == nil || l != n.limit {
		if n.full, err = k.makerOf(l); err != nil {
			return state, fmt.Errorf("key %q: %w", t.Key, err)
		}
		n.limit = l
	}
	state = n.full()
	n.states[at-1], n.names[at-1] = state, t.Key
	return state, nil
}

// faulty returns what tells whether too much was admitted on the key of a take.
func (k *keys[K]) faulty(over func(K) bool) func(*record.Take) bool {
	return func(t *record.Take) bool {
		n := k.limits[t.Limit]
		if n == nil || n.number(t) > len(n.states) {
			return false
		}
		s := n.states[n.number(t)-1]
		return s != *new(K) && over(s)
	}
}

// refill returns the time in which the key's bucket becomes full, in ns.
func (k *keys[K]) refill(limit, name string) int64 {
	l, _ := k.table.For(limit, name)
	return int64(float64(l.Burst) * float64(l.Period) / float64(l.Count))
}

// summarise counts the keys and finds the worst. offender says what is wrong
// with one, or that no decision was on it. Their order does not matter: worse is
// a total order.
func (k *keys[K]) summarise(out *Limiter, offender func(K) (o Offender, seen bool)) {
	for limit, n := range k.limits {
		for name, s := range n.all() {
			o, seen := offender(s)
			if !seen {
				continue
			}
			out.Keys++
			o.Limit, o.Key = limit, name
			if !out.Audited() {
				o.Over, o.Under = 0, 0
			}
			if o.Over > 0 || o.Under > 0 || o.Excess > 0 {
				out.Offenders = insert(out.Offenders, o)
			}
		}
	}
}

// insert keeps the list sorted and short.
func insert(list []Offender, o Offender) []Offender {
	if len(list) == MaxOffenders && worse(list[MaxOffenders-1], o) < 0 { // as most are
		return list
	}
	i, _ := slices.BinarySearchFunc(list, o, worse)
	list = slices.Insert(list, i, o)
	return list[:min(len(list), MaxOffenders)]
}

// userAudit judges limiters as if they had been asked by who sent the requests, in
// a run in which a user of some traffic has many addresses, each a key.
type userAudit struct {
	manifest *record.Manifest
	bits     map[string]int // by traffic, of those whose keys are such addresses
	auditors map[string]*auditor
	copy     record.Observation
	users    map[string]string // of addresses, so that each text is there once
}

func newUserAudit(m *record.Manifest) *userAudit {
	u := &userAudit{manifest: m, bits: map[string]int{}, auditors: map[string]*auditor{}, users: map[string]string{}}
	for _, t := range m.Traffic {
		if t.UserBits > 0 {
			u.bits[t.Name] = t.UserBits
		}
	}
	return u
}

func (u *userAudit) observe(o *record.Observation) error {
	if len(u.bits) == 0 {
		return nil
	}
	bits, a := u.bits[o.Traffic], u.auditors[o.Limiter]
	if a == nil {
		var err error
		i := slices.IndexFunc(u.manifest.Limiters, func(l record.Limiter) bool { return l.Name == o.Limiter })
		if a, err = newAuditor(u.manifest.Limiters[i], u.manifest); err != nil {
			return err
		}
		u.auditors[o.Limiter] = a
	}
	u.copy = *o
	u.copy.Takes = slices.Clone(o.Takes)
	for i := range u.copy.Takes {
		if t := &u.copy.Takes[i]; bits > 0 {
			t.Key, t.Number = u.user(t.Key, bits), 0
		}
	}
	return a.observe(&u.copy)
}

// user returns the range of an address; another key is a user itself.
func (u *userAudit) user(key string, bits int) string {
	address, err := netip.ParseAddr(key)
	if err != nil || address.BitLen() < bits {
		return key
	}
	text := netip.PrefixFrom(address, bits).Masked().String()
	if known, ok := u.users[text]; ok {
		return known
	}
	u.users[text] = text
	return text
}

// finish returns what was found of a limiter, nil if it was not judged by users.
func (u *userAudit) finish(limiter string) *Limiter {
	a := u.auditors[limiter]
	if a == nil {
		return nil
	}
	out := a.finish()
	return &out
}
