package quotaaudit

import (
	"slices"
	"strings"

	"github.com/quotalab/quotalab/results/record"
)

// Cause is why an obligation was met late or missed, or a notice duplicate or
// spurious. The causes are those of Causes and no others: an evaluation that did
// not come to look at usage is a cause by the name of its outcome, a Finding by
// what was found, and the text of an error is neither.
type Cause string

// Causes of late and missed obligations.
const (
	OwnError        Cause = "own-evaluation-error"
	UsageSourceDown Cause = "usage-source-down"
	WrongLimit      Cause = "wrong-limit" // of a notice: another limit
	WindowTooShort  Cause = "window-too-short"
	UnderRead       Cause = "usage-under-read"
	Overtaken       Cause = "overtaken"
	SentLowerFirst  Cause = "sent-lower-first"
	NotDelivered    Cause = "recorded-not-delivered" // and never sent again
	Undeliverable   Cause = "not-delivered"          // and tried again

	OtherOrganisation Cause = "suppressed-by-other-organisation"
	EarlierExcursion  Cause = "suppressed-by-earlier-excursion"
	SpuriousRecord    Cause = "suppressed-by-spurious-record"
	EarlierPeriod     Cause = "suppressed-by-earlier-period"
	BeforeTermChange  Cause = "suppressed-by-record-before-a-term-change"

	NoEvaluation Cause = "no-evaluation-before-the-end"
	ScheduleGap  Cause = "schedule-gap"
	UnknownCause Cause = "unknown" // of an engine that counts: what it does not find it does not record
)

// Causes of duplicate notices.
const (
	OverlappingRun      Cause = "overlapping-run"
	RollingRenewal      Cause = "rolling-renewal"
	LogErased           Cause = "log-erased-by-limit-change"
	RecordOutsideWindow Cause = "record-outside-window"
)

// Causes of spurious notices; WrongLimit is another.
const (
	WrongPeriod    Cause = "wrong-period"
	BoundaryStamp  Cause = "boundary-stamp"
	FallingOrBelow Cause = "falling-or-below"
	LateData       Cause = "late-data"
	OtherCause     Cause = "other"
)

// Term is a cause and what it means.
type Term struct {
	Cause   Cause
	Meaning string
}

var glossary = []Term{
	{OwnError, "the engine's look at the account failed"},
	{UsageSourceDown, "the source of usage could not be read"},
	{WrongLimit, "the engine used another limit than the one that held"},
	{WindowTooShort, "the usage read began after the period did"},
	{UnderRead, "less usage was read than there was: it came late, or was cut off"},
	{Overtaken, "a higher threshold was told instead"},
	{SentLowerFirst, "a notice was sent, but not for this crossing"},
	{NotDelivered, "the notice was recorded as sent and not received"},
	{Undeliverable, "the notice could not be delivered then, as in a mail outage, and was tried again"},

	{OtherOrganisation, "another organisation's record of a notice silenced it"},
	{EarlierExcursion, "the record of an earlier excursion above the threshold silenced it"},
	{SpuriousRecord, "the record of a notice that should not have been silenced it"},
	{EarlierPeriod, "an earlier billing period's record silenced it"},
	{BeforeTermChange, "a record from before the terms changed silenced it"},

	{NoEvaluation, "the engine did not look at the account before the period ended"},
	{ScheduleGap, "the engine did not look at the account for longer than its schedule says"},
	{UnknownCause, "nothing in the record explains it"},

	{OverlappingRun, "two runs of the engine overlapped"},
	{RollingRenewal, "the record of the notice had left the rolling window"},
	{LogErased, "a change of the limit erased the record of the notice"},
	{RecordOutsideWindow, "the record of the notice is outside of what the engine looks at"},

	{WrongPeriod, "true only with units of an earlier period"},
	{BoundaryStamp, "the last units of a period were stamped into the next"},
	{FallingOrBelow, "usage had fallen below the threshold again"},
	{LateData, "for a period that is over"},
	{OtherCause, "none of the known causes"},

	{outcomeCause(record.NotSelected), "the run did not select the account"},
	{outcomeCause(record.Prefiltered), "the account's cached usage was too low, so the engine did not look closer"},
	{outcomeCause(record.FlagOff), "the feature is off for the account"},
	{outcomeCause(record.NoCacheRow), "nothing is known of the account's plan"},
	{outcomeCause(record.NoBillingStart), "the start of the account's billing period is not known"},
	{outcomeCause(record.RunAborted), "an error with an earlier account ended the run"},

	{causeOf(record.CounterLost), "the account's counter was not there any more"},
	{causeOf(record.CounterRegressed), "the account's counter was below what had been counted"},
	{causeOf(record.UsageNotCounted), "a call to Redis that counts usage failed"},
	{causeOf(record.OutboxUnread), "the outbox of notices could not be read"},
	{causeOf(record.RunFailed), "a run of the engine failed"},
	{causeOf(record.RefreshFailed), "the cached usage could not be refreshed"},
	{causeOf(record.LimitUnnoticed), "the engine did not notice a saved limit"},
	{causeOf(record.LimitUnannounced), "a new limit could not be announced to the engine"},
}

// Causes returns all causes with what they mean.
func Causes() []Term { return slices.Clone(glossary) }

// Meaning says what a cause means; "" of what is none.
func (c Cause) Meaning() string {
	if i := slices.IndexFunc(glossary, func(t Term) bool { return t.Cause == c }); i >= 0 {
		return glossary[i].Meaning
	}
	return ""
}

// known returns the cause, or OtherCause of what is none: a record of another
// version may hold more.
func (c Cause) known() Cause {
	if c.Meaning() == "" {
		return OtherCause
	}
	return c
}

func outcomeCause(o record.EvaluationOutcome) Cause {
	return Cause(strings.ReplaceAll(string(o), "_", "-"))
}

// causeOf returns the cause that a finding may be.
func causeOf(f record.FindingKind) Cause { return Cause(strings.ReplaceAll(string(f), " ", "-")) }
