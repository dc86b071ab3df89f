package decode

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/quotalab/quotalab/models/metric/unit"
)

// Scalars of every language. Each prints in the file's own spelling.
type (
	// Duration is written 90s, 5ms, 12h, 30d, 1h30m (d is 24 h).
	Duration time.Duration
	// Rate is a frequency in events per second, written 500/s, 12/h, 3/m, 1/d, 1.5e3/s.
	Rate float64
	// Number is a plain number, written 1_000_000, 1e6 or 0.5.
	Number float64
	// Count is a whole number ≥ 0, written 1_000_000 or 1e6.
	Count int64
	// Fraction is written 2% or 0.02 and lies in [0, 1].
	Fraction float64
	// Percent is written 110% or 1.1 and is at least 0.
	Percent float64
	// ByteRate is what a link carries in bytes per second, written 1MB/s, 64KiB/s.
	ByteRate float64
)

func (d Duration) String() string { return unit.FormatDuration(int64(d)) }
func (r Rate) String() string     { return unit.FormatRate(float64(r)) }
func (n Number) String() string   { return unit.FormatNumber(float64(n)) }
func (c Count) String() string    { return strconv.FormatInt(int64(c), 10) }
func (f Fraction) String() string { return unit.FormatFraction(float64(f)) }
func (b ByteRate) String() string { return unit.FormatByteRate(float64(b)) }

// String writes per cent when that reads back the same.
func (p Percent) String() string {
	s := strconv.FormatFloat(float64(p)*100, 'g', 15, 64) + "%"
	if back, err := unit.Ratio(s); err == nil && back == float64(p) {
		return s
	}
	return unit.FormatNumber(float64(p))
}

// scalar reads and describes one scalar type of the language.
type scalar struct {
	noun    string // what a message expects
	read    func(text string) (any, error)
	pattern string // JSON Schema's, for strings; "" any
	number  bool   // JSON Schema: a plain number will do as well
}

const (
	plainNumber  = `(?:[0-9]+(?:_[0-9]+)*(?:\.[0-9]+(?:_[0-9]+)*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?`
	timePattern  = `^-?(?:` + plainNumber + `(?:ns|us|µs|μs|ms|s|m|h|d))+$`
	ratePattern  = `^[+-]?` + plainNumber + `/(?:ms|s|m|h|d)$`
	otherPattern = `^[+-]?` + plainNumber + `$`
)

var scalars = map[reflect.Type]scalar{
	reflect.TypeFor[Duration](): {"a duration such as 90s", func(s string) (any, error) { d, err := unit.Duration(s); return Duration(d), err }, timePattern, false},
	reflect.TypeFor[Rate]():     {"a rate such as 500/s", func(s string) (any, error) { r, err := unit.Rate(s); return Rate(r), err }, ratePattern, false},
	reflect.TypeFor[Number]():   {"a number", func(s string) (any, error) { n, err := unit.Number(s); return Number(n), err }, otherPattern, true},
	reflect.TypeFor[Count]():    {"a whole number", func(s string) (any, error) { n, err := unit.Count(s); return Count(n), err }, otherPattern, true},
	reflect.TypeFor[Fraction](): {"a fraction such as 2%", func(s string) (any, error) { f, err := unit.Fraction(s); return Fraction(f), err }, `^[+-]?` + plainNumber + `%?$`, true},
	reflect.TypeFor[Percent]():  {"a percentage such as 110%", readPercent, `^[+-]?` + plainNumber + `%?$`, true},
	reflect.TypeFor[ByteRate](): {"bytes per second such as 1MB/s", func(s string) (any, error) { r, err := unit.ByteRate(s); return ByteRate(r), err }, `^[+-]?` + plainNumber + `(?:[kM]|[KM]i)?B/s$`, false},
	reflect.TypeFor[uint64]():   {"a whole number", readSeed, `^[0-9]+(?:_[0-9]+)*$`, true},
	reflect.TypeFor[time.Time](): {"an instant such as 2026-01-01T00:00:00Z", readInstant,
		`^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9:.]+(?:[Zz]|[+-][0-9]{2}:[0-9]{2})$`, false},
	reflect.TypeFor[bool]():   {"true or false", readBool, "", false},
	reflect.TypeFor[string](): {"text", func(s string) (any, error) { return s, nil }, "", false},
}

func readSeed(s string) (any, error) {
	n, err := strconv.ParseUint(strings.ReplaceAll(s, "_", ""), 10, 64)
	if err != nil {
		c, err := unit.Count(s) // 1e6 and 1.0, and its message
		if err != nil {
			err = fmt.Errorf("expected a whole number from 0 to %d, found %q", uint64(math.MaxUint64), s)
		}
		return uint64(c), err
	}
	return n, nil
}

func readPercent(s string) (any, error) {
	p, err := unit.Ratio(s)
	if err != nil {
		return Percent(0), fmt.Errorf("expected a percentage such as 110%% or 1.1, found %q", s)
	}
	return Percent(p), nil
}

func readInstant(s string) (any, error) {
	t, err := time.Parse(time.RFC3339Nano, strings.ToUpper(s))
	if err != nil {
		return time.Time{}, fmt.Errorf("expected an instant such as 2026-01-01T00:00:00Z (RFC 3339), found %q", s)
	}
	return t.UTC(), nil
}

func readBool(s string) (any, error) {
	switch s {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fmt.Errorf("expected true or false, found %q", s)
}

// bound is a min or max tag.
type bound struct {
	value     float64
	exclusive bool
}

func parseBound(tag string) *bound {
	if tag == "" {
		return nil
	}
	text, exclusive := strings.CutPrefix(tag, "exclusive ")
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		panic(fmt.Sprintf("decode: impossible bound %q in a struct tag", tag)) // a mistake in this package, which every test would meet
	}
	return &bound{v, exclusive}
}

// outside says what is wrong with a value beyond its bounds, or "".
func outside(v reflect.Value, low, high *bound) string {
	var x float64
	switch {
	case v.CanInt():
		x = float64(v.Int())
	case v.CanFloat():
		x = v.Float()
	default:
		return ""
	}
	found := fmt.Sprint(v.Interface())
	if low != nil && (x < low.value || low.exclusive && x == low.value) {
		return "expected " + low.words("more than", "at least", v) + ", found " + found
	}
	if high != nil && (x > high.value || high.exclusive && x == high.value) {
		return "expected " + high.words("less than", "at most", v) + ", found " + found
	}
	return ""
}

// words writes a bound in the spelling of the value's type, 0s for a Duration.
func (b *bound) words(exclusive, inclusive string, like reflect.Value) string {
	v := reflect.New(like.Type()).Elem()
	if v.CanInt() {
		v.SetInt(int64(b.value))
	} else {
		v.SetFloat(b.value)
	}
	if b.exclusive {
		return fmt.Sprint(exclusive, " ", v.Interface())
	}
	return fmt.Sprint(inclusive, " ", v.Interface())
}
