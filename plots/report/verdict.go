package report

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/present"
	"github.com/quotalab/quotalab/results/summary"
)

// verdict is a run's in a word, and its reason in a sentence.
type verdict struct {
	Word   string // PASSED, FAILED or INVALID
	State  present.State
	Reason string
}

func verdictOf(s *summary.Measured) verdict {
	word := s.Verdict()
	return verdict{word, present.State(strings.ToLower(word)), reasonOf(s)}
}

func reasonOf(s *summary.Measured) string {
	var failing []string
	for _, a := range s.Assertions {
		if !a.OK {
			failing = append(failing, a.Name())
		}
	}
	reason := "the scenario asserts nothing"
	if len(s.Assertions) > 0 {
		reason = present.AssertionsHeld(s)
	}
	if len(failing) > 0 {
		reason += "; " + failing[0] + " does not"
	}
	if len(failing) > 1 {
		reason += fmt.Sprintf(", nor do %d more", len(failing)-1)
	}
	if s.Undecided != "" && s.Valid {
		return s.Undecided + " (" + reason + ")"
	}
	if s.Valid {
		return reason
	}
	why := "the run did not do what the scenario asked"
	if len(s.Invalid) > 0 {
		why = strings.TrimSuffix(s.Invalid[0], ".")
	}
	return why + " (" + reason + ")"
}

// validity says whether the numbers stand for what the scenario asked, as far
// as the verdict does not say it.
func validity(s *summary.Measured) (list []string) {
	if !s.Valid {
		for i, why := range s.Invalid {
			if i > 0 {
				list = append(list, sentence(why))
			}
		}
		return append(list, present.Schedule(s)...)
	}
	list = []string{"The run is valid: it reached its end, dropped nothing and kept its schedule, so its numbers stand for what the scenario asks."}
	return append(list, present.Schedule(s)...)
}

// sentence begins with a capital letter.
func sentence(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[size:]
}

// keyFigure is one of the few numbers that say what came of a run.
type keyFigure struct {
	Name   string
	Value  present.Cell
	Detail string // of what, "" nothing to add
	rank   int    // which to leave out first where there is no room: the highest
}

// keyFigures returns those of a run, in the order in which they are read. Those of limiters
// bear their names if there are several.
func keyFigures(s *summary.Measured, several bool) (list []keyFigure) {
	for _, g := range present.Groups(s, "decisions", "limiter") {
		list = append(list, limiterFigures(s, g, several)...)
	}
	list = append(list, engineFigures(s)...)
	if k := s.Schedule; k != nil {
		list = append(list, keyFigure{"sent on schedule", present.Percent(k.Ratio), unit.PerSecond(k.AchievedPerSecond, 4) + " of " + unit.PerSecond(k.IntendedPerSecond, 4), 2})
		if k.LagP99 != nil {
			beside := ""
			switch {
			case k.LagBound > 0:
				beside = "may be " + unit.Amount(k.LagBound, 3)
			case k.Machine != nil:
				beside = "of an idle thread " + unit.Amount(k.Machine.P99, 3)
			}
			list = append(list, keyFigure{"lag p99", brief(*k.LagP99), beside, 2})
		}
	}
	return list
}

// brief returns the cell of a time in a unit that fits, sorted by seconds.
func brief(seconds float64) present.Cell {
	return present.Cell{Text: unit.Amount(seconds, 3), Number: present.Plain(seconds)}
}

// limiterFigures returns how much was allowed and what was wrong of it, key look-ups that
// failed, and the tails of latency.
func limiterFigures(s *summary.Measured, g present.Group, named bool) (list []keyFigure) {
	limiter := g.Tags[0]
	prefix := ""
	if named {
		prefix = limiter + ": "
	}
	add := func(rank int, name string, value present.Cell, detail string) {
		list = append(list, keyFigure{prefix + name, value, detail, rank})
	}
	of := "of " + unit.Counted(g.Count, "decision")
	decisions := present.Groups(s, "decisions", "limiter", "decision")
	for _, d := range []string{"allowed", "denied"} {
		if one, ok := present.Find(decisions, limiter, d); ok {
			add(3, d, present.Share(one.Count, g.Count), of)
		}
	}
	if one, ok := present.Find(present.Groups(s, "decisions", "limiter", "key"), limiter, "not_found"); ok {
		add(2, "key not found", present.Share(one.Count, g.Count), of)
	}
	if one, ok := present.Find(present.Groups(s, "over_admission", "limiter"), limiter); ok {
		detail := sharePart(one.Count, g.Count) + of
		if slices.ContainsFunc(s.Audit, func(a summary.Audit) bool { return a.Limiter == limiter && a.Tokens }) {
			detail = "tokens, " + of
		}
		add(0, "over-admission", present.Count(one.Count), detail)
	}
	if one, ok := present.Find(present.Groups(s, "worst_excess", "limiter"), limiter); ok && one.Value != nil && *one.Value > 0 {
		add(1, "worst excess", present.General(*one.Value), "tokens above the promise")
	}
	for _, d := range []string{"error", "fail_open", "dropped"} {
		if one, ok := present.Find(decisions, limiter, d); ok && one.Count > 0 {
			add(1, map[string]string{"error": "errors", "fail_open": "failed open", "dropped": "dropped"}[d], present.Count(one.Count), sharePart(one.Count, g.Count)+of)
		}
	}
	latency := present.Groups(s, "latency", "limiter", "decision")
	for _, d := range []string{"allowed", "denied"} {
		if one, ok := present.Find(latency, limiter, d); ok && one.P99 != nil && one.Med != nil {
			add(2, d+", latency p99", brief(*one.P99), "median "+unit.Amount(*one.Med, 3))
		}
	}
	return list
}

// sharePart says nothing of nothing.
func sharePart(n, of int64) string {
	if n == 0 {
		return ""
	}
	return present.Share(n, of).Text + " "
}

// engineFigures returns of each engine what it missed and what it sent too often.
func engineFigures(s *summary.Measured) (list []keyFigure) {
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
		detail := sharePart(n.missed, n.crossings) + "of " + unit.Counted(n.crossings, "crossing")
		if n.late > 0 {
			detail += ", " + unit.Thousands(n.late) + " more told late"
		}
		list = append(list, keyFigure{e + ": missed", present.Count(n.missed), detail, 0})
	}
	for _, e := range engines {
		if n := by[e]; n.wrong > 0 {
			list = append(list, keyFigure{e + ": duplicate or spurious", present.Count(n.wrong), "notices", 1})
		}
	}
	return list
}

// most returns some of the figures, the less important left out, their order kept.
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
