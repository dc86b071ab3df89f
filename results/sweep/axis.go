package sweep

import (
	"slices"
	"strings"

	"github.com/quotalab/quotalab/models/metric/unit"
)

// Axis is one field that varies.
type Axis struct {
	Path    string    `json:"path" jsonschema:"path of the field in the scenario"`
	Label   string    `json:"label" jsonschema:"last part of the path, or more of it where other axes end alike"`
	Unit    string    `json:"unit" jsonschema:"base unit: s, /s, B/s, ratio, or empty for plain numbers and words"`
	Values  []string  `json:"values" jsonschema:"as the scenario would have them"`
	Numeric []float64 `json:"numeric,omitempty" jsonschema:"the same in the base unit; absent: they are words"`
}

// NewAxis reads the values as far as they are quantities of one kind.
func NewAxis(path string, values []string) Axis {
	a := Axis{Path: path, Values: values}
	for i, v := range values {
		x, base, ok := Quantity(v)
		if !ok || i > 0 && base != a.Unit {
			a.Unit, a.Numeric = "", nil
			break
		}
		a.Unit, a.Numeric = base, append(a.Numeric, x)
	}
	return a
}

// Quantity reads a value of a scenario in its base unit: 1500/m is 25 /s, 5ms
// is 0.005 s, 2% is 0.02, a ratio. False: it is a word.
func Quantity(value string) (x float64, base string, ok bool) {
	if x, err := unit.Number(value); err == nil {
		return x, "", true
	}
	if x, err := unit.Rate(value); err == nil {
		return x, "/s", true
	}
	if x, err := unit.ByteRate(value); err == nil {
		return x, "B/s", true
	}
	if d, err := unit.Duration(value); err == nil {
		return d.Seconds(), "s", true
	}
	if x, err := unit.Ratio(value); err == nil {
		return x, "ratio", true
	}
	return 0, "", false
}

// label names axes by the last parts of their paths: as many as it takes for
// them to differ, and not to begin with the number of a list's element.
func label(axes []Axis, s *Search) {
	var paths [][]string
	for _, a := range axes {
		paths = append(paths, strings.Split(a.Path, "."))
	}
	if s != nil {
		paths = append(paths, strings.Split(s.Path, "."))
	}
	for i, path := range paths {
		n := 1
		for ; n < len(path); n++ {
			same := func(other []string) bool { return slices.Equal(lastParts(other, n), lastParts(path, n)) }
			first := path[len(path)-n]
			if strings.Trim(first, "0123456789") != "" && !slices.ContainsFunc(paths[:i], same) && !slices.ContainsFunc(paths[i+1:], same) {
				break
			}
		}
		text := strings.Join(lastParts(path, n), ".")
		if i < len(axes) {
			axes[i].Label = text
		} else {
			s.Label = text
		}
	}
}

func lastParts(path []string, n int) []string { return path[max(0, len(path)-n):] }
