package measure

import "time"

// Threshold is how one engine did with one threshold. Delays are the metric
// notice_delay.
type Threshold struct {
	Engine    string  `json:"engine" jsonschema:"name of the engine"`
	Kind      string  `json:"kind" jsonschema:"kind of the engine"`
	Threshold int64   `json:"threshold" jsonschema:"percent of the limit"`
	Crossings int64   `json:"crossings" jsonschema:"times that an account reached it and was due a notice: on time, late or missed"`
	OnTime    int64   `json:"onTime" jsonschema:"crossings whose notice was delivered within the time that the engine can promise"`
	Late      int64   `json:"late" jsonschema:"crossings whose first notice was delivered later"`
	Missed    int64   `json:"missed" jsonschema:"crossings without a notice that was delivered"`
	Covered   int64   `json:"covered" jsonschema:"of the missed, those of which a higher threshold was told instead"`
	Censored  int64   `json:"censored" jsonschema:"crossings too close to the end to judge, not among the crossings"`
	Notices   Notices `json:"notices" jsonschema:"notices by what they were, each one thing"`
}

// Notices counts notices by what they were.
type Notices struct {
	First       int64 `json:"first" jsonschema:"the first that was delivered for its crossing"`
	OutOfOrder  int64 `json:"outOfOrder" jsonschema:"the same, but after one of a higher threshold"`
	Duplicate   int64 `json:"duplicate" jsonschema:"delivered again for the same crossing"`
	Undelivered int64 `json:"undelivered" jsonschema:"recorded as sent, not received"`
	Spurious    int64 `json:"spurious" jsonschema:"of no crossing that stood"`
	WarmUp      int64 `json:"warmUp" jsonschema:"the first for a crossing from before the measured time"`
}

// ThresholdCause is why an engine missed a notice, was late with one, sent one
// twice or one too many.
type ThresholdCause struct {
	Engine    string    `json:"engine" jsonschema:"name of the engine"`
	Threshold int64     `json:"threshold" jsonschema:"percent of the limit"`
	Verdict   string    `json:"verdict" jsonschema:"missed, late, duplicate or spurious"`
	Cause     string    `json:"cause" jsonschema:"causes in the order in which they showed, joined by >"`
	Count     int64     `json:"count" jsonschema:"crossings or notices with this cause"`
	Account   int64     `json:"account" jsonschema:"an account as an example: the one with the least id"`
	Group     string    `json:"group" jsonschema:"its group of accounts in the scenario"`
	At        time.Time `json:"at" jsonschema:"when it crossed the threshold, or when the notice was sent"`
}
