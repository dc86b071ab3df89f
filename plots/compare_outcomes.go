package plots

import (
	"math"
	"slices"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/series"
)

// The order of outcomes is that of summaries.
var (
	decisionOrder = [...]record.Decision{record.Allowed, record.Denied, record.Errored, record.FailOpen, record.Dropped}
	keyOrder      = [...]record.KeyState{record.Found, record.NotFound, record.Stale, record.Mixed, record.Unread, ""}
)

// group of outcomes of one limiter, of all its clients, that are compared as one.
type group struct {
	name     string
	outcomes []series.Outcome
}

// groupsOf the outcomes of two sets, by limiter, then as in the catalogue. Where
// the two do not know the same states of keys (a real server does not tell what
// a script found), only decisions are compared.
func groupsOf(sets [2]*series.Set) (all []group) {
	names := limiters(sets[0])
	for _, name := range limiters(sets[1]) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	names = append(names, "") // what was dropped has no limiter
	for _, limiter := range names {
		alike := slices.Equal(statesOf(sets[0], limiter), statesOf(sets[1], limiter))
		for _, g := range groupsOfLimiter(sets, limiter, alike) {
			if len(names) > 2 && limiter != "" {
				g.name = limiter + ": " + g.name
			}
			all = append(all, g)
		}
	}
	return all
}

func groupsOfLimiter(sets [2]*series.Set, limiter string, byKey bool) (all []group) {
	for _, decision := range decisionOrder {
		g := group{name: decisionName(string(decision))}
		for _, key := range keyOrder {
			o := series.Outcome{Limiter: limiter, Decision: string(decision), Key: string(key)}
			if countOf(sets[0], o)+countOf(sets[1], o) == 0 {
				continue
			}
			if byKey {
				all = append(all, group{outcomeName(o), []series.Outcome{o}})
			}
			g.outcomes = append(g.outcomes, o)
		}
		if !byKey && len(g.outcomes) > 0 {
			all = append(all, g)
		}
	}
	return all
}

// statesOf the keys that a limiter's decisions are told by.
func statesOf(s *series.Set, limiter string) (states []string) {
	for _, key := range keyOrder {
		for _, o := range s.Timeline.Outcomes {
			if o.Limiter == limiter && o.Key == string(key) && total(o.Count) > 0 {
				states = append(states, string(key))
				break
			}
		}
	}
	return states
}

func countOf(s *series.Set, of series.Outcome) (n int64) {
	for _, o := range s.Timeline.Outcomes {
		if o.OfAll() == of {
			n += total(o.Count)
		}
	}
	return n
}

func clockRows(sets [2]*series.Set) (rows []clockRow) {
	for _, g := range groupsOf(sets) {
		row := clockRow{name: g.name}
		for i, s := range sets {
			row.share[i] = shareOf(s, g)
			var of []series.Distribution
			for _, d := range s.Latency {
				if slices.Contains(g.outcomes, d.OfAll()) && d.Service.N > 0 {
					of = append(of, d.Service)
				}
			}
			row.median[i], row.worst[i] = math.NaN(), math.NaN()
			if len(of) > 0 {
				row.median[i], row.worst[i] = quantile(50, of...), quantile(99, of...)
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// shareOf the decisions of its limiter that a group has; NaN if it has decided
// nothing.
func shareOf(s *series.Set, g group) float64 {
	own, all := int64(0), int64(0)
	for _, o := range s.Timeline.Outcomes {
		if o.Limiter == g.outcomes[0].Limiter {
			all += total(o.Count)
		}
	}
	for _, o := range g.outcomes {
		own += countOf(s, o)
	}
	if all == 0 {
		return math.NaN()
	}
	return float64(own) / float64(all)
}
