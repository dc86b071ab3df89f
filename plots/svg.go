package plots

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"regexp"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// fontStack: those after the first are as wide, so that text fits where the
// first is not installed.
const fontStack = "Liberation Sans, Arimo, Arial, Helvetica, sans-serif"

var (
	svgHead  = regexp.MustCompile(`(?s)^.*?<svg width="([^"]*)" height="([^"]*)" viewBox="([^"]*)"[^>]*>`)
	svgStyle = regexp.MustCompile(`\s*style="([^"]*)"`)
	svgRule  = regexp.MustCompile(`([a-z-]+):([^;]*);?`)
)

// svg without a style attribute, which a content security policy may forbid,
// and with a name for those who do not see it.
func (f *Figure) svg(w io.Writer, blocks []block, height vg.Length) error {
	c := vgsvg.New(f.style.width, height)
	f.draw(c, blocks, height)
	var raw bytes.Buffer
	if _, err := c.WriteTo(&raw); err != nil {
		return fmt.Errorf("figure %s: svg: %w", f.Name, err)
	}
	out := svgHead.ReplaceAllFunc(raw.Bytes(), func(head []byte) []byte {
		size := svgHead.FindSubmatch(head)
		return fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" width="%s" height="%s" viewBox="%s" role="img" aria-label="%s" font-family="%s">`,
			size[1], size[2], size[3], html.EscapeString(f.Title), fontStack)
	})
	out = svgStyle.ReplaceAllFunc(out, func(attribute []byte) []byte {
		return presentation(svgStyle.FindSubmatch(attribute)[1])
	})
	if _, err := w.Write(out); err != nil {
		return fmt.Errorf("figure %s: svg: %w", f.Name, err)
	}
	return nil
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
