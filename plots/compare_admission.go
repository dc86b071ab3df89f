package plots

import (
	"fmt"
	"math"

	"github.com/quotalab/quotalab/results/wording"
)

// admissionFigure compares how much too many was admitted.
func (c *comparison) admissionFigure() Figure {
	over, known := c.judged("over_admission")
	if known == 0 {
		return c.figure("compare-admission", "What should have been admitted is not known", panel{empty: "no decision of any record could be compared with a reference."})
	}
	worst, _ := c.judged("worst_excess")
	return c.figure("compare-admission", c.admissionTitle(over),
		c.barPanel(0, "Requests over-admitted", "requests", over, func(_ int, v float64) string { return wording.Thousands(int64(v)) }),
		c.barPanel(1, "Above burst + t/T on the worst key", "tokens", worst, func(_ int, v float64) string { return significant(v, 3) }))
}

// judged is a metric of the audit by row, NaN where it is not known.
func (c *comparison) judged(name string) (values []float64, known int) {
	for _, r := range c.rows {
		v := math.NaN()
		if m, ok := r.metricOf(name); ok {
			v = float64(m.Count)
			if m.Value != nil {
				v = *m.Value
			}
			known++
		}
		values = append(values, v)
	}
	return values, known
}

// barPanel of a value a row.
func (c *comparison) barPanel(place int, title, unit string, values []float64, label func(row int, v float64) string) panel {
	b := bars{look: c.Nth(1), named: true}
	names, n := c.namedAt(place, c.shown), len(c.rows)
	var none absent
	for i, v := range values {
		one := bar{name: c.rows[i].name, strong: true}
		if math.IsNaN(v) {
			none = append(none, says{middleOf(i, n), "not known"})
		} else {
			one.value, one.label = v, label(i, v)
		}
		b.list = append(b.list, one)
	}
	return panel{title: title, x: c.barAxisBeside(unit, b, names, c.columns), y: rowAxis("", names), height: c.compareHeight(1), layers: append(b.layers(nil, nil), none)}
}

// admissionTitle tells who over-admits how much.
func (c *comparison) admissionTitle(over []float64) string {
	var words []string
	least, most, known := -1, -1, 0
	for i, v := range over {
		if math.IsNaN(v) {
			continue
		}
		known++
		if least < 0 || v < over[least] {
			least = i
		}
		if most < 0 || v > over[most] {
			most = i
		}
		words = append(words, fmt.Sprintf("%s %s", c.rows[i].name, orNone(v)))
	}
	switch {
	case over[most] == 0 && known == len(over):
		return fmt.Sprintf("None of %s admits a request too many", spell(known))
	case over[most] == 0:
		return fmt.Sprintf("None of the %s that could be judged admits a request too many", spell(known))
	case known <= 3:
		return "Requests admitted too many: " + and(words)
	}
	return fmt.Sprintf("%s too many are admitted by %s, %s by %s", wording.Counted(int64(over[most]), "request"), c.rows[most].name, orNone(over[least]), c.rows[least].name)
}

func orNone(v float64) string {
	if v == 0 {
		return "none"
	}
	return wording.Thousands(int64(v))
}
