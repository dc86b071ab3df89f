package draw

import (
	"math"
	"testing"
)

// The outline has an edge wherever a cell that passes has a neighbour that does
// not, and nowhere else.
func TestOutlineIsTheBorder(t *testing.T) {
	for _, passed := range [][][]bool{
		{{true}}, {{false}},
		{{true, true, false}, {true, false, true}, {false, true, true}},
		{{true, true, true}, {true, false, true}, {true, true, true}},
	} {
		pass := func(r, c int) bool {
			return r >= 0 && r < len(passed) && c >= 0 && c < len(passed[0]) && passed[r][c]
		}
		want := 0
		for r := -1; r <= len(passed); r++ {
			for c := -1; c <= len(passed[0]); c++ {
				if pass(r, c) != pass(r, c+1) {
					want++
				}
				if pass(r, c) != pass(r+1, c) {
					want++
				}
			}
		}
		got := 0.0
		for _, e := range (Outline{passed}).edges() {
			got += math.Abs(e.X1-e.X0) + math.Abs(e.Y1-e.Y0)
			if e.X0 != e.X1 && e.Y0 != e.Y1 {
				t.Errorf("%v: edge %v is neither upright nor level", passed, e)
			}
		}
		if got != float64(want) {
			t.Errorf("%v: the outline is %g long, expected %d", passed, got, want)
		}
	}
}
