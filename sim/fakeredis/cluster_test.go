package fakeredis

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/rediscmd"
)

// Keys go to the master that has their slot, whatever the shards are called.
func TestMasters(t *testing.T) {
	m := masters{"a", "b", "c"}
	for key, want := range map[string]string{ // by CLUSTER KEYSLOT: 3300 of {b}, 7365 of {c}, 15495 of {a}; bounds 5461 and 10922
		"b": "a", "x{b}": "a", "c": "b", "a": "c",
	} {
		if got := m.Get(key); got != want {
			t.Errorf("key %s, slot %d, is on %s, expected %s", key, rediscmd.Slot(key), got, want)
		}
	}
	for n := range 9 {
		m = append(m[:0:0], "s")
		for i := range n {
			m = append(m, fmt.Sprint("s", i))
		}
		for i := range m {
			first := ""
			for k := 0; first == ""; k++ { // some key in the range
				if s := rediscmd.Slot(fmt.Sprint(k)); s >= i*rediscmd.Slots/len(m) && s < (i+1)*rediscmd.Slots/len(m) {
					first = fmt.Sprint(k)
				}
			}
			if got := m.Get(first); got != m[i] {
				t.Errorf("of %d masters, key %s is on %s, expected number %d", len(m), first, got, i)
			}
		}
	}
}

const setBoth = "redis.call('SET',KEYS[1],1) redis.call('SET',KEYS[2],1) return 7"

func TestClusterRefusesKeysOfSeveralSlots(t *testing.T) {
	ctx := context.Background()
	l := even(3, 2*time.Millisecond)
	l.cluster = true
	r := newRig(t, l)
	r.run(func(p *clock.Proc) {
		for _, tt := range []struct {
			why   string
			err   error
			wants bool
		}{
			{"a command", r.ring.MGet(ctx, "a", "b").Err(), true},
			{"one with a common tag", r.ring.MGet(ctx, "{a}1", "{a}2").Err(), false},
			{"a script", r.ring.Eval(ctx, setBoth, []string{"a", "b"}).Err(), true},
			{"a script with a common tag", r.ring.Eval(ctx, setBoth, []string{"{a}1", "{a}2"}).Err(), false},
		} {
			if got := tt.err != nil && strings.HasPrefix(tt.err.Error(), "CROSSSLOT "); got != tt.wants || tt.err != nil && !got {
				t.Errorf("%s: %v, expected CROSSSLOT: %t", tt.why, tt.err, tt.wants)
			}
		}
		if n := r.ring.Exists(ctx, "a").Val() + r.ring.Exists(ctx, "b").Val(); n != 0 {
			t.Errorf("%d keys were set by a script that was refused", n)
		}
		before := p.Now()
		_, err := r.ring.TxPipelined(ctx, func(p redis.Pipeliner) error { p.Incr(ctx, "a"); p.Incr(ctx, "b"); return nil })
		if err != redis.ErrCrossSlot || p.Now() != before {
			t.Errorf("a transaction: %v after %v, expected %v at once, as go-redis does not send it", err, p.Now()-before, redis.ErrCrossSlot)
		}
		var one, crossing, other *redis.IntCmd
		_, err = r.ring.Pipelined(ctx, func(p redis.Pipeliner) error {
			one, crossing, other = p.Incr(ctx, "a"), p.Exists(ctx, "a", "b"), p.Incr(ctx, "b")
			return nil
		})
		if one.Val() != 1 || other.Val() != 1 || crossing.Err() != redis.ErrCrossSlot || err != redis.ErrCrossSlot {
			t.Errorf("a pipeline: %v, %v, %v, error %v: only the second is refused", one, crossing, other, err)
		}
	})
}

// What would not run on a cluster runs on a Ring, and is told.
func TestClusterWarning(t *testing.T) {
	ctx := context.Background()
	r := newRig(t, even(1, 0))
	r.run(func(*clock.Proc) {
		if err := r.ring.Eval(ctx, setBoth, []string{"{a}1", "{a}2"}).Err(); err != nil || r.fleet.ClusterWarning() != "" {
			t.Errorf("error %v, warning %q: expected none of keys in one slot", err, r.fleet.ClusterWarning())
		}
		for range 2 {
			if err := r.ring.Eval(ctx, setBoth, []string{"a", "b"}).Err(); err != nil {
				t.Error(err)
			}
		}
	})
	if got := r.fleet.ClusterWarning(); !strings.Contains(got, "refuse 2 script calls") || !strings.Contains(got, `"a" and "b"`) {
		t.Errorf("warning %q, expected the number of calls and the keys", got)
	}
}
