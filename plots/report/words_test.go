package report

import (
	"strconv"
	"testing"
)

// The figures that are left out are the least important, and the others stay in
// order.
func TestMost(t *testing.T) {
	var list []keyFigure
	for i, rank := range []int{3, 0, 2, 3, 1, 0} {
		list = append(list, keyFigure{Name: strconv.Itoa(i), rank: rank})
	}
	for n, want := range map[int]string{9: "012345", 6: "012345", 5: "01245", 4: "1245", 3: "145", 2: "15", 1: "1", 0: ""} {
		got := ""
		for _, k := range most(list, n) {
			got += k.Name
		}
		if got != want {
			t.Errorf("%d of the figures: got %s, expected %s", n, got, want)
		}
	}
}
