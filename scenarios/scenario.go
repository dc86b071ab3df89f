package scenarios

import "time"

// Scenario is one decoded scenario file. Every field's yaml name is its Go
// name in snake case; maps keep the file's order (see Named).
type Scenario struct {
	Name    string    `yaml:"name" doc:"identifier of the scenario: lower case letters, digits and dashes" required:"true"`
	About   string    `yaml:"about" doc:"what the scenario shows, in a sentence or two"`
	Seed    uint64    `yaml:"seed" doc:"seed of every random stream" default:"1"`
	Epoch   time.Time `yaml:"epoch" doc:"instant at which the run's clock starts, RFC 3339" default:"2026-01-01T00:00:00Z"`
	Horizon Duration  `yaml:"horizon" doc:"length of the run: no arrival is due at or after it" required:"true" min:"exclusive 0"`
	Warmup  Duration  `yaml:"warmup" doc:"first part of the run, played and recorded but left out of metrics" default:"0s" min:"0"`
	Clock   string    `yaml:"clock" doc:"virtual: simulated time on embedded shards; real: wall time on live Redis" default:"virtual" enum:"virtual,real"`
	MaxLag  Duration  `yaml:"max_lag" doc:"a run whose lag (sent − intended) has a 99th percentile above this is invalid; 0: 1ms at up to 10,000 requests a second, else 2ms" default:"0s" min:"0"`

	Observations string   `yaml:"observations" doc:"what is recorded: all observations; sampled: those of a random share of the keys; none. Counts and histograms by outcome are kept of all in any case; over-admission and tables of keys need all" default:"all" enum:"all,sampled,none"`
	SampleRate   Fraction `yaml:"sample_rate" doc:"share of the keys that observations: sampled records" default:"1%" min:"exclusive 0"`

	Shards   Shards            `yaml:"shards" doc:"the Redis shards of every limiter"`
	Network  Network           `yaml:"network" doc:"delays between clients and shards"`
	Keys     Named[Population] `yaml:"keys" doc:"key populations by name"`
	Clients  Named[Client]     `yaml:"clients" doc:"client instances by name; left out: one client named default that checks and spends"`
	Traffic  Named[Traffic]    `yaml:"traffic" doc:"traffic sources by name" required:"true" unless:"accounts,engines"`
	Limiters Named[Limiter]    `yaml:"limiters" doc:"limiters under test by name, each on shards of its own" required:"true" unless:"accounts,engines"`
	Assert   []Assertion       `yaml:"assert" doc:"conditions on metrics that must hold at the end: metric{tag=value}: [\"p(99) < 5ms\"]"`

	// A scenario has traffic and limiters, or accounts and engines, or both.
	Accounts   Named[AccountGroup] `yaml:"accounts" doc:"groups of accounts with quotas, by name"`
	UsageBatch Duration            `yaml:"usage_batch" doc:"usage of accounts is counted in batches this long, each at its beginning" default:"5m" min:"1e6"`
	Engines    Named[Engine]       `yaml:"engines" doc:"usage-threshold engines under test by name"`

	Faults []Fault `yaml:"faults" doc:"what goes wrong, and when"`
	Sweep  *Sweep  `yaml:"sweep" doc:"fields that vary, for the verb sweep; run plays the scenario as written"`

	// File is the name the scenario was read from.
	File string `yaml:"-"`
	// Positions tells where a dotted path ("traffic.main.rate.ramp.to",
	// list elements by index: "assert.0") stands in File. A path that was
	// left to its default has the position of its nearest written parent.
	Positions map[string]Pos `yaml:"-"`

	source source
}

// Named is an ordered map: the entries of a YAML mapping in the file's order.
type Named[T any] []Entry[T]

func (Named[T]) isNamed() {}

// Entry is one named element of a Named.
type Entry[T any] struct {
	Name  string
	Value T
}

// Names lists the names in the file's order.
func (n Named[T]) Names() []string {
	names := make([]string, len(n))
	for i, e := range n {
		names[i] = e.Name
	}
	return names
}

// Get returns the entry of that name.
func (n Named[T]) Get(name string) (T, bool) {
	for _, e := range n {
		if e.Name == name {
			return e.Value, true
		}
	}
	var zero T
	return zero, false
}

// Scalars of the language. Each prints in the file's own spelling.
type (
	// Duration is written 90s, 5ms, 12h, 30d, 1h30m (d is 24 h).
	Duration time.Duration
	// Rate is a frequency in events per second, written 500/s, 12/h, 3/m, 1/d, 1.5e3/s.
	Rate float64
	// Number is a plain number, written 1_000_000, 1e6 or 0.5.
	Number float64
	// Count is a whole number ≥ 0, written 1_000_000 or 1e6.
	Count int64
	// Fraction is written 2% or 0.02 and lies in [0, 1].
	Fraction float64
	// Percent is written 110% or 1.1 and is at least 0.
	Percent float64
)

// Shards describes the Redis shards. Every limiter has a set of its own, so
// that limiters side by side do not disturb each other.
type Shards struct {
	Count   Count        `yaml:"count" doc:"number of shards" default:"1" min:"1" max:"1024"`
	Names   []string     `yaml:"names" doc:"names of the shards as the Ring knows them; left out: shard-1 … shard-N"`
	Zones   []string     `yaml:"zones" doc:"zone of each shard, for network links; left out: the zone default"`
	Service Distribution `yaml:"service" doc:"time a shard takes to execute one command" default:"0s"`
	Scripts Distribution `yaml:"scripts" doc:"time a shard takes to execute one EVAL, EVALSHA or FCALL; left out: as service"`
}

// Network is the round-trip time between clients and shards.
type Network struct {
	RTT   Distribution `yaml:"rtt" doc:"round-trip time; half of each draw is the way there, half the way back" default:"1ms"`
	Links []Link       `yaml:"links" doc:"round-trip times between two zones that differ from rtt"`
}

// Link is the round-trip time from a client's zone to a shard's zone.
type Link struct {
	From string       `yaml:"from" doc:"zone of the client" required:"true"`
	To   string       `yaml:"to" doc:"zone of the shard" required:"true"`
	RTT  Distribution `yaml:"rtt" doc:"round-trip time on this link" required:"true"`
}

// Distribution of a duration: exactly one field, or a bare duration, which
// is constant.
type Distribution struct {
	Constant    *Duration       `yaml:"constant" one:"of" doc:"always this" min:"0"`
	Exponential *Exponential    `yaml:"exponential" one:"of" doc:"memoryless, by mean"`
	Lognormal   *Lognormal      `yaml:"lognormal" one:"of" doc:"by median and 99th percentile"`
	Gamma       *GammaDuration  `yaml:"gamma" one:"of" doc:"by mean and coefficient of variation"`
	Pareto      *ParetoDuration `yaml:"pareto" one:"of" doc:"heavy tail, by minimum and tail exponent"`
	Empirical   []Duration      `yaml:"empirical" one:"of" doc:"one of these measured values, each equally likely"`
}

// Exponential distribution of a duration.
type Exponential struct {
	Mean Duration `yaml:"mean" doc:"mean" required:"true" min:"exclusive 0"`
}

// Lognormal distribution of a duration.
type Lognormal struct {
	Median Duration `yaml:"median" doc:"median" required:"true" min:"exclusive 0"`
	P99    Duration `yaml:"p99" doc:"99th percentile, at least the median" required:"true" min:"exclusive 0"`
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

	Connection Connection `yaml:"connection" doc:"how the client talks to its shards"`
}

// Traffic is one source of requests.
type Traffic struct {
	Rate        RatePattern `yaml:"rate" doc:"growth pattern: intended arrivals per time" required:"true"`
	Gaps        Gaps        `yaml:"gaps" doc:"how arrivals scatter around the rate" default:"poisson"`
	Keys        string      `yaml:"keys" doc:"population that a request's key comes from (this or batch; left out with replay: the file's own keys)"`
	Limit       string      `yaml:"limit" doc:"name of the limit that a request takes from; left out: the limiter's only one"`
	Batch       []BatchItem `yaml:"batch" doc:"several limits that one request takes from at once"`
	Cost        Count       `yaml:"cost" doc:"tokens that a request takes" default:"1" min:"1"`
	Limiters    []string    `yaml:"limiters" doc:"limiters that every request is sent to, each independently; left out: all"`
	Via         []string    `yaml:"via" doc:"clients that a request passes in order, the next only if the one before allowed it; left out: the only client"`
	Pause       Duration    `yaml:"pause" doc:"time between one client's answer and the request to the next in via" default:"0s" min:"0"`
	OnDenial    Reaction    `yaml:"on_denial" doc:"what a client does when it is denied" default:"none"`
	OnError     string      `yaml:"on_error" doc:"fail: an error is an error; open: the caller lets the request pass (fail_open)" default:"fail" enum:"fail,open"`
	MaxInFlight Count       `yaml:"max_in_flight" doc:"requests under way at once; an arrival beyond it is dropped and counted" default:"10_000" min:"1"`
}

// BatchItem is one limit of a batch.
type BatchItem struct {
	Limit string `yaml:"limit" doc:"name of the limit" required:"true"`
	Keys  string `yaml:"keys" doc:"population of its key; populations derived from one another share the request's draw" required:"true"`
	Cost  Count  `yaml:"cost" doc:"tokens taken from this limit" default:"1" min:"1"`
}

// Reaction of a client to a denial: the word none, or retry.
type Reaction struct {
	Retry *Retry `yaml:"retry" doc:"try again"`
}

// Retry policy. Wait is one of retry_after, fixed, exponential.
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
	Max    Duration `yaml:"max" doc:"longest wait" required:"true" min:"exclusive 0"`
	Jitter Fraction `yaml:"jitter" doc:"share of the wait that is random" default:"100%"`
}

// Limiter is one limiter under test.
type Limiter struct {
	Kind      string       `yaml:"kind" doc:"kind of limiter: boulder, redis_rate, tat, always, never, broken, flaky, or one of the binary's own" required:"true"`
	Limit     *Limit       `yaml:"limit" one:"limits" doc:"the only limit (this or limits)"`
	Limits    Named[Limit] `yaml:"limits" one:"limits" doc:"several limits by name (this or limit)"`
	Overrides []Override   `yaml:"overrides" doc:"limits of single keys"`
	Options   Options      `yaml:"options" doc:"options of this kind of limiter"`
}

// Limit is count per period with a burst.
type Limit struct {
	Count  Count    `yaml:"count" doc:"tokens per period" required:"true" min:"1"`
	Period Duration `yaml:"period" doc:"time in which count tokens come back" required:"true" min:"exclusive 0"`
	Burst  Count    `yaml:"burst" doc:"tokens of a full bucket; left out: count" min:"1"`
}

// Override is a limit of one key.
type Override struct {
	Limit string   `yaml:"limit" doc:"name of the limit; left out: the only one"`
	Key   string   `yaml:"key" doc:"key that it applies to" required:"true"`
	Count Count    `yaml:"count" doc:"tokens per period" required:"true" min:"1"`
	Per   Duration `yaml:"period" doc:"time in which count tokens come back" required:"true" min:"exclusive 0"`
	Burst Count    `yaml:"burst" doc:"tokens of a full bucket; left out: count" min:"1"`
}

// Options are the raw options of one kind of limiter or engine: scalars by name in the
// file's order, decoded and checked by the kind itself.
type Options Named[string]

// Assertion is one entry of the assert block: a selector and its conditions.
type Assertion struct {
	Selector   string      // as written, e.g. latency{decision=denied}
	Conditions []Condition // in the file's order
	Pos        Pos         `json:"-"` // of the selector
}

// Condition is one condition of an assertion, as written. The string form
// is a Condition with only Check set.
type Condition struct {
	Check          string   `yaml:"check" doc:"<aggregation> <op> <number with unit>" required:"true"`
	AbortOnFail    bool     `yaml:"abortOnFail" doc:"end the run as soon as it fails; looked at while the run goes on, of metrics of single requests"`
	DelayAbortEval Duration `yaml:"delayAbortEval" doc:"with abortOnFail: how much of the run passes before it may end it" min:"0"`
	Over           Duration `yaml:"over" doc:"must hold in every window of this length too, so that a bad minute is not averaged away; of metrics of single requests" min:"exclusive 0"`
	Pos            Pos      `yaml:"-" json:"-"`
}
