package audit

import (
	"slices"

	"github.com/quotalab/quotalab/models/usage"
	"github.com/quotalab/quotalab/results/record"
)

// ThresholdInput is what one engine did about one account, and what it should
// have done. All instants are Unix nanoseconds.
type ThresholdInput struct {
	Account  int64
	Contract usage.Contract // as agreed with the customer, whatever the engine believes

	// Obligations of the account by usage.Obligations up to Last or later;
	// they are read only, so that engines side by side can share them.
	Obligations []usage.Obligation

	// Evaluations of the account by the engine, in the order in which they
	// ended: that is the order of notices.
	Evaluations []record.Evaluation

	First, Last int64 // starts of the engine's first and last run; if it has none, those of its time
	Gap         int64 // G: the largest time between the starts of two runs
	Slack       int64 // what the bound D = Gap + Slack allows for lag, the place in the run and delivery

	SourceDown   []Span // when the engine's usage source was down
	Downsampled  bool   // the source stamps usage with the end of its interval
	LooksBack    bool   // the engine can meet an obligation when its period is over: it looks once more, or delivers later
	LimitChanged bool   // the account's cached limit was written, which erases some engines' log
}

// Span is the instants from ≤ t < until.
type Span struct{ From, Until int64 }

// Verdict says whether an obligation was met, or what a notice was.
type Verdict string

// Verdicts on an obligation.
const (
	OnTime   Verdict = "on-time"  // a notice was delivered at most D after the crossing
	Late     Verdict = "late"     // the first one was delivered after that
	Missed   Verdict = "missed"   // none was
	Censored Verdict = "censored" // none was yet, but the record ends before it had to be
)

// Verdicts on a notice.
const (
	First       Verdict = "first"       // the first one delivered for its obligation
	WarmUp      Verdict = "warm-up"     // the same, for an obligation from before the record
	Duplicate   Verdict = "duplicate"   // a further one
	Undelivered Verdict = "undelivered" // recorded as sent, not received
	Spurious    Verdict = "spurious"    // of no obligation that stood
)

// ObligationVerdict is the verdict on one obligation.
type ObligationVerdict struct {
	usage.Obligation
	Verdict Verdict
	Delay   int64   // from the crossing to the first delivered notice, −1 if there is none
	Causes  []Cause // of Late and Missed: why, in the order in which they showed
	Covered bool    // of Missed: Overtaken is among the causes, so a record of this or a higher threshold exists
}

// NoticeVerdict is the verdict on one notice.
type NoticeVerdict struct {
	Threshold  int64
	At         int64 // when it was recorded as sent
	Run        int64
	Verdict    Verdict
	Cause      Cause // of Duplicate and Spurious
	OutOfOrder bool  // delivered after a higher threshold of the same period or window
}

// JudgeThresholds gives every obligation and every notice of one account and
// engine its verdict; ../shared/THRESHOLDS.md defines them.
//
// An obligation is met by the first notice of its threshold that is delivered
// while it stands: in its period, or during its excursion, by the contract,
// at the instant that the engine judged (record.Evaluation.Judged). Obligations
// from before First − Gap are not judged, because the engine may have met them
// before the record; notices for them are WarmUp. An obligation without a
// notice is Censored if it arose later than D before Last, unless it ended by
// then and the engine does not look back.
func JudgeThresholds(in ThresholdInput) ([]ObligationVerdict, []NoticeVerdict) {
	j := judge{ThresholdInput: in, met: make([][]int, len(in.Obligations))}
	j.notices()
	verdicts := make([]ObligationVerdict, 0, len(in.Obligations))
	for i, o := range in.Obligations {
		if o.Crossing >= in.begin() {
			verdicts = append(verdicts, j.obligation(i))
		}
	}
	list := make([]NoticeVerdict, len(j.sent))
	for i, n := range j.sent {
		list[i] = n.NoticeVerdict
	}
	return verdicts, list
}

// begin is from when on obligations are the engine's.
func (in *ThresholdInput) begin() int64 { return in.First - in.Gap }

// bound is D, the delay that a polling engine can promise.
func (in *ThresholdInput) bound() int64 { return in.Gap + in.Slack }

// judge holds what is known of one account and engine so far.
type judge struct {
	ThresholdInput
	sent []notice
	met  [][]int // by obligation: the notices that were made for it, as indexes into sent
}

// notice is a notice and the evaluation that made it.
type notice struct {
	NoticeVerdict
	by *record.Evaluation
}

// obligation judges one obligation, once the notices are judged.
func (j *judge) obligation(i int) ObligationVerdict {
	o := j.Obligations[i]
	v := ObligationVerdict{Obligation: o, Verdict: Missed, Delay: -1}
	if first := j.delivered(i); first != nil {
		v.Delay = first.At - o.Crossing
		if v.Verdict = Late; v.Delay <= j.bound() {
			v.Verdict = OnTime
			return v
		}
	} else if (o.End > j.Last || j.LooksBack) && o.Crossing > j.Last-j.bound() {
		v.Verdict = Censored
		return v
	}
	v.Causes = j.causes(i)
	v.Covered = v.Verdict == Missed && slices.Contains(v.Causes, Overtaken)
	return v
}

// delivered is the first delivered notice of an obligation, or nil.
func (j *judge) delivered(i int) *notice {
	for _, n := range j.met[i] {
		if j.sent[n].by.Delivered {
			return &j.sent[n]
		}
	}
	return nil
}
