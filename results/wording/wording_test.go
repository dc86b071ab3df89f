package wording_test

import (
	"testing"

	"github.com/quotalab/quotalab/results/wording"
)

func TestWording(t *testing.T) {
	for _, c := range []struct{ got, want, why string }{
		{wording.Thousands(999), "999", "no group"},
		{wording.Thousands(1_234_567), "1,234,567", "two groups"},
		{wording.Thousands(-1000), "-1,000", "the sign stays in front"},
		{wording.Counted(1, "key"), "1 key", "one"},
		{wording.Counted(2000, "key"), "2,000 keys", "many"},
		{wording.Counted(0, "key"), "0 keys", "none"},
		{wording.Percent(0), "0.0 %", "nothing is nothing"},
		{wording.Percent(0.0004), "<0.1 %", "something is not nothing"},
		{wording.Percent(0.9999), ">99.9 %", "not all"},
		{wording.Percent(1), "100.0 %", "all"},
		{wording.Quantity(0.0072, "s"), "7.2ms", "a time"},
		{wording.Quantity(90, "s"), "1m30s", "a long one"},
		{wording.Quantity(12.5, "/s"), "12.5/s", "a rate"},
		{wording.Quantity(12_345, "count"), "12,345", "a count"},
		{wording.Quantity(1.5, "count"), "1.5", "the mean of counts"},
		{wording.Quantity(0.25, "ratio"), "25.0 %", "a share"},
		{wording.Quantity(1e7, ""), "1e+07", "a plain number"},
		{wording.Printable("a\x1b[31m\u202eb"), "a\uFFFD[31m\uFFFDb", "neither a terminal nor a page is steered by a key"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", c.why, c.got, c.want)
		}
	}
}
