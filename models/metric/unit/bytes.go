package unit

import (
	"fmt"
	"math"
	"math/big"
	"strings"
)

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
