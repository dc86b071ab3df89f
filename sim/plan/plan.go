package plan

import (
	"math/rand/v2"
	"time"

	"github.com/quotalab/quotalab/models/network"
	"github.com/quotalab/quotalab/models/traffic"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/fault"
	"github.com/quotalab/quotalab/sim/limiter"
)

// Plan is a compiled scenario.
type Plan struct {
	Scenario *scenarios.Scenario
	Epoch    time.Time
	Horizon  time.Duration
	Warmup   time.Duration
	Seed     uint64

	Shards   []string
	Added    []string             // shards that join later, in that order; their places follow those of Shards
	Service  network.Distribution // of one command
	Scripts  network.Distribution // of one script call
	Clients  []Client
	Limiters []Limiter
	Sources  []Source
	Accounts *Accounts // nil: none
	Engines  []Engine
	Faults   []fault.Fault // in the file's order
	Asserts  []record.Assertion
	Warnings []string // e.g. that part of a trace lies beyond the horizon

	populations []population
	traces      []traceHash
}

// traceHash is the content of a trace that a part of the plan was read from.
type traceHash struct{ of, file, hash string }

// Client is a group of like client instances.
type Client struct {
	record.Client
	RTT        []network.Distribution // to each shard of AllShards
	Connection scenarios.Connection
}

// Limiter is a limiter under test with the kind that makes it.
type Limiter struct {
	record.Limiter
	Kind    limiter.Kind
	Options map[string]string
}

// Source is a traffic source.
type Source struct {
	Name        string
	Takes       []Take
	Limiters    []int // indices in Plan.Limiters
	Via         []int // indices in Plan.Clients
	Pause       time.Duration
	Retry       *Retry // nil: none
	FailOpen    bool
	MaxInFlight int
	Expected    float64 // arrivals before the horizon: their expectation, of a trace their number

	curve traffic.Curve
	gaps  traffic.Gaps
	trace *tracePlan // instead of curve and gaps
	roots []int      // populations that every arrival draws from, in order
}

// Take is one limit that the source's requests take from.
type Take struct {
	Limit string
	Cost  int64

	population int // index in Plan.populations
	root       int // index in Source.roots
}

// Retry says what a denied client does.
type Retry struct {
	MaxAttempts int
	Wait        func(attempt int, retryAfter time.Duration, rng *rand.Rand) (wait time.Duration, ok bool)
}

// Stream returns the random stream of a component of the run, by its name.
func (p *Plan) Stream(name string) *rand.Rand { return stream(p.Seed, name) }
