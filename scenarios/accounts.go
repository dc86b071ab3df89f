package scenarios

import (
	"slices"
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

// blocks checks which blocks go together: traffic with limiters, accounts
// with engines, and at least one of the two.
func (c *checker) blocks() {
	for _, pair := range [][2]string{{"traffic", "limiters"}, {"limiters", "traffic"}, {"accounts", "engines"}, {"engines", "accounts"}} {
		given, needed := pair[0], pair[1]
		excused := c.Written("accounts") || c.Written("engines") // else the decoder has source.Limiters for both
		if excused && c.Written(given) && !c.Written(needed) && c.Good(given) && c.Good(needed) {
			c.Fail(needed, "missing field %s: a scenario with %s has %s too", needed, given, needed)
		}
	}
	if c.Written("usage_batch") && !c.Written("accounts") && c.Good("usage_batch") {
		c.Fail("usage_batch", "there are no accounts whose usage it could batch")
	}
}

// mostAccounts and mostBatches bound memory: of both there are tables.
const (
	mostAccounts = 10_000_000
	mostBatches  = 10_000_000
)

func (c *checker) accounts() {
	c.blocks()
	if b, h := c.s.UsageBatch, c.s.Horizon; c.Written("accounts") && b > 0 && h <= longestHorizon && h/b > mostBatches {
		c.Fail("usage_batch", "%s makes %d batches in the horizon of %s: at most %d", b, h/b, h, mostBatches)
	}
	total := Count(0)
	for _, e := range c.s.Accounts {
		at := join("accounts", e.Name)
		if total += e.Value.Count; total > mostAccounts && total-e.Value.Count <= mostAccounts {
			c.Fail(join(at, "count"), "that makes more than %d accounts in all", mostAccounts)
		}
		c.anchor(e.Value, join(at, "anchor"))
		if e.Value.Cached != nil && *e.Value.Cached == (CachedAccount{}) && c.Good(join(at, "cached")) {
			c.Fail(join(at, "cached"), "expected limit or usage_30d, found neither")
		}
		c.usage(e.Value.Usage, join(at, "usage"))
		c.changes(e.Value, join(at, "changes"))
	}
}

func (c *checker) anchor(g AccountGroup, path string) {
	if !c.Written(path) || !c.Good(path) {
		return
	}
	if g.Plan == "free" {
		c.Fail(path, "free accounts have no billing periods: remove it, or give plan: paid")
		return
	}
	switch {
	case g.Anchor.At != nil:
		c.billing(*g.Anchor.At, join(path, "at"))
	case g.Anchor.Spread != nil:
		from, to := join(path, "spread.from"), join(path, "spread.to")
		c.billing(g.Anchor.Spread.From, from)
		c.billing(g.Anchor.Spread.To, to)
		if s := g.Anchor.Spread; s.To.Sub(s.From) < time.Second && c.Good(path) {
			c.Fail(to, "expected at least a second after from (%s), found %s", instant(s.From), instant(s.To))
		}
	}
}

// billing checks the instant of an anchor.
func (c *checker) billing(t time.Time, path string) {
	switch {
	case t.Before(firstEpoch):
		c.Fail(path, "expected an instant from 1970 on, found %s", instant(t))
	case t.After(c.s.Epoch) && c.Good("epoch"):
		c.Fail(path, "expected an instant no later than the epoch (%s), found %s: accounts would be in no billing period", instant(c.s.Epoch), instant(t))
	}
}

func instant(t time.Time) string { return t.Format(time.RFC3339) }

func (c *checker) usage(u AccountUsage, path string) {
	from := join(path, "from")
	if c.Written(from) {
		for _, f := range []string{"shape", "scale", "draw"} {
			if p := join(path, f); c.Written(p) {
				c.Fail(p, "with from, usage is what the traffic source is allowed: remove %s", f)
			}
		}
		c.usageFrom(u, path)
	} else if p := join(path, "limiter"); c.Written(p) {
		c.Fail(p, "limiter says whose decisions count with from: remove it")
	}
	if p := join(path, "shape"); u.Shape.Replay != nil {
		c.Fail(join(p, "replay"), "replay has instants and no form: use another pattern, or from with a traffic source that replays")
	} else {
		c.pattern(u.Shape, p, c.s.Horizon, false)
	}
	if k := u.Corrections; k != nil {
		c.inRun(join(path, "corrections.every"), k.Every, ": there would be none")
	}
}

// usageFrom checks the traffic source that is the accounts' usage, and whose
// decisions on it count.
func (c *checker) usageFrom(u AccountUsage, path string) {
	from, limiter := join(path, "from"), join(path, "limiter")
	if u.From == "" || !c.refer(from, "traffic source", u.From, "traffic", c.s.Traffic.Names()) {
		return
	}
	source, known := c.s.Traffic.Get(u.From)
	switch {
	case !known:
	case c.Written(limiter) && u.Limiter != "":
		c.refer(limiter, "limiter", u.Limiter, "limiters of traffic "+u.From, source.Limiters)
	case len(source.Limiters) > 1:
		c.Fail(path, "missing field limiter: requests of %s go to %d limiters, so say whose decisions count", u.From, len(source.Limiters))
	}
}

// changes follows a contract through its changes.
func (c *checker) changes(g AccountGroup, path string) {
	plan, cancelled, last := g.Plan, false, Duration(-1)
	for i, ch := range g.Changes {
		at := join(path, i)
		if !c.Good(at) {
			return // what follows rests on it
		}
		c.inRun(join(at, "at"), ch.At)
		if ch.At <= last {
			c.Fail(join(at, "at"), "expected more than %s, where the change before is, found %s", last, ch.At)
		}
		last = ch.At
		c.change(ch, at, plan, cancelled)
		if ch.Plan != "" {
			plan, cancelled = ch.Plan, false
		}
		cancelled = cancelled || ch.Cancel
	}
}

func (c *checker) change(ch AccountChange, path, plan string, cancelled bool) {
	what := []bool{ch.Limit != nil, ch.Plan != "", ch.Cancel, ch.RestartAnchor}
	if !slices.Contains(what, true) {
		c.Fail(path, "expected limit, plan, cancel or restart_anchor, found none")
	}
	if c.Written(join(path, "via")) && ch.Limit == nil {
		c.Fail(join(path, "via"), "via says how a new limit is saved, and there is none")
	}
	if ch.Plan == plan {
		c.Fail(join(path, "plan"), "the accounts are %s already", plan)
	}
	if ch.Cancel && (cancelled || plan == "free") {
		c.Fail(join(path, "cancel"), "there is no subscription left to cancel")
	}
	switch {
	case ch.RestartAnchor && ch.Plan != "":
		c.Fail(join(path, "restart_anchor"), "a new plan has no anchor, or its own: remove it")
	case ch.RestartAnchor && plan == "free":
		c.Fail(join(path, "restart_anchor"), "free accounts have no billing periods")
	}
}

// engines checks what does not depend on the kind of an engine. Kinds and
// their options are checked where the kinds are known, by sim/plan.
func (c *checker) engines() {
	for _, e := range c.s.Engines {
		at := join("engines", e.Name)
		c.inRun(join(at, "offset"), e.Value.Offset)
		c.inRun(join(at, "flag_from"), e.Value.FlagFrom)
		c.thresholds(e.Value.Thresholds, join(at, "thresholds"))
		c.outages(e.Value.Source.Outages, join(at, "source.outages"))
		c.outages(e.Value.Mail.Outages, join(at, "mail.outages"))
	}
}

func (c *checker) thresholds(list []Count, path string) {
	for i, t := range list {
		at := join(path, i)
		if i > 0 && t <= list[i-1] && c.Good(at) && c.Good(join(path, i-1)) {
			c.Fail(at, "expected more than the %d before, found %d", list[i-1], t)
		}
	}
}

func (c *checker) outages(list []Outage, path string) {
	end := Duration(0)
	for i, o := range list {
		at := join(path, i)
		if !c.Good(at) {
			return
		}
		if o.From < end {
			c.Fail(join(at, "from"), "expected at least %s, the end of the outage before, found %s", end, o.From)
		}
		c.inRun(join(at, "from"), o.From)
		if end = o.From + o.For; end < 0 { // beyond 64 bits
			return
		}
	}
}
