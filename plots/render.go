package plots

import (
	"fmt"
	"image/png"
	"io"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/vgimg"
)

// Formats of figures.
var Formats = []string{"svg", "png", "pdf"}

// pngDPI is twice what a screen has: readable when it is enlarged.
const pngDPI = 192

// Render draws the figure as svg, png or pdf. The same figure gives the same
// bytes.
func (f *Figure) Render(w io.Writer, format string) error {
	if f.err != nil {
		return f.err
	}
	blocks, height := f.page()
	switch format {
	case "svg":
		return f.svg(w, blocks, height)
	case "png":
		return f.png(w, blocks, height)
	case "pdf":
		return f.pdf(w, blocks, height)
	}
	return fmt.Errorf("figure %s: format %q: expected svg, png or pdf", f.Name, format)
}

func (f *Figure) png(w io.Writer, blocks []block, height vg.Length) error {
	c := vgimg.NewWith(vgimg.UseWH(f.style.width, height), vgimg.UseDPI(pngDPI), vgimg.UseBackgroundColor(f.style.Background))
	f.draw(c, blocks, height)
	encoder := png.Encoder{}
	if err := encoder.Encode(w, c.Image()); err != nil {
		return fmt.Errorf("figure %s: png: %w", f.Name, err)
	}
	return nil
}
