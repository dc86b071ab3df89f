package report

import (
	"slices"

	"github.com/quotalab/quotalab/results/measure"
	"github.com/quotalab/quotalab/results/wording"
)

// keyFigure is one of the few numbers that say what came of a run.
type keyFigure struct {
	Name   string
	Value  cell
	Detail string // of what, "" nothing to add
	rank   int    // which to leave out first where there is no room: the highest
}

// keyFigures of a run, in the order in which they are read. Those of limiters
// bear their names if there are several.
func keyFigures(s *measure.Summary, several bool) (list []keyFigure) {
	for _, g := range groups(s, "decisions", "limiter") {
		list = append(list, limiterFigures(s, g, several)...)
	}
	list = append(list, engineFigures(s)...)
	if k := s.Schedule; k != nil {
		list = append(list, keyFigure{"sent on schedule", percent(k.Ratio), perSecond(k.AchievedPerSecond) + " of " + perSecond(k.IntendedPerSecond), 2})
		if k.LagP99 != nil {
			list = append(list, keyFigure{"lag p99", brief(*k.LagP99), "may be " + short(k.LagBound), 2})
		}
	}
	return list
}

// brief time in a unit that fits, sorted by seconds.
func brief(seconds float64) cell { return cell{Text: short(seconds), Number: plain(seconds)} }

// limiterFigures: how much was allowed and what was wrong of it, key look-ups that
// failed, and the tails of latency.
func limiterFigures(s *measure.Summary, g group, named bool) (list []keyFigure) {
	limiter := g.tags[0]
	prefix := ""
	if named {
		prefix = limiter + ": "
	}
	add := func(rank int, name string, value cell, detail string) {
		list = append(list, keyFigure{prefix + name, value, detail, rank})
	}
	of := "of " + wording.Counted(g.Count, "decision")
	decisions := groups(s, "decisions", "limiter", "decision")
	for _, d := range []string{"allowed", "denied"} {
		if one, ok := find(decisions, limiter, d); ok {
			add(3, d, share(one.Count, g.Count), of)
		}
	}
	if one, ok := find(groups(s, "decisions", "limiter", "key"), limiter, "not_found"); ok {
		add(2, "key not found", share(one.Count, g.Count), of)
	}
	if one, ok := find(groups(s, "over_admission", "limiter"), limiter); ok {
		add(0, "over-admitted", count(one.Count), sharePart(one.Count, g.Count)+of)
	}
	if one, ok := find(groups(s, "worst_excess", "limiter"), limiter); ok && one.Value != nil && *one.Value > 0 {
		add(1, "worst excess", general(*one.Value), "tokens above burst + t/T")
	}
	for _, d := range []string{"error", "fail_open", "dropped"} {
		if one, ok := find(decisions, limiter, d); ok && one.Count > 0 {
			add(1, map[string]string{"error": "errors", "fail_open": "failed open", "dropped": "dropped"}[d], count(one.Count), sharePart(one.Count, g.Count)+of)
		}
	}
	latency := groups(s, "latency", "limiter", "decision")
	for _, d := range []string{"allowed", "denied"} {
		if one, ok := find(latency, limiter, d); ok && one.P99 != nil && one.Med != nil {
			add(2, d+", latency p99", brief(*one.P99), "median "+short(*one.Med))
		}
	}
	return list
}

// sharePart says nothing of nothing.
func sharePart(n, of int64) string {
	if n == 0 {
		return ""
	}
	return share(n, of).Text + " "
}

// engineFigures: of each engine what it missed and what it sent too often.
func engineFigures(s *measure.Summary) (list []keyFigure) {
	type sums struct{ crossings, missed, late, wrong int64 }
	var engines []string
	by := map[string]*sums{}
	for _, t := range s.Thresholds {
		if by[t.Engine] == nil {
			engines, by[t.Engine] = append(engines, t.Engine), &sums{}
		}
		n := by[t.Engine]
		n.crossings, n.missed, n.late, n.wrong = n.crossings+t.Crossings, n.missed+t.Missed, n.late+t.Late, n.wrong+t.Notices.Duplicate+t.Notices.Spurious
	}
	for _, e := range engines {
		n := by[e]
		detail := sharePart(n.missed, n.crossings) + "of " + wording.Counted(n.crossings, "crossing")
		if n.late > 0 {
			detail += ", " + wording.Thousands(n.late) + " more told late"
		}
		list = append(list, keyFigure{e + ": missed", count(n.missed), detail, 0})
	}
	for _, e := range engines {
		if n := by[e]; n.wrong > 0 {
			list = append(list, keyFigure{e + ": duplicate or spurious", count(n.wrong), "notices", 1})
		}
	}
	return list
}

// most of the figures, the less important left out, their order kept.
func most(list []keyFigure, n int) []keyFigure {
	list = slices.Clone(list)
	for len(list) > n {
		worst := 0
		for i := range list {
			if list[i].rank >= list[worst].rank {
				worst = i
			}
		}
		list = slices.Delete(list, worst, worst+1)
	}
	return list
}
