package sweep_test

import (
	"math"
	"strings"
	"testing"

	"github.com/quotalab/quotalab/results/sweep"
)

func TestSweepCheck(t *testing.T) {
	rate := sweep.Parameter{Name: "rate (1/s)", Values: []string{"100", "200"}, Numeric: []float64{100, 200}}
	limiter := sweep.Parameter{Name: "limiter", Values: []string{"lua", "set", "incr"}}
	at := func(index ...int) sweep.GridCell { return sweep.GridCell{Index: index, Value: 1} }
	tests := []struct {
		why   string
		sweep sweep.Grid
		want  string // in the error, "" none
	}{
		{"nothing was run", sweep.Grid{Axes: []sweep.Parameter{rate}}, ""},
		{"no axis: one run", sweep.Grid{Cells: []sweep.GridCell{at()}}, ""},
		{"some runs are missing", sweep.Grid{Axes: []sweep.Parameter{rate, limiter}, Cells: []sweep.GridCell{at(0, 0), at(1, 2)}}, ""},
		{"a metric that was not shown", sweep.Grid{Axes: []sweep.Parameter{rate}, Cells: []sweep.GridCell{{Index: []int{0}, Value: math.NaN()}}}, ""},
		{"too few numbers", sweep.Grid{Axes: []sweep.Parameter{{Name: "rate", Values: []string{"1", "2"}, Numeric: []float64{1}}}}, "each of the 2 values"},
		{"a place on too few axes", sweep.Grid{Axes: []sweep.Parameter{rate, limiter}, Cells: []sweep.GridCell{at(0)}}, "each of the 2 axes, found 1"},
		{"a place beyond the end", sweep.Grid{Axes: []sweep.Parameter{rate, limiter}, Cells: []sweep.GridCell{at(0, 3)}}, `0 to 2 on axis "limiter", found 3`},
		{"a place before the beginning", sweep.Grid{Axes: []sweep.Parameter{rate}, Cells: []sweep.GridCell{at(-1)}}, `found -1`},
		{"a place twice", sweep.Grid{Axes: []sweep.Parameter{rate}, Cells: []sweep.GridCell{at(1), at(1)}}, "found [1] again"},
	}
	for _, tt := range tests {
		err := tt.sweep.Check()
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: got %v, expected an error with %q", tt.why, err, tt.want)
		}
	}
}

func TestSweepAt(t *testing.T) {
	s := sweep.Grid{Axes: make([]sweep.Parameter, 2), Cells: []sweep.GridCell{{Index: []int{0, 1}, Value: 5}, {Index: []int{1, 0}, Value: 7, OK: true}}}
	if c, ok := s.At(1, 0); !ok || c.Value != 7 || !c.OK {
		t.Errorf("At(1, 0) = %v, %t, expected 7 that passed", c, ok)
	}
	if c, ok := s.At(1, 1); ok {
		t.Errorf("At(1, 1) = %v, expected none", c)
	}
}
