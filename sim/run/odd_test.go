package run_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/limiter"
	"github.com/quotalab/quotalab/sim/run"
)

// own is a limiter of one's own: a function of its request and environment.
type own struct {
	env  limiter.Env
	mu   sync.Mutex
	left map[string]float64
	last map[string]time.Time
	take func(l *own, ctx context.Context, key string) (bool, error)
}

func (l *own) Take(ctx context.Context, req limiter.Request) (limiter.Decision, error) {
	allowed, err := l.take(l, ctx, req.Takes[0].Key)
	return limiter.Decision{Allowed: allowed, Remaining: -1, RetryAfter: -1}, err
}

func (l *own) redis() *redis.Ring { return l.env.Redis.(*redis.Ring) }

func ownKind(take func(*own, context.Context, string) (bool, error)) limiter.Kinds {
	return limiter.Kinds{"own": {About: "own", Algorithm: "gcra", New: func(env limiter.Env) (limiter.Limiter, error) {
		return &own{env: env, take: take, left: map[string]float64{}, last: map[string]time.Time{}}, nil
	}}}
}

// bucket is a token bucket of 5 that gains 1 a second, in this process.
func (l *own) bucket(key string, now time.Time) bool {
	if _, ok := l.last[key]; !ok {
		l.left[key], l.last[key] = 5, now
	}
	l.left[key] = min(5, l.left[key]+now.Sub(l.last[key]).Seconds())
	l.last[key] = now
	if l.left[key] < 1 {
		return false
	}
	l.left[key]--
	return true
}

// counted is a fixed window of a second: INCR and EXPIRE.
func (l *own) counted(ctx context.Context, key string) (bool, error) {
	n, err := l.env.Redis.Incr(ctx, key).Result()
	if err == nil && n == 1 {
		err = l.env.Redis.Expire(ctx, key, time.Second).Err()
	}
	return n <= 5, err
}

// stamped is a counter beside which the time of the last request is written.
func (l *own) stamped(ctx context.Context, key string, now time.Time) (bool, error) {
	was, err := l.env.Redis.Get(ctx, key).Int64()
	if err != nil && !errors.Is(err, redis.Nil) {
		return false, err
	}
	return now.Sub(time.Unix(0, was)) > time.Second, l.env.Redis.Set(ctx, key, strconv.FormatInt(now.UnixNano(), 10), time.Minute).Err()
}

func TestWhatVirtualTimeCannotPlay(t *testing.T) {
	var aside sync.WaitGroup
	defer aside.Wait()
	cases := []struct {
		name string
		take func(*own, context.Context, string) (bool, error)
		want string // a part of the warning; "" for none
		fail string // a part of the errors' text
	}{
		{"healthy: it takes env.Clock", func(l *own, _ context.Context, key string) (bool, error) {
			return l.bucket(key, l.env.Clock.Now()), nil
		}, "", ""},
		{"healthy: its window ends by expiry", (*own).counted, "", ""},
		{"healthy: it decides by chance", func(l *own, _ context.Context, _ string) (bool, error) { return l.env.Rand.IntN(2) == 0, nil }, "", ""},
		{"healthy: it writes the time of env.Clock", func(l *own, ctx context.Context, key string) (bool, error) {
			return l.stamped(ctx, key, l.env.Clock.Now())
		}, "", ""},
		{"healthy: a context without a deadline", func(l *own, ctx context.Context, key string) (bool, error) {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			return l.counted(ctx, key)
		}, "", ""},
		{"a bucket in memory by time.Now", func(l *own, _ context.Context, key string) (bool, error) { return l.bucket(key, time.Now()), nil }, "read no time that the run knows", ""},
		{"a value in Redis by time.Now", func(l *own, ctx context.Context, key string) (bool, error) { return l.stamped(ctx, key, time.Now()) }, "run_test.(*own).stamped sends Redis the wall clock's time (in SET)", ""},
		{"a key by time.Now", func(l *own, ctx context.Context, key string) (bool, error) {
			return l.counted(ctx, fmt.Sprintf("%s:%d", key, time.Now().Unix()/60))
		}, "sends Redis the wall clock's time (in INCR)", ""},
		{"a deadline", func(l *own, ctx context.Context, key string) (bool, error) {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			return l.counted(ctx, key)
		}, "run_test.(*own).counted calls Redis with a deadline of its own (context.WithTimeout", ""},
		{"a sleep", func(l *own, ctx context.Context, key string) (bool, error) {
			time.Sleep(2 * time.Millisecond)
			return l.counted(ctx, key)
		}, "waited for real time or for another goroutine (sleep)", ""},
		{"a wait for another goroutine's timer", func(l *own, ctx context.Context, key string) (bool, error) {
			<-time.After(2 * time.Millisecond)
			return l.counted(ctx, key)
		}, "waited for real time or for another goroutine (chan receive)", ""},
		{"Redis on other goroutines, which it waits for", func(l *own, ctx context.Context, key string) (ok bool, err error) {
			var g sync.WaitGroup
			var errs [2]error
			for i := range errs {
				g.Go(func() { _, errs[i] = l.counted(ctx, key) })
			}
			g.Wait()
			return true, errors.Join(errs[:]...)
		}, "run_test.(*own).counted calls Redis (INCR) on a goroutine of its own", clockStray},
		{"Redis on a goroutine that it does not wait for", func(l *own, ctx context.Context, key string) (bool, error) {
			var called atomic.Bool
			aside.Go(func() { _ = l.env.Redis.Incr(ctx, "aside").Err(); called.Store(true) })
			for !called.Load() { // on a busy machine the run could be over before
				runtime.Gosched()
			}
			return l.counted(ctx, key)
		}, "calls Redis (INCR) on a goroutine of its own", ""},
		{"WATCH", func(l *own, ctx context.Context, key string) (bool, error) {
			return true, l.redis().Watch(ctx, func(tx *redis.Tx) error { return tx.Incr(ctx, key).Err() }, key)
		}, "", "WATCH in "},
		{"a shard's own client", func(l *own, ctx context.Context, key string) (bool, error) {
			c, err := l.redis().GetShardClientForKey(key)
			if err != nil {
				return false, err
			}
			return true, c.Incr(ctx, key).Err()
		}, "", "past the Ring"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m, r := play(t, compile(t, sprintf(tiny, "", "own", ""), ownKind(c.take)))
			if c.fail == clockStray { // on a busy machine the other goroutines take long, and that it waits is told, too
				r.Warnings = slices.DeleteFunc(r.Warnings, func(w string) bool { return strings.Contains(w, "(sync.WaitGroup.Wait)") })
			}
			text := strings.Join(r.Warnings, "\n")
			switch {
			case c.want == "" && text != "":
				t.Errorf("warnings, want none: %s", text)
			case !strings.Contains(text, c.want):
				t.Errorf("warnings %q, want %q", text, c.want)
			case c.want != "" && len(r.Warnings) != 1:
				t.Errorf("%d warnings, want 1: %s", len(r.Warnings), text)
			}
			for _, o := range m {
				if !strings.Contains(o.Message, c.fail) || c.fail == "" && o.Message != "" {
					t.Fatalf("error %q, want %q", o.Message, c.fail)
				}
			}
		})
	}
}

const clockStray = "a command outside of a request"

func TestShippedKindsAreWithoutOddities(t *testing.T) {
	for _, kind := range []string{"always", "never", "broken", "flaky", "boulder", "redis_rate", "tat, options: {write: lua}", "tat, options: {write: setnx}"} {
		if _, r := play(t, compile(t, sprintf(tiny, "", kind, ""))); len(r.Warnings) > 0 {
			t.Errorf("%s: warnings %q, want none", kind, r.Warnings)
		}
	}
}

// A lock that a limiter holds while it calls Redis is asked for by the next
// request, which virtual time plays meanwhile, on the same thread: neither can
// go on. It used to hang.
func TestALockAroundRedisEndsTheRun(t *testing.T) {
	var m memory
	kinds := ownKind(func(l *own, ctx context.Context, key string) (bool, error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.counted(ctx, key)
	})
	p := compile(t, strings.Replace(sprintf(tiny, "", "own", ""), "50/s", "10/s", 1), kinds)
	_, err := run.Run(context.Background(), p, &m, run.Options{Patience: 200 * time.Millisecond})
	if !errors.Is(err, clock.ErrStuck) || !strings.Contains(err.Error(), "sync.Mutex.Lock in run_test.TestALockAroundRedisEndsTheRun") {
		t.Fatalf("error %v, want one that names the lock", err)
	}
	if len(m) == 0 {
		t.Error("nothing was recorded before it")
	}
}
