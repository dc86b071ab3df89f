package audit

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/quotalab/quotalab/models/limits"
	"github.com/quotalab/quotalab/results/record"
)

// key is the state of one key of one limit.
type key struct {
	oracle      limits.Bucket
	level       level
	over, under int64
}

// keys of one limiter. Each limit has a map of its own, so that the map's
// key is a string that the record's reader holds anyway.
type keys struct {
	algorithm  string
	resolution int64 // ns
	table      *record.LimitTable
	limits     map[string]map[string]*key
	makers     map[record.Limit]*maker
}

// maker makes keys of one limit: a hundred thousand keys share it.
type maker struct {
	bucket func() limits.Bucket
	slope  *slope
}

func newKeys(spec record.Limiter) (*keys, error) {
	k := &keys{algorithm: spec.Algorithm, resolution: int64(spec.Resolution), table: spec.Table(), limits: map[string]map[string]*key{}, makers: map[record.Limit]*maker{}}
	for _, l := range spec.Limits {
		k.limits[l.Name] = map[string]*key{}
		if _, err := k.maker(l); err != nil {
			return nil, err
		}
	}
	return k, nil
}

func (k *keys) maker(l record.Limit) (*maker, error) {
	l.Key = "" // an override's: the numbers alone matter here
	if m, ok := k.makers[l]; ok {
		return m, nil
	}
	limit := limits.Limit{Count: l.Count, Period: l.Period, Burst: l.Burst}
	bucket, err := limits.Maker(k.algorithm, limit)
	if err != nil {
		return nil, fmt.Errorf("limit %q: %w", l.Name, err)
	}
	m := &maker{bucket, newSlope(limit)}
	k.makers[l] = m
	return m, nil
}

// of returns the key's state, full if it is new.
func (k *keys) of(limit, name string) (*key, error) {
	byName, ok := k.limits[limit]
	if !ok {
		return nil, fmt.Errorf("limit %q is not in the manifest", limit)
	}
	if s, ok := byName[name]; ok {
		return s, nil
	}
	l, _ := k.table.For(limit, name)
	m, err := k.maker(l)
	if err != nil {
		return nil, fmt.Errorf("key %q: %w", name, err)
	}
	s := &key{oracle: m.bucket(), level: newLevel(m.slope)}
	byName[name] = s
	return s, nil
}

// summarise finds the worst keys. The order of the maps does not matter:
// worse is a total order.
func (k *keys) summarise(out *Limiter) {
	for limit, byName := range k.limits {
		out.Keys += int64(len(byName))
		for name, s := range byName {
			o := Offender{Limit: limit, Key: name, Over: s.over, Under: s.under, Excess: s.level.excess(k.resolution)}
			if exceeds(o, out) {
				out.WorstExcess, out.WorstLimit, out.WorstKey = o.Excess, limit, name
			}
			if o.Over > 0 || o.Under > 0 {
				out.Worst = insert(out.Worst, o)
			}
		}
	}
}

// exceeds tells whether o's excess is the worst yet; of equals the first by
// name is.
func exceeds(o Offender, out *Limiter) bool {
	if o.Excess != out.WorstExcess || o.Excess == 0 {
		return o.Excess > out.WorstExcess
	}
	return cmp.Or(cmp.Compare(o.Limit, out.WorstLimit), cmp.Compare(o.Key, out.WorstKey)) < 0
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
