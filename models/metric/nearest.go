package metric

import (
	"fmt"
	"math"
	"strings"
)

// Nearest returns the known word that a misspelt one most likely means, or
// "" when none is near enough. Ties go to the first.
func Nearest(word string, known []string) string {
	length := len([]rune(word))
	best, bestDistance := "", math.MaxInt
	for _, k := range known {
		limit := length/3 + 1
		if length > 3 && strings.HasPrefix(k, string([]rune(word)[:3])) {
			limit++ // deny means denied
		}
		d := distance(word, k)
		if d > 0 && d <= limit && d < min(length, len(k), bestDistance) {
			best, bestDistance = k, d
		}
	}
	return best
}

// DidYouMean is Nearest as a clause to append to a message, or "".
func DidYouMean(word string, known []string) string {
	if n := Nearest(word, known); n != "" {
		return fmt.Sprintf(" (did you mean %q?)", n)
	}
	return ""
}

// distance is the optimal string alignment distance: insertions, deletions,
// substitutions and swaps of neighbours.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	if len(x) > 64 || len(y) > 64 { // nobody misspells such a name, and the table is quadratic
		return 64
	}
	var d [65][65]int
	for i := range len(x) + 1 {
		d[i][0] = i
	}
	for j := range len(y) + 1 {
		d[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(x)][len(y)]
}
