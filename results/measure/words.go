package measure

import (
	"math"
	"strconv"

	"github.com/quotalab/quotalab/results/wording"
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

// rate writes 1,234.5/s, with as many digits after the point as a low rate
// needs.
func rate(perSecond float64) string {
	if perSecond >= 100 {
		return wording.Thousands(int64(math.Round(perSecond))) + "/s"
	}
	return strconv.FormatFloat(perSecond, 'g', 3, 64) + "/s"
}
