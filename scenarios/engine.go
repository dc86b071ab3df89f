package scenarios

// Engine is one usage-threshold engine under test. Every engine sees the
// same accounts and usage, through a usage source, a cache, a log and a mail
// service of its own.
type Engine struct {
	Kind         string      `yaml:"kind" doc:"kind of engine: flagsmith, catch_up, inline, hybrid, broken, or one of the binary's own" required:"true"`
	Options      Options     `yaml:"options" doc:"options of this kind of engine"`
	Every        Duration    `yaml:"every" doc:"time from the start of one run to that of the next" default:"12h" min:"1e9"`
	Offset       Duration    `yaml:"offset" doc:"when the first run starts" default:"0s" min:"0"`
	AccountTime  Duration    `yaml:"account_time" doc:"how long a run takes for each account that it looks at, beside query and mail latency" default:"0s" min:"0"`
	Overlap      Overlap     `yaml:"overlap" doc:"a second run starts inside the first sending of a run, between its check and its record: false; true: once a day; every: N, in every N-th run" default:"false"`
	Thresholds   []Count     `yaml:"thresholds" doc:"percentages of the limit that are announced, in rising order; left out: the kind's own"`
	Source       UsageSource `yaml:"source" doc:"where the engine reads usage"`
	CacheRefresh Duration    `yaml:"cache_refresh" doc:"time from one refresh of the cached 30-day usage to the next, of engines that select accounts by it" default:"6h" min:"1e9"`
	Mail         Mail        `yaml:"mail" doc:"how notices are delivered"`
	FlagFrom     Duration    `yaml:"flag_from" doc:"when the feature flag is switched on" default:"0s" min:"0"`
}

// Overlap says which runs of an engine are overlapped by a second one: false
// (none), true (once a day), or every N-th.
type Overlap struct {
	Every Count `yaml:"every" doc:"every so many runs, counted from the first" required:"true" min:"1"`
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
