package draw

import (
	"cmp"
	"errors"
	"fmt"
	"image/color"
	"math"
	"strings"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	vgdraw "gonum.org/v1/plot/vg/draw"
)

// Widths of figures in centimetres.
const (
	DefaultWidth = 16.0
	minWidth     = 6.0
	maxWidth     = 60.0
	smallBelow   = 12.0 // from here on down type is smaller and panels stand in one column
)

// Style is how everything looks: one for all figures.
type Style struct {
	*Palette
	Width vg.Length
	Small bool

	title, Normal, Strong, Fine text.Style

	Margin      vg.Length // around the figure
	gap         vg.Length // between blocks and between panels
	FrameHeight vg.Length // of a panel's frame, if its figure does not say otherwise
	thin        vg.Length // lines of axes and grids
	Line        vg.Length // lines of data
	tick        vg.Length // length of a tick
	leading     vg.Length // from line to line of normal text
}

// NewStyle returns the style of a theme ("": Light) and a width in centimetres (0:
// DefaultWidth).
func NewStyle(theme Theme, width float64) (*Style, error) {
	width = cmp.Or(width, DefaultWidth)
	palette, err := PaletteOf(cmp.Or(theme, Light))
	if !(width >= minWidth && width <= maxWidth) { // so that NaN is wrong too
		err = errors.Join(err, fmt.Errorf("figure width %g cm: expected %g to %g", width, minWidth, maxWidth))
	}
	if err != nil {
		return nil, err
	}
	s := &Style{Palette: palette, Width: vg.Length(width) * vg.Centimeter, Small: width < smallBelow,
		Margin: 8, gap: 9, FrameHeight: 5.4 * vg.Centimeter, thin: 0.6, Line: 1.5, tick: 5}
	sizes := [3]vg.Length{11, 9, 8}
	if s.Small {
		sizes = [3]vg.Length{9.5, 8, 7.5}
		s.FrameHeight = 4.4 * vg.Centimeter
		s.Line = 1.2
	}
	s.title = typeface(sizes[0], xfont.WeightBold, s.Text)
	s.Strong = typeface(sizes[1], xfont.WeightBold, s.Text)
	s.Normal = typeface(sizes[1], xfont.WeightNormal, s.Text)
	s.Fine = typeface(sizes[2], xfont.WeightNormal, s.Muted)
	s.leading = LineHeight(s.Normal)
	return s, nil
}

// typeface is Liberation Sans: free, embedded, and as wide as Arial and
// Helvetica, so that text in an SVG fits with those too.
func typeface(size vg.Length, weight xfont.Weight, c color.Color) text.Style {
	return text.Style{
		Color:   c,
		Font:    font.Font{Typeface: "Liberation", Variant: "Sans", Weight: weight, Size: size},
		XAlign:  vgdraw.XLeft,
		YAlign:  vgdraw.YTop,
		Handler: plot.DefaultTextHandler,
	}
}

// Coloured returns a style of text in another colour.
func Coloured(t text.Style, c color.Color) text.Style {
	t.Color = c
	return t
}

// Aligned returns a style of text that stands elsewhere than to the right of and below its point.
func Aligned(t text.Style, x vgdraw.XAlignment, y vgdraw.YAlignment) text.Style {
	t.XAlign, t.YAlign = x, y
	return t
}

// TextWidth returns how wide figures lay out a text of a size, in the units of the
// size, whatever fonts the machine has that will show it.
func TextWidth(line string, size float64, bold bool) float64 {
	weight := xfont.WeightNormal
	if bold {
		weight = xfont.WeightBold
	}
	t := typeface(vg.Length(size), weight, color.Black)
	face := t.Handler.Cache().Lookup(t.Font, t.Font.Size)
	return float64(face.Width(line))
}

func LineHeight(t text.Style) vg.Length {
	e := t.FontExtents()
	return e.Ascent + e.Descent
}

// Write writes one line of text. Where gonum/plot puts the line's box depends on
// the font's size, here the box's edge or middle is at the point.
func Write(c vg.Canvas, t text.Style, at vg.Point, line string) {
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
			head := Shorten(t, word, width, "")
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

// Shorten cuts text until it fits with the mark that says so, to at least one letter.
func Shorten(t text.Style, s string, width vg.Length, mark string) string {
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

// Theme is what figures are drawn for.
type Theme string

// The themes: dark lines on white, light lines on near black.
const (
	Light Theme = "light"
	Dark  Theme = "dark"
)

// Palette is the colours of a theme. Text has a contrast of at least 4.5 to
// the background, lines have at least 3 (WCAG 2.2, 1.4.3 and 1.4.11).
type Palette struct {
	Theme      Theme
	Background color.RGBA
	Text       color.RGBA
	Muted      color.RGBA   // text of less weight
	Axis       color.RGBA   // axes, ticks, leaders
	Grid       color.RGBA   // there to be overlooked
	Fault      color.RGBA   // what shades the time of a fault
	Series     []color.RGBA // of things that are told apart by their order
}

// Dashes of lines that are told apart without their colours.
var (
	Dashed = []vg.Length{5, 2}
	Dotted = []vg.Length{1.5, 1.5}
)

// Look is that of a line or an area.
type Look struct {
	Color  color.RGBA
	Ink    color.RGBA  // the same hue, fit for text
	Dashes []vg.Length // nil: solid
}

// Hues are those of Okabe and Ito (2008), https://jfly.uni-koeln.de/color,
// darkened or lightened until they stand out from the background.
var palettes = map[Theme]*Palette{
	Light: {
		Theme:      Light,
		Background: RGB(0xFFFFFF), Text: RGB(0x1A1A1A), Muted: RGB(0x595959),
		Axis: RGB(0x7A7A7A), Grid: RGB(0xE4E4E4), Fault: RGB(0xF5E9B8),
		Series: []color.RGBA{RGB(0x0072B2), RGB(0xD55E00), RGB(0x007A5A), RGB(0xB0569A), RGB(0x8A6D00), RGB(0x2F8FC7), RGB(0x4D4D4D)},
	},
	Dark: {
		Theme:      Dark,
		Background: RGB(0x15191E), Text: RGB(0xEDEDED), Muted: RGB(0xABB2B9),
		Axis: RGB(0x7F8890), Grid: RGB(0x2B3138), Fault: RGB(0x453D1C),
		Series: []color.RGBA{RGB(0x56B4E9), RGB(0xFF8F4A), RGB(0x2CC39A), RGB(0xE28DBD), RGB(0xF0E442), RGB(0x2F8FD0), RGB(0xB5B5B5)},
	},
}

// PaletteOf returns the palette of a theme.
func PaletteOf(t Theme) (*Palette, error) {
	p := palettes[t]
	if p == nil {
		return nil, fmt.Errorf("theme %q: expected %s or %s", t, Light, Dark)
	}
	return p, nil
}

// Nth returns the look of things that are told apart by the order in which they come.
// Colours are used again with dashes.
func (p *Palette) Nth(i int) Look {
	var d []vg.Length
	if round := i / len(p.Series) % 3; round > 0 {
		d = [][]vg.Length{nil, Dashed, Dotted}[round]
	}
	return p.Look(p.Series[i%len(p.Series)], d)
}

func (p *Palette) Look(c color.RGBA, d []vg.Length) Look {
	return Look{Color: c, Ink: p.ink(c), Dashes: d}
}

// ink moves a colour towards that of text until it can be read.
func (p *Palette) ink(c color.RGBA) color.RGBA {
	for range 20 {
		if Contrast(c, p.Background) >= 4.6 {
			break
		}
		c = Mix(c, p.Text, 0.1)
	}
	return c
}

// Hex writes a colour as CSS does.
func Hex(c color.RGBA) string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

func RGB(v uint32) color.RGBA {
	return color.RGBA{R: uint8(v >> 16), G: uint8(v >> 8), B: uint8(v), A: 255}
}

// Contrast returns the contrast of two opaque colours, 1 to 21, as in WCAG 2.2.
func Contrast(a, b color.RGBA) float64 {
	la, lb := luminance(a), luminance(b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

// luminance returns the light of a colour relative to white, as in WCAG 2.2.
func luminance(c color.RGBA) float64 {
	return 0.2126*linear(c.R) + 0.7152*linear(c.G) + 0.0722*linear(c.B)
}

// linear returns the linear light of an sRGB channel.
func linear(v uint8) float64 {
	x := float64(v) / 255
	if x <= 0.04045 {
		return x / 12.92
	}
	return math.Pow((x+0.055)/1.055, 2.4)
}

// Mix returns a mixture of two opaque colours, share of it the second.
func Mix(a, b color.RGBA, share float64) color.RGBA {
	part := func(x, y uint8) uint8 { return uint8(math.Round(float64(x)*(1-share) + float64(y)*share)) }
	return color.RGBA{R: part(a.R, b.R), G: part(a.G, b.G), B: part(a.B, b.B), A: 255}
}

// faded is the colour laid thinly over whatever is below.
func faded(c color.RGBA, opacity float64) color.NRGBA {
	return color.NRGBA{R: c.R, G: c.G, B: c.B, A: uint8(math.Round(opacity * 255))}
}

// Nested returns the width of the i-th of n lines: where lines lie on each other, those below
// are seen at the sides of those above.
func (s *Style) Nested(i, n int) vg.Length {
	if n < 2 {
		return s.Line
	}
	return s.Line * (1.7 - 0.9*vg.Length(i)/vg.Length(n-1))
}

// BandLook returns the look of an area in which chance explains what is there.
func (s *Style) BandLook() Look {
	return Look{Color: Mix(s.Background, s.Axis, 0.28), Ink: s.Muted}
}
