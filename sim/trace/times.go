package trace

import (
	"bytes"
	"fmt"
	"strconv"
	"time"
)

// latest is the first instant that a trace cannot hold: Unix nanoseconds end
// in 2262, and differences of two instants must fit a time.Duration.
var latest = time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC)

func inRange(at time.Time) (time.Time, error) {
	if at.Unix() < 0 || !at.Before(latest) {
		return time.Time{}, fmt.Errorf("time %s is out of range; expected 1970 to 2261", at.Format(time.RFC3339))
	}
	return at, nil
}

// parseTime reads RFC 3339 or decimal Unix seconds, exact to the nanosecond.
func parseTime(text []byte) (time.Time, error) {
	if isDecimal(text) {
		return parseUnix(text)
	}
	at, err := time.Parse(time.RFC3339, string(text))
	if err != nil {
		return at, fmt.Errorf("expected a time as RFC 3339 or Unix seconds, found %s", excerpt(text))
	}
	return inRange(at.UTC())
}

// parseUnix does without floating point: a float64 is exact to some 200 ns in
// these years. Digits beyond nanoseconds are cut off.
func parseUnix(text []byte) (time.Time, error) {
	whole, fraction, _ := bytes.Cut(text, []byte("."))
	seconds, err := strconv.ParseInt(string(whole), 10, 64)
	if err != nil || seconds >= latest.Unix() {
		return time.Time{}, fmt.Errorf("expected Unix seconds up to the year 2261, found %s; milliseconds or finer must be divided first", excerpt(text))
	}
	nanos := int64(0)
	for i := range 9 {
		nanos *= 10
		if i < len(fraction) {
			nanos += int64(fraction[i] - '0')
		}
	}
	return time.Unix(seconds, nanos).UTC(), nil
}

// isDecimal tells whether text is digits, perhaps a point, and digits.
func isDecimal(text []byte) bool {
	whole, fraction, point := bytes.Cut(text, []byte("."))
	return isDigits(whole) && (!point || isDigits(fraction))
}

func isDigits(text []byte) bool {
	for _, b := range text {
		if b < '0' || b > '9' {
			return false
		}
	}
	return len(text) > 0
}
