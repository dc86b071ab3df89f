package quota_test

import (
	"context"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/quotalab/quotalab/sim/quota"
)

func TestClaimsAgainstDefinition(t *testing.T) {
	ctx := context.Background()
	onShards(t, func(ring *redis.Ring) {
		rapid.Check(t, func(t *rapid.T) {
			if err := ring.ForEachShard(ctx, func(ctx context.Context, c *redis.Client) error { return c.FlushAll(ctx).Err() }); err != nil {
				t.Fatal(err)
			}
			all := map[string]quota.Claims{"memory": &quota.MemoryClaims{}, "redis": &quota.RedisClaims{Redis: ring, Prefix: "test:"}}
			held := map[quota.Claim]int64{}
			draw := func(t *rapid.T) quota.Claim {
				return quota.Claim{Account: rapid.Int64Range(1, 2).Draw(t, "account"),
					Period:    rapid.SampledFrom([]int64{quota.RollingPeriod, -day, 0, day, math.MaxInt64}).Draw(t, "period"),
					Threshold: rapid.SampledFrom([]int64{75, 90}).Draw(t, "threshold")}
			}
			t.Repeat(map[string]func(*rapid.T){
				"claim": func(t *rapid.T) {
					c, at := draw(t), rapid.Int64().Draw(t, "at")
					_, taken := held[c]
					if !taken {
						held[c] = at
					}
					for name, s := range all {
						if won, err := s.Claim(ctx, c, at); err != nil || won == taken {
							t.Fatalf("%s: %+v: won %v, %v, taken before: %v", name, c, won, err, taken)
						}
					}
				},
				"release": func(t *rapid.T) {
					c := draw(t)
					delete(held, c)
					for name, s := range all {
						if err := s.Release(ctx, c); err != nil {
							t.Fatal(name, err)
						}
					}
				},
				"held": func(t *rapid.T) {
					c := draw(t)
					thresholds := []int64{75, 90, 100}
					want := make([]int64, len(thresholds))
					for i, percent := range thresholds {
						want[i] = quota.Unknown
						if at, ok := held[quota.Claim{Account: c.Account, Period: c.Period, Threshold: percent}]; ok {
							want[i] = at
						}
					}
					for name, s := range all {
						if got, err := s.Held(ctx, c.Account, c.Period, thresholds); err != nil || !slices.Equal(got, want) {
							t.Fatalf("%s: held %v, %v, want %v", name, got, err, want)
						}
					}
				},
			})
		})
	})
}

func TestOneOfManyWinsAClaim(t *testing.T) {
	var claims quota.MemoryClaims
	var wins atomic.Int64
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for percent := range int64(200) {
				if won, err := claims.Claim(context.Background(), quota.Claim{Account: 1, Threshold: percent}, 0); err == nil && won {
					wins.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if wins.Load() != 200 {
		t.Errorf("200 claims were won %d times", wins.Load())
	}
}

func TestRedisClaimsReportForeignValues(t *testing.T) {
	ctx := context.Background()
	onShards(t, func(ring *redis.Ring) {
		if err := ring.HSet(ctx, "test:claims:1", "0/75", "yes").Err(); err != nil {
			t.Fatal(err)
		}
		s := quota.RedisClaims{Redis: ring, Prefix: "test:"}
		if _, err := s.Held(ctx, 1, 0, []int64{75}); err == nil || !strings.Contains(err.Error(), "test:claims:1") {
			t.Errorf("error %v, want one that names the key", err)
		}
	})
}
