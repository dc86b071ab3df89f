package unit

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestByteRates(t *testing.T) {
	for _, r := range []struct {
		in    string
		want  float64
		print string
	}{
		{"1MB/s", 1e6, "1MB/s"}, {"1MiB/s", 1 << 20, "1MiB/s"}, {"64KiB/s", 65536, "64KiB/s"}, {"1.5kB/s", 1500, "1.5kB/s"}, {"900B/s", 900, "900B/s"},
		{"1_000B/s", 1000, "1kB/s"}, {"1e6B/s", 1e6, "1MB/s"}, {"500kB/s", 5e5, "0.5MB/s"}, {"0MB/s", 0, "0B/s"}, {"-2B/s", -2, "-2B/s"},
	} {
		got, err := ByteRate(r.in)
		if err != nil || got != r.want || FormatByteRate(got) != r.print {
			t.Errorf("%s: got %v, %v, printed %s; want %v, printed %s", r.in, got, err, FormatByteRate(got), r.want, r.print)
		}
	}
	for _, r := range []struct{ in, want string }{
		{"1", "has no unit"}, {"1MB", `"MB" is not a unit`}, {"1mb/s", `"mb/s" is not a unit`}, {"1GB/s", `"GB/s" is not a unit`}, {"fast", "expected bytes per second"},
		{"", "expected bytes per second"}, {"1 MB/s", `" MB/s" is not a unit`}, {"1e308MB/s", "too large"}, {"1e999B/s", "out of range"},
	} {
		if _, err := ByteRate(r.in); err == nil || !strings.Contains(err.Error(), r.want) {
			t.Errorf("%q: got %v, want an error with %q", r.in, err, r.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.Float64Range(0, 1e15).Draw(t, "bytes")
		if got, err := ByteRate(FormatByteRate(want)); err != nil || got != want {
			t.Fatalf("%v prints as %q, which reads as %v, %v", want, FormatByteRate(want), got, err)
		}
	})
}
