package limiter_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/limiter"
)

// The double that is off by one admits one more than the adapters, which is
// what the conformance suite looks for: of limits and of overrides.
func TestBrokenAdmitsOneMore(t *testing.T) {
	s := subject{name: "broken", kind: "broken"}.with(hourly("a", 20))
	s.overrides = []record.Limit{{Name: "a", Key: "vip", Count: 1, Period: time.Hour, Burst: 3}}
	embedded(t, func(b *bench) {
		l := b.open(s, record.TakeMode)
		for key, want := range map[string]int{"k": 21, "vip": 4} {
			if got := b.admitted(l, take("a", key, 1), 30); got != want {
				t.Errorf("%d of key %s admitted, expected %d", got, key, want)
			}
		}
	})
	if s.limits[0].Burst != 20 || s.overrides[0].Burst != 3 {
		t.Error("the scenario's own limits were changed")
	}
}

func TestAlwaysAndNever(t *testing.T) {
	for kind, want := range map[string]int{"always": 50, "never": 0} {
		embedded(t, func(b *bench) {
			l := b.open(subject{name: kind, kind: kind}.with(hourly("a", 20)), record.TakeMode)
			if got := b.admitted(l, take("a", "k", 1), 50); got != want {
				t.Errorf("%s: %d of 50 admitted, expected %d", kind, got, want)
			}
		})
	}
}

// Flaky fails at its share, with errors that are sorted into the kind it was
// told, and is a correct limiter otherwise.
func TestFlakyFailsAtItsShare(t *testing.T) {
	kind := limiter.Builtin()["flaky"]
	i := slices.IndexFunc(kind.Options, func(o limiter.Option) bool { return o.Name == "error" })
	if len(kind.Options[i].Values) < 8 {
		t.Fatalf("only %v", kind.Options[i].Values)
	}
	const n = 4000
	for _, want := range kind.Options[i].Values {
		for share, p := range map[string]float64{"0": 0, "10%": 0.1, "0.3": 0.3, "100%": 1} {
			embedded(t, func(b *bench) {
				l := b.open(subject{name: "flaky", kind: "flaky", options: map[string]string{"share": share, "error": want}}.with(hourly("a", 20)), record.TakeMode)
				failed, admitted := 0, 0
				for range n {
					d, err := l.Take(context.Background(), take("a", "k", 1))
					switch {
					case err != nil:
						failed++
						if got := limiter.ErrorKind(err); got != want {
							t.Fatalf("%v is of kind %s, expected %s", err, got, want)
						}
					case d.Allowed:
						admitted++
					}
				}
				if off := math.Abs(float64(failed) - n*p); off > 4*math.Sqrt(n*p*(1-p)) {
					t.Errorf("%s at %s: %d of %d failed, expected about %.0f", want, share, failed, n, n*p)
				}
				if p < 1 && admitted != 20 {
					t.Errorf("%s at %s: %d of a burst of 20", want, share, admitted)
				}
			})
		}
	}
	for _, share := range []string{"-1%", "101%", "x", "", "NaN", "2"} {
		if err := kind.Options[0].Check(share); err == nil {
			t.Errorf("a share of %q was taken", share)
		}
	}
}

type timeout struct{}

func (timeout) Error() string   { return "i/o timeout" }
func (timeout) Timeout() bool   { return true }
func (timeout) Temporary() bool { return true }

func TestErrorKind(t *testing.T) {
	for _, tt := range []struct {
		why  string
		err  error
		want string
	}{
		{"a deadline", fmt.Errorf("batch get for 2 keys: %w", context.DeadlineExceeded), "timeout"},
		{"a socket's deadline", &net.OpError{Op: "read", Err: timeout{}}, "timeout"},
		{"given up", fmt.Errorf("x: %w", context.Canceled), "cancelled"},
		{"nobody listens", fmt.Errorf("dial: %w", &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}), "refused"},
		{"no connection in time", redis.ErrPoolTimeout, "pool_exhausted"},
		{"no connection", redis.ErrPoolExhausted, "pool_exhausted"},
		{"hung up", fmt.Errorf("read: %w", io.EOF), "connection"},
		{"reset", &net.OpError{Op: "read", Err: syscall.ECONNRESET}, "connection"},
		{"wrong type", errors.New("WRONGTYPE Operation against a key holding the wrong kind of value"), "server"},
		{"out of memory, wrapped", fmt.Errorf("setting: %w", errors.New("OOM command not allowed")), "server"},
		{"unknown script", errors.New("NOSCRIPT No matching script. Please use EVAL."), "script_missing"},
		{"no reply of Redis", errors.New("found duplicate bucket in batch"), "unexpected"},
		{"a word with a colon", errors.New("EOF: what"), "unexpected"},
		{"nothing said", errors.New(""), "unexpected"},
	} {
		if got := limiter.ErrorKind(tt.err); got != tt.want {
			t.Errorf("%s: %v is %s, expected %s", tt.why, tt.err, got, tt.want)
		}
	}
}

// Errors of a real client and server are sorted as they should be, through
// every adapter.
func TestErrorKindsOfRealShards(t *testing.T) {
	shard := miniredis.RunT(t)
	gone, err := net.Listen("tcp", "127.0.0.1:0") // a port where nobody listens
	if err != nil {
		t.Fatal(err)
	}
	_ = gone.Close()
	for _, s := range adapters {
		for want, addr := range map[string]string{"server": shard.Addr(), "refused": gone.Addr().String()} {
			ring := redis.NewRing(&redis.RingOptions{
				Addrs: map[string]string{"a": addr}, Protocol: 2, DisableIdentity: true, MaxRetries: -1,
				NewClient: func(o *redis.Options) *redis.Client {
					o.DialerRetries = 1
					o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
					return redis.NewClient(o)
				},
			})
			for _, key := range []string{"tat:192.0.2.1", "rate:192.0.2.1", "9:192.0.2.1"} {
				if _, err := shard.Push(key, "a list"); err != nil && want == "server" {
					t.Fatal(err)
				}
			}
			clock := clockFunc(func() time.Time { return epoch })
			s = s.with(hourly("a", 3))
			l, err := limiter.Builtin()[s.kind].New(environment(ring, clock, s, record.TakeMode))
			if err != nil {
				t.Fatal(err)
			}
			_, err = l.Take(context.Background(), take("a", "192.0.2.1", 1))
			if err == nil {
				t.Errorf("%s: no error, expected one of kind %s", s.name, want)
			} else if got := limiter.ErrorKind(err); got != want {
				t.Errorf("%s: %v is %s, expected %s", s.name, err, got, want)
			}
			if err := ring.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// Kinds can be added and replaced, and the built-in ones stay as they are.
func TestKindsWith(t *testing.T) {
	mine := limiter.Kind{About: "mine"}
	builtin := limiter.Builtin()
	all := builtin.With(limiter.Kinds{"mine": mine, "never": mine})
	if all["mine"].About != "mine" || all["never"].About != "mine" || all["tat"].About == "" || len(all) != len(builtin)+1 {
		t.Errorf("%d kinds: %q, %q", len(all), all["mine"].About, all["never"].About)
	}
	if limiter.Builtin()["never"].About == "mine" || builtin["never"].About == "mine" {
		t.Error("the built-in kinds were changed")
	}
}
