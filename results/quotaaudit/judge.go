// Package quotaaudit judges usage-threshold engines from a record: did each
// account get the notices that were due, and no others?
//
// In flows a record, out flow verdicts. Judge compares what one engine did about
// one account (its evaluations) with what models/usage says was due, and gives
// each obligation and each notice a verdict and its causes. Verdicts does so with
// a whole record: one pass over the accounts, keeping what they were
// due, one over the evaluations, keeping what can matter, and then
// engine by engine and account by account. Replay counts the verdicts.
//
// results/audit, results/summary, results/present and plots/series import it.
package quotaaudit

import (
	"slices"
	"time"

	"github.com/quotalab/quotalab/models/usage"
	"github.com/quotalab/quotalab/results/record"
)

// Input is what one engine did about one account, and what it should
// have done. All instants are Unix nanoseconds.
type Input struct {
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

// Judge gives every obligation and every notice of one account and
// engine its verdict.
//
// An obligation is met by the first notice of its threshold that is delivered
// while it stands: in its period, or during its excursion, by the contract,
// at the instant that the engine judged (record.Evaluation.Judged). Obligations
// from before First − Gap are not judged, because the engine may have met them
// before the record; notices for them are WarmUp. An obligation without a
// notice is Censored if it arose later than D before Last, unless it ended by
// then and the engine does not look back.
func Judge(in Input) ([]ObligationVerdict, []NoticeVerdict) {
	j := judge{Input: in, met: make([][]int, len(in.Obligations))}
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
func (in *Input) begin() int64 { return in.First - in.Gap }

// bound is D, the delay that a polling engine can promise.
func (in *Input) bound() int64 { return in.Gap + in.Slack }

// judge holds what is known of one account and engine so far.
type judge struct {
	Input
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

// notices judges every notice, in the order in which they were sent.
func (j *judge) notices() {
	for i := range j.Evaluations {
		e := &j.Evaluations[i]
		if e.Outcome != record.SentNotice {
			continue
		}
		n := notice{NoticeVerdict{Threshold: e.Threshold, At: e.SentAt, Run: e.Run}, e}
		segment := j.Contract.At(e.Judged())
		if o := j.standing(segment, e.Threshold, e.Judged()); o >= 0 {
			n.Verdict, n.Cause = j.known(segment, o, e)
			n.OutOfOrder = e.Delivered && j.after(o)
			j.met[o] = append(j.met[o], len(j.sent))
		} else {
			n.Verdict, n.Cause = Spurious, j.spurious(segment, e)
		}
		j.sent = append(j.sent, n)
	}
}

// standing is the last obligation of that threshold that stands at an instant,
// or −1.
func (j *judge) standing(segment usage.Segment, threshold, at int64) int {
	rolling := segment.Kind == usage.Rolling
	start, _ := segment.PeriodAt(at)
	for i := len(j.Obligations) - 1; i >= 0; i-- {
		o := j.Obligations[i]
		if o.Threshold != threshold || o.Rolling != rolling || o.Crossing > at {
			continue
		}
		if rolling && at < o.End || !rolling && o.Start == start {
			return i
		}
	}
	return -1
}

// known judges a notice of obligation o.
func (j *judge) known(segment usage.Segment, o int, e *record.Evaluation) (Verdict, Cause) {
	if !e.Delivered {
		return Undelivered, ""
	}
	var last *notice
	for _, n := range j.met[o] {
		if j.sent[n].by.Delivered {
			last = &j.sent[n]
		}
	}
	switch {
	case last == nil && j.Obligations[o].Crossing < j.begin():
		return WarmUp, ""
	case last == nil:
		return First, ""
	case overlap(last, e):
		return Duplicate, OverlappingRun
	case segment.Kind == usage.Rolling:
		return Duplicate, RollingRenewal
	case j.LimitChanged:
		return Duplicate, LogErased
	}
	return Duplicate, RecordOutsideWindow
}

// overlap tells whether neither of two evaluations could have seen the
// other's record: their runs started within a second of each other, or one
// recorded its notice after the other had begun to look.
func overlap(earlier *notice, e *record.Evaluation) bool {
	apart := earlier.Run - e.Run
	return -time.Second.Nanoseconds() <= apart && apart <= time.Second.Nanoseconds() || earlier.At > e.At
}

// after tells whether a higher threshold of what o is of was delivered before.
func (j *judge) after(o int) bool {
	this := j.Obligations[o]
	for i, other := range j.Obligations {
		if other.Threshold <= this.Threshold || other.Rolling != this.Rolling {
			continue
		}
		same := other.Start == this.Start
		if this.Rolling {
			same = other.Crossing < this.End && this.Crossing < other.End
		}
		if same && j.delivered(i) != nil {
			return true
		}
	}
	return false
}

// spurious is why a notice was sent for which there is no obligation.
func (j *judge) spurious(segment usage.Segment, e *record.Evaluation) Cause {
	rolling := segment.Kind == usage.Rolling
	start, _ := segment.PeriodAt(e.Judged())
	switch {
	case e.Limit != segment.Limit:
		return WrongLimit
	case !rolling && e.ReadFrom < start-j.Slack:
		return WrongPeriod
	case !rolling && j.Downsampled:
		return BoundaryStamp
	case rolling:
		return FallingOrBelow
	}
	for i, o := range j.Obligations {
		if o.Threshold == e.Threshold && o.Crossing <= e.Judged() && len(j.met[i]) == 0 {
			return LateData
		}
	}
	return OtherCause
}

// causes are those of obligation i: what each evaluation came to that could
// have met it, each cause once, in the order of first appearance.
func (j *judge) causes(i int) []Cause {
	var found []Cause
	add := func(c Cause) {
		if c != "" && !slices.Contains(found, c) {
			found = append(found, c)
		}
	}
	o, first := &j.Obligations[i], j.delivered(i)
	for k := range j.Evaluations {
		if e := &j.Evaluations[k]; j.couldMeet(o, first, e) {
			add(j.cause(o, e))
		}
	}
	for _, n := range j.met[i] {
		if !j.sent[n].by.Delivered {
			add(j.undelivered())
		}
	}
	switch {
	case len(found) > 0:
		return found
	case first == nil:
		return []Cause{NoEvaluation}
	}
	return []Cause{ScheduleGap}
}

// couldMeet tells whether an evaluation judged an instant after the crossing
// at which o still stood, before the notice that met o in the end, if any.
func (j *judge) couldMeet(o *usage.Obligation, first *notice, e *record.Evaluation) bool {
	switch {
	case o.Crossing >= e.Judged() || first != nil && e.At >= first.by.At:
		return false
	case e.AsOf == 0 && first != nil && first.by.AsOf == 0:
		return true // o stood at the notice, which is later
	case o.Rolling && first == nil && e.Judged() > j.Last:
		return false // excursions are followed up to Last
	}
	return e.Judged() < o.End
}

// cause is why an evaluation did not meet o.
func (j *judge) cause(o *usage.Obligation, e *record.Evaluation) Cause {
	switch e.Outcome {
	case record.EvaluationErr:
		return OwnError
	case record.Below, record.Suppressed, record.SentNotice:
	default: // it did not look at usage
		return outcomeCause(e.Outcome).known()
	}
	switch {
	case slices.ContainsFunc(j.SourceDown, func(s Span) bool { return s.From <= e.At && e.At < s.Until }):
		return UsageSourceDown
	case e.Percent < o.Threshold:
		return j.misread(o, e)
	case e.Outcome == record.Suppressed:
		return j.suppressed(o, e)
	case e.Outcome == record.Below: // its thresholds are others than those judged
		if e.Limit > j.Contract.At(e.Judged()).Limit {
			return WrongLimit
		}
		return UnderRead
	case e.Threshold > o.Threshold:
		return Overtaken
	case !e.Delivered:
		return j.undelivered()
	}
	return SentLowerFirst
}

// undelivered is the cause of a notice that was not received, by whether the
// engine tries again.
func (j *judge) undelivered() Cause {
	if j.LooksBack {
		return Undeliverable
	}
	return NotDelivered
}

// misread is why an evaluation saw too little.
func (j *judge) misread(o *usage.Obligation, e *record.Evaluation) Cause {
	from := o.Start
	if o.Rolling {
		from = e.Judged() - usage.Window
	}
	switch {
	case e.Limit > j.Contract.At(e.Judged()).Limit:
		return WrongLimit
	case e.ReadFrom > from:
		return WindowTooShort
	}
	return UnderRead
}

// suppressed names what the row was made for that suppressed an evaluation.
func (j *judge) suppressed(o *usage.Obligation, e *record.Evaluation) Cause {
	switch {
	case e.RowAccount != j.Account:
		return OtherOrganisation
	case o.Rolling && e.RowAt < o.Crossing:
		return EarlierExcursion
	case o.Rolling:
		return Overtaken
	}
	spurious, elsewhere := j.madeFor(o, e.RowThreshold, e.RowAt)
	switch {
	case spurious:
		return SpuriousRecord
	case elsewhere || e.RowAt < o.Start:
		return EarlierPeriod
	case e.RowAt < o.Crossing:
		return BeforeTermChange
	}
	return Overtaken
}

// madeFor reports of the record of a notice whether it was spurious, and else
// whether it was made while another period than that of o held.
func (j *judge) madeFor(o *usage.Obligation, threshold, at int64) (spurious, elsewhere bool) {
	for i := range j.sent {
		n := &j.sent[i]
		if n.Threshold != threshold || n.At != at {
			continue
		}
		segment := j.Contract.At(n.by.Judged())
		start, _ := segment.PeriodAt(n.by.Judged())
		spurious = spurious || n.Verdict == Spurious
		elsewhere = segment.Kind == usage.Rolling || start != o.Start
	}
	return spurious, elsewhere && !spurious
}
