package plots

import (
	"fmt"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/quotalab/quotalab/results/series"
)

// mostFaults that are told apart by letters; of more the note says how many.
const mostFaults = 8

// faultBar is the height of the bar above the frame that a fault's time is marked
// by, too: areas may cover its shade.
const faultBar = 2.5

// shadeFaults fills the time of faults, behind everything.
func (c *area) shadeFaults(faults []series.Span) {
	for _, f := range faults {
		c.SetColor(c.Fault)
		c.Fill(vg.Rectangle{Min: vg.Point{X: c.x(f.From), Y: c.Min.Y}, Max: vg.Point{X: c.x(f.Until), Y: c.Max.Y}}.Path())
	}
}

// edgeFaults marks where faults begin and end, above everything. A letter at the
// bar is that of the note.
func (c *area) edgeFaults(faults []series.Span) {
	edge := draw.LineStyle{Color: c.Axis, Width: c.thin, Dashes: []vg.Length{1.5, 1.5}}
	for _, f := range faults {
		x0, x1 := c.x(f.From), c.x(f.Until)
		c.StrokeLine2(edge, x0, c.Min.Y, x0, c.Max.Y)
		if x1 > x0 {
			c.StrokeLine2(edge, x1, c.Min.Y, x1, c.Max.Y)
		}
		c.SetColor(c.Axis)
		c.Fill(vg.Rectangle{Min: vg.Point{X: x0, Y: c.Max.Y}, Max: vg.Point{X: max(x1, x0+c.thin), Y: c.Max.Y + faultBar}}.Path())
	}
	if !lettered(faults) {
		return
	}
	t := aligned(c.fine, draw.XCenter, draw.YBottom)
	want := make([]vg.Length, len(faults))
	for i, f := range faults {
		want[i] = (c.x(f.From) + c.x(f.Until)) / 2
	}
	for i, x := range spread(want, t.Width("W")+1, c.Min.X, c.Max.X) {
		write(c, t, vg.Point{X: x, Y: c.Max.Y + faultBar}, letter(i))
	}
}

// lettered tells whether faults have letters: one alone and too many have none.
func lettered(faults []series.Span) bool { return len(faults) > 1 && len(faults) <= mostFaults }

func letter(i int) string { return string(rune('A' + i)) }

// faultNote says what the shades are; "" if there are none.
func faultNote(faults []series.Span) string {
	switch n := len(faults); {
	case n == 0:
		return ""
	case n == 1:
		return "Shaded: " + faultWords(faults[0]) + "."
	case n > mostFaults:
		return fmt.Sprintf("Shaded: %d faults, the first: %s.", n, faultWords(faults[0]))
	}
	var words []string
	for i, f := range faults {
		words = append(words, letter(i)+" "+faultWords(f))
	}
	return "Shaded: " + strings.Join(words, "; ") + "."
}

func faultWords(f series.Span) string {
	if f.Until <= f.From {
		return f.Label + " at " + instant(f.From)
	}
	return f.Label + " from " + instant(f.From) + " to " + instant(f.Until)
}
