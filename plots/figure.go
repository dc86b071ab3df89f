// Package plots draws what happened in a run: figures for a design review.
//
// In flow series.Sets (plain numbers, already thinned), out flow draw.Figures, which
// package draw writes as SVG, PNG or PDF. A kind of figures (latency.go, outcomes.go, …;
// the table is in this file) turns numbers into panels of layers, and writes the title:
// one sentence with the number that answers the figure's question. A new kind is a file
// and a line of the table.
//
// An outcome has the same colour in every figure (below): its decision is the hue, its
// key's state the shade and the dashes.
//
// Imported by cmd and by plots/report; imports results only, and no Redis.
package plots

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"

	"github.com/quotalab/quotalab/plots/draw"
	"github.com/quotalab/quotalab/plots/series"
	"github.com/quotalab/quotalab/results/record"
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

func (o Options) kit() (*kit, error) {
	s, err := draw.NewStyle(o.Theme, o.Width)
	for _, k := range o.Kinds {
		if !slices.Contains(Kinds(), k) {
			err = errors.Join(err, fmt.Errorf("kind of figures %q: expected one of %s", k, strings.Join(Kinds(), ", ")))
		}
	}
	return &kit{s}, err
}

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
	names := RecordNames(sets)
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

// hues of decisions and their shades by state of the key. The hues are those of Okabe
// and Ito (2008), https://jfly.uni-koeln.de/color, darkened or lightened until they
// stand out from the background.
var hues = map[draw.Theme]map[record.Decision][5]uint32{
	draw.Light: {
		record.Allowed:  {0x005288, 0x3390C8, 0x6C8FB0, 0x57697A, 0x1B74AE},
		record.Denied:   {0xA33F00, 0xE5701E, 0xB08055, 0x806047, 0xC4560C},
		record.Errored:  {0x862260, 0xC565A0, 0xA97F9B, 0x7D6276, 0xA3437C},
		record.FailOpen: {0x006B3F, 0x1F9E78, 0x6E9A8A, 0x52736A, 0x0F7D5D},
		record.Dropped:  {0x333333, 0x787878, 0x929292, 0x616161, 0x4A4A4A},
		record.Settled:  {0x6B5900, 0xA38A12, 0x96895A, 0x70684A, 0x857008},
	},
	draw.Dark: {
		record.Allowed:  {0x7CCBF6, 0x2678B0, 0x93AFC9, 0x70859A, 0x459BD6},
		record.Denied:   {0xFFA468, 0xB95614, 0xCDA98C, 0x9C7F66, 0xE57A30},
		record.Errored:  {0xF5ADD5, 0xAD528A, 0xC9A6BC, 0x987C8D, 0xD278AE},
		record.FailOpen: {0x4BE0B7, 0x1A8C6C, 0x95C4B5, 0x6D9587, 0x2CB48E},
		record.Dropped:  {0xE4E4E4, 0x8C8C8C, 0xA8A8A8, 0x727272, 0xC4C4C4},
		record.Settled:  {0xE8D25A, 0x9C8620, 0xC9BE8C, 0x98905F, 0xC4AE3A},
	},
}

// keyLook tells a state of the key apart: by its shade, and where colours cannot by
// dashes and a shape.
type keyLook struct {
	shade  int
	dashes []vg.Length
	shape  draw.Shape
}

var keyLooks = map[record.KeyState]keyLook{
	"":              {0, nil, draw.Filled},
	record.Found:    {0, nil, draw.Filled},
	record.NotFound: {1, draw.Dashed, draw.Box},
	record.Stale:    {2, draw.Dotted, draw.Pyramid},
	record.Mixed:    {3, []vg.Length{5, 1.5, 1.5, 1.5}, draw.Square},
	record.Unread:   {4, []vg.Length{9, 2.5}, draw.Ring},
}

// lookOfKey returns the look of a state of the key; one that is not known has the
// shade of mixed ones.
func lookOfKey(key record.KeyState) keyLook {
	if s, ok := keyLooks[key]; ok {
		return s
	}
	return keyLook{keyLooks[record.Mixed].shade, nil, draw.Filled}
}

// Outcome returns the look that an outcome has in all figures: its decision is the
// hue, its key's state the shade and the dashes.
func Outcome(p *draw.Palette, decision record.Decision, key record.KeyState) draw.Look {
	hue, ok := hues[p.Theme][decision]
	if !ok {
		hue = hues[p.Theme][record.Dropped]
	}
	s := lookOfKey(key)
	return p.Look(draw.RGB(hue[s.shade]), s.dashes)
}

func (k *kit) outcome(o series.Outcome) draw.Look {
	return Outcome(k.Palette, record.Decision(o.Decision), record.KeyState(o.Key))
}
