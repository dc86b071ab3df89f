package plots

import (
	"fmt"
	"slices"

	"github.com/quotalab/quotalab/results/series"
)

// kind of figures: of each record by itself, or of all together.
type kind struct {
	name  string
	of    *subjects
	draw  func(k *kit, set *series.Set) []Figure
	draws func(k *kit, sets []*series.Set) []Figure
}

// subjects of a run that a kind of figures is about.
type subjects struct {
	none string // a run without them, in words
	in   func(set *series.Set) bool
}

var (
	ofLimiters = &subjects{"the run has no limiter", func(set *series.Set) bool {
		return len(set.Manifest.Limiters)+len(limiters(set)) > 0 || !ofEngines.in(set)
	}}
	ofEngines = &subjects{"the run has no engine", func(set *series.Set) bool { return set.Thresholds != nil }}
)

// kinds in the order of a report. A new kind is a file and a line here.
var kinds = []kind{
	{name: "latency", of: ofLimiters, draw: latencyFigures},
	{name: "latency-over-time", of: ofLimiters, draw: overTimeFigures},
	{name: "outcomes-over-time", of: ofLimiters, draw: outcomesFigures},
	{name: "shards", of: ofLimiters, draw: shardFigures},
	{name: "admission", of: ofLimiters, draw: admissionFigures},
	{name: "compare", draws: compareFigures},
	{name: "thresholds", of: ofEngines, draw: thresholdFigures},
}

// Kinds are the names of the kinds of figures, in the order of a report.
func Kinds() []string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.name
	}
	return names
}

// figures of a kind, if they are wanted.
func (k *kind) figures(with *kit, sets []*series.Set, o Options) (all []Figure) {
	asked := slices.Contains(o.Kinds, k.name)
	switch {
	case len(o.Kinds) > 0 && !asked:
		return nil
	case k.draws != nil:
		if len(sets) < 2 && !asked {
			return nil
		}
		return k.draws(with, sets)
	}
	for _, s := range sets {
		if !asked && !k.of.in(s) {
			continue
		}
		for _, f := range k.draw(with, s) {
			if f.Subtitle == "" {
				f.Subtitle = subtitle(s)
			}
			all = append(all, f)
		}
	}
	return all
}

// LeftOut names the kinds of figures that All leaves out, since they have nothing to
// do with a record, and says why: of each record for itself.
func LeftOut(sets []*series.Set) (kindsAndWhy []string) {
	names := recordNames(sets)
	for i, s := range sets {
		for _, of := range []*subjects{ofLimiters, ofEngines} {
			if of.in(s) {
				continue
			}
			var without []string
			for _, k := range kinds {
				if k.of == of {
					without = append(without, k.name)
				}
			}
			whose := ""
			if len(sets) > 1 {
				whose = " of " + names[i]
			}
			kindsAndWhy = append(kindsAndWhy, fmt.Sprintf("%s%s (%s)", and(without), whose, of.none))
		}
	}
	return kindsAndWhy
}
