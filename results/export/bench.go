package export

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/quotalab/quotalab/results/measure"
)

// Bench writes a summary in the Go benchmark format
// (golang.org/x/perf/benchfmt, version 2), for benchstat: one line for each
// combination of tags, with all that was measured of it. Times are in
// seconds. In virtual time every figure is exact (assume=exact): any change is
// a difference. The last line says how many lines have results, so that a file
// that was cut short is told from a whole one: see ReadBench.
func Bench(w io.Writer, s *measure.Summary) error {
	var b strings.Builder
	for _, line := range [][2]string{
		{"scenario", s.Scenario}, {"clock", s.Clock}, {"seed", strconv.FormatUint(s.Seed, 10)}, {"plan", s.PlanHash},
	} {
		fmt.Fprintf(&b, "%s: %s\n", line[0], line[1])
	}
	for _, k := range slices.Sorted(maps.Keys(s.Tags)) {
		if isBenchKey(k) {
			fmt.Fprintf(&b, "%s: %s\n", k, strings.ReplaceAll(s.Tags[k], "\n", " "))
		}
	}
	figures := Figures(s)
	writeUnits(&b, figures)
	lines := writeResults(&b, figures)
	fmt.Fprintf(&b, "%s: %d\n", endKey, lines)
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("writing benchmarks: %w", err)
	}
	return nil
}

// isBenchKey tells whether a tag can be a configuration key of the format: it
// begins with a lower-case letter and has neither capitals nor spaces.
func isBenchKey(k string) bool {
	return k != "" && 'a' <= k[0] && k[0] <= 'z' && !strings.ContainsAny(k, " \t:") && strings.ToLower(k) == k
}

// writeResults writes a line for each name, and returns how many.
func writeResults(b *strings.Builder, figures []Figure) (lines int) {
	for i, f := range figures {
		if i == 0 || f.Name != figures[i-1].Name {
			if i > 0 {
				b.WriteByte('\n')
			}
			lines++
			fmt.Fprintf(b, "BenchmarkScenario%s 1", f.Name)
		}
		fmt.Fprintf(b, " %s %s", strconv.FormatFloat(f.Value, 'g', -1, 64), f.Unit)
	}
	if lines > 0 {
		b.WriteByte('\n')
	}
	return lines
}

// writeUnits says of every unit which direction is better, and whether its
// figures are exact.
func writeUnits(b *strings.Builder, figures []Figure) {
	units := slices.SortedFunc(slices.Values(figures), func(a, b Figure) int { return cmp.Compare(a.Unit, b.Unit) })
	for _, u := range slices.CompactFunc(units, func(a, b Figure) bool { return a.Unit == b.Unit }) {
		var about []string
		if u.Better != "" {
			about = append(about, "better="+u.Better)
		}
		if u.Exact {
			about = append(about, "assume=exact")
		}
		if len(about) > 0 {
			fmt.Fprintf(b, "Unit %s %s\n", u.Unit, strings.Join(about, " "))
		}
	}
}
