package plots

import (
	"math"
	"testing"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/plots/draw"
)

func TestNumbersInWords(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{unit.Amount(0, 3), "0 s"}, {unit.Amount(1e-9, 3), "1 ns"}, {unit.Amount(2.5e-7, 3), "250 ns"}, {unit.Amount(0.00025, 3), "250 µs"}, {unit.Amount(0.001, 3), "1 ms"},
		{unit.Amount(0.0105, 3), "10.5 ms"}, {unit.Amount(0.99999, 3), "1 s"}, {unit.Amount(90, 3), "90 s"}, {unit.Amount(120, 3), "2 min"}, {unit.Amount(7200, 3), "2 h"},
		{unit.Amount(86400*31, 3), "31 days"}, {unit.Amount(math.NaN(), 3), "unknown"},
		{draw.Instant(0), "0 s"}, {draw.Instant(33), "33 s"}, {draw.Instant(90), "1m30s"}, {draw.Instant(3600), "1h"}, {draw.Instant(86400 * 12.5), "12.5 days"},
		{draw.Number(0.25), "0.25"}, {draw.Number(12000), "12,000"}, {draw.Number(-3), "−3"}, {draw.Number(1e21), "1e+21"},
		{percent(0), "0 %"}, {percent(1), "100 %"}, {percent(0.131), "13.1 %"}, {percent(0.0061), "0.61 %"}, {percent(1e-6), "<0.05 %"}, {percent(1 - 1e-6), ">99.9 %"},
		{and(nil), ""}, {and([]string{"a"}), "a"}, {and([]string{"a", "b"}), "a and b"}, {and([]string{"a", "b", "c"}), "a, b and c"},
		{unit.Counted(1, "decision"), "1 decision"}, {unit.Counted(2000, "decision"), "2,000 decisions"},
		{slug("Latency of A/b"), "latency-of-a-b"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, expected %q", tt.got, tt.want)
		}
	}
}
