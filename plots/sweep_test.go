package plots

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/quotalab/quotalab/plots/draw"
	"github.com/quotalab/quotalab/results/sweep"

	"github.com/google/go-cmp/cmp"
)

func numbers(name string, values ...float64) sweep.Parameter {
	a := sweep.Parameter{Name: name, Numeric: values}
	for _, v := range values {
		a.Values = append(a.Values, fmt.Sprint(v))
	}
	return a
}

func count(n int) []float64 {
	values := make([]float64, n)
	for i := range values {
		values[i] = float64(100 + 10*i)
	}
	return values
}

// swept makes a sweep; run tells a cell's value, whether it passes and whether
// it was run.
func swept(metric, unit string, axes []sweep.Parameter, run func(index []int) (float64, bool, bool)) *sweep.Grid {
	s := &sweep.Grid{Scenario: "race", Axes: axes, Metric: metric, Unit: unit}
	k := &sweepKit{Grid: s}
	for _, index := range k.settings(k.others()) {
		if v, ok, made := run(index); made {
			s.Cells = append(s.Cells, sweep.GridCell{Index: index, Value: v, OK: ok})
		}
	}
	return s
}

var sweepFixtures = sync.OnceValue(func() map[string]*sweep.Grid {
	rate, trip := numbers("rate (1/s)", 100, 200, 400, 800, 1600), numbers("round trip (ms)", 0.5, 1, 2, 5)
	limiter := sweep.Parameter{Name: "limiter", Values: []string{"lua", "set", "incr"}}
	shards := numbers("shards", 1, 4, 16)
	long := sweep.Parameter{Name: strings.Repeat("a long name ", 6), Values: []string{strings.Repeat("one value ", 9), strings.Repeat("other value ", 9)}}
	over := func(index []int) (float64, bool, bool) {
		v := math.Floor(trip.Numeric[index[0]] * rate.Numeric[index[1]] / 100)
		return v, v <= 8, true
	}
	same := func(v float64, ok bool) func([]int) (float64, bool, bool) {
		return func([]int) (float64, bool, bool) { return v, ok, true }
	}
	big := func(index []int) (float64, bool, bool) {
		v := float64(index[0]*index[0] + index[len(index)-1]*index[len(index)-1])
		return v, v < 700 && v > 50, true
	}
	return map[string]*sweep.Grid{
		"two axes": swept("over_admission", "count", []sweep.Parameter{trip, rate}, over),
		"missing": swept("latency: p99", "s", []sweep.Parameter{limiter, rate}, func(i []int) (float64, bool, bool) {
			v := 1e-3 * float64(i[0]+1) * math.Pow(3, float64(i[1]))
			return v, v < 0.02, i[0] != 1 || i[1] != 2
		}),
		"one axis":      swept("over_admission", "count", []sweep.Parameter{rate}, func(i []int) (float64, bool, bool) { return float64(i[0] * 9), i[0] < 3, true }),
		"one of words":  swept("over_admission", "count", []sweep.Parameter{limiter}, func(i []int) (float64, bool, bool) { return float64(i[0] * 9), i[0] < 1, i[0] < 2 }),
		"one value":     swept("over_admission", "count", []sweep.Parameter{numbers("rate (1/s)", 100)}, same(3, true)),
		"one cell":      swept("over_admission", "count", []sweep.Parameter{numbers("shards", 4), numbers("rate (1/s)", 100)}, same(3, false)),
		"no axis":       swept("over_admission", "count", nil, same(3, false)),
		"three axes":    swept("denied", "ratio", []sweep.Parameter{shards, limiter, rate}, func(i []int) (float64, bool, bool) { v := float64(i[0]+i[1]+i[2]) / 9; return v, v < 0.5, true }),
		"all zero":      swept("over_admission", "count", []sweep.Parameter{limiter, rate}, same(0, true)),
		"below zero":    swept("gain", "", []sweep.Parameter{trip, rate}, func(i []int) (float64, bool, bool) { return float64(i[0]) - float64(i[1])*1.5, true, true }),
		"not known":     swept("over_admission", "count", []sweep.Parameter{limiter, rate}, same(math.NaN(), false)),
		"infinite":      swept("over_admission", "count", []sweep.Parameter{limiter, rate}, same(math.Inf(1), false)),
		"nothing ran":   swept("over_admission", "count", []sweep.Parameter{limiter, rate}, func([]int) (float64, bool, bool) { return 0, false, false }),
		"no values":     {Metric: "over_admission", Axes: []sweep.Parameter{{Name: "rate"}}},
		"many cells":    swept("over_admission", "count", []sweep.Parameter{numbers("trip", count(30)...), numbers("rate", count(30)...)}, big),
		"many settings": swept("over_admission", "count", []sweep.Parameter{numbers("seed", count(40)...), limiter, rate}, big),
		"long names":    swept(strings.Repeat("metric{limiter=lua} ", 8), "tokens", []sweep.Parameter{long, long}, same(12345678.5, true)),
		"long and one":  swept("over_admission", "count", []sweep.Parameter{long}, same(1e15, true)),
	}
})

func TestSweepTitles(t *testing.T) {
	for name, want := range map[string][]string{
		"two axes":     {"13 of 20 runs pass, with over_admission of 0 to 8; the others have 10 to 80", "At rate = 1600/s over_admission is 8 with round trip = 0.5 ms and 80 with round trip = 5 ms"},
		"missing":      {"Seven of 14 runs pass, with latency: p99 of 1 ms to 9 ms; the others have 27 ms to 243 ms", "At rate = 1600/s latency: p99 is 81 ms with lua and 243 ms with incr"},
		"one axis":     {"over_admission is 0 at rate = 100/s and 36 at rate = 1600/s; it passes up to rate = 400/s"},
		"one of words": {"One of two runs passes, with over_admission of 0; the others have 9"},
		"one value":    {"The only run passes; over_admission is 3"},
		"one cell":     {"The only run fails; over_admission is 3", "The only run fails; over_admission is 3"},
		"no axis":      {"The only run fails; over_admission is 3"},
		"all zero":     {"All 15 runs pass; over_admission is 0", "over_admission is 0 with every setting"},
		"not known":    {"over_admission is not known of any run"},
		"nothing ran":  {"over_admission is not known of any run"},
	} {
		var got []string
		for _, f := range drawnSweep(sweepFixtures()[name], Options{}) {
			got = append(got, f.Title)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: titles (- expected):\n%s", name, diff)
		}
	}
}

func TestSweepMistakesAreTold(t *testing.T) {
	wrong := &sweep.Grid{Axes: []sweep.Parameter{numbers("rate", 1)}, Cells: []sweep.GridCell{{Index: []int{1}}}}
	_, broken := gridFigures(wrong, Options{})
	_, unthemed := gridFigures(sweepFixtures()["one axis"], Options{Theme: "sepia"})
	for _, err := range []error{broken, unthemed} {
		if err == nil || !strings.Contains(err.Error(), "expected") {
			t.Errorf("error is %v", err)
		}
	}
}

func TestSetting(t *testing.T) {
	for name, want := range map[string]string{"shards": "shards = 4", "rate (1/s)": "rate = 4/s", "round trip (ms)": "round trip = 4 ms"} {
		if got := settingOf(&sweep.Parameter{Name: name, Values: []string{"4"}}, 0); got != want {
			t.Errorf("%s: %q, expected %q", name, got, want)
		}
	}
}

func TestGeometric(t *testing.T) {
	tests := []struct {
		values []float64
		want   bool
	}{
		{[]float64{100, 200, 400, 800}, true},
		{[]float64{1000, 10, 100}, true},
		{[]float64{100, 200, 300, 400}, false},
		{[]float64{1, 10}, false},
		{[]float64{0, 1, 10, 100}, false},
		{[]float64{5}, false},
	}
	for _, tt := range tests {
		if got := geometric(tt.values); got != tt.want {
			t.Errorf("%v: %t, expected %t", tt.values, got, tt.want)
		}
	}
}

// Settings that are drawn of many reach from the first to the last.
func TestSomeSettings(t *testing.T) {
	k := &sweepKit{Grid: sweepFixtures()["many settings"]}
	some, left := k.some([]int{0}, 7)
	if len(some) != 7 || some[0][0] != 0 || some[6][0] != 39 || left != "Not drawn: 33 other settings of seed." {
		t.Errorf("%v, %q", some, left)
	}
	if all, left := k.some([]int{1}, 7); len(all) != 3 || left != "" {
		t.Errorf("%v, %q, expected all three", all, left)
	}
}

func TestGoldenSweeps(t *testing.T) {
	for _, name := range []string{"two axes", "missing", "one axis", "one of words", "one cell"} {
		goldenOf(t, "sweep-"+slug(name), drawnSweep(sweepFixtures()[name], Options{}))
	}
}

func TestGoldenSweepImages(t *testing.T) {
	for _, name := range []string{"two axes", "missing", "one axis", "one of words"} {
		for _, o := range []Options{{Theme: draw.Light}, {Theme: draw.Dark, Width: 8}} {
			for _, f := range drawnSweep(sweepFixtures()[name], o) {
				golden(t, fmt.Sprintf("%s-%s-%s.png", f.Name, slug(name), o.Theme), smallPNG(t, &f), sameImage)
			}
		}
	}
}
