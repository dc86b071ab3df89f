package cmd_test

import (
	"context"
	"errors"
	"os"
	"sync/atomic"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/quotalab/quotalab/cmd"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/limiter"
)

// everyOther allows every other request. A real one talks to env.Redis and
// reads env.Clock.
type everyOther struct{ asked atomic.Int64 }

func (l *everyOther) Take(context.Context, limiter.Request) (limiter.Decision, error) {
	return limiter.Decision{Allowed: l.asked.Add(1)%2 == 1, Remaining: -1, RetryAfter: -1}, nil
}

// A binary with a limiter of one's own: a scenario then says
// `kind: every_other`.
func ExampleMain() {
	main := func() {
		os.Exit(cmd.Main(limiter.Kinds{"every_other": {
			About: "allows every other request",
			New:   func(limiter.Env) (limiter.Limiter, error) { return &everyOther{}, nil },
		}}))
	}
	_ = main
}

// ownKinds of the program "own" of the scripts: a good limiter, and some
// that bring the harness into trouble.
var ownKinds = limiter.Kinds{
	"every_other": {About: "allows every other request", New: func(limiter.Env) (limiter.Limiter, error) { return &everyOther{}, nil }},
	"always":      {About: "takes the place of a built-in one", New: func(limiter.Env) (limiter.Limiter, error) { return &everyOther{}, nil }},
	"stuck":       {About: "sleeps in earnest", New: func(limiter.Env) (limiter.Limiter, error) { return stuck{}, nil }},
	"unmakeable":  {About: "panics in its making", New: func(limiter.Env) (limiter.Limiter, error) { panic("of the own limiter") }},
	"panics": {
		About:     "its kind panics where nothing guards it",
		New:       func(limiter.Env) (limiter.Limiter, error) { return &everyOther{}, nil },
		Telemetry: func([]*dto.MetricFamily) []record.Telemetry { panic("of the own limiter") },
	},
	"unmade": {About: "cannot be made", New: func(limiter.Env) (limiter.Limiter, error) { return nil, errors.New("no such thing") }},
	"counter": {
		About: "counts with INCR in a window from the first request on", Algorithm: "fixed_window_first_hit",
		New: func(env limiter.Env) (limiter.Limiter, error) { return counter{env, env.Spec.Table()}, nil },
	},
	"one_command": {About: "asks its shard once and allows", New: func(env limiter.Env) (limiter.Limiter, error) { return oneCommand{env.Redis}, nil }},
	"crazy":       {About: "panics in Take", New: func(limiter.Env) (limiter.Limiter, error) { return crazy{}, nil }},
}

// counter is a limiter of ten lines, with the mistake that most of its kind have: a new key gets
// its deadline by a second command.
type counter struct {
	limiter.Env
	limits *record.LimitTable
}

func (c counter) Take(ctx context.Context, req limiter.Request) (limiter.Decision, error) {
	take := req.Takes[0]
	limit, _ := c.limits.For(take.Limit, take.Key)
	take.Wire = "counter:" + take.Key
	n, err := c.Redis.IncrBy(ctx, take.Wire, take.Cost).Result()
	if err == nil && n == take.Cost {
		err = c.Redis.PExpire(ctx, take.Wire, limit.Period).Err()
	}
	return limiter.Decision{Allowed: n <= limit.Count, Remaining: -1, RetryAfter: -1, Takes: []limiter.Take{take}}, err
}

type stuck struct{}

func (stuck) Take(context.Context, limiter.Request) (limiter.Decision, error) {
	time.Sleep(time.Hour)
	return limiter.Decision{}, nil
}

type crazy struct{}

func (crazy) Take(context.Context, limiter.Request) (limiter.Decision, error) {
	panic("of the crazy limiter")
}
