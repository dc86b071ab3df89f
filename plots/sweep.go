package plots

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/quotalab/quotalab/results/series"
	"github.com/quotalab/quotalab/results/wording"
)

// SweepFigures of one metric of a sweep: heat maps of two axes, lines along a
// numeric one. What is wrong with the sweep or the options is told by each
// figure's Render.
func SweepFigures(sweep *series.Sweep, o Options) []Figure {
	s, err := newStyle(o)
	if err == nil {
		err = sweep.Check()
	}
	if err != nil {
		return []Figure{{Name: "sweep", Kind: "sweep", err: err}}
	}
	k := &sweepKit{kit: &kit{s}, Sweep: sweep}
	all := k.figures()
	for i := range all {
		f := &all[i]
		f.Name = slug(f.Name + "-" + sweep.Metric)
		f.Kind, f.style = "sweep", s
		f.Subtitle = k.subtitle()
	}
	return all
}

// sweepKit draws one sweep.
type sweepKit struct {
	*kit
	*series.Sweep
}

func (k *sweepKit) figures() (all []Figure) {
	if len(k.known(nil)) == 0 {
		return []Figure{{Name: "sweep", Title: k.Metric + " is not known of any run", panels: []panel{{empty: "no run of the sweep showed the metric."}}}}
	}
	if len(k.Axes) > 1 {
		all = append(all, k.mapFigure())
	}
	if x := k.longestNumeric(); x >= 0 {
		all = append(all, k.lineFigure(x))
	} else if len(k.Axes) < 2 {
		all = append(all, k.barFigure())
	}
	return all
}

func (k *sweepKit) subtitle() string {
	var parts []string
	if k.Scenario != "" {
		parts = append(parts, k.Scenario)
	}
	for _, a := range k.Axes {
		parts = append(parts, fmt.Sprintf("%s of %s", wording.Counted(int64(len(a.Values)), "value"), a.Name))
	}
	parts = append(parts, wording.Counted(int64(len(k.Cells)), "run"))
	if len(k.AutoPipelined) > 0 {
		parts = append(parts, "auto-pipelined: "+and(k.AutoPipelined))
	}
	return strings.Join(parts, " · ")
}

// longestNumeric axis: the one with most values, of several the last; −1 there
// is none.
func (k *sweepKit) longestNumeric() int {
	best := -1
	for i, a := range k.Axes {
		if a.Numeric != nil && len(a.Values) > 0 && (best < 0 || len(a.Values) >= len(k.Axes[best].Values)) {
			best = i
		}
	}
	return best
}

// known values of the cells that a condition holds for; nil: of all.
func (k *sweepKit) known(of func(series.Cell) bool) (values []float64) {
	for _, c := range k.Cells {
		if !math.IsNaN(c.Value) && !math.IsInf(c.Value, 0) && (of == nil || of(c)) {
			values = append(values, c.Value)
		}
	}
	return values
}

// title tells how many runs pass, and what the metric is in those and in the
// others.
func (k *sweepKit) title() string {
	pass := k.known(func(c series.Cell) bool { return c.OK })
	fail := k.known(func(c series.Cell) bool { return !c.OK })
	passed := 0
	for _, c := range k.Cells {
		if c.OK {
			passed++
		}
	}
	switch n := len(k.Cells); {
	case n == 1 && passed == 1:
		return fmt.Sprintf("The only run passes; %s is %s", k.Metric, k.spanOf(pass))
	case n == 1:
		return fmt.Sprintf("The only run fails; %s is %s", k.Metric, k.spanOf(fail))
	case passed == n:
		return fmt.Sprintf("All %s runs pass; %s is %s", spell(n), k.Metric, k.spanOf(pass))
	case passed == 0:
		return fmt.Sprintf("None of %s runs passes; %s is %s", spell(n), k.Metric, k.spanOf(fail))
	default:
		title := fmt.Sprintf("%s of %s runs pass", sentence(spell(passed)), spell(n))
		if passed == 1 {
			title += "es"
		}
		if len(pass) > 0 {
			title += fmt.Sprintf(", with %s of %s", k.Metric, k.spanOf(pass))
		}
		if len(fail) > 0 {
			title += "; the others have " + k.spanOf(fail)
		}
		return title
	}
}

// spanOf values in words.
func (k *sweepKit) spanOf(values []float64) string {
	lo, hi := k.say(slices.Min(values)), k.say(slices.Max(values))
	if lo == hi {
		return lo
	}
	return lo + " to " + hi
}

// say a value of the metric with its unit.
func (k *sweepKit) say(v float64) string { return k.digits(v, 3) }

// brief is for cells.
func (k *sweepKit) brief(v float64) string { return k.digits(v, 2) }

func (k *sweepKit) digits(v float64, digits int) string {
	switch k.Unit {
	case "s":
		return amount(v, digits)
	case "ratio":
		return significant(100*v, digits) + " %"
	}
	if v == math.Trunc(v) {
		return number(v)
	}
	return significant(v, digits)
}

// metricLabel is of an axis with values of the metric.
func (k *sweepKit) metricLabel() string {
	switch k.Unit {
	case "", "s", "ratio": // ticks have it
		return k.Metric
	}
	return k.Metric + " (" + k.Unit + ")"
}

// setting of some axes, as in "limiter = lua, rate = 100/s".
func (k *sweepKit) setting(axes, index []int) string {
	var words []string
	for i, a := range axes {
		words = append(words, settingOf(&k.Axes[a], index[i]))
	}
	return strings.Join(words, ", ")
}

// settingOf one axis. A unit in the axis's name goes to the value.
func settingOf(a *series.Axis, i int) string {
	name, unit, found := strings.Cut(strings.TrimSuffix(a.Name, ")"), " (")
	switch {
	case !found:
		return a.Name + " = " + a.Values[i]
	case strings.HasPrefix(unit, "1/"):
		return name + " = " + a.Values[i] + unit[1:]
	}
	return name + " = " + a.Values[i] + " " + unit
}

// settings are all places on some axes, the last varying fastest.
func (k *sweepKit) settings(axes []int) [][]int {
	all := [][]int{nil}
	for _, a := range axes {
		var longer [][]int
		for _, index := range all {
			for v := range k.Axes[a].Values {
				longer = append(longer, append(slices.Clone(index), v))
			}
		}
		all = longer
	}
	return all
}

// some settings, evenly chosen, and in words how many are left out.
func (k *sweepKit) some(axes []int, most int) (settings [][]int, left string) {
	all := k.settings(axes)
	if len(all) <= most {
		return all, ""
	}
	for i := range most {
		settings = append(settings, all[i*(len(all)-1)/(most-1)])
	}
	var names []string
	for _, a := range axes {
		names = append(names, k.Axes[a].Name)
	}
	return settings, fmt.Sprintf("Not drawn: %s of %s.", wording.Counted(int64(len(all)-most), "other setting"), and(names))
}

// others than some axes.
func (k *sweepKit) others(but ...int) (axes []int) {
	for i := range k.Axes {
		if !slices.Contains(but, i) {
			axes = append(axes, i)
		}
	}
	return axes
}

// byPlace finds cells by their index.
func (k *sweepKit) byPlace() map[string]series.Cell {
	m := map[string]series.Cell{}
	for _, c := range k.Cells {
		m[fmt.Sprint(c.Index)] = c
	}
	return m
}

// place of a cell from that on some axes and on the others.
func (k *sweepKit) place(axes, index []int, at map[int]int) string {
	whole := make([]int, len(k.Axes))
	for i, a := range axes {
		whole[a] = index[i]
	}
	for a, v := range at {
		whole[a] = v
	}
	return fmt.Sprint(whole)
}
