package audit

import (
	"slices"
	"strings"

	"github.com/quotalab/quotalab/models/usage"
	"github.com/quotalab/quotalab/results/record"
)

// Cause is why an obligation was met late or missed, or a notice duplicate or
// spurious. An evaluation that did not come to look at usage is a cause by
// the name of its outcome ("not-selected", "prefilter", "run-aborted").
type Cause string

// Causes of late and missed obligations.
const (
	OwnError        Cause = "own-evaluation-error"
	UsageSourceDown Cause = "usage-source-down"
	WrongLimit      Cause = "wrong-limit"      // the limit used was too high; of a notice: another one
	WindowTooShort  Cause = "window-too-short" // the range read began after the period
	UnderRead       Cause = "usage-under-read" // lag, late data, truncation
	Overtaken       Cause = "overtaken"        // a higher threshold was sent instead
	SentLowerFirst  Cause = "sent-lower-first" // this one or a lower one was sent, but not for this obligation
	NotDelivered    Cause = "recorded-not-delivered"

	OtherOrganisation Cause = "suppressed-by-other-organisation"
	EarlierExcursion  Cause = "suppressed-by-earlier-excursion"
	SpuriousRecord    Cause = "suppressed-by-spurious-record"
	EarlierPeriod     Cause = "suppressed-by-earlier-period"
	BeforeTermChange  Cause = "suppressed-by-record-before-a-term-change"

	NoEvaluation Cause = "no-evaluation-before-the-end"
	ScheduleGap  Cause = "schedule-gap" // no evaluation between the crossing and the one that met it
)

// Causes of duplicate notices.
const (
	OverlappingRun      Cause = "overlapping-run"
	RollingRenewal      Cause = "rolling-renewal" // the record left the rolling window
	LogErased           Cause = "log-erased-by-limit-change"
	RecordOutsideWindow Cause = "record-outside-window"
)

// Causes of spurious notices; WrongLimit is another.
const (
	WrongPeriod    Cause = "wrong-period"     // true only with units of an earlier period
	BoundaryStamp  Cause = "boundary-stamp"   // the last units of a period, stamped into the next
	FallingOrBelow Cause = "falling-or-below" // the excursion is over
	LateData       Cause = "late-data"        // for a period that is over
	OtherCause     Cause = "other"
)

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
			add(NotDelivered)
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
		return Cause(strings.ReplaceAll(string(e.Outcome), "_", "-"))
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
		return NotDelivered
	}
	return SentLowerFirst
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

// madeFor tells of the record of a notice whether it was spurious, and else
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
