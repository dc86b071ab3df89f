package cmd

import (
	"bytes"
	"io"
	"testing"

	"github.com/quotalab/quotalab/results/compare"
)

// Whatever a file holds, it is compared or an error: never a panic.
func FuzzCompareFiles(f *testing.F) {
	for _, seed := range []string{
		"", "{", "{}", `{"schemaVersion": 1, "scenario": "s", "metrics": [{"name": "latency", "avg": 1}]}`,
		`{"schemaVersion": 1, "scenario": "s", "clock": "real", "metrics": [{"name": "errors", "tags": {"error": "timeout"}, "count": 3}]}`,
		`{"schemaVersion": 1, "scenario": "s", "clock": "virtual", "metrics": [{"name": "shard_balance", "value": 1e308}, {"name": "shard_balance", "value": -1e308}]}`,
		"BenchmarkX 1 2 ns/op\n", "scenario: s\nclock: real\nBenchmarkScenario/limiter=l/decision 1 0 decisions 3 latency-p99-sec\nend: 1\n",
		"Unit ns/op assume=exact\nBenchmarkX 1 2 ns/op\nBenchmarkX 1 3 ns/op\n", "BenchmarkX/ 1 NaN x\n",
	} {
		f.Add([]byte(seed), []byte(seed))
	}
	f.Fuzz(func(t *testing.T, base, next []byte) {
		a := &app{monitor: &monitor{stderr: io.Discard}}
		var sides [2]compare.Side
		for i, text := range [][]byte{base, next} {
			if err := a.addText(&sides[i], text, "file"); err != nil {
				return
			}
		}
		rows, err := compare.Compare(&sides[0], &sides[1])
		if err != nil {
			return
		}
		var b bytes.Buffer
		if err := compare.Text(&b, rows, true); err != nil {
			t.Error(err)
		}
		j, err := compare.Judge(rows, []compare.Rule{{Clock: "real", Worse: 0.05}}, 0.05)
		if err != nil {
			t.Fatal(err)
		}
		if j.Count(compare.Failed)+j.Count(compare.Untold)+j.Count(compare.Passed)+j.Count(compare.Unjudged) != len(rows) {
			t.Errorf("a figure has no outcome: %+v", j.Rows)
		}
	})
}
