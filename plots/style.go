package plots

import (
	"errors"
	"fmt"
	"image/color"
	"slices"
	"strings"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Options of figures. The zero value is light and 16 cm wide: readable at
// half a page.
type Options struct {
	Theme Theme   // "": Light
	Width float64 // centimetres, 0: 16; figures narrower than 12 put their panels below each other
	// Kinds that are drawn, also of records that they have nothing to do with; none:
	// all that have.
	Kinds []string
}

// Widths of figures in centimetres.
const (
	DefaultWidth = 16.0
	minWidth     = 6.0
	maxWidth     = 60.0
	smallBelow   = 12.0 // from here on down type is smaller and panels stand in one column
)

// Check tells what is wrong with the options.
func (o Options) Check() error {
	_, err := newStyle(o)
	return err
}

// style is how everything looks: one for all figures.
type style struct {
	*Palette
	theme Theme
	width vg.Length
	small bool

	title, normal, strong, fine text.Style

	margin      vg.Length // around the figure
	gap         vg.Length // between blocks and between panels
	frameHeight vg.Length // of a panel's frame, if its figure does not say otherwise
	thin        vg.Length // lines of axes and grids
	line        vg.Length // lines of data
	tick        vg.Length // length of a tick
	leading     vg.Length // from line to line of normal text
}

func newStyle(o Options) (*style, error) {
	if o.Theme == "" {
		o.Theme = Light
	}
	if o.Width == 0 {
		o.Width = DefaultWidth
	}
	palette, err := PaletteOf(o.Theme)
	if !(o.Width >= minWidth && o.Width <= maxWidth) { // so that NaN is wrong too
		err = errors.Join(err, fmt.Errorf("figure width %g cm: expected %g to %g", o.Width, minWidth, maxWidth))
	}
	for _, k := range o.Kinds {
		if !slices.Contains(Kinds(), k) {
			err = errors.Join(err, fmt.Errorf("kind of figures %q: expected one of %s", k, strings.Join(Kinds(), ", ")))
		}
	}
	if err != nil {
		return nil, err
	}
	s := &style{Palette: palette, theme: o.Theme, width: vg.Length(o.Width) * vg.Centimeter, small: o.Width < smallBelow,
		margin: 8, gap: 9, frameHeight: 5.4 * vg.Centimeter, thin: 0.6, line: 1.5, tick: 5}
	sizes := [3]vg.Length{11, 9, 8}
	if s.small {
		sizes = [3]vg.Length{9.5, 8, 7.5}
		s.frameHeight = 4.4 * vg.Centimeter
		s.line = 1.2
	}
	s.title = typeface(sizes[0], xfont.WeightBold, s.Text)
	s.strong = typeface(sizes[1], xfont.WeightBold, s.Text)
	s.normal = typeface(sizes[1], xfont.WeightNormal, s.Text)
	s.fine = typeface(sizes[2], xfont.WeightNormal, s.Muted)
	s.leading = lineHeight(s.normal)
	return s, nil
}

// typeface is Liberation Sans: free, embedded, and as wide as Arial and
// Helvetica, so that text in an SVG fits with those too.
func typeface(size vg.Length, weight xfont.Weight, c color.Color) text.Style {
	return text.Style{
		Color:   c,
		Font:    font.Font{Typeface: "Liberation", Variant: "Sans", Weight: weight, Size: size},
		XAlign:  draw.XLeft,
		YAlign:  draw.YTop,
		Handler: plot.DefaultTextHandler,
	}
}

// in another colour.
func in(t text.Style, c color.Color) text.Style {
	t.Color = c
	return t
}

// aligned elsewhere than to the right of and below its point.
func aligned(t text.Style, x draw.XAlignment, y draw.YAlignment) text.Style {
	t.XAlign, t.YAlign = x, y
	return t
}

func lineHeight(t text.Style) vg.Length {
	e := t.FontExtents()
	return e.Ascent + e.Descent
}

// write one line of text. Where gonum/plot puts the line's box depends on
// the font's size, here the box's edge or middle is at the point.
func write(c vg.Canvas, t text.Style, at vg.Point, line string) {
	if line == "" {
		return
	}
	e := t.FontExtents()
	face := t.Handler.Cache().Lookup(t.Font, t.Font.Size)
	at.X += vg.Length(t.XAlign) * face.Width(line)
	at.Y += e.Descent + vg.Length(t.YAlign)*(e.Ascent+e.Descent)
	c.SetColor(t.Color)
	c.FillString(face, at, line)
}

// wrap breaks text into lines that fit, no more than must be and about equally
// long. A word that is too long is broken where it must be.
func wrap(t text.Style, s string, width vg.Length) []string {
	words := withUnits(strings.Fields(s))
	lines := fill(t, words, width)
	for narrower := width * 0.95; len(lines) > 1 && narrower > width/2; narrower *= 0.95 {
		even := fill(t, words, narrower)
		if len(even) > len(lines) {
			break
		}
		lines = even
	}
	return lines
}

// withUnits keeps a unit on the line of its number.
func withUnits(words []string) []string {
	var out []string
	for _, w := range words {
		switch strings.TrimRight(w, ",.:;") {
		case "ns", "µs", "ms", "s", "min", "h", "days", "%":
			if len(out) > 0 {
				out[len(out)-1] += " " + w
				continue
			}
		}
		out = append(out, w)
	}
	return out
}

// fill lines one after the other.
func fill(t text.Style, words []string, width vg.Length) (lines []string) {
	line := ""
	for _, word := range words {
		if joined := strings.TrimSpace(line + " " + word); t.Width(joined) <= width {
			line = joined
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		for t.Width(word) > width {
			head := shorten(t, word, width, "")
			lines = append(lines, head)
			word = word[len(head):]
		}
		line = word
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// shorten text until it fits with the mark that says so, to at least one letter.
func shorten(t text.Style, s string, width vg.Length, mark string) string {
	if t.Width(s) <= width {
		return s
	}
	letters := []rune(s)
	for n := len(letters) - 1; n > 1; n-- {
		if cut := string(letters[:n]) + mark; t.Width(cut) <= width {
			return cut
		}
	}
	return string(letters[:1]) + mark
}
