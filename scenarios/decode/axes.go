package decode

import (
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"

	"github.com/goccy/go-yaml/ast"

	"github.com/quotalab/quotalab/models/metric/unit"
)

// Axis is the values of a field that is named by its path, in the spelling of
// the file, which has a list of them, or a Range. A Named of it is a mapping of
// such paths, which lead into the file itself.
type Axis struct{ Values []string }

var axesType = reflect.TypeFor[Named[Axis]]()

// axes decodes a mapping of paths to values. Each value is decoded as the
// field at that path would be.
func (d *Decoder) axes(n ast.Node, path string, out *Named[Axis]) {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		d.Report(Start(n), path, "expected a mapping of paths to values, found %s", Kind(n))
		return
	}
	if len(m.Values) == 0 {
		d.Report(Start(n), path, "expected at least one axis, found an empty mapping")
	}
	for _, e := range d.Keys(m, path) {
		at := Join(path, e.Name)
		d.Positions[at] = e.Pos
		Slot, mistake := d.Locate(e.Name, e.Pos)
		if mistake != nil {
			d.Report(d.Within(e.Node, mistake.Offset), at, "%s", mistake.Msg)
		}
		*out = append(*out, Entry[Axis]{e.Name, Axis{d.axis(e, at, Slot)}})
	}
}

// axis reads the values of one axis, a list or a range.
func (d *Decoder) axis(e Key, path string, s Slot) []string {
	values := d.axisNodes(e, path, s)
	texts := make([]string, len(values))
	meant := make([]any, len(values))
	for i, n := range values {
		at := Join(path, strconv.Itoa(i))
		if n = d.plain(n, at); n == nil {
			continue
		}
		texts[i], meant[i] = d.setting(n, at, s)
		same := func(other any) bool { return other != nil && reflect.DeepEqual(other, meant[i]) }
		if j := slices.IndexFunc(meant[:i], same); j >= 0 {
			d.Report(Start(n), at, "%q is listed twice: value %d means the same", texts[i], j+1)
		}
	}
	return texts
}

// mostValues bounds an axis.
const mostValues = 1000

// axisNodes are the values of an axis as they stand in the file; those of a
// range stand where it begins.
func (d *Decoder) axisNodes(e Key, path string, s Slot) []ast.Node {
	var values []ast.Node
	switch n := d.plain(e.Value, path).(type) {
	case nil:
	case *ast.SequenceNode:
		values = n.Values
		switch {
		case len(values) == 0:
			d.Report(e.Pos, path, "expected at least one value, found an empty list")
		case len(values) > mostValues:
			d.Report(e.Pos, path, "expected at most %d values, found %d", mostValues, len(values))
			return nil
		}
	case *ast.MappingNode:
		for _, v := range d.span(n, path, s) {
			values = append(values, scalarAt(v, Start(n)))
		}
	default:
		d.Report(Start(n), path, "expected a list of values, or a range with from, to and step or factor, found %s", Kind(n))
	}
	return values
}

// setting reads one value for a Slot, as written and as what it means, and
// reports what the Slot does not take; then it means nil.
func (d *Decoder) setting(n ast.Node, path string, s Slot) (written string, meant any) {
	written, ok := Text(n)
	if !ok {
		d.Report(Start(n), path, "expected a single value, found %s", Kind(n))
		return "", nil
	}
	if s.t == nil { // no such path, which is reported
		return written, nil
	}
	v := reflect.New(s.t).Elem()
	d.value(n, path, Start(n), s.f, v)
	if d.bad[path] {
		return written, nil
	}
	return written, v.Interface()
}

// Range is values that rise by a step or a factor from From to at most To,
// all in one unit.
type Range struct {
	From   string `yaml:"from" doc:"first value" required:"true" example:"500/s"`
	To     string `yaml:"to" doc:"greatest value, in the unit of from" required:"true" example:"2_000/s"`
	Step   string `yaml:"step" one:"by" doc:"what is added for the next value, in the unit of from" example:"500/s"`
	Factor Number `yaml:"factor" one:"by" doc:"what the next value is multiplied by" min:"exclusive 1"`
}

// span writes out a range of values for a Slot; none if it is wrong.
func (d *Decoder) span(n *ast.MappingNode, path string, s Slot) []string {
	before := len(d.Problems)
	var r Range
	d.structure(n, path, Start(n), reflect.ValueOf(&r).Elem())
	low, high, suffix := d.Bounds(path, s, r.From, r.To)
	by, step := Join(path, "factor"), 0.0
	if r.Step != "" {
		by = Join(path, "step")
		step = d.step(by, r, suffix)
	} else if at := Join(path, "from"); low <= 0 && len(d.Problems) == before {
		d.Fail(at, "expected more than 0 with a factor, found %s: the range would never end", r.From)
	}
	if len(d.Problems) > before {
		return nil
	}
	values, many := progression(low, high, step, float64(r.Factor))
	if values == nil {
		d.Fail(by, "expected at most %d values, found %.0f", mostValues, many)
	}
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = Decimal(v, rangeDigits) + suffix
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
func (d *Decoder) step(path string, r Range, suffix string) float64 {
	if d.bad[path] || r.From == "" {
		return 0
	}
	step, found, err := Quantity(r.Step)
	switch {
	case err != nil:
		d.Fail(path, "%v", err)
	case found != suffix:
		d.Fail(path, "expected the unit of from, %s, found %s", r.From, r.Step)
	case step <= 0:
		d.Fail(path, "expected more than 0, found %s: the range would never end", r.Step)
	}
	return step
}

// Bounds reads the ends of a range or a search, which have one unit.
func (d *Decoder) Bounds(path string, s Slot, from, to string) (low, high float64, suffix string) {
	if from == "" || to == "" {
		return 0, 0, "" // reported as missing
	}
	before := len(d.Problems)
	read := func(name, text string) (float64, string) {
		at := Join(path, name)
		pos := d.Positions[at]
		d.setting(scalarAt(text, pos), at, s)
		x, suffix, err := Quantity(text)
		if err != nil && !d.bad[at] {
			d.Report(pos, at, "%v", err)
		}
		return x, suffix
	}
	low, suffix = read("from", from)
	high, other := read("to", to)
	at := Join(path, "to")
	switch {
	case len(d.Problems) > before:
	case suffix != other:
		d.Fail(at, "expected the unit of from, %s, found %s", from, to)
	case high < low:
		d.Fail(at, "expected at least from, %s, found %s", from, to)
	}
	return low, high, suffix
}

var quantityForm = regexp.MustCompile(`^([+-]?` + plainNumber + `)([^0-9]*)$`)

// Quantity splits a value into its number and its unit.
func Quantity(text string) (x float64, suffix string, err error) {
	parts := quantityForm.FindStringSubmatch(text)
	if parts == nil {
		return 0, "", fmt.Errorf("expected a number with one unit, or none, found %q", text)
	}
	x, err = unit.Number(parts[1])
	return x, parts[2], err
}

// Decimal writes a number with that many digits at most, without an exponent.
func Decimal(x float64, digits int) string {
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', digits, 64), 64)
	if err != nil {
		rounded = x // what was formatted reads back
	}
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}
