package plots

import (
	"fmt"
	"slices"
	"strings"

	"github.com/quotalab/quotalab/results/series"
	"github.com/quotalab/quotalab/results/wording"
)

// thresholdFigures of one record: which notices each engine missed and why, in
// which groups of accounts, how late the others were, and one account's story.
func thresholdFigures(k *kit, set *series.Set) (all []Figure) {
	t := set.Thresholds
	if t == nil {
		return []Figure{{Name: "thresholds", Title: "No notice was due", panels: []panel{{empty: "the run has no engine."}}}}
	}
	of := tallies(t)
	if why := untold(t, of); why != "" {
		f := Figure{Name: "thresholds-missed", Title: "Whether a notice was missed is not known", panels: []panel{{empty: why}}}
		all = append(all, f)
	} else {
		all = append(all, k.missedFigure(t, of), k.matrixFigure(t, of), k.delayFigure(t))
	}
	if t.Account != nil {
		all = append(all, k.accountFigure(set, t.Account))
	}
	for i := range all {
		all[i].Subtitle = thresholdSubtitle(set, all[i].Subtitle)
	}
	return all
}

// untold says why nothing is known; "" if something is.
func untold(t *series.Thresholds, of []tally) string {
	switch {
	case t.Accounts == 0:
		return "the record holds no account, so what was due is not known."
	case !slices.ContainsFunc(of, func(e tally) bool { return e.crossings > 0 }):
		return fmt.Sprintf("none of %s crossed a threshold at a time that can be judged.", wording.Counted(t.Accounts, "account"))
	}
	return ""
}

// tally of one engine over all thresholds and groups.
type tally struct {
	engine            string
	missed, crossings int64
	causes            []int64 // of misses, in the order of Thresholds.Causes
}

// tallies of the engines, in their order.
func tallies(t *series.Thresholds) []tally {
	list := make([]tally, len(t.Engines))
	for i, e := range t.Engines {
		list[i] = tally{engine: e, causes: make([]int64, len(t.Causes))}
		levels := map[int64]bool{}
		for _, b := range t.Missed {
			if b.Engine != e {
				continue
			}
			if !levels[b.Level] {
				list[i].crossings += b.Crossings
			}
			levels[b.Level] = true
			list[i].missed += b.Count
			if c := slices.Index(t.Causes, b.Cause); c >= 0 {
				list[i].causes[c] += b.Count
			}
		}
	}
	return list
}

// share of a, 0 of nothing.
func share(a, of int64) float64 {
	if of == 0 {
		return 0
	}
	return float64(a) / float64(of)
}

// missers are engines that missed something, worst first.
func missers(of []tally) (list []tally) {
	for _, e := range of {
		if e.missed > 0 {
			list = append(list, e)
		}
	}
	slices.SortStableFunc(list, func(a, b tally) int { return int(b.missed - a.missed) })
	return list
}

// faultless are engines that were due notices and missed none.
func faultless(of []tally) (names []string) {
	for _, e := range of {
		if e.missed == 0 && e.crossings > 0 {
			names = append(names, e.engine)
		}
	}
	return names
}

// causeWords are a cause as in a sentence.
func causeWords(cause string) string {
	return strings.NewReplacer(">", ", then ", "-", " ", "_", " ").Replace(cause)
}

// verb agrees with so many names.
func verb(names []string, of string) string {
	if len(names) == 1 {
		return and(names) + " " + of + "es"
	}
	return and(fewNames(names)) + " " + of
}

// fewNames: of many the first and how many more there are.
func fewNames(names []string) []string {
	if len(names) <= 4 {
		return names
	}
	return append(slices.Clone(names[:3]), fmt.Sprintf("%d more", len(names)-3))
}

// thresholdSubtitle says of which run, and of how many accounts if a figure
// says nothing else.
func thresholdSubtitle(set *series.Set, more string) string {
	head, _, _ := strings.Cut(subtitle(set), " · "+wording.Counted(decisions(set), "decision"))
	if more == "" {
		more = wording.Counted(set.Thresholds.Accounts, "account") + " · " + seconds(set.Manifest.Horizon.Seconds())
	}
	return strings.Join(append([]string{head, more}, marks(set)...), " · ")
}
