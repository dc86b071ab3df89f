package scenarios

import (
	"fmt"
	"math"
	"reflect"
	"regexp"
	"strconv"

	"github.com/goccy/go-yaml/ast"

	"github.com/quotalab/quotalab/models/metric/unit"
)

// Range is values that rise by a step or a factor from From to at most To,
// all in one unit.
type Range struct {
	From   string `yaml:"from" doc:"first value" required:"true"`
	To     string `yaml:"to" doc:"greatest value, in the unit of from" required:"true"`
	Step   string `yaml:"step" one:"by" doc:"what is added for the next value, in the unit of from"`
	Factor Number `yaml:"factor" one:"by" doc:"what the next value is multiplied by" min:"exclusive 1"`
}

// span writes out a range of values for a slot; none if it is wrong.
func (d *decoder) span(n *ast.MappingNode, path string, s slot) []string {
	before := len(d.problems)
	var r Range
	d.structure(n, path, start(n), reflect.ValueOf(&r).Elem())
	low, high, suffix := d.bounds(path, s, r.From, r.To)
	by, step := join(path, "factor"), 0.0
	if r.Step != "" {
		by = join(path, "step")
		step = d.step(by, r, suffix)
	} else if at := join(path, "from"); low <= 0 && len(d.problems) == before {
		d.report(d.positions[at], at, "expected more than 0 with a factor, found %s: the range would never end", r.From)
	}
	if len(d.problems) > before {
		return nil
	}
	values, many := progression(low, high, step, float64(r.Factor))
	if values == nil {
		d.report(d.positions[by], by, "expected at most %d values, found %.0f", mostValues, many)
	}
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = decimal(v, rangeDigits) + suffix
	}
	return texts
}

// rangeDigits rounds away what powers and multiples of a binary fraction add.
const rangeDigits = 12

// progression is low, low + step, … or, with step 0, low, low · factor, … up
// to high; nil if that is more than mostValues, and how many they would be.
func progression(low, high, step, factor float64) (values []float64, many float64) {
	const slack = 1e-9 // the last value may be high but for rounding
	next, steps := func(i float64) float64 { return low + i*step }, (high-low)/step
	if step == 0 {
		next, steps = func(i float64) float64 { return low * math.Pow(factor, i) }, math.Log(high/low)/math.Log(factor)
	}
	if many = math.Floor(steps+slack) + 1; many > mostValues {
		return nil, many
	}
	for i := range int(many) {
		values = append(values, next(float64(i)))
	}
	return values, many
}

// step reads the step of a range, which has the unit of its ends.
func (d *decoder) step(path string, r Range, suffix string) float64 {
	if d.bad[path] || r.From == "" {
		return 0
	}
	step, found, err := quantity(r.Step)
	switch {
	case err != nil:
		d.report(d.positions[path], path, "%v", err)
	case found != suffix:
		d.report(d.positions[path], path, "expected the unit of from, %s, found %s", r.From, r.Step)
	case step <= 0:
		d.report(d.positions[path], path, "expected more than 0, found %s: the range would never end", r.Step)
	}
	return step
}

// bounds reads the ends of a range or a search, which have one unit.
func (d *decoder) bounds(path string, s slot, from, to string) (low, high float64, suffix string) {
	if from == "" || to == "" {
		return 0, 0, "" // reported as missing
	}
	before := len(d.problems)
	read := func(name, text string) (float64, string) {
		at := join(path, name)
		pos := d.positions[at]
		d.setting(scalarAt(text, pos), at, s)
		x, suffix, err := quantity(text)
		if err != nil && !d.bad[at] {
			d.report(pos, at, "%v", err)
		}
		return x, suffix
	}
	low, suffix = read("from", from)
	high, other := read("to", to)
	at := join(path, "to")
	switch {
	case len(d.problems) > before:
	case suffix != other:
		d.report(d.positions[at], at, "expected the unit of from, %s, found %s", from, to)
	case high < low:
		d.report(d.positions[at], at, "expected at least from, %s, found %s", from, to)
	}
	return low, high, suffix
}

var quantityForm = regexp.MustCompile(`^([+-]?` + plainNumber + `)([^0-9]*)$`)

// quantity splits a value into its number and its unit.
func quantity(text string) (x float64, suffix string, err error) {
	parts := quantityForm.FindStringSubmatch(text)
	if parts == nil {
		return 0, "", fmt.Errorf("expected a number with one unit, or none, found %q", text)
	}
	x, err = unit.Number(parts[1])
	return x, parts[2], err
}

// decimal writes a number with that many digits at most, without an exponent.
func decimal(x float64, digits int) string {
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', digits, 64), 64)
	if err != nil {
		rounded = x // what was formatted reads back
	}
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}
