package realredis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/fakeredis"
)

// statOf reads a number out of INFO stats.
func statOf(t testing.TB, c *redis.Client, name string) int64 {
	t.Helper()
	info := map[string]string{}
	parseInfo(c.Info(context.Background(), "stats").Val(), info)
	n, err := strconv.ParseInt(info[name], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// crowd has callers send increments at once, and returns how often the
// servers had to read for each command.
func crowd(t testing.TB, s *Servers, c redis.UniversalClient, callers, each int) float64 {
	t.Helper()
	reads := func() (n int64) {
		for i := range s.Names() {
			n += statOf(t, s.Admin(i), "total_reads_processed")
		}
		return n
	}
	before := reads()
	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() {
			for i := range each {
				trace := fakeredis.NewTrace(context.Background())
				key := fmt.Sprint("counter-", (caller+i)%50)
				if err := c.Incr(trace, key).Err(); err != nil {
					t.Errorf("%v", err)
					return
				}
				if touch, ok := trace.Key(key); !ok || trace.RoundTrips != 1 || !slices.Contains(s.Names(), touch.Shard) {
					t.Errorf("trace of %s: %+v", key, trace)
				}
			}
		})
	}
	all.Wait()
	return float64(reads()-before) / float64(callers*each)
}

// Commands of different requests share round trips, each keeps its trace, and
// the counts are exact.
func TestAutoPipelining(t *testing.T) {
	s := spawned(t, "one", "two")
	ctx := t.Context()
	reads := map[string]float64{}
	for _, pipelining := range []string{"none", "auto"} {
		f := fleetOn(t, s, pipelining)
		conn := connection()
		conn.Pipelining = pipelining
		c := made(t, f, conn, nil)
		if err := f.WarmUp(ctx); err != nil {
			t.Fatal(err)
		}
		before := surveyed(t, s)
		reads[pipelining] = crowd(t, s, c, 64, 100)
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if sent := agreed(t, s, before, f); sent != 6400 {
			t.Errorf("%s: %d commands, expected 6400", pipelining, sent)
		}
		for i := range s.Names() {
			sum := int64(0)
			keys, err := s.Admin(i).Keys(ctx, runPrefix+pipelining+":*").Result()
			if err != nil || len(keys) == 0 {
				t.Fatal(keys, err)
			}
			for _, key := range keys {
				n, err := s.Admin(i).Get(ctx, key).Int64()
				if err != nil {
					t.Fatal(err)
				}
				sum += n
			}
			if sum == 0 || sum >= 6400 {
				t.Errorf("%s: %d of 6400 on shard %s", pipelining, sum, s.Names()[i])
			}
		}
	}
	t.Logf("reads a command: %.3f without, %.3f with auto-pipelining", reads["none"], reads["auto"])
	if reads["none"] < 0.99 || reads["auto"] > reads["none"]/2 {
		t.Errorf("reads a command: %.3f without, %.3f with auto-pipelining", reads["none"], reads["auto"])
	}
}

// A Ring tries again on another connection, with and without batches.
func TestRetries(t *testing.T) {
	s := spawned(t, "one")
	ctx := t.Context()
	for _, pipelining := range []string{"none", "auto"} {
		for retries, fails := range map[int]bool{0: true, 3: false} {
			f := fleetOn(t, s, "l")
			conn := connection()
			conn.Pipelining, conn.MaxRetries, conn.PoolSize = pipelining, scenarios.Count(retries), 4
			c := made(t, f, conn, nil)
			if err := f.WarmUp(ctx); err != nil {
				t.Fatal(err)
			}
			failed := 0
			for range 6 { // a pool may see that a connection is closed before it uses it
				var all sync.WaitGroup
				var mu sync.Mutex
				for range 8 {
					all.Go(func() {
						for range 50 {
							if err := c.Incr(ctx, "k").Err(); err != nil {
								mu.Lock()
								failed++
								mu.Unlock()
							}
						}
					})
				}
				if err := s.Admin(0).Do(ctx, "client", "kill", "type", "normal", "skipme", "yes").Err(); err != nil {
					t.Fatal(err)
				}
				all.Wait()
			}
			if (failed > 0) != fails {
				t.Errorf("%s, %d retries: %d of 2400 failed", pipelining, retries, failed)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Clients get in as the harness does: user, password, database and TLS.
func TestClientsLogIn(t *testing.T) {
	addresses, _, login := secured(t)
	ctx := t.Context()
	s, err := Dial(ctx, addresses, login)
	s = open(t, s, err)
	for _, pipelining := range []string{"none", "auto"} {
		f := fleetOn(t, s, "l")
		conn := connection()
		conn.Pipelining = pipelining
		c := made(t, f, conn, nil)
		if err := f.WarmUp(ctx); err != nil {
			t.Fatal(err)
		}
		before := surveyed(t, s)
		for n := range 100 {
			if err := c.Incr(ctx, fmt.Sprint("k", n)).Err(); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := c.Pipelined(ctx, func(p redis.Pipeliner) error { p.Incr(ctx, "a"); p.Incr(ctx, "b"); return nil }); err != nil {
			t.Fatal(err)
		}
		if sent := agreed(t, s, before, f); sent != 102 {
			t.Errorf("%s: %d commands, expected 102", pipelining, sent)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for i := range addresses {
		if info := s.Admin(i).Info(ctx, "keyspace").Val(); len(info) < 20 || !strings.Contains(info, "db3:") {
			t.Errorf("keys elsewhere than in database 3: %s", info)
		}
	}
	if err := errors.Join(s.CleanUp(ctx, runPrefix)...); err != nil {
		t.Fatal(err)
	}
	holdOnly(t, s, func(string) bool { return false })
}

func TestClientOptions(t *testing.T) {
	s := &Servers{names: []string{"a", "b"}, hosts: []string{"127.0.0.1:1", "127.0.0.1:2"}}
	f := fleetOn(t, s, "l")
	conn := connection()
	conn.PoolSize, conn.PoolTimeout, conn.DialTimeout, conn.ReadTimeout, conn.WriteTimeout = 7, 1e9, 2e9, 3e9, 4e9
	conn.MaxRetries, conn.DialerRetries, conn.Heartbeat = 0, 2, 3600e9
	c, err := f.Client(fakeredis.ClientSpec{ShardNames: []string{"x", "y"}, Connection: conn})
	if err != nil {
		t.Fatal(err)
	}
	ring := c.(*redis.Ring)
	if o := ring.Options(); o.Addrs["x"] != "127.0.0.1:1" || o.Addrs["y"] != "127.0.0.1:2" || o.MaxRetries != 0 || o.HeartbeatFrequency != time.Hour {
		t.Errorf("the Ring's options: %+v", o)
	}
	for _, n := range ring.GetShardClients() {
		o := n.Options()
		if o.PoolSize != 7 || o.PoolTimeout != time.Second || o.DialTimeout != 2*time.Second || o.ReadTimeout != 3*time.Second || o.WriteTimeout != 4*time.Second ||
			o.DialerRetries != 2 || o.Protocol != 2 || !o.DisableIdentity || o.MaintNotificationsConfig.Mode != "disabled" {
			t.Errorf("a shard's options: %+v", o)
		}
	}
	for why, names := range map[string][]string{"one name for two": {"x", "x"}, "a name too few": {"x"}} {
		if c, err := f.Client(fakeredis.ClientSpec{ShardNames: names, Connection: conn}); err == nil || c != nil {
			t.Errorf("%s: %v, %v", why, c, err)
		}
	}
	if c, err := s.Fleet("run:", "li{m}it").Client(fakeredis.ClientSpec{ShardNames: xAndY, Connection: conn}); err == nil || c != nil {
		t.Errorf("a hash tag in a scope: %v, %v", c, err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if c, err := f.Client(fakeredis.ClientSpec{ShardNames: xAndY, Connection: conn}); err == nil || c != nil {
		t.Errorf("a closed fleet: %v, %v", c, err)
	}
}

var xAndY = []string{"x", "y"}
