package record

// Evaluation is one look of a threshold engine at one account: what it read,
// what it decided, and why. Instants are Unix nanoseconds, −1 where there is
// none. Every account of every run has one, also those that the run did not
// reach. They are recorded in the order in which they ended, which is the order
// of the notices; audit.JudgeThresholds relies on it. Of an engine without runs
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

// EvaluationOutcome is how an evaluation ended. An engine may have outcomes of
// its own: the audit takes one that it does not know as a cause by that name.
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
