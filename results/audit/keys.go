package audit

import (
	"fmt"
	"slices"

	"github.com/quotalab/quotalab/models/limits"
	"github.com/quotalab/quotalab/results/record"
)

// keys holds those of one limiter, K the state of one. Each limit has a map of its own, so
// that the map's key is a string that the record's reader holds anyway.
type keys[K any] struct {
	table  *record.LimitTable
	limits map[string]map[string]K
	makers map[record.Limit]func() K
	maker  func(limits.Limit) (func() K, error)
}

func newKeys[K any](spec record.Limiter, maker func(limits.Limit) (func() K, error)) (*keys[K], error) {
	k := &keys[K]{table: spec.Table(), limits: map[string]map[string]K{}, makers: map[record.Limit]func() K{}, maker: maker}
	for _, l := range spec.Limits {
		k.limits[l.Name] = map[string]K{}
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

// of returns the key's state, full if it is new.
func (k *keys[K]) of(limit, name string) (state K, err error) {
	byName, ok := k.limits[limit]
	if !ok {
		return state, fmt.Errorf("limit %q is not in the manifest", limit)
	}
	if s, ok := byName[name]; ok {
		return s, nil
	}
	l, _ := k.table.For(limit, name)
	m, err := k.makerOf(l)
	if err != nil {
		return state, fmt.Errorf("key %q: %w", name, err)
	}
	state = m()
	byName[name] = state
	return state, nil
}

// refill returns the time in which the key's bucket becomes full, in ns.
func (k *keys[K]) refill(limit, name string) int64 {
	l, _ := k.table.For(limit, name)
	return int64(float64(l.Burst) * float64(l.Period) / float64(l.Count))
}

// summarise counts the keys and finds the worst. offender says what is wrong
// with one, or that no decision was on it. The order of the maps does not
// matter: worse is a total order.
func (k *keys[K]) summarise(out *Limiter, offender func(K) (o Offender, seen bool)) {
	for limit, byName := range k.limits {
		for name, s := range byName {
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
	i, _ := slices.BinarySearchFunc(list, o, worse)
	if i == MaxOffenders {
		return list
	}
	list = slices.Insert(list, i, o)
	return list[:min(len(list), MaxOffenders)]
}
