// Package unit reads and writes the quantities of scenario files and
// assertions: numbers (1_000_000, 1e6), whole numbers, durations (90s, 1h30m,
// 30d), rates (500/s, 12/h) and fractions (2%, 0.02).
//
// In: the text of one scalar. Out: its value in base units, or an error that
// says what was expected, without a place; callers know where the text stands.
// Every spelling is read exactly (as a rational number) and rounded once.
// Standard library only; anybody may import it.
package unit

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Day is the d of a duration: always 24 hours.
const Day = 24 * time.Hour

const numberSyntax = `(?:[0-9]+(?:_[0-9]+)*(?:\.[0-9]+(?:_[0-9]+)*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?`

var (
	number   = regexp.MustCompile(`^[+-]?` + numberSyntax + `$`)
	leading  = regexp.MustCompile(`^[+-]?` + numberSyntax)
	timeUnit = map[string]time.Duration{
		"ns": time.Nanosecond, "us": time.Microsecond, "µs": time.Microsecond, "μs": time.Microsecond,
		"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": Day,
	}
	perUnit = map[string]time.Duration{
		"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": Day,
	}
)

// Number reads a plain number: 5, -0.5, 1_000_000, 1e6. No unit, no NaN, no infinity.
func Number(s string) (float64, error) {
	if !number.MatchString(s) {
		if n := leading.FindString(s); n != "" {
			return 0, fmt.Errorf("expected a plain number without a unit, found %q", s)
		}
		return 0, fmt.Errorf("expected a number such as 0.5, 1_000_000 or 1e6, found %q", s)
	}
	f, _ := strconv.ParseFloat(strings.ReplaceAll(s, "_", ""), 64)
	if math.IsInf(f, 0) {
		return 0, fmt.Errorf("%s is too large for a number", s)
	}
	return f, nil
}

// Count reads a whole number from 0 to 2⁶³−1: 100, 1_000_000, 1e6.
func Count(s string) (int64, error) {
	if !number.MatchString(s) {
		return 0, fmt.Errorf("expected a whole number such as 100, 1_000_000 or 1e6, found %q", s)
	}
	r, err := exact(s)
	switch {
	case err != nil:
		return 0, err
	case !r.IsInt():
		return 0, fmt.Errorf("expected a whole number, found %s", s)
	case r.Sign() < 0:
		return 0, fmt.Errorf("expected a whole number of at least 0, found %s", s)
	case !r.Num().IsInt64():
		return 0, fmt.Errorf("%s is too large: at most %d", s, int64(math.MaxInt64))
	}
	return r.Num().Int64(), nil
}

// Duration reads 90s, 5ms, 12h, 30d, 1h30m, -5ms. A unit is required, for 0 too.
func Duration(s string) (time.Duration, error) {
	rest, negative := strings.CutPrefix(s, "-")
	if rest == "" {
		return 0, durationError(s)
	}
	total := new(big.Rat)
	for rest != "" {
		n := leading.FindString(rest)
		if n == "" || n[0] == '-' || n[0] == '+' {
			return 0, durationError(s)
		}
		rest = rest[len(n):]
		word := leadingUnit(rest)
		rest = rest[len(word):]
		u, ok := timeUnit[word]
		if !ok {
			if word == "" {
				return 0, fmt.Errorf("%q has no unit: write ns, us, ms, s, m, h or d after the number, e.g. 90s", s)
			}
			return 0, fmt.Errorf("%q is not a unit of time in %q: use ns, us, ms, s, m, h or d", word, s)
		}
		r, err := exact(n)
		if err != nil {
			return 0, err
		}
		total.Add(total, r.Mul(r, new(big.Rat).SetInt64(int64(u))))
	}
	return nanoseconds(s, total, negative)
}

func nanoseconds(s string, total *big.Rat, negative bool) (time.Duration, error) {
	if !total.IsInt() {
		return 0, fmt.Errorf("%s is not a whole number of nanoseconds", s)
	}
	if !total.Num().IsInt64() {
		return 0, fmt.Errorf("%s is too long: at most %s (292 years)", s, FormatDuration(math.MaxInt64/int64(Day)*int64(Day)))
	}
	d := time.Duration(total.Num().Int64())
	if negative {
		d = -d
	}
	return d, nil
}

// leadingUnit is everything up to the next digit, point or sign.
func leadingUnit(s string) string {
	if i := strings.IndexAny(s, "0123456789.+-"); i >= 0 {
		return s[:i]
	}
	return s
}

func durationError(s string) error {
	return fmt.Errorf("expected a duration such as 90s, 5ms, 1h30m or 30d, found %q", s)
}

// Rate reads 500/s, 12/h, 3/m, 1/d, 1.5e3/s as events per second.
func Rate(s string) (float64, error) {
	n, per, ok := strings.Cut(s, "/")
	if !number.MatchString(n) {
		return 0, fmt.Errorf("expected a rate such as 500/s or 12/h, found %q", s)
	}
	if !ok {
		return 0, fmt.Errorf("%q has no unit: write /s, /m, /h or /d after the number, e.g. %s/s", s, s)
	}
	u, ok := perUnit[per]
	if !ok {
		return 0, fmt.Errorf("%q is not a unit of a rate in %q: use /ms, /s, /m, /h or /d", "/"+per, s)
	}
	r, err := exact(n)
	if err != nil {
		return 0, err
	}
	f, _ := r.Mul(r, big.NewRat(int64(time.Second), int64(u))).Float64()
	if math.IsInf(f, 0) {
		return 0, fmt.Errorf("%s is too large for a rate", s)
	}
	return f, nil
}

// Ratio reads 2%, 0.02 or 150% as a number, of any size.
func Ratio(s string) (float64, error) {
	n, percent := strings.CutSuffix(s, "%")
	if !number.MatchString(n) {
		return 0, fmt.Errorf("expected a fraction such as 2%% or 0.02, found %q", s)
	}
	r, err := exact(n)
	if err != nil {
		return 0, err
	}
	if percent {
		r.Quo(r, big.NewRat(100, 1))
	}
	f, _ := r.Float64()
	return f, nil
}

// Fraction is a Ratio from 0 to 1.
func Fraction(s string) (float64, error) {
	f, err := Ratio(s)
	if err != nil {
		return 0, err
	}
	if f < 0 || f > 1 {
		return 0, fmt.Errorf("expected a fraction from 0 to 1 (0%% to 100%%), found %s", s)
	}
	return f, nil
}

var errRange = errors.New("the number is out of range")

// exact reads a number that matches the syntax. The detour over a float
// bounds the exponent: big.Rat would write 1e999999999 out.
func exact(s string) (*big.Rat, error) {
	s = strings.ReplaceAll(s, "_", "")
	f, _ := strconv.ParseFloat(s, 64)
	mantissa, _, _ := strings.Cut(strings.ToLower(s), "e")
	zero := !strings.ContainsAny(mantissa, "123456789")
	switch {
	case zero:
		return new(big.Rat), nil
	case f == 0 || math.IsInf(f, 0):
		return nil, fmt.Errorf("%s: %w", s, errRange)
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return nil, fmt.Errorf("%s: %w", s, errRange)
	}
	return r, nil
}

var spelled = []struct {
	name string
	unit time.Duration
}{{"d", Day}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}, {"ms", time.Millisecond}, {"us", time.Microsecond}, {"ns", 1}}

// FormatDuration writes nanoseconds as Duration reads them back: 1h30m, 30d, 1.5ms.
func FormatDuration(ns int64) string {
	if ns == 0 {
		return "0s"
	}
	if ns == math.MinInt64 {
		return "-106751d23h47m16s854ms775us808ns"
	}
	var b strings.Builder
	if ns < 0 {
		b.WriteByte('-')
		ns = -ns
	}
	for _, u := range spelled {
		n := ns / int64(u.unit)
		if n == 0 {
			continue
		}
		ns %= int64(u.unit)
		b.WriteString(strconv.FormatInt(n, 10))
		b.WriteString(u.name)
	}
	return b.String()
}

// FormatRate writes events per second in the unit that needs the fewest
// digits: 500/s, 12/h.
func FormatRate(perSecond float64) string {
	best := ""
	for _, u := range []struct {
		name string
		unit time.Duration
	}{{"/s", time.Second}, {"/m", time.Minute}, {"/h", time.Hour}, {"/d", Day}} {
		s := FormatNumber(perSecond*u.unit.Seconds()) + u.name
		if back, err := Rate(s); err != nil || back != perSecond {
			continue
		}
		if best == "" || len(s) < len(best) {
			best = s
		}
	}
	return best
}

// FormatNumber writes the shortest spelling that reads back the same.
func FormatNumber(f float64) string {
	if a := math.Abs(f); a >= 1e15 || a != 0 && a < 1e-6 {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// FormatFraction writes a fraction in per cent when that reads back the same.
func FormatFraction(f float64) string {
	s := strconv.FormatFloat(f*100, 'g', 15, 64) + "%"
	if back, err := Fraction(s); err == nil && back == f {
		return s
	}
	return FormatNumber(f)
}

// byteUnits are the prefixes of B/s: powers of 1000, and of 1024 with an i.
var byteUnits = []struct {
	name  string
	bytes int64
}{{"MiB/s", 1 << 20}, {"MB/s", 1e6}, {"KiB/s", 1 << 10}, {"kB/s", 1e3}, {"B/s", 1}}

// ByteRate reads 1MB/s, 64KiB/s, 1.5kB/s or 900B/s as bytes per second.
func ByteRate(s string) (float64, error) {
	n := leading.FindString(s)
	if n == "" {
		return 0, fmt.Errorf("expected bytes per second such as 1MB/s or 64KiB/s, found %q", s)
	}
	for _, u := range byteUnits {
		if s[len(n):] != u.name {
			continue
		}
		r, err := exact(n)
		if err != nil {
			return 0, err
		}
		f, _ := r.Mul(r, new(big.Rat).SetInt64(u.bytes)).Float64()
		if math.IsInf(f, 0) {
			return 0, fmt.Errorf("%s is too large for a rate", s)
		}
		return f, nil
	}
	if n == s {
		return 0, fmt.Errorf("%q has no unit: write B/s, kB/s, MB/s, KiB/s or MiB/s after the number, e.g. %sMB/s", s, s)
	}
	return 0, fmt.Errorf("%q is not a unit of bytes per second in %q: use B/s, kB/s, MB/s, KiB/s or MiB/s", strings.TrimPrefix(s, n), s)
}

// FormatByteRate writes bytes per second in the unit that needs the fewest
// digits, of several the largest: 1MB/s, 64KiB/s.
func FormatByteRate(bytes float64) string {
	best := ""
	for _, u := range byteUnits {
		s := FormatNumber(bytes/float64(u.bytes)) + u.name
		if back, err := ByteRate(s); err != nil || back != bytes {
			continue
		}
		if best == "" || len(s) < len(best) {
			best = s
		}
	}
	return best
}
