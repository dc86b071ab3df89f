package plots

import (
	"fmt"
	"strings"

	"github.com/quotalab/quotalab/results/series"
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
