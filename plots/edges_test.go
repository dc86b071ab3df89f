package plots

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/plots/draw"
	"github.com/quotalab/quotalab/plots/series"
)

// goldenOf figures: all their series in one file.
func goldenOf(t *testing.T, name string, figures []draw.Figure) {
	t.Helper()
	var b bytes.Buffer
	for _, f := range figures {
		io.WriteString(&b, textOf(&f)+"\n")
	}
	golden(t, name+".txt", b.Bytes(), sameText)
}

// edgeInputs draws all inputs of shards, admission, comparisons and sweeps.
func edgeInputs(o Options) map[string][]draw.Figure {
	all := map[string][]draw.Figure{}
	for name, s := range shardFixtures() {
		all["shards, "+name] = ofKinds(drawn([]*series.Set{s}, o), "shards")
	}
	for name, s := range admissionFixtures() {
		all["admission, "+name] = ofKinds(drawn([]*series.Set{s}, o), "admission")
	}
	for name, sets := range compareFixtures() {
		all["compare, "+name] = ofKinds(drawn(sets, o), "compare")
	}
	for name, s := range sweepFixtures() {
		all["sweep, "+name] = drawnSweep(s, o)
	}
	return all
}

func TestTextOfEdgesDoesNotOverlap(t *testing.T) {
	var options []Options
	for _, theme := range testedThemes {
		options = append(options, Options{Theme: theme})
	}
	for _, width := range testedWidths {
		options = append(options, Options{Width: width})
	}
	for _, o := range options {
		for name, figures := range edgeInputs(o) {
			if len(figures) == 0 {
				t.Errorf("%s: no figure", name)
			}
			for _, f := range figures {
				for _, p := range textProblems(&f) {
					t.Errorf("%s, %g cm, %s: %s", name, o.Width, f.Name, p)
				}
			}
		}
	}
}

// Each figure has a title, draws something or says why not, is the same every
// time, and small.
func TestEdgesAreDrawn(t *testing.T) {
	again := edgeInputs(Options{})
	for name, figures := range edgeInputs(Options{}) {
		for i, f := range figures {
			if f.Title == "" || f.Subtitle == "" || f.Name == "" {
				t.Errorf("%s, %s: title %q, subtitle %q", name, f.Name, f.Title, f.Subtitle)
			}
			for _, p := range f.Panels {
				if p.Empty == "" && len(p.Layers) == 0 {
					t.Errorf("%s, %s: a blank frame", name, f.Name)
				}
			}
			svg := rendered(t, &f, "svg")
			if !bytes.Equal(svg, rendered(t, &again[name][i], "svg")) {
				t.Errorf("%s, %s has other bytes the second time", name, f.Name)
			}
			if len(svg) > 1e6 {
				t.Errorf("%s, %s has %d bytes", name, f.Name, len(svg))
			}
		}
	}
}

// The fullest figures are quick and small in every format, and have the same bytes
// again.
func TestLargestEdges(t *testing.T) {
	all, again := edgeInputs(Options{}), edgeInputs(Options{})
	for _, name := range []string{"shards, 64 shards", "admission, over", "compare, many", "sweep, many cells"} {
		for i, f := range all[name] {
			for _, format := range testkit.Full(draw.Formats, []string{"svg"}) {
				began := cpu(t)
				got := rendered(t, &f, format)
				if took := cpu(t) - began; took > time.Second && !slowed {
					t.Errorf("%s, %s.%s took %v", name, f.Name, format, took)
				}
				if len(got) > 1e6 {
					t.Errorf("%s, %s.%s has %d bytes", name, f.Name, format, len(got))
				}
				if format != "png" && !bytes.Equal(got, rendered(t, &again[name][i], format)) {
					t.Errorf("%s, %s.%s has other bytes the second time", name, f.Name, format)
				}
			}
		}
	}
}
