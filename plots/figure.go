// Package plots draws what happened in a run: figures for a design review.
//
// In flow series.Sets (plain numbers, already thinned), out flow files: SVG,
// PNG or PDF. All makes the figures of some records; Figure.Render draws one of them.
//
//  1. A kind of figure (latency.go, outcomes.go, …; the table is in figure.go)
//     turns numbers into panels of layers, and writes the title: one sentence
//     with the number that answers the figure's question.
//  2. The page (page.go) lays out title, panels, legend and notes; a panel
//     (panel.go) is a plot of gonum/plot with our axes (axis.go, ticks.go), its
//     layers (layer.go) and labels at the ends of lines (labels.go).
//  3. The renderer (render.go) draws the page on a canvas of the format. What
//     it writes depends on the numbers and options alone, to the byte.
//
// Sizes and type are in style.go, colours in palette.go: an outcome has the same
// colour in every figure, its decision the hue, its key's state the shade and
// the dashes.
//
// Imported by cmd and by plots/report; imports results only, and no Redis.
package plots

import (
	"fmt"
	"slices"
	"strings"

	"github.com/quotalab/quotalab/plots/series"
)

// Figure answers one question.
type Figure struct {
	Name     string   // of its file, without extension: lower case, unique among those of one call of All
	Kind     string   // as in the table of kinds
	Title    string   // the answer: a sentence with the number in it
	Subtitle string   // of what: scenario and n
	Notes    []string // how to read it, and what is left out

	panels  []panel
	columns int  // of panels, where the figure is wide enough
	shared  bool // all panels have the same axes: only the outer ones say what these are

	style *style
	err   error // of the options
}

// kit is what all kinds draw with.
type kit struct{ *style }

// All figures of some records, in a fixed order; those of kinds that have nothing to
// do with a record are left out (LeftOut tells), unless they are asked for. What is
// wrong with the options is told by Options.Check, and by each figure's Render.
func All(sets []*series.Set, o Options) []Figure {
	s, err := newStyle(o)
	if err != nil {
		return []Figure{{Name: "figure", err: err}}
	}
	var all []Figure
	used := map[string]int{}
	for _, k := range kinds {
		for _, f := range k.figures(&kit{s}, sets, o) {
			f.Kind, f.style = k.name, s
			f.Name = slug(f.Name)
			if used[f.Name]++; used[f.Name] > 1 {
				f.Name = fmt.Sprintf("%s-%d", f.Name, used[f.Name])
			}
			all = append(all, f)
		}
	}
	return all
}

// Text is the figure in words and numbers: what is drawn, without how.
func (f *Figure) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "figure %s\n%s\n%s\n", f.Name, f.Title, f.Subtitle)
	for i := range f.panels {
		f.panels[i].text(&b)
	}
	for _, n := range f.Notes {
		fmt.Fprintln(&b, n)
	}
	return b.String()
}

// slug makes a name fit for a file and a link.
func slug(name string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, name), "-")
}

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

// RecordNames tell some records apart, as figures of several do.
func RecordNames(sets []*series.Set) []string { return recordNames(sets) }

// Empty tells whether the figure says only why it has no data.
func (f *Figure) Empty() bool {
	return !slices.ContainsFunc(f.panels, func(p panel) bool { return p.empty == "" })
}
