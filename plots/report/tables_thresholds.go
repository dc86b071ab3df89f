package report

import (
	"fmt"
	"strconv"

	"github.com/quotalab/quotalab/results/measure"
	"github.com/quotalab/quotalab/results/series"
	"github.com/quotalab/quotalab/results/wording"
)

// thresholdTables: how engines did, by threshold, and what happened to one
// account.
func thresholdTables(set *series.Set) []*table {
	list := []*table{enginesTable(set.Summary), noticesTable(set.Summary)}
	if set.Thresholds == nil {
		return list
	}
	list = append(list, matrixTable(set.Thresholds))
	if a := set.Thresholds.Account; a != nil {
		list = append(list, storyTable(a))
	}
	return list
}

func enginesTable(s *measure.Summary) *table {
	t := newTable("Crossings of thresholds, and what became of them", "engine", ">threshold|%", ">crossings", ">on time", ">late", ">missed", ">missed share|%", ">of these covered",
		">delay median|s", ">delay p90|s", ">delay max|s")
	t.Note = "Of crossings that were due a notice and are not too close to the end to judge. Covered: a higher threshold was told instead."
	delays := groups(s, "notice_delay", "engine", "threshold")
	for _, one := range s.Thresholds {
		if one.Crossings == 0 {
			continue
		}
		d, _ := find(delays, one.Engine, strconv.FormatInt(one.Threshold, 10))
		t.add(words(one.Engine), threshold(one.Threshold), count(one.Crossings), count(one.OnTime), count(one.Late), count(one.Missed),
			share(one.Missed, one.Crossings), count(one.Covered), maybe(d.Med, duration), maybe(d.P90, duration), maybe(d.Max, duration))
	}
	return t
}

func threshold(percent int64) cell {
	n := strconv.FormatInt(percent, 10)
	return cell{Text: n + " %", Number: n}
}

func noticesTable(s *measure.Summary) *table {
	t := newTable("Notices, by what they were", "engine", ">threshold|%", ">first", ">out of order", ">duplicate", ">undelivered", ">spurious", ">in the warm-up", ">crossings not judged")
	t.Note = "Each notice is one of these. Spurious: of no crossing that stood. Not judged: too close to the end."
	for _, one := range s.Thresholds {
		n := one.Notices
		if n == (measure.Notices{}) && one.Censored == 0 {
			continue
		}
		t.add(words(one.Engine), threshold(one.Threshold), count(n.First), count(n.OutOfOrder), count(n.Duplicate), count(n.Undelivered), count(n.Spurious), count(n.WarmUp), count(one.Censored))
	}
	return t
}

func matrixTable(th *series.Thresholds) *table {
	t := newTable("Missed notices by group of accounts", "engine", "group", ">threshold|%", ">missed", ">crossings", ">share|%")
	for _, c := range th.Matrix {
		if c.Crossings > 0 {
			t.add(words(c.Engine), words(c.Group), threshold(c.Level), count(c.Missed), count(c.Crossings), share(c.Missed, c.Crossings))
		}
	}
	return t
}

// storyTable: what engines were due to tell one account, and what they told it.
func storyTable(a *series.AccountStory) *table {
	t := newTable(fmt.Sprintf("What engines were due to tell account %d of %s", a.ID, named(a.Group)), "engine", ">threshold|%", ">crossed|s", "verdict", ">told, or too late|s", "cause")
	t.Note = "Times after the start. The last time is when the first notice came; if none came, when its period or the run ended."
	for _, e := range a.Engines {
		for _, c := range e.Crossings {
			t.add(words(e.Engine), threshold(c.Level), duration(c.At), words(c.Verdict), duration(c.Until), words(wording.Printable(c.Cause)))
		}
	}
	return t
}

func named(group string) string {
	if group == "" {
		return "a group without a name"
	}
	return group
}
