package redisdata

import (
	"strconv"
	"testing"
)

// What redis-server 7.0.15 answers to MEMORY USAGE SAMPLES 0 of sorted sets with
// members of 18 bytes, to a sixth.
func TestMemoryOfSortedSets(t *testing.T) {
	for _, tt := range []struct{ members, redis int }{{100, 3_120}, {1_000, 118_152}, {5_000, 646_280}} {
		s, c := New(nil), new(Client)
		for i := range tt.members {
			score := strconv.Itoa(1767225600000000 + i)
			s.Execute(c, "zadd", []string{"zadd", "z", score, score + "-1"})
		}
		s.Each(func(_ string, _ bool, bytes int) {
			if off := float64(bytes)/float64(tt.redis) - 1; off < -1./6 || off > 1./6 {
				t.Errorf("%d members: estimated %d bytes, Redis says %d", tt.members, bytes, tt.redis)
			}
		})
	}
}
