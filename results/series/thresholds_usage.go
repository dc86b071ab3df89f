package series

import (
	"cmp"
	"slices"
	"sort"

	"github.com/quotalab/quotalab/models/usage"
	"github.com/quotalab/quotalab/results/record"
)

// contractOf an account; the audit has checked it.
func contractOf(a *record.Account) usage.Contract {
	c := make(usage.Contract, len(a.Contract))
	for i, s := range a.Contract {
		c[i] = usage.Segment{From: s.From, Kind: usage.Kind(s.Kind), Anchor: s.Anchor, Limit: s.Limit}
	}
	return c
}

// meter tells an account's usage at any instant.
type meter struct {
	contract usage.Contract
	at       []int64 // of usage, ascending
	total    []int64 // units up to and including it
}

func newMeter(a *record.Account) *meter {
	events := make([]usage.Event, len(a.At))
	for i, at := range a.At {
		events[i] = usage.Event{At: at, Units: a.Units[i]}
	}
	slices.SortStableFunc(events, func(a, b usage.Event) int { return cmp.Compare(a.At, b.At) })
	m := &meter{contract: contractOf(a)}
	sum := int64(0)
	for _, e := range events {
		sum += e.Units
		m.at, m.total = append(m.at, e.At), append(m.total, sum)
	}
	return m
}

// until is the units used up to and including an instant.
func (m *meter) until(t int64) int64 {
	n := sort.Search(len(m.at), func(i int) bool { return m.at[i] > t })
	if n == 0 {
		return 0
	}
	return m.total[n-1]
}

// percent of the limit that is used at an instant, in its period or window.
func (m *meter) percent(t int64) float64 {
	s := m.contract.At(t)
	start, _ := s.PeriodAt(t)
	if s.Kind != usage.Rolling {
		start-- // a window leaves its start out
	}
	return 100 * float64(m.until(t)-m.until(start)) / float64(s.Limit)
}

// instants within the scene at which the percentage can change.
func (m *meter) instants(w scene) (list []int64) {
	list = append(list, w.from)
	rolling := slices.ContainsFunc(m.contract, func(s usage.Segment) bool { return s.Kind == usage.Rolling })
	for _, at := range m.at {
		if w.holds(at) {
			list = append(list, at)
		}
		if rolling && w.holds(at+usage.Window) {
			list = append(list, at+usage.Window)
		}
	}
	list = append(append(list, m.turns(w)...), w.until)
	slices.Sort(list)
	return slices.Compact(list)
}

// turns are the instants within the scene at which a period ends or the
// contract changes.
func (m *meter) turns(w scene) (list []int64) {
	for t := w.from; ; {
		next := w.until
		s := m.contract.At(t)
		if s.Kind != usage.Rolling {
			start, end := s.PeriodAt(t)
			if next = min(next, end); start > t { // before the anchor
				next = start
			}
		}
		for _, change := range m.contract {
			if t < change.From && change.From < next {
				next = change.From
			}
		}
		if next <= t || next >= w.until {
			return list
		}
		list, t = append(list, next), next
	}
}

// usage in percent of the limit, and the limit, over the scene.
func (w scene) usage(a *record.Account) (percent, limit []Point) {
	m := newMeter(a)
	for _, t := range m.instants(w) {
		percent = append(percent, Point{w.seconds(t), m.percent(t)})
		if l := float64(m.contract.At(t).Limit); len(limit) == 0 || limit[len(limit)-1].Y != l {
			limit = append(limit, Point{w.seconds(t), l})
		}
	}
	return LTTB(percent, MaxPoints), limit
}
