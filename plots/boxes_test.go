package plots

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"testing"

	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/plots/draw"
)

// textBox is where a piece of text is on the page.
type textBox struct {
	text           string
	x0, y0, x1, y1 float64
}

func (b textBox) String() string {
	return fmt.Sprintf("%q [%.1f %.1f %.1f %.1f]", b.text, b.x0, b.y0, b.x1, b.y1)
}

// overlaps by more than rounding does.
func (b textBox) overlaps(o textBox) bool {
	const slack = 0.1
	return b.x0 < o.x1-slack && o.x0 < b.x1-slack && b.y0 < o.y1-slack && o.y0 < b.y1-slack
}

// recorder is a vg.Canvas that notes the boxes of text and nothing else.
type recorder struct {
	now   affine
	stack []affine
	boxes []textBox
	ink   int // strokes, fills and pictures
}

// affine maps (x, y) to (a·x + c·y + e, b·x + d·y + f).
type affine struct{ a, b, c, d, e, f float64 }

func (m affine) times(n affine) affine {
	return affine{
		m.a*n.a + m.c*n.b, m.b*n.a + m.d*n.b,
		m.a*n.c + m.c*n.d, m.b*n.c + m.d*n.d,
		m.a*n.e + m.c*n.f + m.e, m.b*n.e + m.d*n.f + m.f,
	}
}

func newRecorder() *recorder { return &recorder{now: affine{a: 1, d: 1}} }

func (r *recorder) SetLineWidth(vg.Length)              {}
func (r *recorder) SetLineDash([]vg.Length, vg.Length)  {}
func (r *recorder) SetColor(color.Color)                {}
func (r *recorder) Stroke(vg.Path)                      { r.ink++ }
func (r *recorder) Fill(vg.Path)                        { r.ink++ }
func (r *recorder) DrawImage(vg.Rectangle, image.Image) { r.ink++ }
func (r *recorder) Push()                               { r.stack = append(r.stack, r.now) }
func (r *recorder) Pop()                                { r.now, r.stack = r.stack[len(r.stack)-1], r.stack[:len(r.stack)-1] }
func (r *recorder) Translate(p vg.Point) {
	r.now = r.now.times(affine{1, 0, 0, 1, float64(p.X), float64(p.Y)})
}
func (r *recorder) Scale(x, y float64) { r.now = r.now.times(affine{x, 0, 0, y, 0, 0}) }
func (r *recorder) Rotate(rad float64) {
	sin, cos := math.Sincos(rad)
	r.now = r.now.times(affine{cos, sin, -sin, cos, 0, 0})
}

func (r *recorder) FillString(f font.Face, at vg.Point, s string) {
	e := f.Extents()
	b := textBox{text: s, x0: math.Inf(1), y0: math.Inf(1), x1: math.Inf(-1), y1: math.Inf(-1)}
	for _, x := range []vg.Length{at.X, at.X + f.Width(s)} {
		for _, y := range []vg.Length{at.Y - e.Descent, at.Y + e.Ascent} {
			px, py := r.now.a*float64(x)+r.now.c*float64(y)+r.now.e, r.now.b*float64(x)+r.now.d*float64(y)+r.now.f
			b.x0, b.y0, b.x1, b.y1 = min(b.x0, px), min(b.y0, py), max(b.x1, px), max(b.y1, py)
		}
	}
	r.boxes = append(r.boxes, b)
}

// textBoxes of a figure and the size of its page.
func textBoxes(f *draw.Figure) (boxes []textBox, width, height float64) {
	r := newRecorder()
	page := f.Page()
	page.Draw(r)
	return r.boxes, page.Width.Points(), page.Height.Points()
}

// textProblems are overlapping and cut texts of a figure.
func textProblems(f *draw.Figure) (problems []string) {
	boxes, width, height := textBoxes(f)
	if len(boxes) == 0 {
		problems = append(problems, "no text at all")
	}
	for i, b := range boxes {
		if b.x0 < 0 || b.y0 < 0 || b.x1 > width || b.y1 > height {
			problems = append(problems, fmt.Sprintf("%v is cut by the edge of the page, %.1f × %.1f", b, width, height))
		}
		for _, o := range boxes[:i] {
			if b.overlaps(o) {
				problems = append(problems, fmt.Sprintf("%v overlaps %v", b, o))
			}
		}
	}
	return problems
}

// testedWidths are those at which no text may overlap, in centimetres: fewer in
// the default run.
var testedWidths = testkit.Full([]float64{6, 8, 11.99, 12, draw.DefaultWidth, 24, 60}, []float64{6, 12})

// testedThemes are those in which no text may overlap: in the default run one,
// since they differ in colours only.
var testedThemes = testkit.Full([]draw.Theme{draw.Light, draw.Dark}, []draw.Theme{draw.Light})

func TestTextDoesNotOverlap(t *testing.T) {
	n := 0
	for name, sets := range fixtures() {
		for _, theme := range testedThemes {
			for _, width := range testedWidths {
				for _, f := range drawn(sets, Options{Theme: theme, Width: width}) {
					n++
					for _, p := range textProblems(&f) {
						t.Errorf("%s, %s, %g cm, %s: %s", name, theme, width, f.Name, p)
					}
				}
			}
		}
	}
	if n < 100 { // of some 60 figures at each width in each theme
		t.Errorf("only %d figures looked at", n)
	}
}

func TestTextProblemsAreFound(t *testing.T) {
	s, err := draw.NewStyle("", 0)
	if err != nil {
		t.Fatal(err)
	}
	r := newRecorder()
	draw.Write(r, s.Normal, vg.Point{X: 10, Y: 50}, "one")
	draw.Write(r, s.Normal, vg.Point{X: 12, Y: 52}, "over it")
	draw.Write(r, s.Normal, vg.Point{X: 10, Y: 30}, "below")
	if !r.boxes[0].overlaps(r.boxes[1]) || !r.boxes[1].overlaps(r.boxes[0]) {
		t.Errorf("%v and %v overlap, not found", r.boxes[0], r.boxes[1])
	}
	if r.boxes[0].overlaps(r.boxes[2]) {
		t.Errorf("%v and %v do not overlap", r.boxes[0], r.boxes[2])
	}
	r = newRecorder() // turned by a quarter, wide becomes high
	r.Push()
	r.Translate(vg.Point{X: 100, Y: 20})
	r.Rotate(math.Pi / 2)
	draw.Write(r, s.Normal, vg.Point{}, "turned text")
	r.Pop()
	if b := r.boxes[0]; b.y1-b.y0 < 2*(b.x1-b.x0) || b.y0 < 19 || b.x0 < 90 {
		t.Errorf("turned text is at %v", b)
	}
}
