package measure

import (
	"math"
	"strconv"
	"strings"

	"github.com/quotalab/quotalab/results/wording"
)

// percent is wording.Percent as part of a sentence.
func percent(share float64) string {
	return strings.NewReplacer("<", "less than ", ">", "more than ").Replace(wording.Percent(share))
}

// rate writes 1,234.5/s, with as many digits after the point as a low rate
// needs.
func rate(perSecond float64) string {
	if perSecond >= 100 {
		return wording.Thousands(int64(math.Round(perSecond))) + "/s"
	}
	return strconv.FormatFloat(perSecond, 'g', 3, 64) + "/s"
}
