// Package record is the file of a run: everything that happened, in the
// order in which it happened, and everything needed to judge it later on
// another machine without the simulator.
//
// In flows one Manifest and then one Observation after another, through a
// Writer. Out flow the same observations through a Reader, either in the
// order of writing or in the order in which they took effect on the shards.
// A run with usage-threshold engines also has Evaluations, each engine's looks
// at accounts in the order in which they ended, and Accounts, with the contract
// and all usage of each.
//
// A record is a directory:
//
//	manifest.json                        what it is a record of, its parts, its hash
//	plan.txt                             the compiled plan, for people
//	observations/part-00000.parquet …    rows, zstd, closed every so many rows
//	evaluations/part-00000.parquet …     the same, if there are engines
//	accounts/part-00000.parquet …        closed every so many instants of usage
//	summary.json                         what measure made of it
//	totals.json, *.hlog                  what was kept of all observations while a run
//	                                     went on in real time, or that does not record all
//
// The manifest is rewritten each time a part is closed, and the totals are saved. So a
// run that dies leaves a record that reads, and verifies, up to then.
//
// The drivers of sim and every package of results may import it. It knows
// neither scenarios nor limiters.
package record

import (
	"github.com/quotalab/quotalab/models/metric"
)

// Decision and KeyState make the outcome of a request: see package metric.
type (
	Decision = metric.Decision
	KeyState = metric.KeyState
)

// The decisions and key states.
const (
	Allowed  = metric.Allowed
	Denied   = metric.Denied
	Errored  = metric.Errored
	FailOpen = metric.FailOpen
	Dropped  = metric.Dropped
	Settled  = metric.Settled

	Found    = metric.Found
	NotFound = metric.NotFound
	Stale    = metric.Stale
	Mixed    = metric.Mixed
	Unread   = metric.Unread
)

// Mode is what a request does to a limit.
type Mode string

// The modes: check and spend, check without spending, spend if there is
// room without taking part in the decision. To settle sets right what an earlier
// take of the arrival cost: Cost is what it really is, 0 where a permit is returned.
const (
	TakeMode   Mode = "take"
	CheckMode  Mode = "check"
	SpendMode  Mode = "spend"
	SettleMode Mode = "settle"
)

// Observation is one decision (or error, or drop) of one limiter on one
// request. Instants are nanoseconds after the run's epoch; an instant that
// is not known is −1. The struct is a row of the Parquet parts.
type Observation struct {
	Seq      int64  `parquet:"seq,delta"`      // 0, 1, 2, … in the order of writing, without gaps
	Arrival  int64  `parquet:"arrival,delta"`  // number of the arrival within its traffic source
	Traffic  string `parquet:"traffic,dict"`   // traffic source
	Client   string `parquet:"client,dict"`    // client instance, e.g. "wfe" or "caller/17"
	Limiter  string `parquet:"limiter,dict"`   // limiter under test
	Step     int32  `parquet:"step"`           // index in the traffic's via
	Attempt  int32  `parquet:"attempt"`        // 0 the first try, 1 the first retry, …
	Done     int64  `parquet:"done,delta"`     // when the answer was there
	Intended int64  `parquet:"intended,delta"` // when the request was due
	Sent     int64  `parquet:"sent,delta"`     // when it was sent
	Judged   int64  `parquet:"judged,delta"`   // true instant of the last clock reading that the decision rests on
	Effect   int64  `parquet:"effect,delta"`   // when its deciding command executed: the last on a key that wrote more than its deadline (INCR, not the EXPIRE behind it); if none wrote, the last that read
	Order    int64  `parquet:"order,delta"`    // position of that command in the order of all, or of its shard where nothing depends on more, from 1; 0: it touched no key; −1: unknown (real time)

	Decision   Decision `parquet:"decision,dict"`
	Key        KeyState `parquet:"key,dict"`
	Remaining  int64    `parquet:"remaining"`    // tokens left as the limiter says; −1 unknown
	RetryAfter int64    `parquet:"retry_after"`  // nanoseconds as the limiter says; −1 unknown
	RoundTrips int32    `parquet:"round_trips"`  // sequential round trips, −1 unknown
	Error      string   `parquet:"error,dict"`   // kind of error, "" none: timeout, cancelled, refused, pool_exhausted, script_missing, connection, server, unexpected
	Message    string   `parquet:"message,dict"` // the error's text

	Takes   []Take  `parquet:"takes,list"`   // one for each limit
	Touched []Touch `parquet:"touched,list"` // commands by shard
}

// Take is one limit that a request takes from.
type Take struct {
	Limit string   `parquet:"limit,dict"`
	Key   string   `parquet:"key,dict"`
	Cost  int64    `parquet:"cost"`
	Mode  Mode     `parquet:"mode,dict"`
	Shard string   `parquet:"shard,dict"` // the shard that its key's commands went to, "" none
	State KeyState `parquet:"state,dict"`

	// Number of the key among those of its limit, from 1, for who sees the row
	// after the one who counted it; 0: nobody did. It is not recorded.
	Number int32 `parquet:"-"`
}

// Touch counts a request's commands on one shard.
type Touch struct {
	Shard    string `parquet:"shard,dict"`
	Commands int32  `parquet:"commands"`
}

// Account is what one account was entitled to and what it used: the truth
// that engines are judged by. Instants are Unix nanoseconds. The struct is a
// row of the Parquet parts.
type Account struct {
	ID       int64             `parquet:"id,delta"`
	Group    string            `parquet:"group,dict"`
	Contract []ContractSegment `parquet:"contract,list"` // in the order of From
	// Saved says that its limit was saved during the run, which erases the
	// log of some engines.
	Saved bool `parquet:"saved"`
	// Usage, in the order of the instants and as many units as instants;
	// corrections are negative.
	At    []int64 `parquet:"at,list" parquet-element:",delta"`
	Units []int64 `parquet:"units,list" parquet-element:",delta"`
}

// ContractSegment is a usage.Segment.
type ContractSegment struct {
	From   int64 `parquet:"from"`
	Kind   int32 `parquet:"kind"` // of usage.Kind
	Anchor int64 `parquet:"anchor"`
	Limit  int64 `parquet:"limit"`
}

// Engine is one usage-threshold engine of a run, and what can be expected of
// it.
type Engine struct {
	Name       string            `json:"name"`
	Kind       string            `json:"kind"`
	Options    map[string]string `json:"options,omitempty"`
	Thresholds []int64           `json:"thresholds"`

	// First and Last run started then, Unix nanoseconds; of an engine
	// without runs they are the start and the end of the run.
	First int64 `json:"firstUnixNanoseconds"`
	Last  int64 `json:"lastUnixNanoseconds"`
	// A notice is on time at most Gap + Slack after the crossing: Gap is the
	// largest time between the starts of two runs, Slack what the source's
	// lag, the account's place in the run and delivery may add.
	Gap   int64 `json:"gapNanoseconds"`
	Slack int64 `json:"slackNanoseconds"`

	// LooksBack says that the engine can still meet an obligation when its
	// period is over: it looks at it once more, or delivers later.
	LooksBack   bool   `json:"looksBack,omitempty"`
	SourceDown  []Span `json:"sourceDown,omitempty"`
	Downsampled bool   `json:"downsampled,omitempty"`
	// Opaque says that it reports its notices alone, not of what it looked at.
	Opaque   bool      `json:"opaque,omitempty"`
	Findings []Finding `json:"findings,omitempty"`
}

// Span is the instants from ≤ t < until, Unix nanoseconds.
type Span struct {
	From  int64 `json:"fromUnixNanoseconds"`
	Until int64 `json:"untilUnixNanoseconds"`
}

// Finding is a fault that an engine, or the harness about it, noticed: of one
// account, or of none (0).
type Finding struct {
	What    FindingKind `json:"what"`
	Account int64       `json:"account"`
	At      int64       `json:"atUnixNanoseconds"`             // when it was found first
	Last    int64       `json:"lastUnixNanoseconds,omitempty"` // when it was found last; 0: as At
	Count   int64       `json:"count"`                         // how often it was found of the account
	Error   string      `json:"error,omitempty"`               // text of the first error, without the account; none if there was no error
}

// Until returns the instant at which the finding was made last.
func (f *Finding) Until() int64 { return max(f.At, f.Last) }

// FindingKind says what was found. The list is closed, since the audit makes
// causes of it: texts of errors are in Finding.Error.
type FindingKind string

// The kinds of findings.
const (
	CounterLost       FindingKind = "counter lost"               // a counter that was written was not there
	CounterRegressed  FindingKind = "counter regressed"          // a counter is below what is known to be counted
	UsageNotCounted   FindingKind = "usage not counted"          // it was not, or perhaps not: the call to Redis failed
	NoticeUndelivered FindingKind = "not delivered"              // the notice stays in its outbox and is tried again
	NoticeKept        FindingKind = "not taken out of an outbox" // the notice was delivered, and comes again
	OutboxUnread      FindingKind = "outbox not read"            // its notices are tried again
	RunFailed         FindingKind = "run failed"                 // it did not reach every account
	RefreshFailed     FindingKind = "cached usage not refreshed"
	LimitUnnoticed    FindingKind = "saved limit not noticed"
	LimitUnannounced  FindingKind = "new limit not announced"
)

// Evaluation is one look of a threshold engine at one account: what it read,
// what it decided, and why. Instants are Unix nanoseconds, −1 where there is
// none. Every account of every run has one, also those that the run did not
// reach. They are recorded in the order in which they ended, which is the order
// of the notices; quotaquotaaudit.Judge relies on it. Of an engine without runs
// there is one for each notice. The struct is a row of the Parquet parts.
type Evaluation struct {
	Engine  string `parquet:"engine,dict"`
	Run     int64  `parquet:"run,delta"` // start of the run, which identifies it
	Account int64  `parquet:"account,delta"`
	At      int64  `parquet:"at,delta"` // when the engine turned to the account; of outcomes error and run_aborted when the error came
	// AsOf is the instant whose usage was judged where that is not At: the
	// last instant of a period (or of a limit) looked at after its end. 0
	// otherwise. See Judged.
	AsOf    int64             `parquet:"as_of,delta"`
	Outcome EvaluationOutcome `parquet:"outcome,dict"`
	Error   string            `parquet:"error,dict"` // of outcome error, and of run_aborted the one that ended the run

	// Of the outcomes below, suppressed and sent:
	ReadFrom  int64 `parquet:"read_from,delta"` // start of the range whose usage was read, or was known to be empty
	PeriodAt  int64 `parquet:"period_at,delta"` // start of the period (or rolling window) as the engine sees it
	Rolling   bool  `parquet:"rolling"`         // by a rolling window
	Usage     int64 `parquet:"usage,delta"`     // units read
	Limit     int64 `parquet:"limit,delta"`     // limit used
	Percent   int64 `parquet:"percent,delta"`   // usage in percent of the limit, truncated
	Threshold int64 `parquet:"threshold,delta"` // highest threshold reached, 0 none

	// Of suppressed: the log row that suppressed it.
	RowAccount   int64 `parquet:"row_account,delta"`
	RowThreshold int64 `parquet:"row_threshold,delta"`
	RowAt        int64 `parquet:"row_at,delta"`

	// Of sent:
	SentAt    int64 `parquet:"sent_at,delta"` // when it was recorded as sent
	Delivered bool  `parquet:"delivered"`
}

// EvaluationOutcome is how an evaluation ended.
type EvaluationOutcome string

// The outcomes of an evaluation.
const (
	NotSelected    EvaluationOutcome = "not_selected"     // the run does not look at it
	Prefiltered    EvaluationOutcome = "prefilter"        // its cached usage is too low
	FlagOff        EvaluationOutcome = "flag_off"         // the feature is off
	NoCacheRow     EvaluationOutcome = "no_cache_row"     // nothing is known of its plan
	NoBillingStart EvaluationOutcome = "no_billing_start" // its period is not known
	RunAborted     EvaluationOutcome = "run_aborted"      // an error of an earlier account ended the run
	EvaluationErr  EvaluationOutcome = "error"            // its own evaluation failed
	Below          EvaluationOutcome = "below"            // below the lowest threshold
	Suppressed     EvaluationOutcome = "suppressed"       // a log row says that it was sent already
	SentNotice     EvaluationOutcome = "sent"             // a notice was sent and recorded
)

// Judged is the instant whose usage was judged. A notice belongs to the period
// or excursion of this instant.
func (e *Evaluation) Judged() int64 {
	if e.AsOf != 0 {
		return e.AsOf
	}
	return e.At
}

// book is the manifest of a record that is being written. It is on disk as
// of the last closed part.
type book struct {
	dir      string
	manifest Manifest
}

// enter notes a closed part.
func (b *book) enter(note func(*Manifest)) error {
	note(&b.manifest)
	b.manifest.Hash = b.manifest.contentHash()
	return b.write()
}

func (b *book) write() error { return writeManifest(b.dir, &b.manifest) }

// take takes over what a Writer knows of the content.
func (m *Manifest) take(from *Manifest) {
	m.Count, m.Parts, m.Hash, m.MaxSettle = from.Count, from.Parts, from.Hash, from.MaxSettle
	m.AccountCount, m.AccountParts = from.AccountCount, from.AccountParts
	m.EvaluationCount, m.EvaluationParts = from.EvaluationCount, from.EvaluationParts
}
