package plots

import (
	"fmt"
	"image/color"

	"gonum.org/v1/plot/vg"

	"github.com/quotalab/quotalab/results/record"
)

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
