package measure

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// percent writes a share with a digit after the point, and never rounds
// something to nothing or to all.
func percent(share float64) string {
	switch {
	case share > 0 && share < 0.001:
		return "less than 0.1 %"
	case share < 1 && share > 0.999:
		return "more than 99.9 %"
	}
	return strconv.FormatFloat(share*100, 'f', 1, 64) + " %"
}

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

// count writes "1 request" and "2 requests".
func count(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%s %ss", Thousands(n), thing)
}

// rate writes 1,234.5/s, with as many digits after the point as a low rate
// needs.
func rate(perSecond float64) string {
	if perSecond >= 100 {
		return Thousands(int64(math.Round(perSecond))) + "/s"
	}
	return strconv.FormatFloat(perSecond, 'g', 3, 64) + "/s"
}
