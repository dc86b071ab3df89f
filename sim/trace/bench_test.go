package trace_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/quotalab/quotalab/sim/trace"
)

// BenchmarkRead reports lines per second; the aim is 500,000 in every format.
func BenchmarkRead(b *testing.B) {
	entries, err := trace.Read(trace.Sample(), trace.Format{Name: "combined"})
	if err != nil {
		b.Fatal(err)
	}
	log, err := io.ReadAll(trace.Sample())
	if err != nil {
		b.Fatal(err)
	}
	var csv, jsonl strings.Builder
	csv.WriteString("time,host,status,path\n")
	for _, e := range entries {
		at := e.At.Format("2006-01-02T15:04:05.000Z07:00")
		fmt.Fprintf(&csv, "%s,%s,200,/docs/limits\n", at, e.Key)
		fmt.Fprintf(&jsonl, `{"time":%q,"host":%q,"method":"GET","path":"/docs/limits","status":200,"agent":"curl/8.5.0"}`+"\n", at, e.Key)
	}
	const repeat = 20
	inputs := []struct{ format, text string }{
		{"combined", strings.Repeat(string(log), repeat)},
		{"csv", "time,host,status,path\n" + strings.Repeat(strings.TrimPrefix(csv.String(), "time,host,status,path\n"), repeat)},
		{"jsonl", strings.Repeat(jsonl.String(), repeat)},
	}
	for _, in := range inputs {
		b.Run("format="+in.format, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				got, err := trace.Read(strings.NewReader(in.text), trace.Format{Name: in.format})
				if err != nil || len(got) != repeat*len(entries) {
					b.Fatalf("%d entries, error %v", len(got), err)
				}
			}
			b.ReportMetric(float64(b.N*repeat*len(entries))/b.Elapsed().Seconds(), "lines/s")
		})
	}
}
