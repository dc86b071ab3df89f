package record

// Evaluation is one look of a threshold engine at one account: what it read,
// what it decided, and why. Instants are Unix nanoseconds, −1 where there is
// none. Every account of every run has one, also those that the run did not
// reach. They are recorded in the order in which they ended, which is the order
// of the notices; audit.JudgeThresholds relies on it.
type Evaluation struct {
	Engine  string
	Run     int64 // start of the run, which identifies it
	Account int64
	At      int64 // when the engine turned to the account; of outcomes error and run_aborted when the error came
	// AsOf is the instant whose usage was judged where that is not At: the
	// last instant of a period (or of a limit) looked at after its end. 0
	// otherwise. See Judged.
	AsOf    int64
	Outcome EvaluationOutcome
	Error   string // of outcome error, and of run_aborted the one that ended the run

	// Of the outcomes below, suppressed and sent:
	ReadFrom  int64 // start of the range whose usage was read, or was known to be empty
	PeriodAt  int64 // start of the period (or rolling window) as the engine sees it
	Rolling   bool  // by a rolling window
	Usage     int64 // units read
	Limit     int64 // limit used
	Percent   int64 // usage in percent of the limit, truncated
	Threshold int64 // highest threshold reached, 0 none

	// Of suppressed: the log row that suppressed it.
	RowAccount, RowThreshold, RowAt int64

	// Of sent:
	SentAt    int64 // when it was recorded as sent
	Delivered bool
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
