package scenarios

import (
	"fmt"
	"slices"
	"strings"

	"github.com/quotalab/quotalab/models/metric"
)

// mostCells bounds a sweep: its places times its repeats.
const mostCells = 10_000

// sweep checks what the axes of a sweep are to each other and to the rest.
// Every path and value by itself was checked while decoding.
func (c *checker) sweep() {
	s := c.s.Sweep
	if s == nil {
		return
	}
	c.axes(s)
	c.cells(s)
	c.find(s)
	c.columns("sweep.metrics", s.Metrics)
	c.columns("sweep.pareto", s.Pareto)
	c.pareto(s.Pareto)
}

func (c *checker) axes(s *Sweep) {
	names := s.Axes.Names()
	for i, a := range s.Axes {
		at := join("sweep.axes", a.Name)
		for _, other := range names[:i] {
			if within := strings.HasPrefix(a.Name, other+".") || strings.HasPrefix(other, a.Name+"."); within && !c.bad[at] && !c.bad[join("sweep.axes", other)] {
				c.fail(at, "one of %s and %s is in the other: vary only one", other, a.Name)
			}
		}
		if n, first := len(a.Value.Values), s.Axes[0]; s.Mode == "zip" && n != len(first.Value.Values) && !c.bad[at] && !c.bad[join("sweep.axes", first.Name)] {
			c.fail(at, "with mode: zip all axes have as many values: expected %d as %s has, found %d", len(first.Value.Values), first.Name, n)
		}
	}
}

func (c *checker) cells(s *Sweep) {
	places := 1
	for _, a := range s.Axes {
		if n := len(a.Value.Values); s.Mode == "zip" {
			places = n
		} else if places *= max(n, 1); places > mostCells {
			break
		}
	}
	if n := places * int(s.Repeats); n > mostCells {
		c.fail("sweep", "the sweep has more than %d cells (places times repeats): give the axes fewer values", mostCells)
	}
}

func (c *checker) find(s *Sweep) {
	f := s.Find
	if f == nil {
		return
	}
	const at = "sweep.find"
	if len(c.s.Assert) == 0 && c.good("assert") {
		c.fail(at, "a search looks for the highest value at which all assertions hold, and the scenario has none: write assert")
	}
	if f.Axis == "" {
		return // reported
	}
	slot, mistake := locate(c.root, f.Axis, Pos{1, 1})
	if mistake != nil {
		path := join(at, "axis")
		c.report(c.inText(c.s.Pos(path), f.Axis, mistake.Offset), path, "%s", mistake.Msg)
	}
	for _, name := range s.Axes.Names() {
		if name == f.Axis || strings.HasPrefix(name, f.Axis+".") || strings.HasPrefix(f.Axis, name+".") {
			c.fail(join(at, "axis"), "expected a field that axes does not vary, found %q, which is varied as %s", f.Axis, name)
		}
	}
	before := len(c.problems)
	if low, high, _ := c.bounds(at, slot, f.From, f.To); len(c.problems) == before && low == high && f.From != "" && f.To != "" {
		c.fail(join(at, "to"), "expected more than from, %s, found %s", f.From, f.To)
	}
}

// columns checks that columns are told once and what their tags refer to.
func (c *checker) columns(path string, columns []Column) {
	for i, col := range columns {
		at := join(path, fmt.Sprint(i))
		if !c.good(at) {
			continue
		}
		same := func(other Column) bool { return other.String() == col.String() }
		if slices.ContainsFunc(columns[:i], same) {
			c.fail(at, "%s is listed twice", col)
		}
		for _, t := range col.Selector.Tags {
			c.assertTag(join(at, t.Name), t)
		}
	}
}

func (c *checker) pareto(columns []Column) {
	if len(columns) != 2 && c.written("sweep.pareto") && c.good("sweep.pareto") {
		c.fail("sweep.pareto", "expected two columns, found %d", len(columns))
	}
	for i, col := range columns {
		if at := join("sweep.pareto", fmt.Sprint(i)); c.good(at) && col.Better() == "" {
			c.fail(at, "expected a column of which it is known whether lower or higher is better, found %s", col)
		}
	}
}

// fillSweep gives the table its columns: those that the file names, or else
// what assertions look at, and the front's.
func fillSweep(s *Scenario) {
	if s.Sweep == nil {
		return
	}
	columns := s.Sweep.Metrics
	add := func(c Column) {
		if !slices.ContainsFunc(columns, func(other Column) bool { return other.String() == c.String() }) {
			columns = append(columns, c)
		}
	}
	if len(columns) == 0 {
		for _, c := range assertedColumns(s.Assert) {
			add(c)
		}
	}
	for _, c := range s.Sweep.Pareto {
		add(c)
	}
	s.Sweep.Metrics = columns
}

func assertedColumns(asserts []Assertion) (columns []Column) {
	for _, a := range asserts {
		sel, err := metric.ParseSelector(a.Selector)
		m, _ := metric.Find(sel.Metric)
		for _, cond := range a.Conditions {
			if parsed, bad := metric.ParseCondition(m, cond.Check); bad == nil && err == nil {
				columns = append(columns, metric.ColumnOf(sel, parsed))
			}
		}
	}
	return columns
}
