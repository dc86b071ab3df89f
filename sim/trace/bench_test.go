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
	entries, _, err := trace.Read(trace.Sample(), trace.Format{Name: "combined", KeyField: "host"})
	if err != nil {
		b.Fatal(err)
	}
	sample, err := io.ReadAll(trace.Sample())
	if err != nil {
		b.Fatal(err)
	}
	const days = 20
	var log, csv, jsonl strings.Builder
	csv.WriteString("time,host,status,path\n")
	for day := range days {
		log.WriteString(strings.ReplaceAll(string(sample), "[14/Jan", fmt.Sprintf("[%02d/Jan", 1+day)))
		for _, e := range entries {
			at := e.At.AddDate(0, 0, day).Format("2006-01-02T15:04:05.000Z07:00")
			fmt.Fprintf(&csv, "%s,%s,200,/docs/limits\n", at, e.Key)
			fmt.Fprintf(&jsonl, `{"time":%q,"host":%q,"method":"GET","path":"/docs/limits","status":200,"agent":"curl/8.5.0"}`+"\n", at, e.Key)
		}
	}
	for _, in := range []struct{ format, text string }{{"combined", log.String()}, {"csv", csv.String()}, {"jsonl", jsonl.String()}} {
		b.Run("format="+in.format, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				got, _, err := trace.Read(strings.NewReader(in.text), trace.Format{Name: in.format, TimeField: "time", KeyField: "host"})
				if err != nil || len(got) != days*len(entries) {
					b.Fatalf("%d entries, error %v", len(got), err)
				}
			}
			b.ReportMetric(float64(b.N*days*len(entries))/b.Elapsed().Seconds(), "lines/s")
		})
	}
}
