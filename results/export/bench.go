package export

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/quotalab/quotalab/results/measure"
)

// Bench writes summaries in the Go benchmark format
// (golang.org/x/perf/benchfmt, version 2), for benchstat: one line for each
// combination of tags, with all that was measured of it, and so several lines of
// one name for several runs of a scenario. Times are in seconds. In virtual
// time every figure is exact (assume=exact): any change is a difference, and
// so a file is of one clock.
//
// The last line says how many lines have results, so that a file that was cut
// short is told from a whole one: see ReadBench. Files may be appended to one
// another.
func Bench(w io.Writer, runs ...*measure.Summary) error {
	named := make([]BenchRun, len(runs))
	for i, s := range runs {
		named[i].Summary = s
	}
	return BenchRuns(w, named)
}

// BenchRun is a summary whose benchmarks' names have more parts in front, such as
// "/shards=4".
type BenchRun struct {
	Name    string
	Summary *measure.Summary
	More    []Figure // before those of the summary
}

// BenchRuns is Bench of runs that are named.
func BenchRuns(w io.Writer, runs []BenchRun) error {
	if len(runs) == 0 {
		return errors.New("writing benchmarks: expected at least one run")
	}
	var b benchWriter
	for _, run := range runs {
		if s, first := run.Summary, runs[0].Summary; s.Clock != first.Clock {
			return fmt.Errorf("writing benchmarks: figures of a benchmark file are either exact or not, so its runs have one clock: found %s (%s) and %s (%s); write a file for each",
				first.Clock, first.Scenario, s.Clock, s.Scenario)
		}
		b.run(run)
	}
	fmt.Fprintf(&b, "%s: %d\n", endKey, b.results)
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("writing benchmarks: %w", err)
	}
	return nil
}

// benchWriter is a file being written: strings.Builder never fails.
type benchWriter struct {
	strings.Builder
	config  [][2]string // key and value, as the lines before set them
	units   []string    // that are told already
	results int         // lines of them
}

func (b *benchWriter) run(run BenchRun) {
	s := run.Summary
	b.configure(append([][2]string{{endKey, ""}, {scenarioKey, s.Scenario}, {clockKey, s.Clock}}, benchTags(s.Tags)...))
	// Lines of configuration that differ would put each run into a table of its
	// own; the format ignores this one.
	fmt.Fprintf(b, runFormat+"\n", strconv.FormatUint(s.Seed, 10), s.PlanHash)
	figures := slices.Concat(run.More, Figures(s))
	b.unitsOf(figures)
	for i, f := range figures {
		if i == 0 || f.Name != figures[i-1].Name {
			b.results++
			fmt.Fprintf(b, "BenchmarkScenario%s%s 1", run.Name, f.Name)
		}
		fmt.Fprintf(b, " %s %s", strconv.FormatFloat(f.Value, 'g', -1, 64), f.Unit)
		if i == len(figures)-1 || f.Name != figures[i+1].Name {
			b.WriteByte('\n')
		}
	}
}

// configure writes the lines of configuration that are not so already. One
// without a value takes a key back: of a run before, or of a file before, if files
// are appended to one another.
func (b *benchWriter) configure(config [][2]string) {
	for _, line := range b.config {
		if !slices.ContainsFunc(config, func(l [2]string) bool { return l[0] == line[0] }) {
			fmt.Fprintf(b, "%s:\n", line[0])
		}
	}
	for _, line := range config {
		if !slices.Contains(b.config, line) {
			b.WriteString(strings.TrimRight(line[0]+": "+line[1], " ") + "\n")
		}
	}
	b.config = config
}

// Keys of configuration of a file of Bench.
const (
	scenarioKey = "scenario"
	clockKey    = "clock"
	endKey      = "end" // after the results: how many lines of them
)

func ownKeys() []string { return []string{scenarioKey, clockKey, endKey} }

// benchTags are the tags of a run that can be keys of configuration: one begins
// with a lower-case letter and has neither capitals nor spaces, and is not one
// of the file's own.
func benchTags(tags map[string]string) (config [][2]string) {
	for k, v := range tags {
		if k != "" && 'a' <= k[0] && k[0] <= 'z' && !strings.ContainsAny(k, " \t:") && strings.ToLower(k) == k && !slices.Contains(ownKeys(), k) {
			config = append(config, [2]string{k, strings.ReplaceAll(v, "\n", " ")})
		}
	}
	slices.SortFunc(config, func(a, b [2]string) int { return cmp.Compare(a[0], b[0]) })
	return config
}

// unitsOf figures: which direction is better, and whether they are exact.
func (b *benchWriter) unitsOf(figures []Figure) {
	units := slices.SortedFunc(slices.Values(figures), func(a, b Figure) int { return cmp.Compare(a.Unit, b.Unit) })
	for _, u := range slices.CompactFunc(units, func(a, b Figure) bool { return a.Unit == b.Unit }) {
		var about []string
		if u.Better != "" {
			about = append(about, "better="+u.Better)
		}
		if u.Exact {
			about = append(about, "assume=exact")
		}
		if len(about) > 0 && !slices.Contains(b.units, u.Unit) {
			b.units = append(b.units, u.Unit)
			fmt.Fprintf(b, "Unit %s %s\n", u.Unit, strings.Join(about, " "))
		}
	}
}
