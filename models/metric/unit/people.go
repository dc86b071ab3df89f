package unit

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Thousands writes 1234567 as 1,234,567.
func Thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	var parts []string
	for len(s) > 3 {
		parts = append([]string{s[len(s)-3:]}, parts...)
		s = s[:len(s)-3]
	}
	return sign + strings.Join(append([]string{s}, parts...), ",")
}

// Counted writes "1 account" and "2,000 accounts".
func Counted(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return Thousands(n) + " " + thing + "s"
}

// Percent writes a share in percent with a digit after the point, and never
// rounds something to nothing or to all.
func Percent(share float64) string {
	switch {
	case share > 0 && share < 0.001:
		return "<0.1 %"
	case share < 1 && share > 0.999:
		return ">99.9 %"
	}
	return strconv.FormatFloat(share*100, 'f', 1, 64) + " %"
}

// Digits writes a number with that many significant digits, a large or small one
// with an exponent.
func Digits(v float64, digits int) string { return strconv.FormatFloat(v, 'g', digits, 64) }

// Significant writes a number with that many significant digits, without an
// exponent and trailing zeros.
func Significant(v float64, digits int) string {
	if v == 0 {
		return "0"
	}
	before := int(math.Floor(math.Log10(math.Abs(v)*(1+1e-9)))) + 1
	s := strconv.FormatFloat(v, 'f', max(0, digits-before), 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// Quantity writes a number in a base unit: "s" as 1.5s or 7.2ms, "/s", "count"
// with its thousands, "ratio" in percent, others as they are.
func Quantity(v float64, unit string) string {
	switch unit {
	case "s":
		return Time(time.Duration(math.Round(v * 1e9)))
	case "/s":
		return Digits(v, 6) + "/s"
	case "count":
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return Thousands(int64(v))
		}
	case "ratio":
		return Percent(v)
	}
	return Digits(v, 6)
}

// PerSecond writes a rate with that many significant digits, or all that are
// before the point: 12.35/s or 12,346/s.
func PerSecond(rate float64, digits int) string {
	if rate >= math.Pow10(digits)-0.5 {
		return Thousands(int64(math.Round(rate))) + "/s"
	}
	return Digits(rate, digits) + "/s"
}

// scales are the units of time that people read, each with the size from which
// on it is used.
var scales = []struct {
	name       string
	from, unit float64 // in seconds
}{{"days", 2 * 86400, 86400}, {"h", 2 * 3600, 3600}, {"min", 120, 60}, {"s", 1, 1}, {"ms", 1e-3, 1e-3}, {"µs", 1e-6, 1e-6}, {"ns", 0, 1e-9}}

// TimeScale returns the unit in which an amount of seconds is short, and its
// size in seconds.
func TimeScale(seconds float64) (name string, unit float64) {
	if seconds == 0 {
		return "s", 1
	}
	for _, s := range scales {
		if math.Abs(seconds) >= s.from {
			name, unit = s.name, s.unit
			break
		}
	}
	return name, unit
}

// Amount writes seconds with that many significant digits in the unit in which
// they are short: 250 µs, 1.5 ms, 2 min.
func Amount(seconds float64, digits int) string {
	if math.IsNaN(seconds) {
		return "unknown"
	}
	name, unit := TimeScale(seconds * (1 + math.Pow10(-digits)/2)) // 999.9 µs are written as 1 ms
	return Significant(seconds/unit, digits) + " " + name
}

// Lasting writes seconds as 1h2m3s, in as many digits as their size is worth.
func Lasting(seconds float64) string { return LastingTo(seconds, math.Inf(1)) }

// LastingTo writes seconds as Lasting does, in as many digits as tell instants
// apart that are a step apart.
func LastingTo(seconds, step float64) string {
	d, to := time.Duration(math.Round(seconds*1e9)), time.Microsecond
	switch {
	case d.Abs() >= time.Minute:
		to = time.Second
	case d.Abs() >= time.Second:
		to = 10 * time.Millisecond
	case d.Abs() < time.Millisecond:
		to = time.Nanosecond
	}
	return Time(d.Round(time.Duration(min(float64(to), step*1e9))))
}

// Time writes a duration exactly, as people do: 1.5ms, 1h10m, 62d.
func Time(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} { // 5m0s is 5m
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-len(zero)+1]
		}
	}
	if h, rest, ok := strings.Cut(text, "h"); ok {
		if n, err := strconv.Atoi(h); err == nil && n >= 48 {
			return inDays(n) + rest
		}
	}
	return text
}

func inDays(hours int) string {
	if hours%24 == 0 {
		return fmt.Sprintf("%dd", hours/24)
	}
	return fmt.Sprintf("%dd%dh", hours/24, hours%24)
}
