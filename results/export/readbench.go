package export

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"golang.org/x/perf/benchfmt"
)

// ErrTruncated is in the error about a file of Bench that was cut short.
var ErrTruncated = errors.New("the file was cut short")

// Benchmarks are what a benchmark file holds.
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
	if err := checkEnd(string(text), name); err != nil {
		return nil, err
	}
	b := &Benchmarks{}
	reader := benchfmt.NewReader(bytes.NewReader(text), name)
	for reader.Scan() {
		switch rec := reader.Result().(type) {
		case *benchfmt.SyntaxError:
			err = errors.Join(err, rec)
		case *benchfmt.Result:
			b.Results = append(b.Results, rec.Clone())
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

// checkEnd goes through what Bench wrote, perhaps several times into one file:
// after a line with a scenario's name comes one with the number of results.
func checkEnd(text, name string) error {
	cut := func(line, results int, found string) error {
		return fmt.Errorf("%s:%d: %w: expected %q after its results, found %s; write it again", name, line, ErrTruncated,
			fmt.Sprintf("%s: %d", endKey, results), found)
	}
	begun, results, line := false, 0, 0
	for l := range strings.Lines(text) {
		line++
		l = strings.TrimRight(l, "\r\n")
		key, value, _ := strings.Cut(l, ":")
		switch {
		case strings.HasPrefix(l, "Benchmark"):
			results++
		case key == scenarioKey:
			begun = true
		case key == endKey && begun:
			if strings.TrimSpace(value) != strconv.Itoa(results) {
				return cut(line, results, strconv.Quote(l))
			}
			begun, results = false, 0
		}
	}
	if begun {
		return cut(line, results, "the end of the file")
	}
	return nil
}
