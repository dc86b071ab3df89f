package present_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/quotalab/quotalab/results/present"
)

func TestReadBench(t *testing.T) {
	_, s := sample(t)
	whole := bench(t, s.Summary, s.Summary)
	b, err := present.ReadBench([]byte(whole), "bench.txt")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := len(b.Results), strings.Count(whole, "\nBenchmark"); got != want || want == 0 {
		t.Errorf("%d results, the file has %d lines of them", got, want)
	}
	if b.Units.GetBetter("latency-avg-sec") != -1 || b.Units.GetAssumption("decisions") == b.Units.GetAssumption("ns/op") {
		t.Error("what the file says of units is lost")
	}
}

// A file of Bench that was cut anywhere is refused, also when more was
// appended to what is left of its results.
func TestReadBenchRefusesEveryCut(t *testing.T) {
	_, s := sample(t)
	whole := bench(t, s.Summary, s.Summary)
	results := strings.Index(whole, "\nBenchmark") + len("\nBenchmark")
	for cut := range len(whole) - len("\n") {
		for _, rest := range []string{"", whole} {
			if rest != "" && cut < results {
				continue // nothing is left but a header: what follows is whole
			}
			_, err := present.ReadBench([]byte(whole[:cut]+rest), "bench.txt")
			if err == nil || cut >= results && !errors.Is(err, present.ErrTruncated) {
				t.Fatalf("cut after %d bytes (%q) and %d bytes appended: %v", cut, whole[max(0, cut-20):cut], len(rest), err)
			}
		}
	}
}

func TestReadBenchErrors(t *testing.T) {
	for _, c := range []struct{ why, text, want string }{
		{"a file of go test needs no end", "goos: linux\nBenchmarkX 1 2 ns/op\n", ""},
		{"files appended to one another, and a line end of Windows", "end:\nscenario: a\nBenchmarkX 1 2 ns/op\nend: 1\r\nend:\nscenario: a\nBenchmarkX 1 2 ns/op\nend: 1", ""},
		{"nothing", "", "bench.txt: expected results in the Go benchmark format (lines that begin with Benchmark), found none"},
		{"something else", "{\"ok\": true}\n", "found none"},
		{"no results of a scenario", "scenario: a\nend: 0\n", "found none"},
		{"cut", "scenario: a\nBenchmarkX 1 2 ns/op\n", "bench.txt:2: the file was cut short: expected \"end: 1\" after its results, found the end of the file; write it again"},
		{"a line is missing", "scenario: a\nBenchmarkX 1 2 ns/op\nend: 2\n", "bench.txt:3: the file was cut short: expected \"end: 1\" after its results, found \"end: 2\""},
		{"a line that does not fit", "BenchmarkX 1 two ns/op\n", "bench.txt:1: parsing measurement: invalid syntax"},
	} {
		_, err := present.ReadBench([]byte(c.text), "bench.txt")
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, expected %q", c.why, err, c.want)
		}
	}
}
