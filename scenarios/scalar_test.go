package scenarios

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestSpellings reads each spelling of each scalar through a whole file, and
// the printed form of what was read again.
func TestSpellings(t *testing.T) {
	const file = `name: spellings
horizon: %s
seed: %s
epoch: %s
keys: {k: {hot_set: {n: %s, hot: 1, share: %s}}, z: {zipf: {n: 9, s: %s}}}
traffic: {t: {rate: %s, keys: k}}
limiters: {l: {kind: tat, limit: {count: 3, period: 1s}}}
`
	first := []any{"1m", "7", "2026-01-01T00:00:00Z", "10", "5%", "1.1", "5/s"}
	with := func(i int, spelling string) *Scenario {
		args := append([]any{}, first...)
		args[i] = spelling
		return mustDecode(t, fmt.Sprintf(file, args...))
	}
	for _, c := range []struct {
		index    int
		spelling string
		get      func(*Scenario) any
		want     any
	}{
		{0, "90s", horizon, Duration(90 * time.Second)},
		{0, "1h30m", horizon, Duration(90 * time.Minute)},
		{0, "30d", horizon, Duration(720 * time.Hour)},
		{0, "0.5ms", horizon, Duration(500 * time.Microsecond)},
		{0, "'12h'", horizon, Duration(12 * time.Hour)},
		{1, "18446744073709551615", seed, uint64(1<<64 - 1)},
		{1, "1_000", seed, uint64(1000)},
		{1, "1e6", seed, uint64(1e6)},
		{1, "0", seed, uint64(0)},
		{2, "2026-05-17T10:00:00+02:00", epoch, time.Date(2026, 5, 17, 8, 0, 0, 0, time.UTC)},
		{2, "2026-05-17T10:00:00.5Z", epoch, time.Date(2026, 5, 17, 10, 0, 0, 5e8, time.UTC)},
		{3, "1_000_000", count, Count(1e6)},
		{3, "1e6", count, Count(1e6)},
		{3, "1.5e3", count, Count(1500)},
		{4, "2%", share, Fraction(0.02)},
		{4, "0.02", share, Fraction(0.02)},
		{4, "1", share, Fraction(1)},
		{5, "0", exponent, Number(0)},
		{5, "1e-1", exponent, Number(0.1)},
		{6, "500/s", rate, Rate(500)},
		{6, "12/h", rate, Rate(12. / 3600)},
		{6, "1.5e3/s", rate, Rate(1500)},
		{6, "1/d", rate, Rate(1. / 86400)},
	} {
		got := c.get(with(c.index, c.spelling))
		if got != c.want {
			t.Errorf("%s: got %v, want %v", c.spelling, got, c.want)
			continue
		}
		printed := fmt.Sprint(got)
		if at, isTime := got.(time.Time); isTime {
			printed = at.Format(time.RFC3339Nano)
		}
		if again := c.get(with(c.index, printed)); again != c.want {
			t.Errorf("%s prints as %s, which reads as %v", c.spelling, printed, again)
		}
	}
}

func horizon(s *Scenario) any  { return s.Horizon }
func seed(s *Scenario) any     { return s.Seed }
func epoch(s *Scenario) any    { return s.Epoch }
func count(s *Scenario) any    { return s.Keys[0].Value.HotSet.N }
func share(s *Scenario) any    { return s.Keys[0].Value.HotSet.Share }
func exponent(s *Scenario) any { return s.Keys[1].Value.Zipf.S }
func rate(s *Scenario) any     { return *s.Traffic[0].Value.Rate.Constant }

// TestScalarsPrintAsRead: printing and reading any value of a scalar type
// gives it back.
func TestScalarsPrintAsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		horizon := Duration(rapid.Int64Range(1, int64(longestHorizon)).Draw(t, "horizon"))
		rate := Rate(rapid.Float64Range(1e-9, 1e8).Draw(t, "rate"))
		n := Count(rapid.Int64Range(2, 1<<62).Draw(t, "n"))
		share := Fraction(rapid.Float64Range(0, 1).Draw(t, "share"))
		text := fmt.Sprintf("name: a\nhorizon: %v\nkeys: {k: {hot_set: {n: %v, hot: 1, share: %v}}}\ntraffic: {t: {rate: %v, keys: k}}\nlimiters: {l: {kind: x, limit: {count: 1, period: 1s}}}\n", horizon, n, share, rate)
		s, problems := Decode("x.yaml", []byte(text))
		if len(problems) > 0 {
			t.Fatalf("%v", problems)
		}
		h := s.Keys[0].Value.HotSet
		if s.Horizon != horizon || h.N != n || h.Share != share || *s.Traffic[0].Value.Rate.Constant != rate {
			t.Fatalf("%s reads as %+v", strings.TrimSpace(text), s)
		}
	})
}
