package limits

import (
	"testing"
	"time"
)

// BenchmarkTake is one decision and its spend, on a bucket near its limit.
func BenchmarkTake(b *testing.B) {
	for _, algorithm := range Algorithms() {
		b.Run(algorithm, func(b *testing.B) {
			bucket := mustNew(b, algorithm, Limit{Count: 100, Period: time.Second, Burst: 100})
			b.ReportAllocs()
			now := int64(0)
			for b.Loop() {
				now += int64(7 * time.Millisecond)
				if bucket.Peek(now, 1).Allowed {
					bucket.Spend(now, 1)
				}
			}
		})
	}
}
