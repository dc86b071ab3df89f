package quota_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/quotalab/quotalab/models/network"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/fakeredis"
	"github.com/quotalab/quotalab/sim/quota"
)

// onShards plays f on a Ring of three embedded shards.
func onShards(t testing.TB, f func(ring *redis.Ring)) {
	t.Helper()
	sched := clock.New(time.Unix(0, 0))
	none := network.Constant(0)
	names := []string{"shard-1", "shard-2", "shard-3"}
	stream := func(name string) *rand.Rand { return rand.New(rand.NewPCG(uint64(len(name)), 7)) }
	fleet, err := fakeredis.NewFleet(sched, fakeredis.Spec{Names: names, Service: none, Scripts: none, Stream: stream})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := fleet.Close(); err != nil {
			t.Error(err)
		}
	}()
	ring, err := fleet.Ring(fakeredis.ClientSpec{ShardNames: names, RTT: []network.Distribution{none, none, none}, Stream: stream})
	if err != nil {
		t.Fatal(err)
	}
	sched.Go(func(*clock.Proc) { f(ring) })
	sched.Run()
}

// logs are all implementations. The shared one answers any query, the others
// those about one account.
func logs(ring redis.UniversalClient, prefix string) map[string]quota.Log {
	return map[string]quota.Log{
		"memory":        &quota.MemoryLog{},
		"redis":         &quota.RedisLog{Redis: ring, Prefix: prefix},
		"redis, shared": &quota.RedisLog{Redis: ring, Prefix: prefix, Shared: true},
	}
}

// slowFirst is Log.First by definition.
func slowFirst(rows []quota.Row, q quota.Query) (quota.Row, bool) {
	for _, r := range rows {
		if r.Account != q.Account && !q.AnyAccount || r.At <= q.After {
			continue
		}
		if r.Threshold == q.Threshold || q.OrHigher && r.Threshold > q.Threshold {
			return r, true
		}
	}
	return quota.Row{}, false
}

func TestLogsAgainstDefinition(t *testing.T) {
	ctx := context.Background()
	onShards(t, func(ring *redis.Ring) {
		rapid.Check(t, func(t *rapid.T) {
			if err := ring.ForEachShard(ctx, func(ctx context.Context, c *redis.Client) error { return c.FlushAll(ctx).Err() }); err != nil {
				t.Fatal(err)
			}
			all := logs(ring, "test:")
			var rows []quota.Row
			account, percent, at := rapid.Int64Range(1, 3), rapid.SampledFrom([]int64{75, 90, 100}), rapid.Int64Range(-3, 9)
			t.Repeat(map[string]func(*rapid.T){
				"append": func(t *rapid.T) {
					r := quota.Row{Account: account.Draw(t, "account"), Threshold: percent.Draw(t, "threshold"), At: at.Draw(t, "at")}
					rows = append(rows, r)
					for name, l := range all {
						if err := l.Append(ctx, r); err != nil {
							t.Fatal(name, err)
						}
					}
				},
				"erase": func(t *rapid.T) {
					a := account.Draw(t, "account")
					rows = slices.DeleteFunc(rows, func(r quota.Row) bool { return r.Account == a })
					for name, l := range all {
						if err := l.Erase(ctx, a); err != nil {
							t.Fatal(name, err)
						}
					}
				},
				"first": func(t *rapid.T) {
					q := quota.Query{Account: account.Draw(t, "account"), AnyAccount: rapid.Bool().Draw(t, "any"), After: at.Draw(t, "after"),
						Threshold: percent.Draw(t, "threshold"), OrHigher: rapid.Bool().Draw(t, "or higher")}
					want, found := slowFirst(rows, q)
					for name, l := range all {
						got, ok, err := l.First(ctx, q)
						if name == "redis" && q.AnyAccount {
							if err == nil {
								t.Fatalf("%s answers a query for any account", name)
							}
							continue
						}
						if err != nil || got != want || ok != found {
							t.Fatalf("%s: first of %+v is %v, %v, %v, want %v, %v", name, q, got, ok, err, want, found)
						}
					}
				},
			})
		})
	})
}

func TestRedisLogReportsForeignRows(t *testing.T) {
	ctx := context.Background()
	onShards(t, func(ring *redis.Ring) {
		for _, text := range []string{"", "1/75", "1/75/x", "1/75/5/6", "a/b/c"} {
			if err := ring.Del(ctx, "test:log:1").Err(); err != nil {
				t.Fatal(err)
			}
			if err := ring.RPush(ctx, "test:log:1", text).Err(); err != nil {
				t.Fatal(err)
			}
			l := quota.RedisLog{Redis: ring, Prefix: "test:"}
			if _, _, err := l.First(ctx, quota.Query{Account: 1}); err == nil || !strings.Contains(err.Error(), "test:log:1") {
				t.Errorf("row %q: error %v, want one that names the key", text, err)
			}
		}
	})
}
