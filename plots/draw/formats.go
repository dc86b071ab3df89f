package draw

import (
	"bytes"
	"fmt"
	"html"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"codeberg.org/go-pdf/fpdf"
	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/quotalab/quotalab/models/metric"
)

// Formats of figures.
var Formats = []string{"svg", "png", "pdf"}

// pngDPI is twice what a screen has: readable when it is enlarged.
const pngDPI = 192

// Render draws the figure as svg, png or pdf. The same figure gives the same
// bytes.
func (f *Figure) Render(w io.Writer, format string) error {
	var err error
	switch page := f.Page(); format {
	case "svg":
		err = page.svg(w)
	case "png":
		err = png.Encode(w, page.image(pngDPI))
	case "pdf":
		err = page.pdf(w)
	default:
		return fmt.Errorf("figure %s: format %q: expected svg, png or pdf", f.Name, format)
	}
	if err != nil {
		return fmt.Errorf("figure %s: %s: %w", f.Name, format, err)
	}
	return nil
}

// image draws the page with a number of dots an inch.
func (p *Page) image(dpi int) image.Image {
	c := vgimg.NewWith(vgimg.UseWH(p.Width, p.Height), vgimg.UseDPI(dpi), vgimg.UseBackgroundColor(p.f.Style.Background))
	p.Draw(c)
	return c.Image()
}

// pdf writes a PDF of one page. It is not vgpdf's, whose bytes depend on the clock and on the order
// of a map, and whose text is limited to Windows-1252 (no ≤, no −).
func (p *Page) pdf(w io.Writer) error {
	c := newPDF(p.Width, p.Height)
	c.doc.SetTitle(metric.Printable(p.f.Title), true)
	p.Draw(c)
	c.doc.TransformEnd()
	return c.doc.Output(w)
}

// pdfCanvas is a vg.Canvas that draws on a PDF.
type pdfCanvas struct {
	doc   *fpdf.Fpdf
	width []vg.Length // of lines; the last is the present one
	fonts map[string]bool
	image int
}

var _ vg.Canvas = (*pdfCanvas)(nil)

// someDay is the date in every PDF: the same figure has the same bytes.
var someDay = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func newPDF(width, height vg.Length) *pdfCanvas {
	doc := fpdf.NewCustom(&fpdf.InitType{UnitStr: "pt", Size: fpdf.SizeType{Wd: width.Points(), Ht: height.Points()}})
	doc.SetCreationDate(someDay)
	doc.SetModificationDate(someDay)
	doc.SetCatalogSort(true)
	doc.SetProducer("quotalab", true)
	doc.SetMargins(0, 0, 0)
	doc.SetAutoPageBreak(false, 0)
	doc.AddPage()
	c := &pdfCanvas{doc: doc, width: make([]vg.Length, 1), fonts: map[string]bool{}}
	doc.TransformBegin() // the origin of vg is at the bottom
	c.Translate(vg.Point{Y: height})
	c.Scale(1, -1)
	vg.Initialize(c)
	return c
}

func (c *pdfCanvas) SetLineWidth(w vg.Length) {
	c.width[len(c.width)-1] = w
	c.doc.SetLineWidth(w.Points())
}

func (c *pdfCanvas) SetLineDash(pattern []vg.Length, offset vg.Length) {
	dashes := make([]float64, len(pattern))
	for i, d := range pattern {
		dashes[i] = d.Points()
	}
	c.doc.SetDashPattern(dashes, offset.Points())
}

func (c *pdfCanvas) SetColor(col color.Color) {
	if col == nil {
		col = color.Black
	}
	n := color.NRGBAModel.Convert(col).(color.NRGBA)
	r, g, b := int(n.R), int(n.G), int(n.B)
	c.doc.SetFillColor(r, g, b)
	c.doc.SetDrawColor(r, g, b)
	c.doc.SetTextColor(r, g, b)
	c.doc.SetAlpha(float64(n.A)/255, "Normal")
}

func (c *pdfCanvas) Rotate(rad float64)    { c.doc.TransformRotate(-rad*180/math.Pi, 0, 0) }
func (c *pdfCanvas) Translate(pt vg.Point) { c.doc.TransformTranslate(pt.X.Points(), pt.Y.Points()) }
func (c *pdfCanvas) Scale(x, y float64)    { c.doc.TransformScale(x*100, y*100, 0, 0) }

func (c *pdfCanvas) Push() {
	c.width = append(c.width, c.width[len(c.width)-1])
	c.doc.TransformBegin()
}

func (c *pdfCanvas) Pop() {
	c.doc.TransformEnd()
	c.width = c.width[:len(c.width)-1]
}

func (c *pdfCanvas) Stroke(p vg.Path) {
	if c.width[len(c.width)-1] > 0 {
		c.path(p)
		c.doc.DrawPath("D")
	}
}

func (c *pdfCanvas) Fill(p vg.Path) {
	c.path(p)
	c.doc.DrawPath("F")
}

func (c *pdfCanvas) path(p vg.Path) {
	for _, part := range p {
		x, y := part.Pos.X.Points(), part.Pos.Y.Points()
		switch part.Type {
		case vg.MoveComp:
			c.doc.MoveTo(x, y)
		case vg.LineComp:
			c.doc.LineTo(x, y)
		case vg.ArcComp:
			c.arc(part)
		case vg.CurveComp:
			c.curve(part.Control, x, y)
		case vg.CloseComp:
			c.doc.ClosePath()
		}
	}
}

func (c *pdfCanvas) curve(control []vg.Point, x, y float64) {
	first, last := control[0], control[len(control)-1]
	if len(control) == 1 {
		c.doc.CurveTo(first.X.Points(), first.Y.Points(), x, y)
		return
	}
	c.doc.CurveBezierCubicTo(first.X.Points(), first.Y.Points(), last.X.Points(), last.Y.Points(), x, y)
}

// arc draws one as curves of an eighth of a circle at most, each off by less than a
// millionth of the radius.
func (c *pdfCanvas) arc(a vg.PathComp) {
	n := max(1, math.Ceil(math.Abs(a.Angle)/(math.Pi/4)))
	step := a.Angle / n
	k := 4.0 / 3 * math.Tan(step/4) * a.Radius.Points()
	on := func(angle float64) (x, y, dx, dy float64) {
		sin, cos := math.Sincos(angle)
		return a.Pos.X.Points() + a.Radius.Points()*cos, a.Pos.Y.Points() + a.Radius.Points()*sin, -sin * k, cos * k
	}
	x, y, dx, dy := on(a.Start)
	c.doc.LineTo(x, y)
	for i := 1.0; i <= n; i++ {
		toX, toY, toDX, toDY := on(a.Start + i*step)
		c.doc.CurveBezierCubicTo(x+dx, y+dy, toX-toDX, toY-toDY, toX, toY)
		x, y, dx, dy = toX, toY, toDX, toDY
	}
}

// inPDF replaces a character that the PDF package has no place for, in a table
// of the first 65,536; it panics instead.
func inPDF(r rune) rune {
	if r > math.MaxUint16 {
		return utf8.RuneError
	}
	return r
}

func (c *pdfCanvas) FillString(f font.Face, pt vg.Point, s string) {
	if f.Font.Size == 0 || s == "" {
		return
	}
	bold := ""
	if f.Font.Weight >= xfont.WeightBold {
		bold = "B"
	}
	family := string(f.Font.Typeface) + string(f.Font.Variant)
	if !c.fonts[family+bold] {
		c.fonts[family+bold] = true
		var source bytes.Buffer
		if _, err := f.Face.WriteSourceTo(nil, &source); err != nil {
			c.doc.SetError(fmt.Errorf("font %s: %w", f.Name(), err))
			return
		}
		c.doc.AddUTF8FontFromBytes(family, bold, source.Bytes())
	}
	c.doc.SetFont(family, bold, f.Font.Size.Points())
	c.doc.TransformBegin()
	c.Translate(pt)
	c.Scale(1, -1) // text is not upside down
	c.doc.Text(0, 0, strings.Map(inPDF, s))
	c.doc.TransformEnd()
}

func (c *pdfCanvas) DrawImage(r vg.Rectangle, img image.Image) {
	var raw bytes.Buffer
	if err := png.Encode(&raw, img); err != nil {
		c.doc.SetError(err)
		return
	}
	c.image++
	name := fmt.Sprintf("image %d", c.image)
	o := fpdf.ImageOptions{ImageType: "png"}
	c.doc.RegisterImageOptionsReader(name, o, &raw)
	c.doc.TransformBegin()
	c.Translate(vg.Point{X: r.Min.X, Y: r.Max.Y})
	c.Scale(1, -1)
	c.doc.ImageOptions(name, 0, 0, r.Size().X.Points(), r.Size().Y.Points(), false, o, 0, "")
	c.doc.TransformEnd()
}

// fontStack: those after the first are as wide, so that text fits where the
// first is not installed.
const fontStack = "Liberation Sans, Arimo, Arial, Helvetica, sans-serif"

var (
	svgHead  = regexp.MustCompile(`(?s)^.*?<svg width="([^"]*)" height="([^"]*)" viewBox="([^"]*)"[^>]*>`)
	svgStyle = regexp.MustCompile(`\s*style="([^"]*)"`)
	svgRule  = regexp.MustCompile(`([a-z-]+):([^;]*);?`)
)

// svg writes an SVG without a style attribute, which a content security policy may forbid,
// and with a name for those who do not see it.
func (p *Page) svg(w io.Writer) error {
	c := vgsvg.New(p.Width, p.Height)
	p.Draw(c)
	var raw bytes.Buffer
	if _, err := c.WriteTo(&raw); err != nil {
		return err
	}
	out := svgHead.ReplaceAllFunc(raw.Bytes(), func(head []byte) []byte {
		size := svgHead.FindSubmatch(head)
		return fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" width="%s" height="%s" viewBox="%s" role="img" aria-label="%s" font-family="%s">`,
			size[1], size[2], size[3], html.EscapeString(metric.Printable(p.f.Title)), fontStack)
	})
	out = svgStyle.ReplaceAllFunc(out, func(attribute []byte) []byte {
		return presentation(svgStyle.FindSubmatch(attribute)[1])
	})
	_, err := w.Write(out)
	return err
}

// presentation attributes for the rules of a style; the root's font and what is
// the default anyway are left out.
func presentation(rules []byte) []byte {
	var out []byte
	for _, r := range svgRule.FindAllSubmatch(rules, -1) {
		name, value := string(r[1]), string(r[2])
		switch {
		case name == "font-family", name == "font-variant", value == "normal", value == "none" && name != "fill":
			continue
		}
		out = fmt.Appendf(out, ` %s="%s"`, name, value)
	}
	return out
}
