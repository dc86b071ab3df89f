package fakeredis

import (
	"context"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/sim/clock"
)

// A script's digest is unknown until it is loaded, and again after FLUSH.
func TestScriptCache(t *testing.T) {
	r := newRig(t, even(1, 0))
	ctx := context.Background()
	script := redis.NewScript("return KEYS[1]")
	r.run(func(*clock.Proc) {
		known := func(want bool, when string) {
			t.Helper()
			err := script.EvalSha(ctx, r.ring, []string{"k"}).Err()
			if got := !redis.HasErrorPrefix(err, "NOSCRIPT"); got != want {
				t.Errorf("%s: known %v (%v), want %v", when, got, err, want)
			}
			if got := script.Exists(ctx, r.ring).Val(); got[0] != want {
				t.Errorf("%s: SCRIPT EXISTS %v, want %v", when, got, want)
			}
		}
		known(false, "at first")
		script.Load(ctx, r.ring)
		known(true, "loaded")
		r.ring.ScriptFlush(ctx)
		known(false, "flushed")
		script.Eval(ctx, r.ring, []string{"k"})
		known(true, "evaluated")
		_, err := r.ring.TxPipelined(ctx, func(tx redis.Pipeliner) error {
			if got := script.EvalSha(ctx, tx, []string{"k"}); got == nil {
				t.Error("no command")
			}
			return nil
		})
		if err != nil {
			t.Errorf("in a transaction: %v", err)
		}
	})
}
