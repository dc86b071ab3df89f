// Package scenarios is the scenario language: what traffic grows how, over
// which keys, against which limiters, through which clients and shards.
//
// In: the text of a YAML file. Out: a Scenario with every default filled in
// and the place of everything written, or Problems: every mistake at once,
// each with file, line, column and an excerpt; of a scenario with a sweep also
// its cells, each a Scenario of its own. Imported by sim/plan, which compiles a
// Scenario, and by cmd. Imports the standard library, the YAML
// and JSON Schema packages, and models/metric for the words of assertions.
//
// # The language
//
// The smallest scenario, and then the rest of the language by block. The
// types below say every field, and Schema says the same to an editor.
//
//	# yaml-language-server: $schema=schema.json
//	name: steady
//	about: Five hundred requests a second over ten thousand tenants.
//	horizon: 10m
//	keys:
//	  tenants: {zipf: {n: 10_000, s: 1.1}}
//	traffic:
//	  calls: {rate: 500/s, keys: tenants}
//	limiters:
//	  gcra: {kind: tat, limit: {count: 10, period: 1s, burst: 20}, options: {write: lua}}
//	assert:
//	  latency{limiter=gcra,decision=allowed}: ["p(99) < 5ms"]
//	  over_admission: ["count == 0"]
//
// Scalars: durations 90s, 5ms, 1h30m, 30d (a day is 24 h; a unit is always
// written); rates 500/s, 12/h, 3/m, 1/d; numbers 1_000_000, 1e6, 0.5;
// fractions 2% or 0.02; instants 2026-01-01T00:00:00Z. Names of entries have
// letters, digits, _ and -. Anchors, aliases, merge keys and tags of YAML are
// not part of the language.
//
// Run: seed, epoch, horizon, warmup (played, left out of metrics), clock
// (virtual), max_lag (above which a run is invalid), observations (all,
// sampled with a sample_rate, or none are recorded).
//
// shards: count or names, zones, service and scripts (time for a command), commands (by
// name and size).
// Every limiter has such a set of its own, or shared: true, they have one. network: rtt, and links between a
// client's and a shard's zone. A Distribution is a bare duration (constant)
// or one of constant, exponential, lognormal, gamma, pareto, empirical.
//
// keys: populations by name, each one of uniform, zipf, hot_set, fresh,
// churn, growing, sequence, from_trace, mix (of other populations) and derive
// (address to range, id to group), written out as name, id, ipv4, ipv6 or
// domain. All derivations of one population share a request's draw.
//
// clients: processes by name, each with a Ring of its own: does (take, check
// or spend), instances, shard_names, clock_offset, zone, connection (pool, timeouts and
// retries as of go-redis). None: one client "default" that takes.
//
// traffic: sources by name. rate is a bare rate (constant) or one of
// constant, ramp, exponential, logistic, steps, diurnal, spike, on_off, herd,
// replay, or a sum, product or then of those. gaps: poisson, even, gamma,
// pareto. keys names the population that keys come from; batch instead takes
// from several limits, at once or in turn, as the kind of limiter does. via lists the clients that a request passes in
// order; on_denial is none or retry; deadline, on_error, pause, max_in_flight. A Cost is a
// bare number (constant) or one of constant, uniform, choices, lognormal. settle: an
// admitted request says after a while what it really cost, or returns its permit.
//
// limiters: by name, each a kind with limit or limits (count per period, with
// a burst), overrides of single keys, and options, which the kind reads
// itself: kinds and options, also of engines, are checked by sim/plan, with Scenario.Problem
// for the place. reference: the algorithm whose promise it is held to, if that is
// not its kind's. changes: limits that change while the run goes on. process says what program decides, of kinds process and http.
//
// assert: metric{tag=value,…}: conditions; the words are models/metric's.
// failure: the known failure that a scenario of the museum shows.
//
// accounts: groups of accounts by name, each a count of accounts with a plan
// (paid, counted by billing periods from an anchor; free, by the last 30
// days), a limit, recipients, changes of the contract, and usage: how much in
// percent of the limit (of_limit), in which form over time (shape), spread how
// over accounts (scale), drawn how (draw), with corrections; or from a traffic
// source. usage_batch: usage is counted in batches. engines: usage-threshold
// engines by name, each a kind with options, when it runs (every, offset,
// account_time, overlap, flag_from), thresholds, its usage source, its cache
// and its mail. A scenario has traffic and limiters, or accounts and engines,
// or both.
//
// faults: what goes wrong, each entry at an instant, some for a time: exactly
// one of restart, down, frozen, delay, bandwidth, reset, rename, add, clock,
// flush_scripts, read_only and out_of_memory. See Fault.
//
//	name: growth
//	horizon: 90d
//	accounts:
//	  startups:
//	    count: 300
//	    limit: 100_000
//	    anchor: {month_ends: {months: 14}}
//	    usage: {of_limit: 110%, shape: {ramp: {from: 1/s, to: 4/s}}, scale: {lognormal: {p99: 4}}}
//	    changes: [{at: 20d, limit: 200_000}]
//	engines:
//	  g13: {kind: flagsmith, options: {generation: G13}, every: 12h, overlap: true}
//	  catch_up: {kind: catch_up, source: {lag: 5m, outages: [{from: 3d, for: 6h}]}}
//	faults:
//	  - {at: 15d, restart: {shard: shard-1}}
//
// clock: real runs in wall time on live Redis. Conditions of assert are judged
// at the end; with over also in every window of that length, and with
// abortOnFail, after delayAbortEval, while the run goes on, which the first
// failure ends. The last two are of metrics to which every request adds
// (metric.Metric.PerRequest).
//
// # Sweeps
//
// sweep: fields that vary, for the verb sweep; run plays the scenario as
// written.
//
//	sweep:
//	  axes:                                       # paths, and the values of each
//	    limiters.main.kind: [boulder, redis_rate]
//	    shards.count: [1, 2, 4, 8]
//	    traffic.main.rate.ramp.to: {from: 1000/s, to: 64000/s, factor: 2} # or step: 500/s
//	    faults.0.at: [10s, 20s]                   # the first element of a list
//	  mode: grid                                  # or zip: all axes in step
//	  repeats: 3                                  # with other seeds
//	  find: {axis: traffic.other.rate, from: 100/s, to: 900/s, tolerance: 1%}
//	  metrics: ["latency{decision=denied} p(99)", over_admission count]
//	  pareto: [latency p(99), over_admission count]
//
// A path leads through fields, names and numbers of elements to a single
// value. Fields that the file leaves out are added; names and elements have to
// be there, and what is written in short (rate: 5/s) is varied as a whole.
// name, about, clock, assert and sweep do not vary. A value is written as the
// field itself would be, and checked as that; a range has one unit and at most
// 1000 values, a sweep 10,000 cells.
//
// Scenario.With makes one cell: the syntax tree of the file with the values at
// their paths, decoded anew, so that defaults that depend on a value follow it.
// A value keeps its place in the sweep block, so that what is wrong with it
// beside the rest of a cell is told there.
//
// # gate.yaml
//
// A second language, in the same spelling: how much worse than its baseline a
// number may be. See Gate. The first rule that fits a number judges it; behind
// the file's own come those of DefaultGate.
//
//	alpha: 5%
//	runs: 10
//	rules:
//	  - {metric: "latency{decision=denied}", aggregation: p99, scenario: "live-*", worse: 10%}
//	  - {metric: over_admission, exact: true}
//	  - {scenario: growth-patterns, ignore: true}
//
// # How it is decoded
//
// Package decode walks the syntax tree beside the types, whose struct tags are
// the grammar, and goes on after a mistake; language.go says what the tags do
// not. check*.go then look for what no single field shows, and defaults.go
// writes out defaults that depend on other fields, here and nowhere else.
package scenarios

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/quotalab/quotalab/scenarios/decode"
)

// Scenario is one decoded scenario file. Every field's yaml name is its Go
// name in snake case; maps keep the file's order (see Named).
type Scenario struct {
	Name    string    `yaml:"name" doc:"identifier of the scenario: lower case letters, digits and dashes" required:"true" example:"my-scenario"`
	About   string    `yaml:"about" doc:"what the scenario shows, in a sentence or two" example:"Sixty-four callers race for one key."`
	Seed    uint64    `yaml:"seed" doc:"seed of every random stream" default:"1"`
	Epoch   time.Time `yaml:"epoch" doc:"instant at which the run's clock starts, RFC 3339" default:"2026-01-01T00:00:00Z"`
	Horizon Duration  `yaml:"horizon" doc:"length of the run: no arrival is due at or after it" required:"true" min:"exclusive 0"`
	Warmup  Duration  `yaml:"warmup" doc:"first part of the run, played and recorded but left out of metrics" default:"0s" min:"0"`
	Clock   string    `yaml:"clock" doc:"virtual: simulated time on embedded shards; real: wall time on live Redis" default:"virtual" enum:"virtual,real"`
	MaxLag  Duration  `yaml:"max_lag" doc:"a run whose lag (sent − intended) has a 99th percentile above this is invalid; 0: one is where latency and sojourn lead to different results" default:"0s" min:"0"`

	Observations string   `yaml:"observations" doc:"what is recorded: all observations; sampled: those of a random share of the keys; none. Counts and histograms by outcome are kept of all in any case; over-admission and tables of keys need all" default:"all" enum:"all,sampled,none"`
	SampleRate   Fraction `yaml:"sample_rate" doc:"share of the keys that observations: sampled records" default:"1%" min:"exclusive 0"`

	Shards   Shards            `yaml:"shards" doc:"the Redis shards of every limiter, or of all"`
	Network  Network           `yaml:"network" doc:"delays between clients and shards"`
	Keys     Named[Population] `yaml:"keys" doc:"key populations by name"`
	Clients  Named[Client]     `yaml:"clients" doc:"client instances by name; left out: one client named default that checks and spends"`
	Traffic  Named[Traffic]    `yaml:"traffic" doc:"traffic sources by name" required:"true" unless:"accounts,engines"`
	Limiters Named[Limiter]    `yaml:"limiters" doc:"limiters under test by name, each on shards of its own unless shards.shared says otherwise" required:"true" unless:"accounts,engines"`
	Assert   []Assertion       `yaml:"assert" doc:"conditions on metrics that must hold at the end: metric{tag=value}: [\"p(99) < 5ms\"]"`

	// A scenario has traffic and limiters, or accounts and engines, or both.
	Accounts   Named[AccountGroup] `yaml:"accounts" doc:"groups of accounts with quotas, by name"`
	UsageBatch Duration            `yaml:"usage_batch" doc:"usage of accounts is counted in batches this long, each at its beginning" default:"5m" min:"1e6"`
	Engines    Named[Engine]       `yaml:"engines" doc:"usage-threshold engines under test by name"`

	Faults []Fault `yaml:"faults" doc:"what goes wrong, and when"`
	Sweep  *Sweep  `yaml:"sweep" doc:"fields that vary, for the verb sweep; run plays the scenario as written"`

	Failure *Failure `yaml:"failure" json:"-" doc:"the known failure that the scenario shows, for the table of failures"`

	// File is the name the scenario was read from.
	File string `yaml:"-"`
	// Traces has the paths of traces by the names that the scenario gives them, where
	// they do not lie as it says: it may have come from another machine.
	Traces map[string]string `yaml:"-" json:"-"`

	// Columns are what the table of a sweep shows of this cell of it.
	Columns []Column `yaml:"-" json:"-"`

	// Positions tells where a dotted path stands in File.
	Positions decode.Positions `yaml:"-"`

	source decode.Source
}

// Pos returns where a dotted path stands, of one that was left out its
// nearest written parent.
func (s *Scenario) Pos(path string) Pos { return s.Positions.At(path) }

// Text returns the file as it was read.
func (s *Scenario) Text() string { return s.source.Text() }

// Written reports whether the file gives the path, as opposed to a default.
func (s *Scenario) Written(path string) bool { return s.Positions.Written(path) }

// Problem returns a problem at a place of the scenario's file, for packages
// that find more mistakes than the checks can (kinds of limiter, options).
func (s *Scenario) Problem(path, format string, args ...any) Problem {
	return s.source.Problem(s.Pos(path), path, fmt.Sprintf(format, args...))
}

// Failure says which known failure a scenario shows, by one number of a
// limiter or engine that has it and of one beside it that has not.
type Failure struct {
	Title  string `yaml:"title" doc:"what fails, in one line" required:"true" example:"Spends are lost"`
	In     string `yaml:"in" doc:"package and version that it is known of" required:"true" example:"ulule/limiter v3.11.2"`
	Issue  string `yaml:"issue" doc:"address of the public issue or change" example:"https://github.com/letsencrypt/boulder/issues/7597"`
	Should Column `yaml:"should" doc:"number of the healthy one, as in assert, with an aggregation, such as over_admission{limiter=lua} count" required:"true" example:"over_admission{limiter=main} count"`
	Seen   Column `yaml:"seen" doc:"the same number of the one that fails" required:"true" example:"over_admission{limiter=main} count"`
}

// Types of the decoder that are part of the language.
type (
	Problem  = decode.Problem
	Problems = decode.Problems
	Pos      = decode.Pos

	Named[T any] = decode.Named[T]
	Entry[T any] = decode.Entry[T]
	Options      = decode.Options
	Axis         = decode.Axis

	Duration = decode.Duration
	Rate     = decode.Rate
	Number   = decode.Number
	Count    = decode.Count
	Fraction = decode.Fraction
	Percent  = decode.Percent
	ByteRate = decode.ByteRate
)

// Shards describes the Redis shards. Every limiter has a set of its own, so
// that limiters side by side do not disturb each other, unless they share one.
type Shards struct {
	Count   Count        `yaml:"count" doc:"number of shards" default:"1" min:"1" max:"1024"`
	Shared  bool         `yaml:"shared" json:",omitempty" doc:"true: the limiters share one set of shards and wait for one another there, as the tiers of one gateway do, each with its keys under a prefix of its own; in real time they always do"`
	Names   []string     `yaml:"names" doc:"names of the shards as the Ring knows them; left out: shard-1 … shard-N"`
	Zones   []string     `yaml:"zones" doc:"zone of each shard, for network links; left out: the zone default"`
	Service Distribution `yaml:"service" doc:"time a shard takes to execute one command" default:"0s"`
	Scripts Distribution `yaml:"scripts" doc:"time a shard takes to execute one EVAL, EVALSHA or FCALL; left out: as service"`
	// Commands whose time differs, or grows with their size.
	Commands Named[CommandTime] `yaml:"commands" json:",omitempty" doc:"times of single commands by name, such as get or evalsha, where they differ from service and scripts or grow with the command's size (in virtual time)"`
	// Engine changes no result, so that it is not part of a plan.
	Engine string `yaml:"engine" json:"-" doc:"in virtual time, embedded: shards in this process; redis: redis-server processes whose clock is the simulation's (Linux)" default:"embedded" enum:"embedded,redis"`
}

// CommandTime is the time that a shard takes to execute a command of one name.
type CommandTime struct {
	Time    *Distribution `yaml:"time" doc:"time of one, beside what its size adds; left out: service, of a script call scripts"`
	PerKey  Duration      `yaml:"per_key" doc:"time for each key that it names" default:"0s" min:"0"`
	PerByte Duration      `yaml:"per_byte" doc:"time for each byte of it, as the client sends it" default:"0s" min:"0"`
}

// Network is the round-trip time between clients and shards.
type Network struct {
	RTT   Distribution `yaml:"rtt" doc:"round-trip time; half of each draw is the way there, half the way back" default:"1ms"`
	Links []Link       `yaml:"links" doc:"round-trip times between two zones that differ from rtt"`
}

// Link is the round-trip time from a client's zone to a shard's zone.
type Link struct {
	From string       `yaml:"from" doc:"zone of the client" required:"true" example:"eu-west"`
	To   string       `yaml:"to" doc:"zone of the shard" required:"true" example:"us-east"`
	RTT  Distribution `yaml:"rtt" doc:"round-trip time on this link" required:"true"`
}

// Distribution is the law of a duration: exactly one field, or a bare duration, which
// is constant.
type Distribution struct {
	Constant    *Duration       `yaml:"constant" one:"of" doc:"always this" min:"0"`
	Exponential *Exponential    `yaml:"exponential" one:"of" doc:"memoryless, by mean"`
	Lognormal   *Lognormal      `yaml:"lognormal" one:"of" doc:"by median and 99th percentile"`
	Gamma       *GammaDuration  `yaml:"gamma" one:"of" doc:"by mean and coefficient of variation"`
	Pareto      *ParetoDuration `yaml:"pareto" one:"of" doc:"heavy tail, by minimum and tail exponent"`
	Empirical   []Duration      `yaml:"empirical" one:"of" doc:"one of these measured values, each equally likely" min:"0"`
}

// Exponential is an exponential distribution of a duration.
type Exponential struct {
	Mean Duration `yaml:"mean" doc:"mean" required:"true" min:"exclusive 0"`
}

// Lognormal is a lognormal distribution of a duration.
type Lognormal struct {
	Median Duration `yaml:"median" doc:"median" required:"true" min:"exclusive 0"`
	P99    Duration `yaml:"p99" doc:"99th percentile, at least the median" required:"true" min:"exclusive 0" atleast:"median"`
}

// GammaDuration is a gamma distribution of a duration.
type GammaDuration struct {
	Mean Duration `yaml:"mean" doc:"mean" required:"true" min:"exclusive 0"`
	CV   Number   `yaml:"cv" doc:"coefficient of variation: standard deviation over mean" required:"true" min:"exclusive 0"`
}

// ParetoDuration is a Pareto distribution of a duration.
type ParetoDuration struct {
	Min   Duration `yaml:"min" doc:"smallest value" required:"true" min:"exclusive 0"`
	Alpha Number   `yaml:"alpha" doc:"tail exponent; the mean is finite above 1" required:"true" min:"exclusive 1"`
}

// Client is one kind of process that holds a Ring of its own.
type Client struct {
	Does        string   `yaml:"does" doc:"take: check and spend; check: decide without spending; spend: spend without deciding" default:"take" enum:"take,check,spend"`
	Instances   Count    `yaml:"instances" doc:"number of processes, each with a Ring of its own; a request goes to one at random" default:"1" min:"1" max:"10000"`
	ShardNames  []string `yaml:"shard_names" doc:"names under which this client knows the shards, in the order of shards.names; left out: the shards' own"`
	ClockOffset Duration `yaml:"clock_offset" doc:"how far the client's clock is ahead of true time (negative: behind)" default:"0s"`
	Zone        string   `yaml:"zone" doc:"zone of the client, for network links" default:"default"`

	Connection Connection `yaml:"connection" doc:"how the client talks to its shards. In virtual time the pool, the dials and the retries of go-redis are played where one of pool_size, min_idle, pool_timeout, dial_timeout, max_retries and dialer_retries is written; otherwise a command is sent once, on a connection that is always free"`
}

// Traffic is one source of requests.
type Traffic struct {
	Rate        RatePattern `yaml:"rate" doc:"growth pattern: intended arrivals per time" required:"true"`
	Gaps        Gaps        `yaml:"gaps" doc:"how arrivals scatter around the rate" default:"poisson"`
	Keys        string      `yaml:"keys" doc:"population that a request's key comes from (this or batch; left out with replay: the file's own keys)" example:"users"`
	Limit       string      `yaml:"limit" doc:"name of the limit that a request takes from; left out: the limiter's only one" example:"per_user"`
	Batch       []BatchItem `yaml:"batch" doc:"several limits that one request takes from: by one call, if the kind of limiter has such, or in their order by a call for each, the next only if the one before allowed it, and nothing is given back"`
	Cost        Cost        `yaml:"cost" doc:"tokens that a request takes; 0: it asks, and takes nothing" default:"1"`
	Settle      *Settle     `yaml:"settle" json:",omitempty" doc:"what becomes of what a request took: its real cost is known later, or it returns its permit of a concurrency limit (in virtual time)"`
	Limiters    []string    `yaml:"limiters" doc:"limiters that every request is sent to, each independently; left out: all"`
	Via         []string    `yaml:"via" doc:"clients that a request passes in order, the next only if the one before allowed it; left out: the only client"`
	Pause       Duration    `yaml:"pause" doc:"time between one client's answer and the request to the next in via" default:"0s" min:"0"`
	OnDenial    Reaction    `yaml:"on_denial" doc:"what a client does when it is denied" default:"none"`
	Deadline    Duration    `yaml:"deadline" json:",omitempty" doc:"how long a caller waits: the deadline of the context that it calls the limiter with, which go-redis heeds as context_timeout says; left out: none" min:"exclusive 0"`
	OnError     string      `yaml:"on_error" doc:"fail: an error is an error; open: the caller lets the request pass (fail_open)" default:"fail" enum:"fail,open"`
	MaxInFlight Count       `yaml:"max_in_flight" doc:"requests under way at once; an arrival beyond it is dropped and counted. Left out, it counts in each world of the plan" default:"10_000" min:"1"`
}

// Settle is how an admitted request settles. Its cost is what it reserves, which
// is set right when the real one is known: what is too much comes back, and what is
// missing is taken, also where there is not as much. Of a concurrency limit it holds
// a permit, and returns it.
type Settle struct {
	After Distribution `yaml:"after" doc:"time from the answer until it is settled" required:"true"`
	Cost  *Cost        `yaml:"cost" json:",omitempty" doc:"what it really costs; left out: nothing, so that all it reserved comes back (a permit returned, a quota released)"`
	Lost  Fraction     `yaml:"lost" json:",omitempty" doc:"share of the requests that never settle, as those of a process that dies" default:"0%"`
}

// BatchItem is one limit of a batch.
type BatchItem struct {
	Limit string `yaml:"limit" doc:"name of the limit" required:"true" example:"per_user"`
	Keys  string `yaml:"keys" doc:"population of its key; populations derived from one another share the request's draw" required:"true" example:"users"`
	Cost  Cost   `yaml:"cost" doc:"tokens taken from this limit" default:"1"`
}

// Cost is the law of the tokens that a request takes: exactly one field, or a bare
// number, which is constant. A request that is tried again costs the same.
type Cost struct {
	Constant  *Count         `yaml:"constant" one:"of" doc:"always this" min:"0"`
	Uniform   *UniformCost   `yaml:"uniform" one:"of" doc:"each number from the least to the most equally likely"`
	Choices   []CostChoice   `yaml:"choices" one:"of" doc:"one of several, by their weights"`
	Lognormal *LognormalCost `yaml:"lognormal" one:"of" doc:"by median and 99th percentile, rounded to whole tokens"`
}

// MarshalJSON writes a constant as the number that it was before there were laws, so
// that plans keep their hashes.
func (c Cost) MarshalJSON() ([]byte, error) {
	if c.Constant != nil {
		return json.Marshal(*c.Constant)
	}
	type plain Cost
	return json.Marshal(plain(c))
}

// UniformCost is from From to To tokens, both included.
type UniformCost struct {
	From Count `yaml:"from" doc:"fewest tokens" required:"true" min:"1"`
	To   Count `yaml:"to" doc:"most tokens" required:"true" min:"1" atleast:"from"`
}

// CostChoice is one of several costs.
type CostChoice struct {
	Cost   Count `yaml:"cost" doc:"tokens" required:"true" min:"1"`
	Weight Count `yaml:"weight" doc:"how likely it is beside the others" default:"1" min:"1" max:"1e9"`
}

// LognormalCost is a lognormal distribution of tokens.
type LognormalCost struct {
	Median Count `yaml:"median" doc:"median" required:"true" min:"1"`
	P99    Count `yaml:"p99" doc:"99th percentile, at least the median" required:"true" min:"1" atleast:"median"`
	Max    Count `yaml:"max" doc:"most tokens: what is drawn above it is this" required:"true" min:"1" atleast:"p99"`
}

// Reaction is what a client does when it is denied: the word none, or retry.
type Reaction struct {
	Retry *Retry `yaml:"retry" doc:"try again"`
}

// Retry says how a denied client tries again. The wait is one of retry_after,
// fixed and exponential.
type Retry struct {
	RetryAfter  bool          `yaml:"retry_after" one:"wait" doc:"wait as long as the limiter said"`
	Fixed       *Duration     `yaml:"fixed" one:"wait" doc:"wait this long" min:"exclusive 0"`
	Exponential *RetryBackoff `yaml:"exponential" one:"wait" doc:"exponential back-off with full jitter"`
	MaxAttempts Count         `yaml:"max_attempts" doc:"attempts in all, the first one included" default:"3" min:"2"`
}

// RetryBackoff is exponential back-off: attempt n (from 0) waits a uniform
// draw from [base·2ⁿ·(1−jitter), base·2ⁿ], capped at max.
type RetryBackoff struct {
	Base   Duration `yaml:"base" doc:"first wait" required:"true" min:"exclusive 0"`
	Max    Duration `yaml:"max" doc:"longest wait" required:"true" min:"exclusive 0" atleast:"base"`
	Jitter Fraction `yaml:"jitter" doc:"share of the wait that is random" default:"100%"`
}

// Limiter is one limiter under test.
type Limiter struct {
	Kind      string        `yaml:"kind" doc:"kind of limiter: boulder, redis_rate, tat, process, http, envoy_rls, always, never, broken, flaky, or one of the binary's own" required:"true" example:"tat"`
	Limit     *Limit        `yaml:"limit" one:"limits" doc:"the only limit (this or limits)"`
	Limits    Named[Limit]  `yaml:"limits" one:"limits" doc:"several limits by name (this or limit)"`
	Overrides []Override    `yaml:"overrides" doc:"limits of single keys"`
	Changes   []LimitChange `yaml:"changes" json:",omitempty" doc:"limits that change while the run goes on, in the order of their instants (in virtual time)"`
	Options   Options       `yaml:"options" doc:"options of this kind of limiter; of kind process, http or envoy_rls, what the program is told"`
	Reference string        `yaml:"reference" json:",omitempty" doc:"algorithm of the promise that it is audited by, such as sliding_log or fixed_window_daily:Europe/Berlin; left out: its kind's own" example:"sliding_log"`
	Process   *Process      `yaml:"process" json:",omitempty" doc:"the program of a limiter of kind process, http or envoy_rls (in virtual time on Linux)"`
	Cluster   bool          `yaml:"cluster" json:",omitempty" doc:"true: in virtual time its shards are the masters of a Redis Cluster, which has keys by their slots and refuses commands, scripts and transactions with keys in several (CROSSSLOT); in real time flags say so"`
	Model     bool          `yaml:"model" json:",omitempty" doc:"true: its reference decides in its place, in virtual time, in no time and without Redis, for sweeps of very many cells"`
}

// Process is the program of a limiter that lives in a process of its own, one
// for each instance of a client, or of an engine.
type Process struct {
	Command     []string    `yaml:"command" doc:"program and its arguments"`
	URL         string      `yaml:"url" json:",omitempty" doc:"of kind http or envoy_rls, instead of command: where a service is running already, http://HOST:PORT, https://HOST:PORT or unix:///PATH; in real time only" example:"http://127.0.0.1:8080"`
	Directory   string      `yaml:"directory" doc:"folder that it is started in, relative to the scenario's file; left out: that of the file" example:"my-limiter"`
	Environment Options     `yaml:"environment" doc:"variables of its environment, beside quotalab's own; {redis} is the first shard's Unix socket, {redis.NAME} that of a shard, {listen} where a service listens, {count} and {period_ms} are its limit if there is one alone"`
	Clock       string      `yaml:"clock" doc:"node, python: clock and timers of the runtime are virtual; preload: the C library's time of day is; none: it keeps the wall clock" default:"none" enum:"node,python,preload,none"`
	Time        string      `yaml:"time" doc:"whose time it judges by: redis, or client, which needs a virtual clock" default:"redis" enum:"redis,client"`
	Quiet       string      `yaml:"quiet" doc:"how it is known to have done all that it does: exact, as the kernel shows it; fast, as the shim of clock: node says, or when each request has had a consequence; batched, so too, and what comes at one instant is given at once" default:"exact" enum:"exact,fast,batched"`
	Checked     string      `yaml:"checked" json:",omitempty" doc:"what quotalab check-child printed when it found quiet: fast or batched to come to the same as exact" example:"27f9afee3fb4d59c"`
	Ready       Duration    `yaml:"ready_within" json:",omitempty" doc:"how long it may take, in real time, until it can be asked" default:"15s" min:"exclusive 0"`
	Algorithm   string      `yaml:"algorithm" doc:"reference that it is audited by, such as fixed_window_first_hit; left out: none, so that over_admission is unknown" example:"fixed_window_first_hit"`
	Request     *Request    `yaml:"request" doc:"of kind http: the request that asks for a decision"`
	Descriptor  *Descriptor `yaml:"descriptor" json:",omitempty" doc:"of kind envoy_rls: what ShouldRateLimit is asked with"`
}

// Descriptor is what an Envoy rate limit service is asked with, in whose values
// {key}, {limit} and {cost} stand for those of the take. OK is allowed,
// OVER_LIMIT denied.
type Descriptor struct {
	Domain  string  `yaml:"domain" doc:"domain" default:"quotalab"`
	Entries Options `yaml:"entries" doc:"entries of the descriptor, by key" required:"true"`
}

// Request is what a service is asked by, in which {key}, {limit} and {cost}
// stand for those of the take. 2xx is allowed, 429 denied.
type Request struct {
	Method  string   `yaml:"method" doc:"method" default:"GET"`
	Path    string   `yaml:"path" doc:"path and query" required:"true" example:"/login?user={key}"`
	Headers []string `yaml:"headers" doc:"headers, each as Name: value"`
}

// Limit is count per period with a burst.
type Limit struct {
	Count  Count    `yaml:"count" doc:"tokens per period; of a concurrency limit permits" required:"true" min:"1"`
	Period Duration `yaml:"period" doc:"time in which count tokens come back; of a concurrency limit the lease, after which a permit that nobody returned comes back" required:"true" min:"exclusive 0"`
	Burst  Count    `yaml:"burst" doc:"tokens of a full bucket; left out: count" min:"1"`
}

// Override is a limit of one key.
type Override struct {
	Limit string   `yaml:"limit" doc:"name of the limit; left out: the only one" example:"per_user"`
	Key   string   `yaml:"key" doc:"key that it applies to" required:"true" example:"users-17"`
	Count Count    `yaml:"count" doc:"tokens per period" required:"true" min:"1"`
	Per   Duration `yaml:"period" doc:"time in which count tokens come back" required:"true" min:"exclusive 0"`
	Burst Count    `yaml:"burst" doc:"tokens of a full bucket; left out: count" min:"1"`
}

// LimitChange is a change of a limit, or of the limit of one key, at an instant.
// The limiter is made anew with its new limits, as a process is that reads its
// configuration again; what it makes of what it has stored is its affair, and
// what it should make of it is the promise's.
type LimitChange struct {
	At      Duration `yaml:"at" doc:"when, after the start of the run" required:"true" min:"0"`
	Over    Duration `yaml:"over" doc:"time in which the instances of clients get it, one after another; left out: all at once" min:"0"`
	Limit   string   `yaml:"limit" doc:"name of the limit; left out: the only one" example:"main"`
	Key     string   `yaml:"key" doc:"key whose limit it is from then on; left out: every key's that has no limit of its own" example:"users-1"`
	Count   Count    `yaml:"count" doc:"tokens per period" required:"true" min:"1"`
	Per     Duration `yaml:"period" doc:"time in which count tokens come back" required:"true" min:"exclusive 0"`
	Burst   Count    `yaml:"burst" doc:"tokens of a full bucket; left out: count" min:"1"`
	Promise string   `yaml:"promise" doc:"what is promised to keys in use. rescale: the tokens used stay used; keep: what is stored stays (of GCRA the instant at which the bucket is full); reset: their buckets are full" default:"rescale" enum:"rescale,keep,reset"`
}

// Assertion is one entry of the assert block: a selector and its conditions.
type Assertion struct {
	Selector   string      // as written, e.g. latency{decision=denied}
	Conditions []Condition // in the file's order
	Pos        Pos         `json:"-"` // of the selector
}

// Condition is one condition of an assertion, as written. The string form
// is a Condition with only Check set.
type Condition struct {
	Check          string   `yaml:"check" doc:"<aggregation> <op> <number with unit>" required:"true" example:"p(99) < 5ms"`
	AbortOnFail    bool     `yaml:"abortOnFail" doc:"end the run as soon as it fails; looked at while the run goes on, of metrics of single requests"`
	DelayAbortEval Duration `yaml:"delayAbortEval" doc:"with abortOnFail: how much of the run passes before it may end it" min:"0"`
	Over           Duration `yaml:"over" doc:"must hold in every window of this length too, so that a bad minute is not averaged away; of metrics of single requests" min:"exclusive 0"`
	Pos            Pos      `yaml:"-" json:"-"`
}

// Connection is how a client talks to its shards. The defaults are
// go-redis'. In virtual time pool, dials and retries are played where one of
// their fields is written; else a command is sent once, on a connection that is
// always free, and of these only read_timeout, context_timeout and heartbeat count.
type Connection struct {
	PoolSize      Count    `yaml:"pool_size" doc:"connections to each shard; 0: 10 a processor, in virtual time 10" default:"0" max:"100_000"`
	MinIdle       Count    `yaml:"min_idle" doc:"connections to each shard that are opened before the run begins; 0: as many as pool_size, at most 16" default:"0" max:"100_000"`
	PoolTimeout   Duration `yaml:"pool_timeout" doc:"how long a command waits for a connection that is free; 0: read_timeout and 1s" default:"0s" min:"0"`
	DialTimeout   Duration `yaml:"dial_timeout" doc:"how long opening a connection may take" default:"5s" min:"1e6"`
	ReadTimeout   Duration `yaml:"read_timeout" doc:"how long a reply may take" default:"3s" min:"1e6"`
	WriteTimeout  Duration `yaml:"write_timeout" doc:"how long sending may take (in real time)" default:"3s" min:"1e6"`
	MaxRetries    Count    `yaml:"max_retries" doc:"how often a command that failed for want of a connection or an answer is sent again" default:"3" min:"0" max:"100"`
	DialerRetries Count    `yaml:"dialer_retries" doc:"how often opening a connection is tried" default:"5" min:"1" max:"100"`
	Heartbeat     Duration `yaml:"heartbeat" doc:"time between two looks at whether a shard is up; after three failures the Ring does without it" default:"500ms" min:"1e6"`
	// ContextTimeout is go-redis' ContextTimeoutEnabled.
	ContextTimeout bool   `yaml:"context_timeout" json:",omitempty" doc:"true: a caller's deadline ends the wait for a reply; false, as go-redis has it: it ends only the waits for a connection and between retries"`
	Pipelining     string `yaml:"pipelining" doc:"none: every command on its own; auto: commands of different requests to one shard share round trips (go-redis' auto-pipelining, one a shard; hides queueing in the latency; in real time)" default:"none" enum:"none,auto"`

	// Pooled says that virtual time plays pool, dials and retries.
	Pooled bool `yaml:"-" json:",omitempty"`
}

// OnLive turns a scenario into one in real time on shards of these names, as
// a command line asks that names servers; nil names leave the shards as they
// are. What refers to shards must fit the new ones: clients' own names of
// them by their number, faults by their names.
func (s *Scenario) OnLive(names []string) Problems {
	s.Clock, s.Shards.Engine = "real", engineEmbedded
	for i := range s.Clients {
		s.Clients[i].Value.Connection.Pooled = false
	}
	if names == nil || slices.Equal(names, s.Shards.Names) {
		return nil
	}
	c := &checker{decode.New(&language, s.source), s}
	c.Positions = s.Positions
	before := s.Shards.Names
	s.Shards.Names, s.Shards.Count = names, Count(len(names))
	s.Shards.Zones = nil // real servers are where they are
	fillShards(&s.Shards, true)
	for i := range s.Clients {
		e := &s.Clients[i]
		switch {
		case slices.Equal(e.Value.ShardNames, before):
			e.Value.ShardNames = names
		case len(e.Value.ShardNames) != len(names):
			c.Fail(join("clients", e.Name, "shard_names"), "expected %d names, one for each live shard, found %d", len(names), len(e.Value.ShardNames))
		}
	}
	c.faults()
	return c.Problems
}

// Begin sets the epoch of a scenario in real time that does not say one to
// the instant at which it is about to run; a zero instant leaves it.
func (s *Scenario) Begin(now time.Time) {
	if s.Clock == "real" && !s.Written("epoch") && !now.IsZero() {
		s.Epoch = now.UTC()
	}
}
