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

// The rows of the Parquet parts are the structs below. Their tags say what a
// column is called and how it is stored, and by unit and about what it means, for the
// files' metadata and docs/record.md. What is optional there is NULL where the field
// has the value by which the tables of columns name it: "", −1 or 0.

// Observation is one decision (or error, or drop) of one limiter on one
// request. Instants are nanoseconds after the run's epoch, in the file points in
// time; an instant that is not known is −1.
type Observation struct {
	Seq      int64  `parquet:"seq,delta" about:"0, 1, 2, … in the order of writing, without gaps"`
	Arrival  int64  `parquet:"arrival,delta" about:"number of the arrival within its traffic source"`
	Traffic  string `parquet:"traffic,dict" about:"traffic source"`
	Client   string `parquet:"client,optional,dict" about:"client instance, such as wfe or caller/17; none of a drop"`
	Limiter  string `parquet:"limiter,dict" about:"limiter under test"`
	Step     int32  `parquet:"step" about:"index in the traffic's via"`
	Attempt  int32  `parquet:"attempt" about:"0 the first try, 1 the first retry, …"`
	Done     int64  `parquet:"done,delta,timestamp(nanosecond)" about:"when the answer was there; of a drop when it was due"`
	Intended int64  `parquet:"intended,delta,timestamp(nanosecond)" about:"when the request was due"`
	Sent     int64  `parquet:"sent,optional,delta,timestamp(nanosecond)" about:"when it was sent"`
	Judged   int64  `parquet:"judged,optional,delta,timestamp(nanosecond)" about:"true instant of the last clock reading that the decision rests on"`
	Effect   int64  `parquet:"effect,optional,delta,timestamp(nanosecond)" about:"when its deciding command executed: the last on a key that wrote more than its deadline (INCR, not the EXPIRE behind it); if none wrote, the last that read"`
	Order    int64  `parquet:"effect_order,optional,delta" about:"position of that command in the order of all, or of its shard where nothing depends on more, from 1; 0: it touched no key; not known in real time"`

	Decision   Decision `parquet:"decision,dict" about:"allowed, denied, error, fail_open, dropped or settled"`
	Key        KeyState `parquet:"key_state,dict" about:"what was found of its keys: found, not_found, stale, mixed or unread"`
	Remaining  int64    `parquet:"remaining,optional" unit:"tokens" about:"what is left, as the limiter says"`
	RetryAfter int64    `parquet:"retry_after,optional" unit:"nanoseconds" about:"how long to wait, as the limiter says"`
	RoundTrips int32    `parquet:"round_trips,optional" about:"sequential round trips"`
	Error      string   `parquet:"error,optional,dict" about:"kind of error: timeout, cancelled, refused, pool_exhausted, script_missing, connection, server, unexpected"`
	Message    string   `parquet:"message,optional,dict" about:"the error's text"`

	Takes   []Take  `parquet:"takes,list" about:"one for each limit that it takes from"`
	Touched []Touch `parquet:"touched,list" about:"one for each shard that it sent commands to"`
}

// Take is one limit that a request takes from.
type Take struct {
	Limit string   `parquet:"limit_name,dict" about:"name of the limit"`
	Key   string   `parquet:"key,dict" about:"what is limited, such as an address or an account"`
	Cost  int64    `parquet:"cost" unit:"tokens" about:"what the request takes"`
	Mode  Mode     `parquet:"mode,dict" about:"take (check and spend), check, spend (if there is room, without taking part in the decision) or settle"`
	Shard string   `parquet:"shard,optional,dict" about:"shard that the commands on its key went to"`
	State KeyState `parquet:"key_state,dict" about:"what was found of the key"`

	// Number of the key among those of its limit, from 1, in the order in which
	// a Reader met them; 0: the row was not read. It is not recorded.
	Number int32 `parquet:"-"`
}

// Touch counts a request's commands on one shard.
type Touch struct {
	Shard    string `parquet:"shard,dict" about:"name of the shard"`
	Commands int32  `parquet:"commands" about:"commands that it executed for the request"`
}

// Account is what one account was entitled to and what it used: the truth
// that engines are judged by. Instants are Unix nanoseconds. Usage is in the order of
// the instants, and there are as many units as instants.
type Account struct {
	ID       int64             `parquet:"id,delta" about:"its number"`
	Group    string            `parquet:"account_group,dict" about:"group of accounts in the scenario"`
	Contract []ContractSegment `parquet:"contract,list" about:"what it was entitled to, in the order of since"`
	Saved    bool              `parquet:"saved" about:"its limit was saved during the run, which erases the log of some engines"`
	At       []int64           `parquet:"used_at,list" parquet-element:",delta,timestamp(nanosecond)" about:"when it used something"`
	Units    []int64           `parquet:"units,list" parquet-element:",delta" about:"what it used at each of these instants; corrections are negative"`
}

// ContractSegment is a usage.Segment.
type ContractSegment struct {
	From   int64 `parquet:"since,optional,timestamp(nanosecond)" about:"from when it holds; of the first: from the beginning"`
	Kind   int32 `parquet:"kind" about:"how usage is counted: 0 by billing periods (months from anchor), 1 by calendar months, 2 in a rolling window"`
	Anchor int64 `parquet:"anchor,optional,timestamp(nanosecond)" about:"instant from which billing periods are counted"`
	Limit  int64 `parquet:"limit_units" unit:"units" about:"what may be used in a period or window"`
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
	Engine  string `parquet:"engine,dict" about:"engine under test"`
	Run     int64  `parquet:"run,delta,timestamp(nanosecond)" about:"start of the run, which identifies it"`
	Account int64  `parquet:"account,delta" about:"id of the account"`
	At      int64  `parquet:"looked_at,delta,timestamp(nanosecond)" about:"when the engine turned to the account; of outcomes error and run_aborted when the error came"`
	// AsOf is 0 where At was judged. See Judged.
	AsOf    int64             `parquet:"as_of,optional,delta,timestamp(nanosecond)" about:"instant whose usage was judged where that is not looked_at: the last of a period (or of a limit) looked at after its end"`
	Outcome EvaluationOutcome `parquet:"outcome,dict" about:"how it ended, such as below, suppressed, sent or error"`
	Error   string            `parquet:"error,optional,dict" about:"of outcome error, and of run_aborted the one that ended the run"`

	// Of the outcomes below, suppressed and sent:
	ReadFrom  int64 `parquet:"read_from,optional,delta,timestamp(nanosecond)" about:"start of the range whose usage was read, or was known to be empty"`
	PeriodAt  int64 `parquet:"period_at,optional,delta,timestamp(nanosecond)" about:"start of the period (or rolling window) as the engine sees it"`
	Rolling   bool  `parquet:"rolling" about:"judged by a rolling window"`
	Usage     int64 `parquet:"usage,delta" unit:"units" about:"what was read; 0 where nothing was (read_from is NULL)"`
	Limit     int64 `parquet:"limit_units,delta" unit:"units" about:"limit used; 0 where none was"`
	Percent   int64 `parquet:"percent,delta" unit:"percent" about:"usage of the limit, truncated"`
	Threshold int64 `parquet:"threshold,optional,delta" unit:"percent" about:"highest threshold reached"`

	// Of suppressed: the log row that suppressed it.
	RowAccount   int64 `parquet:"row_account,optional,delta" about:"of suppressed: account of the log row that suppressed it"`
	RowThreshold int64 `parquet:"row_threshold,optional,delta" unit:"percent" about:"threshold of that row"`
	RowAt        int64 `parquet:"row_at,optional,delta,timestamp(nanosecond)" about:"instant of that row"`

	// Of sent:
	SentAt    int64 `parquet:"sent_at,optional,delta,timestamp(nanosecond)" about:"of sent: when it was recorded as sent"`
	Delivered bool  `parquet:"delivered" about:"the notice was delivered"`
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
