package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"html/template"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/plots"
	"github.com/quotalab/quotalab/plots/draw"
	"github.com/quotalab/quotalab/plots/series"
)

// Widths in centimetres at which figures are drawn: as wide as the text
// column of a page, and as a phone. The style sheet shows one of them.
const (
	wideWidth   = 24
	narrowWidth = 9
)

type figure struct {
	ID, Title, Subtitle string
	Level               int // of its heading
	Notes               []string
	Wide, Narrow        template.HTML
	kind                string
}

// drawn figures of some records, of kinds (none: of all that have to do with them).
// missing are the titles of those that have no data, and what is left out.
func (p *builder) drawn(sets []*series.Set, prefix string, level int, kinds ...string) (all []figure, missing []string, err error) {
	all, missing, err = p.drawnBy(prefix, level, func(o plots.Options) ([]draw.Figure, error) {
		o.Kinds = kinds
		return plots.All(sets, o)
	})
	if err == nil && len(kinds) == 0 {
		missing = append(missing, plots.LeftOut(sets)...)
	}
	return all, missing, err
}

// drawnBy draws figures for a page.
func (p *builder) drawnBy(prefix string, level int, by func(plots.Options) ([]draw.Figure, error)) (all []figure, missing []string, err error) {
	drawings, err := drawAll(by)
	if err != nil {
		return nil, nil, err
	}
	for i := range drawings[0] {
		f := &drawings[0][i]
		if f.Empty() {
			if !slices.Contains(missing, f.Title) {
				missing = append(missing, f.Title)
			}
			continue
		}
		one := figure{ID: prefix + "figure-" + f.Name, Title: f.Title, Subtitle: f.Subtitle, Level: level, Notes: f.Notes, kind: f.Kind}
		if one.Wide, err = p.picture(&drawings[0][i], &drawings[1][i], "wide"); err != nil {
			return nil, nil, err
		}
		if one.Narrow, err = p.picture(&drawings[2][i], &drawings[3][i], "narrow"); err != nil {
			return nil, nil, err
		}
		all = append(all, one)
	}
	return all, missing, nil
}

// drawAll figures wide and light, wide and dark, narrow and light, narrow and dark.
func drawAll(by func(plots.Options) ([]draw.Figure, error)) (drawings [4][]draw.Figure, err error) {
	for i, o := range []plots.Options{{Theme: draw.Light, Width: wideWidth}, {Theme: draw.Dark, Width: wideWidth},
		{Theme: draw.Light, Width: narrowWidth}, {Theme: draw.Dark, Width: narrowWidth}} {
		if drawings[i], err = by(o); err != nil {
			return drawings, err
		}
		if len(drawings[i]) != len(drawings[0]) {
			return drawings, fmt.Errorf("figures at %g cm, theme %s: %d of them, expected %d as at %d cm", o.Width, o.Theme, len(drawings[i]), len(drawings[0]), wideWidth)
		}
	}
	return drawings, nil
}

// picture returns a figure in both themes. Its words are text of the page.
func (p *builder) picture(light, dark *draw.Figure, class string) (template.HTML, error) {
	var drawings [2]bytes.Buffer
	for i, f := range []draw.Figure{*light, *dark} {
		f.Title, f.Subtitle, f.Notes = "", "", nil
		if err := f.Render(&drawings[i], "svg"); err != nil {
			return "", fmt.Errorf("figure %s: %w", f.Name, err)
		}
	}
	svg, err := p.colours.themed(drawings[0].Bytes(), drawings[1].Bytes(), light.Title, class)
	if err != nil {
		return "", fmt.Errorf("figure %s: %w", light.Name, err)
	}
	return template.HTML(measured(svg)), nil // every element and attribute was checked and written anew
}

var (
	svgText  = regexp.MustCompile(`<text([^>]*)>([^<]+)</text>`)
	fontSize = regexp.MustCompile(` font-size="([0-9.]+)px"`)
)

// measured gives every text of a figure the width that it was laid out with. A
// browser without the figures' font draws another one, which may be wider, and then
// fits it into that.
func measured(svg string) string {
	return svgText.ReplaceAllStringFunc(svg, func(element string) string {
		m := svgText.FindStringSubmatch(element)
		size := fontSize.FindStringSubmatch(m[1])
		if size == nil {
			return element
		}
		px, err := strconv.ParseFloat(size[1], 64)
		if err != nil {
			return element
		}
		width := draw.TextWidth(html.UnescapeString(m[2]), px, strings.Contains(m[1], ` font-weight="bold"`))
		return fmt.Sprintf(`<text%s textLength="%.2f" lengthAdjust="spacingAndGlyphs">%s</text>`, m[1], width, m[2])
	})
}

// ofAll is the subtitle that all figures have, which they then need not repeat.
func ofAll(figures []figure) string {
	if len(figures) < 2 {
		return ""
	}
	all := figures[0].Subtitle
	for _, f := range figures {
		if f.Subtitle != all {
			return ""
		}
	}
	for i := range figures {
		figures[i].Subtitle = ""
	}
	return all
}

// colours are pairs of a light and a dark one, each a variable of the style
// sheet.
type colours struct{ pairs []pair }

type pair struct{ light, dark string }

// variable returns that of a pair, for use in an attribute.
func (c *colours) variable(light, dark string) string {
	p := pair{strings.ToLower(light), strings.ToLower(dark)}
	i := slices.Index(c.pairs, p)
	if i < 0 {
		i = len(c.pairs)
		c.pairs = append(c.pairs, p)
	}
	return fmt.Sprintf("var(--c%d)", i)
}

func (c *colours) look(light, dark draw.Look) string {
	return c.variable(draw.Hex(light.Color), draw.Hex(dark.Color))
}

// css declares the variables; dark begins with the selector of the dark theme.
func (c *colours) css() string {
	var light, dark strings.Builder
	for i, p := range c.pairs {
		fmt.Fprintf(&light, "--c%d:%s;", i, p.light)
		fmt.Fprintf(&dark, "--c%d:%s;", i, p.dark)
	}
	return ":root{" + light.String() + "}\n@media screen and (prefers-color-scheme:dark){:root{" + dark.String() + "}}\n"
}

// What a figure may consist of: anything else in an SVG is refused, since it
// becomes a part of the page. None of it can run or fetch anything.
var (
	svgElements   = []string{"svg", "g", "path", "text", "rect", "line", "circle", "polyline", "polygon", "image"}
	svgAttributes = []string{"viewBox", "x", "y", "x1", "y1", "x2", "y2", "cx", "cy", "r", "d", "points", "width", "height", "transform",
		"fill", "stroke", "fill-opacity", "stroke-opacity", "fill-rule", "stroke-width", "stroke-dasharray", "stroke-dashoffset", "stroke-linecap", "stroke-linejoin",
		"font-family", "font-weight", "font-style", "font-size", "text-anchor", "href", "preserveAspectRatio", "image-rendering", "opacity"}
	// svgDropped are set anew on the root or mean nothing in a page.
	svgDropped = []string{"role", "aria-label", "xmlns", "xlink", "version"}
)

// errDiffer says that two forms of a figure differ in more than colours.
var errDiffer = errors.New("the light and the dark form differ in more than colours")

// themed joins the light and the dark form of a figure, which usually differ in
// their colours alone, to one whose colours are variables; where they differ in more
// the style sheet shows one of two. label is what the figure is called for those
// who do not see it.
func (c *colours) themed(light, dark []byte, label, class string) (string, error) {
	joined, err := c.joined(light, dark, label, class)
	if !errors.Is(err, errDiffer) {
		return joined, err
	}
	one, lerr := c.joined(light, light, label, class+" light")
	other, derr := c.joined(dark, dark, label, class+" dark")
	return one + "\n" + other, errors.Join(lerr, derr)
}

func (c *colours) joined(light, dark []byte, label, class string) (string, error) {
	var b strings.Builder
	l, d := xml.NewDecoder(bytes.NewReader(light)), xml.NewDecoder(bytes.NewReader(dark))
	depth := 0
	for {
		one, lerr := l.Token()
		other, derr := d.Token()
		switch {
		case errors.Is(lerr, io.EOF) && errors.Is(derr, io.EOF):
			return b.String(), nil
		case errors.Is(lerr, io.EOF), errors.Is(derr, io.EOF):
			return "", errDiffer
		case lerr != nil || derr != nil:
			return "", fmt.Errorf("reading the svg of a figure: %w", errors.Join(lerr, derr))
		}
		switch one := one.(type) {
		case xml.StartElement:
			other, ok := other.(xml.StartElement)
			if !ok || other.Name.Local != one.Name.Local {
				return "", errDiffer
			}
			b.WriteString("<" + one.Name.Local)
			if depth++; depth == 1 {
				fmt.Fprintf(&b, ` role="img" class="%s" aria-label="%s"`, class, html.EscapeString(metric.Printable(label)))
			}
			if err := c.attributes(&b, one, other, depth == 1); err != nil {
				return "", err
			}
			b.WriteString(">")
		case xml.EndElement:
			depth--
			b.WriteString("</" + one.Name.Local + ">")
		case xml.CharData:
			if other, ok := other.(xml.CharData); !ok || string(other) != string(one) {
				return "", errDiffer
			}
			b.WriteString(html.EscapeString(string(one)))
		}
	}
}

// attributes writes those of an element, in both forms. A fill that is left out is black.
func (c *colours) attributes(b *strings.Builder, light, dark xml.StartElement, root bool) error {
	element := light.Name.Local
	if !slices.Contains(svgElements, element) {
		return fmt.Errorf("svg of a figure: element <%s>: expected one of %s", element, strings.Join(svgElements, ", "))
	}
	for _, name := range names(light, dark) {
		value, there := attribute(light, name)
		other, thereToo := attribute(dark, name)
		colour := name == "fill" && (there || thereToo) || name == "stroke" && there && thereToo
		switch {
		case slices.Contains(svgDropped, name), root && (name == "width" || name == "height"):
			continue
		case !slices.Contains(svgAttributes, name):
			return fmt.Errorf("svg of a figure: attribute %s of <%s>: expected one of %s", name, element, strings.Join(svgAttributes, ", "))
		case name == "href" && !strings.HasPrefix(value, "data:image/png;base64,"):
			return fmt.Errorf("svg of a figure: <%s> refers to %.40q: expected an embedded PNG", element, value)
		case colour && isColour(value) && isColour(other):
			value = c.variable(orBlack(value), orBlack(other))
		case value != other || there != thereToo:
			return errDiffer
		}
		fmt.Fprintf(b, ` %s="%s"`, name, html.EscapeString(value))
	}
	return nil
}

// names returns those of the attributes of either form.
func names(light, dark xml.StartElement) (list []string) {
	for _, a := range slices.Concat(light.Attr, dark.Attr) {
		if !slices.Contains(list, a.Name.Local) {
			list = append(list, a.Name.Local)
		}
	}
	return list
}

func attribute(e xml.StartElement, name string) (value string, there bool) {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value, true
		}
	}
	return "", false
}

func isColour(value string) bool { return value == "" || strings.HasPrefix(value, "#") }

func orBlack(value string) string {
	if value == "" {
		return "#000000"
	}
	return value
}
