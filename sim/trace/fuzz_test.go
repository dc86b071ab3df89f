package trace_test

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/quotalab/quotalab/sim/trace"
)

// checkRead is what holds of any input: entries sorted, in range and as many
// as good lines, or an error whose places lie within the input.
func checkRead(t *testing.T, in string, format trace.Format) []trace.Entry {
	t.Helper()
	entries, _, err := trace.Read(strings.NewReader(in), format)
	var bad *trace.LineErrors
	switch {
	case err == nil && len(entries) == 0, err != nil && len(entries) > 0:
		t.Fatalf("%d entries and error %v", len(entries), err)
	case errors.As(err, &bad):
		checkPlaces(t, in, bad)
	}
	if len(entries) > strings.Count(in, "\n")+1 {
		t.Fatalf("%d entries of %d lines", len(entries), strings.Count(in, "\n")+1)
	}
	if !slices.IsSortedFunc(entries, func(a, b trace.Entry) int { return a.At.Compare(b.At) }) {
		t.Fatalf("entries are not sorted: %v", entries)
	}
	for _, e := range entries {
		if year := e.At.Year(); year < 1970 || year > 2261 || e.At.Location() != time.UTC {
			t.Fatalf("time %v is out of range", e.At)
		}
	}
	return entries
}

func checkPlaces(t *testing.T, in string, bad *trace.LineErrors) {
	t.Helper()
	if bad.Count < 1 || len(bad.First) != min(bad.Count, 10) {
		t.Fatalf("%d bad lines of which %d are listed", bad.Count, len(bad.First))
	}
	lines := strings.Split(in, "\n")
	for _, e := range bad.First {
		if e.Line < 1 || e.Line > len(lines) || e.Column < 1 || e.Column > len(lines[e.Line-1])+1 || e.Msg == "" {
			t.Fatalf("place %d:%d is not in the input, or no message: %q", e.Line, e.Column, e.Msg)
		}
	}
}

func FuzzLog(f *testing.F) {
	for _, key := range []string{"host", "user", "path", "agent"} {
		f.Add(common+"\n"+combined+"\n"+cut, key)
	}
	f.Add(`192.0.2.1 - - [17/May/2015:10:05:03 +0000] "\x16\x03\"" 400 - "" ""`+"\r\n\n", "path")
	f.Add("\ufeff- - - [] \"\" - - \"", "agent")
	f.Fuzz(func(t *testing.T, in, key string) {
		for _, e := range checkRead(t, in, trace.Format{Name: "combined", KeyField: key}) {
			if e.Key != "-" && !strings.Contains(in, e.Key) {
				t.Fatalf("key %q is not in the input", e.Key)
			}
		}
	})
}

func FuzzCSV(f *testing.F) {
	f.Add("time,host\n1431857101.5,a\n2015-05-17T10:05:03Z,\"b\nb\"\n", "time", "host")
	f.Add("\ufeffa,a\r\n1,\"\"\"\"\r\n", "a", "a")
	f.Add("t,k\n1,x,y\n\"", "t", "k")
	f.Fuzz(func(t *testing.T, in, timeField, keyField string) {
		checkRead(t, in, trace.Format{Name: "csv", TimeField: timeField, KeyField: keyField})
	})
}

func FuzzJSONL(f *testing.F) {
	f.Add(`{"time":1431857101.5,"host":"a\u0062","x":[{}]}`+"\n"+`{"host":1,"time":"2015-05-17T10:05:03+02:00"}`, "time", "host")
	f.Add(`{"t":1,"t":2,"k":null}`, "t", "k")
	f.Add("{\"t\":1,\"k\":\"\xff\"} {", "t", "k")
	f.Fuzz(func(t *testing.T, in, timeField, keyField string) {
		checkRead(t, in, trace.Format{Name: "jsonl", TimeField: timeField, KeyField: keyField})
	})
}

// drawEntries draws sorted entries; keys are free of what an access log's host cannot hold.
func drawEntries(t *rapid.T, unit time.Duration) []trace.Entry {
	const years = 7_000_000_000 // seconds: up to 2191
	second := rapid.Int64Range(0, years)
	nanos := rapid.Int64Range(0, int64(time.Second-1))
	entry := rapid.Custom(func(t *rapid.T) trace.Entry {
		at := time.Unix(second.Draw(t, "second"), nanos.Draw(t, "nanos")).UTC().Truncate(unit)
		return trace.Entry{At: at, Key: rapid.StringMatching(`[0-9a-z:."é-]{1,12}`).Draw(t, "key")}
	})
	entries := rapid.SliceOfN(entry, 1, 20).Draw(t, "entries")
	slices.SortStableFunc(entries, func(a, b trace.Entry) int { return a.At.Compare(b.At) })
	return entries
}

// TestWhatIsWrittenIsReadBack writes entries with other people's encoders.
func TestWhatIsWrittenIsReadBack(t *testing.T) {
	writers := []struct {
		format string
		unit   time.Duration // precision of the format's times
		write  func(b *strings.Builder, entries []trace.Entry) error
	}{
		{"common", time.Second, func(b *strings.Builder, entries []trace.Entry) error {
			zone := time.FixedZone("", -5*3600-1800)
			for _, e := range entries {
				fmt.Fprintf(b, "%s - - [%s] \"GET / HTTP/1.1\" 200 -\n", e.Key, e.At.In(zone).Format("02/Jan/2006:15:04:05 -0700"))
			}
			return nil
		}},
		{"csv", time.Nanosecond, func(b *strings.Builder, entries []trace.Entry) error {
			w := csv.NewWriter(b)
			rows := [][]string{{"host", "x", "time"}}
			for _, e := range entries {
				rows = append(rows, []string{e.Key, "", fmt.Sprintf("%d.%09d", e.At.Unix(), e.At.Nanosecond())})
			}
			return w.WriteAll(rows)
		}},
		{"jsonl", time.Nanosecond, func(b *strings.Builder, entries []trace.Entry) error {
			enc := json.NewEncoder(b)
			for _, e := range entries {
				if err := enc.Encode(map[string]any{"time": e.At, "host": e.Key}); err != nil {
					return err
				}
			}
			return nil
		}},
	}
	for _, w := range writers {
		t.Run(w.format, rapid.MakeCheck(func(t *rapid.T) {
			entries := drawEntries(t, w.unit)
			var b strings.Builder
			if err := w.write(&b, entries); err != nil {
				t.Fatal(err)
			}
			got, _, err := trace.Read(strings.NewReader(b.String()), trace.Format{Name: w.format, TimeField: "time", KeyField: "host"})
			if err != nil {
				t.Fatal(err)
			}
			if diff := gocmp.Diff(entries, got); diff != "" {
				t.Fatalf("(-written +read):\n%s\nfrom\n%s", diff, b.String())
			}
		}))
	}
}
