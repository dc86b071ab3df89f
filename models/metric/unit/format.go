package unit

import (
	"math"
	"strconv"
	"strings"
	"time"
)

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
