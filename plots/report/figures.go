package report

import (
	"bytes"
	"fmt"
	"html/template"
	"slices"

	"github.com/quotalab/quotalab/plots"
	"github.com/quotalab/quotalab/results/series"
)

// Widths in centimetres at which figures are drawn: as wide as the text
// column of a page, and as a phone. The style sheet shows one of them.
const (
	wideWidth   = 24
	narrowWidth = 9
)

// figure of the page.
type figure struct {
	ID, Title, Subtitle string
	Level               int // of its heading
	Notes               []string
	Wide, Narrow        template.HTML
}

// drawn figures of some records, of kinds (none: of all that have to do with them).
// missing are the titles of those that have no data, and what is left out.
func (p *builder) drawn(sets []*series.Set, prefix string, level int, kinds ...string) (all []figure, missing []string, err error) {
	drawings, err := drawAll(sets, kinds)
	if err != nil {
		return nil, nil, err
	}
	for i := range drawings[0] {
		f := &drawings[0][i]
		if f.Empty() {
			if !slices.Contains(missing, f.Title) {
				missing = append(missing, f.Title)
			}
			continue
		}
		one := figure{ID: prefix + "figure-" + f.Name, Title: f.Title, Subtitle: f.Subtitle, Level: level, Notes: f.Notes}
		if one.Wide, err = p.picture(&drawings[0][i], &drawings[1][i], "wide"); err != nil {
			return nil, nil, err
		}
		if one.Narrow, err = p.picture(&drawings[2][i], &drawings[3][i], "narrow"); err != nil {
			return nil, nil, err
		}
		all = append(all, one)
	}
	if len(kinds) == 0 {
		missing = append(missing, plots.LeftOut(sets)...)
	}
	return all, missing, nil
}

// drawAll figures wide and light, wide and dark, narrow and light, narrow and dark.
func drawAll(sets []*series.Set, kinds []string) (drawings [4][]plots.Figure, err error) {
	for i, o := range []plots.Options{{Theme: plots.Light, Width: wideWidth}, {Theme: plots.Dark, Width: wideWidth},
		{Theme: plots.Light, Width: narrowWidth}, {Theme: plots.Dark, Width: narrowWidth}} {
		o.Kinds = kinds
		drawings[i] = plots.All(sets, o)
		if len(drawings[i]) != len(drawings[0]) {
			return drawings, fmt.Errorf("figures at %g cm, theme %s: %d of them, expected %d as at %d cm", o.Width, o.Theme, len(drawings[i]), len(drawings[0]), wideWidth)
		}
	}
	return drawings, nil
}

// picture of a figure in both themes. Its words are text of the page.
func (p *builder) picture(light, dark *plots.Figure, class string) (template.HTML, error) {
	var drawings [2]bytes.Buffer
	for i, f := range []plots.Figure{*light, *dark} {
		f.Title, f.Subtitle, f.Notes = "", "", nil
		if err := f.Render(&drawings[i], "svg"); err != nil {
			return "", fmt.Errorf("figure %s: %w", f.Name, err)
		}
	}
	svg, err := p.colours.themed(drawings[0].Bytes(), drawings[1].Bytes(), light.Title, class)
	if err != nil {
		return "", fmt.Errorf("figure %s: %w", light.Name, err)
	}
	return template.HTML(svg), nil // every element and attribute was checked and written anew
}

// ofAll is the subtitle that all figures have, which they then need not repeat.
func ofAll(figures []figure) string {
	if len(figures) < 2 {
		return ""
	}
	all := figures[0].Subtitle
	for _, f := range figures {
		if f.Subtitle != all {
			return ""
		}
	}
	for i := range figures {
		figures[i].Subtitle = ""
	}
	return all
}
