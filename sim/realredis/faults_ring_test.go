package realredis

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/models/network"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/fakeredis"
	"github.com/quotalab/quotalab/sim/fault"
)

// ringsOf makes two clients of one fleet, which name two shards differently.
func ringsOf(t testing.TB, s *Servers) []redis.UniversalClient {
	t.Helper()
	f := s.Fleet("quotalab:test:", "l")
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	conn := scenarios.Connection{DialTimeout: 5e9, ReadTimeout: 3e9, WriteTimeout: 3e9, DialerRetries: 5, Heartbeat: 5e8, Pipelining: "none"}
	var rings []redis.UniversalClient
	for _, names := range [][]string{{"a", "b"}, {"x", "y"}} {
		c, err := f.Client(fakeredis.ClientSpec{ShardNames: names, Connection: conn})
		if err != nil {
			t.Fatal(err)
		}
		rings = append(rings, c)
	}
	return rings
}

// missing counts which of a client's hundred keys it does not find.
func missing(t testing.TB, client int, c redis.UniversalClient) (n int) {
	t.Helper()
	for i := range 100 {
		found, err := c.Exists(t.Context(), fmt.Sprintf("client%d key%d", client, i)).Result()
		if err != nil {
			t.Fatal(err)
		}
		n += int(1 - found)
	}
	return n
}

func fillKeys(t testing.TB, client int, c redis.UniversalClient) {
	t.Helper()
	for i := range 100 {
		if err := c.Set(t.Context(), fmt.Sprintf("client%d key%d", client, i), "v", 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRenamedAndAddedShards(t *testing.T) {
	needRedis(t)
	rename, add := fault.Fault{Kind: fault.Rename, Shard: 1, Name: "c"}, fault.Fault{Kind: fault.Add, Shard: 2, Name: "d"}
	later := fault.Fault{Kind: fault.Delay, Shard: 2, Until: 1, RTT: network.Constant(10 * time.Millisecond)}
	tests := []struct {
		why        string
		faults     []fault.Fault
		begin      fault.Fault
		few, many  int // keys that move
		keysOnLast int // of the added shard, at least
	}{
		{"a new name: some keys of either shard move", []fault.Fault{rename}, rename, 20, 80, 0},
		{"one more shard: a third of the keys move", []fault.Fault{add}, add, 15, 55, 15},
		{"one more shard behind a proxy", []fault.Fault{later, add}, add, 15, 55, 15},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			noLeaks(t)
			s, err := Spawn(t.Context(), []string{"a", "b"})
			troubled(t, s, err, tt.faults...)
			rings := ringsOf(t, s)
			for i, c := range rings {
				fillKeys(t, i, c)
			}
			start := time.Now()
			begin(t, s, tt.begin)
			took := time.Since(start)
			for i, c := range rings {
				n := missing(t, i, c)
				t.Logf("client %d: %d of 100 keys moved, in %v", i+1, n, took)
				if n < tt.few || n > tt.many {
					t.Errorf("client %d: %d of 100 keys moved, expected %d to %d", i+1, n, tt.few, tt.many)
				}
				fillKeys(t, i, c)
				if n := missing(t, i, c); n > 0 {
					t.Errorf("client %d: %d of 100 keys not found that were written after", i+1, n)
				}
			}
			if tt.begin.Kind != fault.Add {
				return
			}
			begin(t, s, fault.Fault{Kind: fault.Rename, Shard: 2, Name: "e"}) // whatever joined can be renamed
			for i, c := range rings {
				if n := missing(t, i, c); n == 0 {
					t.Errorf("client %d: no key moved when the added shard was renamed", i+1)
				}
			}
			if !slices.Equal(s.Names(), []string{"a", "b", "d"}) || len(s.Hosts()) != 3 {
				t.Errorf("shards %q at %q", s.Names(), s.Hosts())
			}
			if n := s.Admin(2).DBSize(t.Context()).Val(); int(n) < tt.keysOnLast {
				t.Errorf("%d keys on the added shard, expected at least %d", n, tt.keysOnLast)
			}
			if took > 100*time.Millisecond {
				t.Errorf("joining took %v, expected it to be as fast as telling the Rings", took)
			}
		})
	}
}

// Servers that are to join and never do end with the others.
func TestSparesEndUnused(t *testing.T) {
	needRedis(t)
	noLeaks(t)
	s, err := Spawn(t.Context(), []string{"a"})
	troubled(t, s, err, fault.Fault{Kind: fault.Add, At: 2, Shard: 2, Name: "c"}, fault.Fault{Kind: fault.Add, At: 1, Shard: 1, Name: "b"})
	if !slices.Equal(s.Names(), []string{"a", "b", "c"}) || s.atFirst() != 1 {
		t.Errorf("shards %q, %d of them at first", s.Names(), s.atFirst())
	}
	pids := pidsOf(s)
	if len(pids) != 3 {
		t.Fatalf("%d processes, expected 3", len(pids))
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	vanish(t, pids)
}

// A node of a cluster that is killed or restarted comes back with its slots,
// without its data.
func TestFaultsOfOwnCluster(t *testing.T) {
	needRedis(t)
	noLeaks(t)
	restart, down := fault.Fault{Kind: fault.Restart}, fault.Fault{Kind: fault.Down, Until: 1}
	s, err := SpawnCluster(t.Context(), []string{"a", "b", "c"})
	troubled(t, s, err, restart, down)
	c := redis.NewClusterClient(&redis.ClusterOptions{Addrs: s.Hosts()})
	defer c.Close()
	set := func() error { return c.Set(t.Context(), "{06S}key", "v", 0).Err() } // of slot 0
	if err := set(); err != nil {
		t.Fatal(err)
	}
	if n := s.Admin(0).DBSize(t.Context()).Val(); n != 1 {
		t.Fatalf("%d keys on the first node, expected the one of slot 0", n)
	}
	for _, f := range []fault.Fault{restart, down} {
		begin(t, s, f)
		if f.Until > f.At {
			time.Sleep(50 * time.Millisecond)
			end(t, s, f)
		}
		if n := s.Admin(0).DBSize(t.Context()).Val(); n != 0 {
			t.Errorf("%s: %d keys afterwards, expected them to be lost", f.Kind, n)
		}
		for start := time.Now(); ; time.Sleep(50 * time.Millisecond) { // it takes writes after two seconds
			if err := set(); err == nil {
				break
			} else if time.Since(start) > 20*time.Second {
				t.Fatalf("%s: %v", f.Kind, err)
			}
		}
	}
}
