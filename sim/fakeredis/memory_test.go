package fakeredis

import (
	"context"
	"testing"
	"time"

	"github.com/quotalab/quotalab/sim/clock"
)

// Memory is of the keys that live at the instant, by shards.
func TestMemoryOfShards(t *testing.T) {
	r := newRig(t, even(2, ms))
	ctx := context.Background()
	r.run(func(p *clock.Proc) {
		on := [2]string{r.keyOn(0, "a"), r.keyOn(1, "b")}
		r.ring.Set(ctx, on[0], "1", 0)
		r.ring.Set(ctx, on[1], "1", 10*ms)
		live := r.ring.MemoryUsage(ctx, on[1]).Val()
		for i, m := range r.fleet.Memory() {
			if key := r.ring.MemoryUsage(ctx, on[i]).Val(); m.Bytes != key || key == 0 {
				t.Errorf("shard %s: %d bytes, want its key's %d", m.Shard, m.Bytes, key)
			}
		}
		p.Sleep(time.Second)
		if m := r.fleet.Memory(); m[0].Bytes == 0 || m[1].Bytes != 0 || live == 0 {
			t.Errorf("a second later %v, want nothing of the key whose time is up", m)
		}
	})
}
