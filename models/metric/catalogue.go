// Package metric is the vocabulary of results: the names, units, tags and
// aggregations of every metric, and the grammar of assertions on them.
//
//	latency{limiter=boulder,decision=denied}: p(99) < 5ms
//	└──────────── Selector ────────────────┘  └ Condition ┘
//
// In: the text of an assertion, or of a column of a sweep's table ("latency
// p(99)"). Out: a Selector and Conditions in base units, or a Column, or a
// *SyntaxError with the offset of each mistake. Names and tags are an
// interface: scripts and assertions use them.
//
// Tags left out of a selector are summed over. A metric of kind Value cannot
// be summed: where a selector matches several of its series, a condition must
// hold on each.
//
// Imported by scenarios (to check `assert` while decoding), results/summary
// and results/assert. Imports nothing of quotalab but its own unit package.
package metric

import (
	"slices"
	"strings"

	"github.com/quotalab/quotalab/models/metric/unit"
)

// Kind says what a metric's samples are and so how they aggregate.
type Kind int

// The kinds.
const (
	Counter Kind = iota // events: count, rate (per second of the measured time)
	Trend               // samples with a distribution: count, min, max, avg, med, p(N)
	Value               // one number: value
)

func (k Kind) String() string {
	switch k {
	case Counter:
		return "counter"
	case Trend:
		return "trend"
	case Value:
		return "value"
	}
	return "unknown"
}

// Aggregations lists those of this kind of metric; p(N) stands for every percentile.
func (k Kind) Aggregations() []string {
	switch k {
	case Counter:
		return []string{"count", "rate"}
	case Trend:
		return []string{"count", "min", "max", "avg", "med", "p(N)"}
	case Value:
		return []string{"value"}
	}
	return nil
}

// Metric describes one metric.
type Metric struct {
	Name   string
	Unit   string // base unit: "s", "count", "tokens", "ratio" or "" (a plain number)
	Kind   Kind
	Tags   []string            // in the order in which they are written
	Values map[string][]string // the values of tags that have a closed set, see Values
	Cuts   []string            // tags that say what part of the run it is of; only some runs have such parts
	Open   []string            // tags that say what came of it, as those with Values do, but whose values are no closed set
	Needs  []string            // tags without which a selector means nothing
	Better string              // "lower", "higher" or "" (neither)
	// PerRequest: each request adds to it by itself, once it is done. So it has
	// windows (over) and can be watched while a run goes on (abortOnFail); the
	// others are known of a whole run, at its end.
	PerRequest bool
	About      string
}

// Buckets are the upper bounds of classic histograms of times, in seconds.
var Buckets = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// Find returns the metric of that name.
func Find(name string) (Metric, bool) {
	i := slices.IndexFunc(catalogue, func(m Metric) bool { return m.Name == name })
	if i < 0 {
		return Metric{}, false
	}
	return catalogue[i], true
}

// Catalogue lists every metric, in the order of reports.
func Catalogue() []Metric { return slices.Clone(catalogue) }

// The tags of a request's outcome, of what a limit was given, and of a crossing
// of a threshold.
var (
	outcome   = []string{"traffic", "limiter", "client", "decision", "key", "phase"}
	admission = []string{"traffic", "limiter", "client", "limit", "phase"}
	crossing  = []string{"engine", "threshold"}
)

var catalogue = complete([]Metric{
	{Name: "decisions", Unit: "count", Kind: Counter, Tags: outcome, PerRequest: true,
		About: "decisions by outcome; phase, in a run with faults: before the first begins, during while any lasts (when the request was due), after in all other time, so also after a momentary one and between two"},
	{Name: "latency", Unit: "s", Kind: Trend, Tags: outcome, Better: "lower", PerRequest: true,
		About: "done − sent: what the limiter took"},
	{Name: "lag", Unit: "s", Kind: Trend, Tags: outcome, Better: "lower", PerRequest: true,
		About: "sent − intended: what the generator was late"},
	{Name: "sojourn", Unit: "s", Kind: Trend, Tags: outcome, Better: "lower", PerRequest: true,
		About: "done − intended: what a user waited"},
	{Name: "round_trips", Unit: "count", Kind: Trend, Tags: []string{"limiter", "client", "decision", "key", "phase"}, Better: "lower", PerRequest: true,
		About: "sequential round trips to shards of one decision"},
	{Name: "errors", Unit: "count", Kind: Counter, Tags: []string{"limiter", "error", "phase"}, Better: "lower", PerRequest: true,
		About: "decisions that ended in an error"},
	{Name: "dropped", Unit: "count", Kind: Counter, Tags: []string{"traffic"}, Better: "lower", PerRequest: true,
		About: "arrivals that were not sent: too many were in flight, or in real time they were more than 1 s late"},
	{Name: "over_admission", Unit: "count", Kind: Counter, Tags: admission, Better: "lower",
		About: "least number of admissions to take away so that no window holds more than the limit's promise (tokens on a limit where requests cost differently)"},
	{Name: "under_admission", Unit: "count", Kind: Counter, Tags: admission, Better: "lower",
		About: "denials that would have fitted into the promise, given what was really admitted on the key"},
	{Name: "worst_excess", Unit: "tokens", Kind: Value, Tags: admission, Better: "lower",
		About: "tokens above the promise in the worst window of any key, by the admission that ends the window"},
	{Name: "user_over_admission", Unit: "count", Kind: Counter, Tags: []string{"limiter"}, Better: "lower",
		About: "over_admission by who sent the requests (a population with hosts: the /64), where the limiter goes by another key"},
	{Name: "user_under_admission", Unit: "count", Kind: Counter, Tags: []string{"limiter"}, Better: "lower",
		About: "under_admission by who sent the requests"},
	{Name: "leaked_leases", Unit: "count", Kind: Counter, Tags: []string{"limiter"}, Better: "lower",
		About: "permits of a concurrency limit that nobody returned before their lease ended: their requests were lost, or took longer"},
	{Name: "ambiguous", Unit: "count", Kind: Counter, Tags: []string{"limiter"},
		About: "decisions too close to the boundary for the limiter's clock to tell, or that depend on an order that nobody saw"},
	{Name: "divergence", Unit: "count", Kind: Counter, Tags: []string{"limiter"},
		About: "decisions that a reference which runs free decides otherwise: a diagnostic, since one phase shift counts on both sides"},
	{Name: "retry_after_early", Unit: "s", Kind: Trend, Tags: []string{"limiter"}, Better: "lower",
		About: "how much too early denied clients were told to come back, 0 for those who were not"},
	{Name: "retry_after_late", Unit: "s", Kind: Trend, Tags: []string{"limiter"}, Better: "lower",
		About: "how much later than its unit explains denied clients were told to come back, 0 for those who were not"},
	{Name: "shard_commands", Unit: "count", Kind: Counter, Tags: []string{"limiter", "shard"},
		About: "commands that a shard executed"},
	{Name: "shard_keys", Unit: "count", Kind: Counter, Tags: []string{"limiter", "shard"},
		About: "distinct keys that live on a shard"},
	{Name: "shard_bytes", Unit: "count", Kind: Counter, Tags: []string{"limiter", "shard"}, Better: "lower",
		About: "bytes of memory, as MEMORY USAGE estimates them, that a limiter's keys take on a shard at the end of a run in virtual time; measured where an assertion or a column of a sweep asks for it"},
	{Name: "command_disagreement", Unit: "count", Kind: Counter, Tags: []string{"shard"}, Better: "lower",
		About: "by how much a live shard's own counts of commands differ from those of the run's clients; unknown unless every shard's can be compared"},
	{Name: "shard_balance", Kind: Value, Tags: []string{"limiter", "of", "stat"}, Needs: []string{"of", "stat"},
		About: "how evenly shards are loaded"},
	{Name: "shard_disagreement", Unit: "ratio", Kind: Value, Tags: []string{"limiter", "client"}, Better: "lower",
		About: "fraction of the keys that a client looks for on another shard than the first client does"},
	{Name: "telemetry_error", Unit: "ratio", Kind: Value, Tags: []string{"limiter", "client", "series"}, Better: "lower",
		About: "relative error of what the limiter's own metrics say"},
	{Name: "crossings", Unit: "count", Kind: Counter, Tags: crossing,
		About: "times that an account reached a threshold and was due a notice, but for those that are censored"},
	{Name: "censored", Unit: "count", Kind: Counter, Tags: crossing,
		About: "crossings too close to the end to judge"},
	{Name: "notices", Unit: "count", Kind: Counter, Tags: []string{"engine", "threshold", "verdict"},
		About: "notices by what they were"},
	{Name: "missed", Unit: "count", Kind: Counter, Tags: []string{"engine", "threshold", "cause"}, Open: []string{"cause"}, Better: "lower",
		About: "crossings without a notice, by causes in their order, such as prefilter>overtaken"},
	{Name: "notice_delay", Unit: "s", Kind: Trend, Tags: crossing, Better: "lower",
		About: "notice − crossing: how long an account waited to be told"},
})

// complete adds what follows from the tags of each metric.
func complete(metrics []Metric) []Metric {
	for i := range metrics {
		m := &metrics[i]
		for _, tag := range m.Tags {
			if values := Values(tag); values != nil && m.Values == nil {
				m.Values = map[string][]string{tag: values}
			} else if values != nil {
				m.Values[tag] = values
			}
			if tag == "phase" {
				m.Cuts = []string{tag}
			}
		}
	}
	return metrics
}

// Values lists the values of a tag that has a closed set, in the order of
// reports; of another one nothing.
func Values(tag string) []string {
	switch tag {
	case "decision":
		return texts(Decisions())
	case "key":
		return texts(KeyStates())
	case "phase":
		return Phases()
	case "error":
		return []string{"timeout", "cancelled", "refused", "pool_exhausted", "script_missing", "connection", "server", "contention", "unexpected"}
	case "verdict": // of a notice
		return []string{"first", "out-of-order", "duplicate", "undelivered", "spurious", "warm-up"}
	case "of": // of shard_balance, as stat
		return []string{"keys", "commands"}
	case "stat":
		return []string{"chi2", "p_value", "peak_to_mean", "cv", "gini"}
	}
	return nil
}

// Informative reports whether a value of the tag stat is information alone: how
// unlikely a spread is by chance says nothing of how much worse it is.
func Informative(stat string) bool { return stat == "chi2" || stat == "p_value" }

func texts[T ~string](words []T) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = string(w)
	}
	return out
}

// Decision is what came of a request.
type Decision string

// The decisions.
const (
	Allowed  Decision = "allowed"
	Denied   Decision = "denied"
	Errored  Decision = "error"
	FailOpen Decision = "fail_open"
	Dropped  Decision = "dropped"
	Settled  Decision = "settled" // no decision: a request that was admitted said what it really cost, or returned its permit
)

// Decisions lists the decisions in the order of reports.
func Decisions() []Decision { return []Decision{Allowed, Denied, Errored, FailOpen, Dropped, Settled} }

// KeyState is the state of a request's keys as the shard saw it when the
// request's first command reached the key.
type KeyState string

// The key states. Mixed is a batch whose keys are in different states;
// Unread means that no command reached a key.
const (
	Found    KeyState = "found"
	NotFound KeyState = "not_found"
	Stale    KeyState = "stale"
	Mixed    KeyState = "mixed"
	Unread   KeyState = "unread"
)

// KeyStates lists the key states in the order of reports.
func KeyStates() []KeyState { return []KeyState{Found, NotFound, Stale, Mixed, Unread} }

// Phases lists the phases of a run with faults, in their order.
func Phases() []string { return []string{Before, During, After} }

// The phases.
const (
	Before = "before"
	During = "during"
	After  = "after"
)

// Column names one number of a run: "latency{decision=denied} p(99)",
// "over_admission count". It is a column of a table of runs.
type Column struct {
	Selector Selector
	Agg      string  // count, rate, min, max, avg, med, p or value
	P        float64 // percentile in [0, 100] when Agg is p
}

// String writes the column as ScanColumn reads it.
func (c Column) String() string { return c.Selector.String() + " " + c.Aggregation() }

// Aggregation returns the aggregation in the spelling of an assertion: p(99), count.
func (c Column) Aggregation() string {
	if c.Agg == "p" {
		return "p(" + unit.FormatNumber(c.P) + ")"
	}
	return c.Agg
}

// Unit is the base unit of the column's numbers: "s", "/s", "count",
// "tokens", "ratio" or "" (a plain number).
func (c Column) Unit() string {
	m, _ := Find(c.Selector.Metric)
	return boundUnit(m, c.Agg)
}

// Better is the direction that is better for the column's numbers: "lower",
// "higher" or "" (neither). How many samples a trend has is neither.
func (c Column) Better() string {
	m, _ := Find(c.Selector.Metric)
	if m.Kind == Trend && c.Agg == "count" {
		return ""
	}
	return m.Better
}

// ScanColumn reads a selector and an aggregation with a space between them,
// and returns every mistake, and the place of every tag.
func ScanColumn(s string) (c Column, places []Place, errs []*SyntaxError) {
	at := len(s)
	if i := strings.IndexByte(s, '}'); i >= 0 {
		at = i + 1
	} else if i := strings.IndexByte(s[indent(s):], ' '); i >= 0 && !strings.Contains(s, "{") {
		at = indent(s) + i
	}
	selector, rest := s[:at], s[at:]
	c.Selector, places, errs = ScanSelector(selector)
	m, known := Find(c.Selector.Metric)
	if !known {
		return c, places, errs
	}
	var err error
	if c.Agg, c.P, err = aggregation(m, strings.TrimSpace(rest)); err != nil {
		errs = append(errs, &SyntaxError{at + indent(rest), err.Error()})
	}
	return c, places, errs
}

// ColumnOf is the column that a condition on a selector looks at.
func ColumnOf(s Selector, c Condition) Column { return Column{s, c.Agg, c.P} }
