package realredis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
)

func TestCluster(t *testing.T) {
	needRedis(t)
	noLeaks(t)
	ctx := t.Context()
	begun := time.Now()
	s, err := SpawnCluster(ctx, []string{"a", "b", "c"})
	s = open(t, s, err)
	t.Logf("a cluster of 3 after %v", time.Since(begun))
	if !s.Own() || !s.Cluster() {
		t.Errorf("own %t, cluster %t, expected both", s.Own(), s.Cluster())
	}
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: s.Hosts()[2:]})
	defer client.Close()
	for i := range 100 {
		key := fmt.Sprint("key", i)
		if err := client.Set(ctx, key, i, 0).Err(); err != nil {
			t.Fatal(err)
		}
		if v, err := client.Get(ctx, key).Int(); v != i || err != nil {
			t.Errorf("%s is %d, error %v, expected %d", key, v, err, i)
		}
	}
	total := int64(0)
	for i, name := range s.Names() {
		n, err := s.Admin(i).DBSize(ctx).Result()
		if n < 10 || err != nil {
			t.Errorf("shard %s holds %d of 100 keys, error %v", name, n, err)
		}
		total += n
	}
	if total != 100 {
		t.Errorf("the shards hold %d keys, expected 100", total)
	}

	// Who dials any node finds the masters in the order of their slots, and
	// does not stop them.
	dead, err := holdPort("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer dead.Close()
	for _, seeds := range [][]string{s.Hosts()[1:2], {dead.addr, s.Hosts()[2]}, {s.Hosts()[0], s.Hosts()[0]}} {
		d, err := DialCluster(ctx, seeds, Login{})
		if err != nil {
			t.Errorf("seeds %q: %v", seeds, err)
			continue
		}
		if diff := cmp.Diff(s.Hosts(), d.Hosts()); diff != "" || !slices.Equal(d.Names(), d.Hosts()) || d.Own() || !d.Cluster() {
			t.Errorf("seeds %q: hosts %s, names %q, own %t, cluster %t", seeds, diff, d.Names(), d.Own(), d.Cluster())
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}

	// A master that is down is named; one that comes back has its slots still.
	if err := s.own[1].kill(); err != nil {
		t.Fatal(err)
	}
	_, err = DialCluster(ctx, s.Hosts()[:1], Login{})
	if want := fmt.Sprintf("at %s: connection refused", s.hosts[1]); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), want) {
		t.Errorf("a master is down: error %v, expected one with %q", err, want)
	}
	if err := s.own[1].restart(ctx); err != nil {
		t.Fatal(err)
	}
	limited, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if err := whole(limited, s.Admin(1), 3); err != nil {
		t.Errorf("after a restart: %v", err)
	}
}

func TestDialClusterRefused(t *testing.T) {
	needRedis(t)
	noLeaks(t)
	ctx := t.Context()
	alone, err := Spawn(ctx, []string{"a"})
	alone = open(t, alone, err)
	// A node that has none of the slots from 100 on.
	host := serve(t, "--port", "PORT", "--cluster-enabled", "yes", "--cluster-port", "BUS")
	for _, tt := range []struct {
		why         string
		hosts       []string
		login       Login
		unreachable bool
		want        string
	}{
		{"no seeds", nil, Login{}, false, "at least one host:port"},
		{"a seed without a port", []string{"h:1", "h"}, Login{}, false, "address 2"},
		{"only database 0", alone.Hosts(), Login{DB: 1}, false, "expected database 0"},
		{"no cluster", alone.Hosts(), Login{}, true, "it is no node of a cluster"},
		{"nobody", []string{"127.0.0.1:1"}, Login{}, true, "node at 127.0.0.1:1: connection refused"},
		{"slots without a master", []string{host}, Login{}, true, "slot 0 belongs to no master"},
	} {
		_, err := DialCluster(ctx, tt.hosts, tt.login)
		if err == nil || errors.Is(err, ErrUnreachable) != tt.unreachable || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, unreachable %t, expected one with %q", tt.why, err, tt.unreachable, tt.want)
		}
	}
}

func TestMastersOf(t *testing.T) {
	node := func(addrs ...string) (nodes []redis.ClusterNode) {
		for _, a := range addrs {
			nodes = append(nodes, redis.ClusterNode{Addr: a})
		}
		return nodes
	}
	for _, tt := range []struct {
		why    string
		ranges []redis.ClusterSlot
		want   []string
		err    string
	}{
		{"replicas come after their master", []redis.ClusterSlot{{Start: 0, End: 16383, Nodes: node("h:1", "h:2")}}, []string{"h:1"}, ""},
		{"by first slot, however they are told", []redis.ClusterSlot{
			{Start: 200, End: 16383, Nodes: node("h:1")}, {Start: 0, End: 99, Nodes: node("h:2")}, {Start: 100, End: 199, Nodes: node("h:1")},
		}, []string{"h:2", "h:1"}, ""},
		{"a node that does not know its address", []redis.ClusterSlot{{Start: 0, End: 16383, Nodes: node(":7")}}, []string{"seed:7"}, ""},
		{"IPv6", []redis.ClusterSlot{{Start: 0, End: 16383, Nodes: node("[::1]:7")}}, []string{"[::1]:7"}, ""},
		{"a hole", []redis.ClusterSlot{{Start: 0, End: 99, Nodes: node("h:1")}, {Start: 101, End: 16383, Nodes: node("h:1")}}, nil, "slot 100 belongs to no master"},
		{"the end is missing", []redis.ClusterSlot{{Start: 0, End: 16382, Nodes: node("h:1")}}, nil, "slot 16383 belongs to no master"},
		{"a range of nobody", []redis.ClusterSlot{{Start: 0, End: 16383}}, nil, "slot 0 belongs to no master"},
		{"an address that is none", []redis.ClusterSlot{{Start: 0, End: 16383, Nodes: node("h")}}, nil, `found "h"`},
	} {
		got, err := mastersOf("seed:1", tt.ranges)
		if diff := cmp.Diff(tt.want, got); diff != "" || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: error %v, expected %q; masters %s", tt.why, err, tt.err, diff)
		}
	}
}
