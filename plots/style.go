package plots

import (
	"errors"
	"fmt"
	"image/color"
	"math"
	"slices"
	"strings"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/quotalab/quotalab/results/record"
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
	Background color.RGBA
	Text       color.RGBA
	Muted      color.RGBA   // text of less weight
	Axis       color.RGBA   // axes, ticks, leaders
	Grid       color.RGBA   // there to be overlooked
	Fault      color.RGBA   // what shades the time of a fault
	Series     []color.RGBA // of things without an outcome: limiters, engines, shards

	outcomes map[record.Decision][5]color.RGBA // shades of a decision's hue
}

// Look of a line or an area.
type Look struct {
	Color  color.RGBA
	Ink    color.RGBA  // the same hue, fit for text
	Dashes []vg.Length // nil: solid
}

// dashes tell key states apart where colours cannot.
var dashes = map[record.KeyState][]vg.Length{
	record.NotFound: {5, 2},
	record.Stale:    {1.5, 1.5},
	record.Mixed:    {5, 1.5, 1.5, 1.5},
	record.Unread:   {9, 2.5},
}

// shades of key states.
var shades = map[record.KeyState]int{"": 0, record.Found: 0, record.NotFound: 1, record.Stale: 2, record.Mixed: 3, record.Unread: 4}

// Hues are those of Okabe and Ito (2008), https://jfly.uni-koeln.de/color,
// darkened or lightened until they stand out from the background.
var palettes = map[Theme]*Palette{
	Light: {
		Background: rgb(0xFFFFFF), Text: rgb(0x1A1A1A), Muted: rgb(0x595959),
		Axis: rgb(0x7A7A7A), Grid: rgb(0xE4E4E4), Fault: rgb(0xF5E9B8),
		Series: []color.RGBA{rgb(0x0072B2), rgb(0xD55E00), rgb(0x007A5A), rgb(0xB0569A), rgb(0x8A6D00), rgb(0x2F8FC7), rgb(0x4D4D4D)},
		outcomes: map[record.Decision][5]color.RGBA{
			record.Allowed:  {rgb(0x005288), rgb(0x3390C8), rgb(0x6C8FB0), rgb(0x57697A), rgb(0x1B74AE)},
			record.Denied:   {rgb(0xA33F00), rgb(0xE5701E), rgb(0xB08055), rgb(0x806047), rgb(0xC4560C)},
			record.Errored:  {rgb(0x862260), rgb(0xC565A0), rgb(0xA97F9B), rgb(0x7D6276), rgb(0xA3437C)},
			record.FailOpen: {rgb(0x006B3F), rgb(0x1F9E78), rgb(0x6E9A8A), rgb(0x52736A), rgb(0x0F7D5D)},
			record.Dropped:  {rgb(0x333333), rgb(0x787878), rgb(0x929292), rgb(0x616161), rgb(0x4A4A4A)},
		},
	},
	Dark: {
		Background: rgb(0x15191E), Text: rgb(0xEDEDED), Muted: rgb(0xABB2B9),
		Axis: rgb(0x7F8890), Grid: rgb(0x2B3138), Fault: rgb(0x453D1C),
		Series: []color.RGBA{rgb(0x56B4E9), rgb(0xFF8F4A), rgb(0x2CC39A), rgb(0xE28DBD), rgb(0xF0E442), rgb(0x2F8FD0), rgb(0xB5B5B5)},
		outcomes: map[record.Decision][5]color.RGBA{
			record.Allowed:  {rgb(0x7CCBF6), rgb(0x2678B0), rgb(0x93AFC9), rgb(0x70859A), rgb(0x459BD6)},
			record.Denied:   {rgb(0xFFA468), rgb(0xB95614), rgb(0xCDA98C), rgb(0x9C7F66), rgb(0xE57A30)},
			record.Errored:  {rgb(0xF5ADD5), rgb(0xAD528A), rgb(0xC9A6BC), rgb(0x987C8D), rgb(0xD278AE)},
			record.FailOpen: {rgb(0x4BE0B7), rgb(0x1A8C6C), rgb(0x95C4B5), rgb(0x6D9587), rgb(0x2CB48E)},
			record.Dropped:  {rgb(0xE4E4E4), rgb(0x8C8C8C), rgb(0xA8A8A8), rgb(0x727272), rgb(0xC4C4C4)},
		},
	},
}

// PaletteOf a theme.
func PaletteOf(t Theme) (*Palette, error) {
	p := palettes[t]
	if p == nil {
		return nil, fmt.Errorf("theme %q: expected %s or %s", t, Light, Dark)
	}
	return p, nil
}

// Outcome has one look in all figures.
func (p *Palette) Outcome(decision record.Decision, key record.KeyState) Look {
	shade, ok := shades[key]
	if !ok {
		shade = shades[record.Mixed]
	}
	hue, ok := p.outcomes[decision]
	if !ok {
		hue = p.outcomes[record.Dropped]
	}
	return p.look(hue[shade], dashes[key])
}

// Nth look of things without an outcome, in the order in which they come.
// Colours are used again with dashes.
func (p *Palette) Nth(i int) Look {
	var d []vg.Length
	if round := i / len(p.Series) % 3; round > 0 {
		d = dashes[[]record.KeyState{"", record.NotFound, record.Stale}[round]]
	}
	return p.look(p.Series[i%len(p.Series)], d)
}

func (p *Palette) look(c color.RGBA, d []vg.Length) Look {
	return Look{Color: c, Ink: p.ink(c), Dashes: d}
}

// ink moves a colour towards that of text until it can be read.
func (p *Palette) ink(c color.RGBA) color.RGBA {
	for range 20 {
		if contrast(c, p.Background) >= 4.6 {
			break
		}
		c = mix(c, p.Text, 0.1)
	}
	return c
}

// Hex of a colour, as CSS writes it.
func Hex(c color.RGBA) string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

func rgb(v uint32) color.RGBA {
	return color.RGBA{R: uint8(v >> 16), G: uint8(v >> 8), B: uint8(v), A: 255}
}

// contrast of two opaque colours, 1 to 21, as in WCAG 2.2.
func contrast(a, b color.RGBA) float64 {
	la, lb := luminance(a), luminance(b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

// luminance of a colour relative to white, as in WCAG 2.2.
func luminance(c color.RGBA) float64 {
	return 0.2126*linear(c.R) + 0.7152*linear(c.G) + 0.0722*linear(c.B)
}

// linear light of an sRGB channel.
func linear(v uint8) float64 {
	x := float64(v) / 255
	if x <= 0.04045 {
		return x / 12.92
	}
	return math.Pow((x+0.055)/1.055, 2.4)
}

// mix of two opaque colours, share of it the second.
func mix(a, b color.RGBA, share float64) color.RGBA {
	part := func(x, y uint8) uint8 { return uint8(math.Round(float64(x)*(1-share) + float64(y)*share)) }
	return color.RGBA{R: part(a.R, b.R), G: part(a.G, b.G), B: part(a.B, b.B), A: 255}
}

// faded is the colour laid thinly over whatever is below.
func faded(c color.RGBA, opacity float64) color.NRGBA {
	return color.NRGBA{R: c.R, G: c.G, B: c.B, A: uint8(math.Round(opacity * 255))}
}
