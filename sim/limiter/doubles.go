package limiter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/record"
)

// The test doubles: limiters that are wrong in a known way. The harness is
// itself tested by whether it catches them.
var (
	always = Kind{
		About: "test double: allows everything, touches no Redis", Algorithm: "gcra", Batch: true,
		New: func(Env) (Limiter, error) { return constant(true), nil },
	}
	never = Kind{
		About: "test double: denies everything, touches no Redis", Algorithm: "gcra", Batch: true,
		New: func(Env) (Limiter, error) { return constant(false), nil },
	}
	broken = Kind{
		About: "test double: off by one, admits a burst of burst + 1", Algorithm: "gcra", Batch: true, TAT: unixNanoTAT, OneKey: tatKey,
		New: newBroken,
	}
	flaky = Kind{
		About: "test double: fails at a rate, else as tat with write setnx", Algorithm: "gcra", Batch: true, TAT: unixNanoTAT,
		Options: []Option{
			{Name: "share", About: "share of the requests that fail", Default: "10%", Check: checkShare},
			{Name: "error", About: "kind of error", Default: "timeout", Values: metric.Values("error")},
		},
		New: newFlaky,
	}
)

type constant bool

func (c constant) Take(_ context.Context, _ Request) (Decision, error) {
	return Decision{Allowed: bool(c), Remaining: -1, RetryAfter: -1}, nil
}

func newBroken(env Env) (Limiter, error) {
	env.Spec.Limits = oneMore(env.Spec.Limits)
	env.Spec.Overrides = oneMore(env.Spec.Overrides)
	return newTAT(env, writeSetNX), nil
}

func oneMore(limits []record.Limit) []record.Limit {
	more := slices.Clone(limits)
	for i := range more {
		more[i].Burst++
	}
	return more
}

type flakyLimiter struct {
	Limiter
	env   Env
	share float64
	err   error
}

func newFlaky(env Env) (Limiter, error) {
	share, err := parseShare(env.Options["share"])
	if err != nil {
		return nil, err
	}
	return &flakyLimiter{newTAT(env, writeSetNX), env, share, flakyErrors()[env.Options["error"]]}, nil
}

func (f *flakyLimiter) Take(ctx context.Context, req Request) (Decision, error) {
	if f.env.Rand.Float64() < f.share {
		return Decision{}, fmt.Errorf("flaky limiter: %w", f.err)
	}
	return f.Limiter.Take(ctx, req)
}

func flakyErrors() map[string]error {
	return map[string]error{
		"timeout":        os.ErrDeadlineExceeded,
		"cancelled":      context.Canceled,
		"refused":        &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED},
		"pool_exhausted": redis.ErrPoolExhausted,
		"script_missing": errors.New("NOSCRIPT No matching script. Please use EVAL"),
		"server":         errors.New("ERR made up by the flaky limiter"),
		"connection":     io.EOF,
		"contention":     &Failure{Kind: "contention", Text: "made up by the flaky limiter"},
		"unexpected":     errors.New("made up by the flaky limiter"),
	}
}

func parseShare(s string) (float64, error) {
	number, percent := strings.CutSuffix(s, "%")
	f, err := strconv.ParseFloat(number, 64)
	if percent {
		f /= 100
	}
	if err != nil || !(f >= 0 && f <= 1) {
		return 0, fmt.Errorf("expected a share between 0%% and 100%%, found %q", s)
	}
	return f, nil
}

func checkShare(s string) error {
	_, err := parseShare(s)
	return err
}

// unixNanoTAT reads a TAT stored as Unix nanoseconds, as boulder and tat do.
func unixNanoTAT(value string) (time.Time, bool) {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return time.Time{}, false
	}
	return time.Unix(0, n), true
}
