package plots

import (
	"fmt"
	"slices"
	"strings"

	"github.com/quotalab/quotalab/plots/draw"
)

// textOf returns a figure in words and numbers: what is drawn, without how.
func textOf(f *draw.Figure) string {
	var b strings.Builder
	fmt.Fprintf(&b, "figure %s\n%s\n%s\n", f.Name, f.Title, f.Subtitle)
	for i := range f.Panels {
		panelText(&b, &f.Panels[i])
	}
	for _, n := range f.Notes {
		fmt.Fprintln(&b, n)
	}
	return b.String()
}

func panelText(b *strings.Builder, p *draw.Panel) {
	fmt.Fprintf(b, "panel %q\n", p.Title)
	if p.Empty != "" {
		fmt.Fprintf(b, "  no data: %s\n", p.Empty)
		return
	}
	fmt.Fprintf(b, "  x %q %s to %s\n  y %q %s to %s\n", p.X.Label, short(p.X.Min), short(p.X.Max), p.Y.Label, short(p.Y.Min), short(p.Y.Max))
	for _, f := range p.Shades {
		fmt.Fprintf(b, "  fault %s–%s %s\n", short(f.From), short(f.Until), f.Label)
	}
	for _, l := range p.Layers {
		b.WriteString("  ")
		layerText(b, p, l)
	}
}

// short form of a number: four digits are more than an eye sees.
func short(v float64) string { return fmt.Sprintf("%.4g", v) }

// lookText returns a look in words.
func lookText(l draw.Look) string {
	s := draw.Hex(l.Color)
	if len(l.Dashes) > 0 {
		s += fmt.Sprintf(" dashed %v", l.Dashes)
	}
	return s
}

// layerText writes a layer of a panel in words and numbers.
func layerText(b *strings.Builder, p *draw.Panel, l draw.Layer) {
	switch l := l.(type) {
	case draw.Line:
		fmt.Fprintf(b, "line %q %s", strings.TrimSpace(l.Name+" "+l.More), lookText(l.Look))
		pointsText(b, l.Points)
	case draw.Band:
		fmt.Fprintf(b, "band %q %s", l.Name, lookText(l.Look))
		spansText(b, l.X, l.Lo, l.Hi)
	case draw.Rects:
		rectsText(b, l)
	case draw.StackParts:
		rectsText(b, l.Rects)
	case draw.Dots:
		fmt.Fprintf(b, "dots %q %s", l.Name, lookText(l.Look))
		pointsText(b, l.Points)
	case draw.Whiskers:
		fmt.Fprintf(b, "whiskers %s", lookText(l.Look))
		spansText(b, l.X, l.Lo, l.Hi)
	case draw.Rule:
		fmt.Fprintf(b, "rule %q %s %s at %s\n", l.Name, lookText(l.Look), map[bool]string{false: "horizontal", true: "vertical"}[l.Vertical], short(l.At))
	case draw.Reaches:
		fmt.Fprintf(b, "reaches %q %s\n", l.Name, lookText(l.Look))
		for _, r := range l.List {
			fmt.Fprintf(b, "    at %s: %s to %s %q\n", short(r.Y), short(r.From), short(r.To), r.Label)
		}
	case draw.Absent:
		for _, s := range l {
			fmt.Fprintf(b, "at %s: %q\n", short(s.Y), s.Word)
		}
	case draw.Bars:
		fmt.Fprintf(b, "bars %s\n", lookText(l.Look))
		for _, one := range l.List {
			fmt.Fprintf(b, "    %s: %s %q%s\n", one.Name, short(one.Value), one.Label, map[bool]string{true: " strong"}[one.Strong])
		}
	case draw.BarLabels:
		if slices.ContainsFunc(p.Layers, func(l draw.Layer) bool { _, ok := l.(draw.Bars); return ok }) {
			return // the bars have them
		}
		b.WriteString("bars\n")
		for _, one := range l.List {
			fmt.Fprintf(b, "    %s: %s\n", one.Name, one.Label)
		}
	case draw.Cells:
		cellsText(b, l)
	case draw.Blanks:
		var names []string
		for _, t := range slices.Backward(p.Y.Ticks(p.Y.Min, p.Y.Max)[0]) {
			names = append(names, t.Label)
		}
		fmt.Fprintf(b, "rows %q\n", names)
	case draw.RampStrip:
		fmt.Fprintf(b, "ramp %s to %s: %s to %s\n", draw.Hex(l.Colours[0]), draw.Hex(l.Colours[len(l.Colours)-1]), short(l.Lo), short(l.Hi))
	case draw.Outline:
		b.WriteString("passes\n")
		for _, row := range l.Passed {
			b.WriteString("    ")
			for _, ok := range row {
				b.WriteString(map[bool]string{true: "#", false: "."}[ok])
			}
			b.WriteByte('\n')
		}
	case draw.ShadeEdges:
		fmt.Fprintf(b, "edges of %d faults\n", len(l))
	case lanes:
		lanesText(b, l)
	}
}

func pointsText(b *strings.Builder, points []draw.Point) {
	for _, p := range points {
		fmt.Fprintf(b, " %s,%s", short(p.X), short(p.Y))
	}
	b.WriteByte('\n')
}

func spansText(b *strings.Builder, x, lo, hi []float64) {
	for i := range x {
		fmt.Fprintf(b, " %s,%s–%s", short(x[i]), short(lo[i]), short(hi[i]))
	}
	b.WriteByte('\n')
}

func rectsText(b *strings.Builder, l draw.Rects) {
	fmt.Fprintf(b, "rects %q %s", l.Name, lookText(l.Look))
	for _, r := range l.Rects {
		fmt.Fprintf(b, " %s,%s–%s,%s", short(r.X0), short(r.Y0), short(r.X1), short(r.Y1))
	}
	b.WriteByte('\n')
}

func cellsText(b *strings.Builder, l draw.Cells) {
	fmt.Fprintf(b, "cells x")
	for _, x := range l.X {
		fmt.Fprintf(b, " %s", short(x))
	}
	fmt.Fprintf(b, ", ramp %s to %s\n", short(l.Lo), short(l.Hi))
	for _, row := range l.Rows {
		b.WriteString("   ")
		for _, v := range row {
			fmt.Fprintf(b, " %s", short(v))
		}
		b.WriteByte('\n')
	}
}

func lanesText(b *strings.Builder, l lanes) {
	fmt.Fprintf(b, "lanes, notices %s, misses %s\n", lookText(l.told), lookText(l.miss))
	for _, e := range l.engines {
		fmt.Fprintf(b, "    %s:", e.Engine)
		for _, c := range e.Crossings {
			fmt.Fprintf(b, " %d %% %s–%s %s", c.Level, short(c.At), short(c.Until), c.Verdict)
		}
		for _, n := range e.Notices {
			fmt.Fprintf(b, " notice %d %% %s %s", n.Level, short(n.At), n.Text)
		}
		b.WriteByte('\n')
	}
}
