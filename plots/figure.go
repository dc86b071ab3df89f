// Package plots draws what happened in a run: figures for a design review.
//
// In flow series.Sets (plain numbers, already thinned), out flow draw.Figures, which
// package draw writes as SVG, PNG or PDF. A kind of figures (latency.go, outcomes.go, …;
// the table is in this file) turns numbers into panels of layers, and writes the title:
// one sentence with the number that answers the figure's question. A new kind is a file
// and a line of the table.
//
// An outcome has the same colour in every figure (looks.go): its decision is the hue, its
// key's state the shade and the dashes.
//
// Imported by cmd and by plots/report; imports results only, and no Redis.
package plots

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/quotalab/quotalab/plots/draw"
	"github.com/quotalab/quotalab/plots/series"
)

// Options has what can be chosen. The zero value is light and 16 cm wide: readable at
// half a page.
type Options struct {
	Theme draw.Theme // "": Light
	Width float64    // centimetres, 0: 16; figures narrower than 12 put their panels below each other
	// Kinds that are drawn, also of records that they have nothing to do with; none:
	// all that have.
	Kinds []string
}

// Check returns what is wrong with the options.
func (o Options) Check() error {
	_, err := o.kit()
	return err
}

// kit returns what figures are drawn with.
func (o Options) kit() (*kit, error) {
	s, err := draw.NewStyle(o.Theme, o.Width)
	for _, k := range o.Kinds {
		if !slices.Contains(Kinds(), k) {
			err = errors.Join(err, fmt.Errorf("kind of figures %q: expected one of %s", k, strings.Join(Kinds(), ", ")))
		}
	}
	return &kit{s}, err
}

// kit is what all kinds draw with.
type kit struct{ *draw.Style }

// All returns the figures of some records, in a fixed order. Those of kinds that have
// nothing to do with a record are left out (LeftOut names them), unless they are asked
// for.
func All(sets []*series.Set, o Options) ([]draw.Figure, error) {
	with, err := o.kit()
	if err != nil {
		return nil, err
	}
	var all []draw.Figure
	for _, k := range kinds {
		all = append(all, with.finished(k.name, k.figures(with, sets, o))...)
	}
	used := map[string]int{}
	for i := range all {
		name := &all[i].Name
		if used[*name]++; used[*name] > 1 {
			*name = fmt.Sprintf("%s-%d", *name, used[*name])
		}
	}
	return all, nil
}

// finished returns the figures of a kind, ready to be rendered.
func (k *kit) finished(kind string, figures []draw.Figure) []draw.Figure {
	for i := range figures {
		figures[i].Kind, figures[i].Style, figures[i].Name = kind, k.Style, slug(figures[i].Name)
	}
	return figures
}

// shades returns the spans of faults as they are drawn.
func shades(faults []series.Span) []draw.Shade {
	var all []draw.Shade
	for _, f := range faults {
		all = append(all, draw.Shade{From: f.From, Until: f.Until, Label: f.Label})
	}
	return all
}

// without returns a figure that says why it has no data.
func without(name, title, why string) draw.Figure {
	return draw.Figure{Name: name, Title: title, Panels: []draw.Panel{{Empty: why}}}
}

// points returns the points of a series as they are drawn.
func points(of []series.Point) []draw.Point {
	var all []draw.Point
	for _, p := range of {
		all = append(all, draw.Point(p))
	}
	return all
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

// kind is one of figures: of each record by itself, or of all together.
type kind struct {
	name  string
	of    *subjects
	draw  func(k *kit, set *series.Set) []draw.Figure
	draws func(k *kit, sets []*series.Set) []draw.Figure
}

// subjects is what of a run a kind of figures is about.
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

// figures returns those of a kind, if they are wanted.
func (k *kind) figures(with *kit, sets []*series.Set, o Options) (all []draw.Figure) {
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

// RecordNames returns names that tell records apart, as figures of several do.
func RecordNames(sets []*series.Set) []string { return recordNames(sets) }
