package scenarios

// RatePattern is a growth pattern λ(t): exactly one field, or a bare rate,
// which is constant. Times count from the start of the run (in then: of the
// part); after `over` a growing pattern stays where it is.
type RatePattern struct {
	Constant    *Rate         `yaml:"constant" one:"of" doc:"the same rate throughout" min:"exclusive 0"`
	Ramp        *Ramp         `yaml:"ramp" one:"of" doc:"linear growth or decline"`
	Exponential *ExpGrowth    `yaml:"exponential" one:"of" doc:"growth by a doubling time or a rate of growth"`
	Logistic    *Logistic     `yaml:"logistic" one:"of" doc:"S-shaped growth to a ceiling"`
	Steps       []Step        `yaml:"steps" one:"of" doc:"one rate after another"`
	Diurnal     *Diurnal      `yaml:"diurnal" one:"of" doc:"daily and weekly season"`
	Spike       *Spike        `yaml:"spike" one:"of" doc:"flash crowd: linear rise, hold, exponential decay, on top of a base"`
	OnOff       *OnOff        `yaml:"on_off" one:"of" doc:"bursts: a rate for a while, then another for a while, repeated"`
	Herd        *Herd         `yaml:"herd" one:"of" doc:"everyone at the top of the minute or hour"`
	Replay      *Replay       `yaml:"replay" one:"of" doc:"the recorded timestamps of a file; only on its own, not inside sum, product or then"`
	Sum         []RatePattern `yaml:"sum" one:"of" doc:"sum of patterns"`
	Product     []RatePattern `yaml:"product" one:"of" doc:"product of patterns: the first is a rate, every further one is read in units of 1/s and scales it"`
	Then        []ThenPattern `yaml:"then" one:"of" doc:"one pattern after another"`
}

// Ramp is linear from From to To during Over, then To.
type Ramp struct {
	From Rate     `yaml:"from" doc:"rate at the start" min:"0"`
	To   Rate     `yaml:"to" doc:"rate at the end" min:"0"`
	Over Duration `yaml:"over" doc:"time it takes; left out: the horizon, or in then to the end of the part" min:"exclusive 0"`
}

// ExpGrowth is From·e^(g·t), with g = Growth or ln 2 / Doubling.
type ExpGrowth struct {
	From     Rate      `yaml:"from" doc:"rate at the start" required:"true" min:"exclusive 0"`
	Doubling *Duration `yaml:"doubling" one:"growth" doc:"time in which the rate doubles (this or growth)" min:"exclusive 0"`
	Growth   *Rate     `yaml:"growth" one:"growth" doc:"relative growth per time, e.g. 0.05/h; may be negative (decay)"`
	Over     Duration  `yaml:"over" doc:"time after which it stays where it is; left out: the horizon, or in then to the end of the part" min:"exclusive 0"`
}

// Logistic is To / (1 + (To/From − 1)·e^(−k·t)) with k so that half of To is reached at Midpoint.
type Logistic struct {
	From     Rate     `yaml:"from" doc:"rate at the start, below half of to" required:"true" min:"exclusive 0"`
	To       Rate     `yaml:"to" doc:"rate that it approaches" required:"true" min:"exclusive 0"`
	Midpoint Duration `yaml:"midpoint" doc:"time at which half of to is reached" required:"true" min:"exclusive 0"`
}

// Step is a rate held for a time.
type Step struct {
	Rate Rate     `yaml:"rate" doc:"rate of this step" required:"true" min:"0"`
	For  Duration `yaml:"for" doc:"how long; the last step may leave it out and lasts to the end" min:"exclusive 0"`
}

// Diurnal is Mean·(1 + Amplitude·cos(2π(h − PeakHour)/24 h)), times Weekend
// on Saturdays and Sundays (UTC, counted from the scenario's epoch).
type Diurnal struct {
	Mean      Rate     `yaml:"mean" doc:"mean rate of a weekday" required:"true" min:"exclusive 0"`
	Amplitude Fraction `yaml:"amplitude" doc:"swing around the mean" default:"50%"`
	PeakHour  Number   `yaml:"peak_hour" doc:"hour of the day (UTC) of the peak" default:"14" min:"0" max:"24"`
	Weekend   Number   `yaml:"weekend" doc:"factor on Saturdays and Sundays" default:"1" min:"0"`
}

// Spike is Base, then linear to Peak in Rise from At, Peak for Hold, then
// Base + (Peak − Base)·e^(−(t − end of hold)/Decay).
type Spike struct {
	Base  Rate     `yaml:"base" doc:"rate outside of the spike" min:"0"`
	Peak  Rate     `yaml:"peak" doc:"highest rate" required:"true" min:"exclusive 0" above:"base"`
	At    Duration `yaml:"at" doc:"when the rise begins" default:"0s" min:"0"`
	Rise  Duration `yaml:"rise" doc:"length of the rise" default:"0s" min:"0"`
	Hold  Duration `yaml:"hold" doc:"length of the plateau" default:"0s" min:"0"`
	Decay Duration `yaml:"decay" doc:"time constant of the decay; 0: at once" default:"0s" min:"0"`
}

// OnOff alternates On for OnFor and Off for OffFor, beginning with On.
type OnOff struct {
	On     Rate     `yaml:"on" doc:"rate during a burst" required:"true" min:"exclusive 0"`
	Off    Rate     `yaml:"off" doc:"rate between bursts" default:"0/s" min:"0"`
	OnFor  Duration `yaml:"on_for" doc:"length of a burst" required:"true" min:"exclusive 0"`
	OffFor Duration `yaml:"off_for" doc:"length of a pause" required:"true" min:"exclusive 0"`
}

// Herd is Size arrivals at every multiple of Every counted from the run's
// start, spread evenly over the following Jitter (0: all at one instant).
type Herd struct {
	Size   Count    `yaml:"size" doc:"arrivals each time" required:"true" min:"1"`
	Every  Duration `yaml:"every" doc:"period, e.g. 1m or 1h" required:"true" min:"exclusive 0"`
	Jitter Duration `yaml:"jitter" doc:"arrivals spread over this long, at most every" default:"0s" min:"0" atmost:"every"`
}

// Replay plays recorded timestamps.
type Replay struct {
	File      string `yaml:"file" doc:"path, relative to the scenario file; access-log-sample is built in" required:"true" example:"access.log"`
	Format    string `yaml:"format" doc:"format of the file" default:"combined" enum:"combined,alb,w3c,csv,jsonl"`
	Scale     Number `yaml:"scale" doc:"time is divided by this: 2 replays twice as fast" default:"1" min:"exclusive 0"`
	TimeField string `yaml:"time_field" doc:"column or field of the timestamp (csv, jsonl): RFC 3339, or Unix seconds" default:"time"`
	KeyField  string `yaml:"key_field" doc:"column or field of the key; combined and w3c logs: host, user, path, agent" default:"host"`
	BadLines  Count  `yaml:"bad_lines" json:",omitempty" doc:"as many bad lines are skipped, counted and shown; one more is an error" default:"0" min:"0"`
}

// ThenPattern is a pattern for a time; its own clock starts at 0.
type ThenPattern struct {
	Rate RatePattern `yaml:"rate" doc:"the pattern" required:"true"`
	For  Duration    `yaml:"for" doc:"how long; the last may leave it out" min:"exclusive 0"`
}

// Gaps is the law of the gaps between arrivals in operational time: one of the
// words poisson and even, or one field.
type Gaps struct {
	Poisson bool        `yaml:"poisson" one:"of" doc:"memoryless"`
	Even    bool        `yaml:"even" one:"of" doc:"evenly spaced"`
	Gamma   *GammaGaps  `yaml:"gamma" one:"of" doc:"gamma distributed, by coefficient of variation"`
	Pareto  *ParetoGaps `yaml:"pareto" one:"of" doc:"heavy-tailed"`
}

// GammaGaps has unit mean and coefficient of variation CV.
type GammaGaps struct {
	CV Number `yaml:"cv" doc:"coefficient of variation of the gaps: below 1 smoother than poisson, above 1 burstier" required:"true" min:"exclusive 0"`
}

// ParetoGaps has unit mean and tail exponent Alpha.
type ParetoGaps struct {
	Alpha Number `yaml:"alpha" doc:"tail exponent" required:"true" min:"exclusive 1"`
}

// Population is a population of keys: exactly one of the kinds. As says how a
// key's number is written out.
type Population struct {
	As    string `yaml:"as" doc:"how a key is written: name (population-17), id (17), ipv4, ipv6, domain (population-17.test); from_trace keeps the trace's own" default:"name" enum:"name,id,ipv4,ipv6,domain"`
	Hosts Count  `yaml:"hosts" json:",omitempty" doc:"of as: ipv6: each key is a user with a /64 of that many addresses, and every request comes from one of them, drawn at random; limiters are audited by users too. Left out: a key is one address" max:"4e18"`

	Uniform   *UniformKeys  `yaml:"uniform" one:"of" doc:"n keys, equally likely"`
	Zipf      *ZipfKeys     `yaml:"zipf" one:"of" doc:"n keys, the k-th with probability ∝ k^−s"`
	HotSet    *HotSetKeys   `yaml:"hot_set" one:"of" doc:"a few hot keys take a fixed share, the others the rest"`
	Fresh     *struct{}     `yaml:"fresh" one:"of" doc:"a new key each time"`
	Churn     *ChurnKeys    `yaml:"churn" one:"of" doc:"keys arrive at a rate and live a distributed time; a request picks a living one"`
	Growing   *GrowingKeys  `yaml:"growing" one:"of" doc:"Heaps' law: the number of distinct keys grows as k·nᵇ with the draws n"`
	Sequence  *SequenceKeys `yaml:"sequence" one:"of" doc:"keys 0, 1, …, n−1 in turn"`
	FromTrace *TraceKeys    `yaml:"from_trace" one:"of" doc:"keys with the frequencies of a file"`
	Mix       []MixKeys     `yaml:"mix" one:"of" doc:"weighted mixture of other populations"`
	Derive    *DerivedKeys  `yaml:"derive" one:"of" doc:"computed from another population's draw of the same request"`
}

// UniformKeys are N equally likely keys.
type UniformKeys struct {
	N Count `yaml:"n" doc:"number of keys" required:"true" min:"1"`
}

// ZipfKeys have finite support N and any exponent S ≥ 0.
type ZipfKeys struct {
	N Count  `yaml:"n" doc:"number of keys" required:"true" min:"1"`
	S Number `yaml:"s" doc:"exponent; 0 is uniform" required:"true" min:"0"`
}

// HotSetKeys gives Share of all draws to Hot of N keys.
type HotSetKeys struct {
	N     Count    `yaml:"n" doc:"number of keys" required:"true" min:"1"`
	Hot   Count    `yaml:"hot" doc:"number of hot keys, less than n" required:"true" min:"1" below:"n"`
	Share Fraction `yaml:"share" doc:"share of the draws that goes to hot keys" required:"true"`
}

// ChurnKeys is a population whose keys arrive at Arrivals and live a Lifetime;
// Start of them live at time 0.
type ChurnKeys struct {
	Arrivals Rate         `yaml:"arrivals" doc:"rate of new keys" required:"true" min:"exclusive 0"`
	Lifetime Distribution `yaml:"lifetime" doc:"how long a key lives" required:"true"`
	Start    Count        `yaml:"start" doc:"keys alive at the start; left out: arrivals × mean lifetime"`
}

// GrowingKeys follows Heaps' law: after n draws about K·n^B distinct keys.
type GrowingKeys struct {
	K Number `yaml:"k" doc:"factor" default:"1" min:"exclusive 0"`
	B Number `yaml:"b" doc:"exponent, in (0, 1)" required:"true" min:"exclusive 0" max:"exclusive 1"`
}

// SequenceKeys counts through N keys.
type SequenceKeys struct {
	N Count `yaml:"n" doc:"number of keys" required:"true" min:"1"`
}

// TraceKeys are drawn with the frequencies of a file's key field.
type TraceKeys struct {
	File     string `yaml:"file" doc:"path, relative to the scenario file; access-log-sample is built in" required:"true" example:"access.log"`
	Format   string `yaml:"format" doc:"format of the file" default:"combined" enum:"combined,alb,w3c,csv,jsonl"`
	KeyField string `yaml:"key_field" doc:"column or field of the key; combined and w3c logs: host, user, path, agent" default:"host"`
	BadLines Count  `yaml:"bad_lines" json:",omitempty" doc:"as many bad lines are skipped, counted and shown; one more is an error" default:"0" min:"0"`
}

// MixKeys is one part of a mixture.
type MixKeys struct {
	Keys   string `yaml:"keys" doc:"population" required:"true" example:"users"`
	Weight Number `yaml:"weight" doc:"relative weight" default:"1" min:"exclusive 0"`
}

// DerivedKeys maps the key that the same request drew from another
// population: prefix cuts an address to a range, groups spreads ids over that
// number of groups, size puts that number of consecutive ids into one group.
type DerivedKeys struct {
	From   string `yaml:"from" doc:"population" required:"true" example:"users"`
	Prefix Count  `yaml:"prefix" one:"by" doc:"length of the address range in bits, e.g. 48" min:"1" max:"128"`
	Groups Count  `yaml:"groups" one:"by" doc:"number of groups: id modulo groups" min:"1"`
	Size   Count  `yaml:"size" one:"by" doc:"number of ids in a group: id divided by size" min:"1"`
}
