package usage_test

import (
	"slices"

	"github.com/quotalab/quotalab/models/usage"
)

// slowObligations restates the definitions as directly as possible: every
// point in time that could matter is looked at, every sum is taken anew.
func slowObligations(events []usage.Event, c usage.Contract, thresholds []int64, until int64) []usage.Obligation {
	var found []usage.Obligation
	open := map[int64]int{}
	due := map[int64]bool{}
	last := -1 // what was counted at the point before, as index into seen
	var seen []period
	for _, t := range points(events, c) {
		if t > until {
			break
		}
		s := segmentAt(c, t)
		p := periodAt(s, t)
		if last < 0 || seen[last] != p {
			seen = append(seen, p)
			last = len(seen) - 1
			clear(due)
		}
		for _, T := range thresholds {
			o, isOpen := open[T]
			switch {
			case s.Kind != usage.Rolling:
				if isOpen {
					found[o].End = t
					delete(open, T)
				}
				if !due[T] && 100*sumOf(events, p.start, t) >= T*s.Limit {
					due[T] = true
					_, end := slowPeriod(s, t)
					found = append(found, usage.Obligation{Threshold: T, Crossing: t, Start: p.start, End: end})
				}
			case isOpen && 100*sumOf(events, t-usage.Window+1, t) < (T-5)*s.Limit:
				found[o].End = t
				delete(open, T)
			case !isOpen && 100*sumOf(events, t-usage.Window+1, t) >= T*s.Limit:
				open[T] = len(found)
				found = append(found, usage.Obligation{Threshold: T, Crossing: t, Rolling: true, Start: t, End: usage.Never})
			}
		}
	}
	for i := range found {
		for _, s := range c {
			if !found[i].Rolling && s.From > found[i].Crossing && s.From < found[i].End {
				if p := periodAt(s, s.From); s.Kind != usage.Period || p.start != found[i].Start {
					found[i].End = s.From
				}
			}
		}
	}
	return found
}

// period is what is counted.
type period struct {
	kind          usage.Kind
	anchor, start int64
}

func points(events []usage.Event, c usage.Contract) []int64 {
	var list []int64
	for _, e := range events {
		list = append(list, e.At, e.At+usage.Window)
	}
	for _, s := range c {
		if s.From > usage.Beginning {
			list = append(list, s.From)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func segmentAt(c usage.Contract, t int64) usage.Segment {
	held := c[0]
	for _, s := range c {
		if s.From <= t {
			held = s
		}
	}
	return held
}

func periodAt(s usage.Segment, t int64) period {
	switch s.Kind {
	case usage.Rolling:
		return period{kind: usage.Rolling}
	case usage.Calendar:
		s.Anchor = 0
	}
	start, _ := slowPeriod(s, t)
	return period{s.Kind, s.Anchor, start}
}

func slowPeriod(s usage.Segment, t int64) (start, end int64) {
	if s.Kind == usage.Calendar {
		s.Anchor = 0
	}
	m := slowMonthsBetween(t, s.Anchor)
	return slowAddMonths(s.Anchor, m), slowAddMonths(s.Anchor, m+1)
}

// sumOf is what came by to, less what came before from: of an inverted
// range, as there is before the anchor of a term of the future, minus what
// lies between.
func sumOf(events []usage.Event, from, to int64) int64 {
	var units int64
	for _, e := range events {
		if e.At <= to {
			units += e.Units
		}
		if e.At < from {
			units -= e.Units
		}
	}
	return units
}
