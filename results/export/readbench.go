package export

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/perf/benchfmt"
)

// ErrTruncated is in the error about a file of Bench that was cut short.
var ErrTruncated = errors.New("the file was cut short")

// Benchmarks are what a benchmark file holds. Results of Bench have their run's
// seed and plan as configuration, though they do not tell tables apart.
type Benchmarks struct {
	Results []*benchfmt.Result
	Units   benchfmt.UnitMetadataMap
}

// ReadBench reads a file in the Go benchmark format, of Bench or of any other
// program; name is for errors. A line that does not fit the format is an error,
// and so are no results at all, and a file of Bench without its last line
// (ErrTruncated).
func ReadBench(r io.Reader, name string) (*Benchmarks, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("reading benchmarks: %s: %w", name, err)
	}
	runs, err := checkEnd(string(text), name)
	if err != nil {
		return nil, err
	}
	b := &Benchmarks{}
	reader := benchfmt.NewReader(bytes.NewReader(text), name)
	for reader.Scan() {
		switch rec := reader.Result().(type) {
		case *benchfmt.SyntaxError:
			err = errors.Join(err, rec)
		case *benchfmt.Result:
			b.Results = append(b.Results, withRun(rec.Clone(), runs))
		}
	}
	b.Units = reader.Units()
	if err := errors.Join(err, reader.Err()); err != nil {
		return nil, fmt.Errorf("reading benchmarks: %w", err)
	}
	if len(b.Results) == 0 {
		return nil, fmt.Errorf("%s: expected results in the Go benchmark format (lines that begin with Benchmark), found none", name)
	}
	return b, nil
}

// runLine is where a run's results begin.
type runLine struct {
	line       int
	seed, plan string
}

// runFormat of the line before a run's results.
const runFormat = "# seed %s plan %s"

// withRun adds what is known of the run that a result is of.
func withRun(r *benchfmt.Result, runs []runLine) *benchfmt.Result {
	_, line := r.Pos()
	for _, run := range slices.Backward(runs) {
		if run.line < line {
			r.SetConfig("seed", run.seed)
			r.SetConfig("plan", run.plan)
			break
		}
	}
	return r
}

// checkEnd goes through what Bench wrote, perhaps several times into one file:
// after a line with a scenario's name comes one with the number of results.
func checkEnd(text, name string) (runs []runLine, err error) {
	begun, results, line := false, 0, 0
	for l := range strings.Lines(text) {
		line++
		l = strings.TrimRight(l, "\r\n")
		key, value, _ := strings.Cut(l, ":")
		run := runLine{line: line}
		switch {
		case strings.HasPrefix(l, "Benchmark"):
			results++
		case key == scenarioKey:
			begun = true
		case key == endKey && begun:
			if strings.TrimSpace(value) != strconv.Itoa(results) {
				return nil, truncated(name, line, results, strconv.Quote(l))
			}
			begun, results = false, 0
		case strings.HasPrefix(l, "#"):
			if n, _ := fmt.Sscanf(l, runFormat, &run.seed, &run.plan); n == 2 {
				runs = append(runs, run)
			}
		}
	}
	if begun {
		return nil, truncated(name, line, results, "the end of the file")
	}
	return runs, nil
}

func truncated(name string, line, results int, found string) error {
	return fmt.Errorf("%s:%d: %w: expected %q after its results, found %s; write it again", name, line, ErrTruncated,
		fmt.Sprintf("%s: %d", endKey, results), found)
}
