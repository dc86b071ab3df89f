// Package plots draws what happened in a run: figures for a design review.
//
// In flow series.Sets (plain numbers, already thinned), out flow files: SVG,
// PNG or PDF. All makes the figures of some records; Figure.Render draws one of them.
//
//  1. A kind of figure (latency.go, outcomes.go, …; the table is in figure.go)
//     turns numbers into panels of layers, and writes the title: one sentence
//     with the number that answers the figure's question.
//  2. The page (page.go) lays out title, panels, legend and notes; a panel
//     (panel.go) is a plot of gonum/plot with our axes (axis.go, ticks.go), its
//     layers (layer.go) and labels at the ends of lines (labels.go).
//  3. The renderer (render.go) draws the page on a canvas of the format. What
//     it writes depends on the numbers and options alone, to the byte.
//
// Sizes and type are in style.go, colours in palette.go: an outcome has the same
// colour in every figure, its decision the hue, its key's state the shade and
// the dashes.
//
// Imported by cmd and by plots/report; imports results only, and no Redis.
package plots
