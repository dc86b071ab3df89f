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
	"unmade":      {About: "cannot be made", New: func(limiter.Env) (limiter.Limiter, error) { return nil, errors.New("no such thing") }},
	"one_command": {About: "asks its shard once and allows", New: func(env limiter.Env) (limiter.Limiter, error) { return oneCommand{env.Redis}, nil }},
	"crazy":       {About: "panics in Take", New: func(limiter.Env) (limiter.Limiter, error) { return crazy{}, nil }},
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
