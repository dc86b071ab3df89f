package plots

import (
	"gonum.org/v1/plot/vg"

	"github.com/quotalab/quotalab/plots/draw"
	"github.com/quotalab/quotalab/plots/series"
	"github.com/quotalab/quotalab/results/record"
)

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
	},
	draw.Dark: {
		record.Allowed:  {0x7CCBF6, 0x2678B0, 0x93AFC9, 0x70859A, 0x459BD6},
		record.Denied:   {0xFFA468, 0xB95614, 0xCDA98C, 0x9C7F66, 0xE57A30},
		record.Errored:  {0xF5ADD5, 0xAD528A, 0xC9A6BC, 0x987C8D, 0xD278AE},
		record.FailOpen: {0x4BE0B7, 0x1A8C6C, 0x95C4B5, 0x6D9587, 0x2CB48E},
		record.Dropped:  {0xE4E4E4, 0x8C8C8C, 0xA8A8A8, 0x727272, 0xC4C4C4},
	},
}

// keyLook tells a state of the key apart: by its shade, and where colours cannot by
// dashes and a shape.
type keyLook struct {
	shade  int
	dashes []vg.Length
	shape  draw.Shape
}

// keyLooks has the look of each state of the key.
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

// outcome returns the look of an outcome.
func (k *kit) outcome(o series.Outcome) draw.Look {
	return Outcome(k.Palette, record.Decision(o.Decision), record.KeyState(o.Key))
}
