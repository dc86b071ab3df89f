package plots

import (
	"fmt"

	"github.com/quotalab/quotalab/results/wording"
)

// spell a number as in a sentence: small ones as words.
func spell(n int) string {
	words := [...]string{"none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"}
	if n >= 0 && n < len(words) {
		return words[n]
	}
	return wording.Thousands(int64(n))
}

// tenth writes a share as a percentage with one digit after the point, so
// that those below each other are alike.
func tenth(share float64) string {
	if share > 0 && share < 0.0005 {
		return "<0.05 %"
	}
	return fmt.Sprintf("%.1f %%", 100*share)
}
