package plan

import (
	"fmt"
	"testing"
)

// BenchmarkUsage draws whole streams of 90 days in batches of 5 minutes, by
// the mean of a batch.
func BenchmarkUsage(b *testing.B) {
	const batches = 90 * 288
	for _, c := range []struct {
		name  string
		limit int64 // a month, of which all is used; 8640 batches a month
		more  string
	}{
		{"mean=0.01", 86, ""}, {"mean=0.1", 864, ""}, {"mean=1", 8_640, ""}, {"mean=3", 25_920, ""}, {"mean=9", 77_760, ""},
		{"mean=12", 103_680, ""}, {"mean=30", 259_200, ""}, {"mean=100", 864_000, ""}, {"mean=1e6", 8_640_000_000, ""},
		{"mean=1,corrected", 8_640, ", corrections: {every: 1d, share: 5%}"}, {"mean=1,even", 8_640, ", draw: even"},
	} {
		b.Run(c.name, func(b *testing.B) {
			p := accountsOf(b, "horizon: 90d", fmt.Sprintf("g: {count: 1000, limit: %d, usage: {of_limit: 100%%%s}}", c.limit, c.more))
			b.ReportAllocs()
			b.ResetTimer()
			units := int64(0)
			for i := range b.N {
				s := p.Usage(i % 1000)
				for {
					_, n, ok := s.Next()
					if !ok {
						break
					}
					units += n
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/batches, "ns/batch")
			b.ReportMetric(float64(b.N)*batches/b.Elapsed().Seconds(), "batches/s")
			if units == 0 {
				b.Error("nothing was used")
			}
		})
	}
}

// BenchmarkAccount is the cost of asking for an account, and of beginning its
// usage again.
func BenchmarkAccount(b *testing.B) {
	p := accountsOf(b, "horizon: 90d", "g: {count: 100_000, limit: 1_000, usage: {of_limit: 100%, scale: {lognormal: {p99: 4}}}}")
	b.Run("Account", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			if a := p.Accounts.Account(i % 100_000); a.ID == 0 {
				b.Fatal("no account")
			}
		}
	})
	b.Run("Usage", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			if s := p.Usage(i % 100_000); s.mean == 0 {
				b.Fatal("no usage")
			}
		}
	})
}
