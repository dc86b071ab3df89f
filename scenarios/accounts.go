package scenarios

import (
	"time"
)

// AccountGroup is a number of accounts with the same contract, whose usage
// follows one pattern. A change applies to all of them.
type AccountGroup struct {
	Count   Count           `yaml:"count" doc:"number of accounts" required:"true" min:"1" max:"1e7"`
	Plan    string          `yaml:"plan" doc:"paid: limit per billing period, counted in months from the anchor; free: limit per rolling 30 days" default:"paid" enum:"paid,free"`
	Anchor  Anchor          `yaml:"anchor" doc:"of paid accounts: first billing instant; left out: spread over the month before the epoch"`
	Limit   Count           `yaml:"limit" doc:"units per billing period, or per rolling 30 days of free accounts" required:"true" min:"1" max:"1e15"`
	Cached  *CachedAccount  `yaml:"cached" doc:"what the engines' cache believes at the start, where it is wrong"`
	Admins  Count           `yaml:"admins" doc:"recipients of every notice" default:"1"`
	Members Count           `yaml:"members" doc:"further recipients, of notices of 100% and more" default:"1"`
	Usage   AccountUsage    `yaml:"usage" doc:"what the accounts use" required:"true"`
	Changes []AccountChange `yaml:"changes" doc:"changes of the contract during the run, in the order of their instants"`
}

// Anchor is the first billing instant of paid accounts: exactly one field.
// It is not after the epoch, so that every account is in a period all the
// time.
type Anchor struct {
	At        *time.Time    `yaml:"at" one:"of" doc:"the same instant for every account, RFC 3339"`
	Spread    *AnchorSpread `yaml:"spread" one:"of" doc:"a whole second drawn uniformly for each account"`
	MonthEnds *MonthEnds    `yaml:"month_ends" one:"of" doc:"spread over the 29th to 31st of a month"`
}

// AnchorSpread is uniform over the whole seconds of [From, To).
type AnchorSpread struct {
	From time.Time `yaml:"from" doc:"earliest instant" required:"true"`
	To   time.Time `yaml:"to" doc:"end: every instant is before it" required:"true"`
}

// MonthEnds is uniform over the seconds of the 29th to 31st of the month that
// is Months before the epoch's, or, where that has no 31st, of the month
// before it, which always has.
type MonthEnds struct {
	Months Count `yaml:"months" doc:"how many months before the epoch, 13 for a term older than a year" required:"true" min:"1" max:"600"`
}

// CachedAccount is where the engines' cache is wrong at the start. A change
// of the limit overwrites its limit, a cache refresh its usage.
type CachedAccount struct {
	Limit    *Count `yaml:"limit" doc:"limit that the cache holds; left out: the limit; 0 is a limit of 0"`
	Usage30d *Count `yaml:"usage_30d" doc:"usage of the last 30 days that the cache holds; left out: 0"`
}

// AccountUsage is what one account uses. The account of scale 1 uses
//
//	of_limit · limit · horizon / 30 d
//
// over the whole run, in expectation, shaped by Shape; any other account that
// times its scale. Usage is counted in batches (Scenario.UsageBatch).
type AccountUsage struct {
	OfLimit     Percent      `yaml:"of_limit" one:"amount" doc:"expected usage in 30 days of the account of scale 1, in percent of its first limit (this or from)" min:"exclusive 0" max:"1e6"`
	From        string       `yaml:"from" one:"amount" doc:"traffic source whose allowed requests are the usage, each by its cost; a key belongs to the account with its number modulo count (this or of_limit)" example:"calls"`
	Limiter     string       `yaml:"limiter" doc:"with from: limiter that allowed them; left out: the source's only one" example:"main"`
	Shape       RatePattern  `yaml:"shape" doc:"growth pattern; only its form counts, not its height" default:"1/s"`
	Scale       Scale        `yaml:"scale" doc:"factor of an account's usage, drawn for each" default:"1"`
	Draw        string       `yaml:"draw" doc:"poisson: units scatter; even: each comes when its time has come" default:"poisson" enum:"poisson,even"`
	Corrections *Corrections `yaml:"corrections" doc:"usage that is taken back"`
}

// Scale is the law of a dimensionless factor: exactly one field, or a bare
// number, which is constant.
type Scale struct {
	Constant  *Number          `yaml:"constant" one:"of" doc:"the same factor for every account" min:"exclusive 0" max:"1e6"`
	Lognormal *LognormalFactor `yaml:"lognormal" one:"of" doc:"by median and 99th percentile"`
	Pareto    *ParetoFactor    `yaml:"pareto" one:"of" doc:"heavy tail, by minimum and tail exponent"`
}

// LognormalFactor is a lognormal distribution of a factor.
type LognormalFactor struct {
	Median Number `yaml:"median" doc:"median" default:"1" min:"exclusive 0" max:"1e6"`
	P99    Number `yaml:"p99" doc:"99th percentile, at least the median" required:"true" min:"exclusive 0" max:"1e6" atleast:"median"`
}

// ParetoFactor is a Pareto distribution of a factor.
type ParetoFactor struct {
	Min   Number `yaml:"min" doc:"smallest value" required:"true" min:"exclusive 0" max:"1e6"`
	Alpha Number `yaml:"alpha" doc:"tail exponent; the mean is finite above 1" required:"true" min:"exclusive 1"`
}

// Corrections says that ⌊Share · units used since the correction before⌋ are
// taken back at every multiple of Every.
type Corrections struct {
	Every Duration `yaml:"every" doc:"time from one correction to the next" required:"true" min:"exclusive 0"`
	Share Fraction `yaml:"share" doc:"share of what was used since the last correction" required:"true" min:"exclusive 0"`
}

// AccountChange is a change of all contracts of a group at one instant. Of
// Limit, Plan, Cancel and RestartAnchor at least one is given.
type AccountChange struct {
	At            Duration `yaml:"at" doc:"time after the start" required:"true" min:"0"`
	Limit         *Count   `yaml:"limit" doc:"new limit" min:"1" max:"1e15"`
	Via           string   `yaml:"via" doc:"how a new limit reaches the engines' cache: save lets an engine notice (some erase their log), bulk does not; lost: it does not reach the cache, so that engines which read it go by the limit before" default:"save" enum:"save,bulk,lost"`
	Plan          string   `yaml:"plan" doc:"new plan; a new paid plan has its anchor here" enum:"paid,free"`
	Cancel        bool     `yaml:"cancel" doc:"true: a cancellation date is set; the contract goes on until a change of plan"`
	RestartAnchor bool     `yaml:"restart_anchor" doc:"true: billing periods are counted from this instant on"`
}

// Engine is one usage-threshold engine under test. Every engine sees the
// same accounts and usage, through a usage source, a cache, a log and a mail
// service of its own.
type Engine struct {
	Kind         string      `yaml:"kind" doc:"kind of engine: flagsmith, catch_up, inline, hybrid, process, broken, or one of the binary's own" required:"true" example:"flagsmith"`
	Options      Options     `yaml:"options" doc:"options of this kind of engine"`
	Every        Duration    `yaml:"every" doc:"time from the start of one run to that of the next" default:"12h" min:"1e9"`
	Offset       Duration    `yaml:"offset" doc:"when the first run starts" default:"0s" min:"0"`
	AccountTime  Duration    `yaml:"account_time" doc:"how long a run takes for each account that it looks at, beside query and mail latency" default:"0s" min:"0"`
	Overlap      Overlap     `yaml:"overlap" doc:"a second run starts inside the first sending of a run, between its check and its record: false; true: once a day; every: N, in every N-th run" default:"false"`
	Thresholds   []Count     `yaml:"thresholds" doc:"percentages of the limit that are announced, in rising order; left out: the kind's own" min:"1" max:"10_000"`
	Source       UsageSource `yaml:"source" doc:"where the engine reads usage"`
	CacheRefresh Duration    `yaml:"cache_refresh" doc:"time from one refresh of the cached 30-day usage to the next, of engines that select accounts by it" default:"6h" min:"1e9"`
	Mail         Mail        `yaml:"mail" doc:"how notices are delivered"`
	FlagFrom     Duration    `yaml:"flag_from" doc:"when the feature flag is switched on" default:"0s" min:"0"`
	Process      *Process    `yaml:"process" json:",omitempty" doc:"of kind process: the program, which is given usage and polls and sends notices (in virtual time on Linux); it is polled where every is written"`
}

// Overlap says which runs of an engine are overlapped by a second one: false
// (none), true (once a day), or every N-th.
type Overlap struct {
	Every Count `yaml:"every" doc:"number of runs from one that is overlapped to the next" required:"true" min:"1"`
	Daily bool  `yaml:"-"` // written true; Every is then filled in
}

// UsageSource is what an engine reads usage from.
type UsageSource struct {
	Kind         string   `yaml:"kind" doc:"influx: sums over a time range; postgres: sums over whole days; influx_total: up to the last midnight" default:"influx" enum:"influx,postgres,influx_total"`
	Lag          Duration `yaml:"lag" doc:"time until usage is visible" default:"0s" min:"0"`
	Downsample   bool     `yaml:"downsample" doc:"true: usage is visible at the end of its quarter of an hour, stamped with it"`
	QueryLatency Duration `yaml:"query_latency" doc:"time that a read takes" default:"0s" min:"0"`
	Outages      []Outage `yaml:"outages" doc:"when reads find nothing, in the order of their instants"`
}

// Outage is a time in which something does not work: [From, From + For).
type Outage struct {
	From Duration `yaml:"from" doc:"start, after the start of the run" required:"true" min:"0"`
	For  Duration `yaml:"for" doc:"length" required:"true" min:"exclusive 0"`
}

// Mail is the delivery of notices.
type Mail struct {
	Latency Duration `yaml:"latency" doc:"time that sending takes" default:"0s" min:"0"`
	Outages []Outage `yaml:"outages" doc:"when what is sent does not arrive, in the order of their instants"`
}
