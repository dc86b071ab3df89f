package report

import (
	"cmp"
	"slices"
	"strings"

	"github.com/quotalab/quotalab/results/audit"
	"github.com/quotalab/quotalab/results/summary"
)

// causeWords say what the causes of the audit mean. An engine may have outcomes
// of its own, which are causes by their names.
var causeWords = map[audit.Cause]string{
	audit.OwnError:        "the engine's look at the account failed",
	audit.UsageSourceDown: "the source of usage could not be read",
	audit.WrongLimit:      "the engine used another limit than the one that held",
	audit.WindowTooShort:  "the usage read began after the period did",
	audit.UnderRead:       "less usage was read than there was: it came late, or was cut off",
	audit.Overtaken:       "a higher threshold was told instead",
	audit.SentLowerFirst:  "a notice was sent, but not for this crossing",
	audit.NotDelivered:    "the notice was recorded as sent and not received",

	audit.OtherOrganisation: "another organisation's record of a notice silenced it",
	audit.EarlierExcursion:  "the record of an earlier excursion above the threshold silenced it",
	audit.SpuriousRecord:    "the record of a notice that should not have been silenced it",
	audit.EarlierPeriod:     "an earlier billing period's record silenced it",
	audit.BeforeTermChange:  "a record from before the terms changed silenced it",

	audit.NoEvaluation: "the engine did not look at the account before the period ended",
	audit.ScheduleGap:  "the engine did not look at the account for longer than its schedule says",

	audit.OverlappingRun:      "two runs of the engine overlapped",
	audit.RollingRenewal:      "the record of the notice had left the rolling window",
	audit.LogErased:           "a change of the limit erased the record of the notice",
	audit.RecordOutsideWindow: "the record of the notice is outside of what the engine looks at",

	audit.WrongPeriod:    "true only with units of an earlier period",
	audit.BoundaryStamp:  "the last units of a period were stamped into the next",
	audit.FallingOrBelow: "usage had fallen below the threshold again",
	audit.LateData:       "for a period that is over",
	audit.OtherCause:     "none of the known causes",

	"not-selected":     "the run did not select the account",
	"prefilter":        "the account's cached usage was too low, so the engine did not look closer",
	"flag-off":         "the feature is off for the account",
	"no-cache-row":     "nothing is known of the account's plan",
	"no-billing-start": "the start of the account's billing period is not known",
	"run-aborted":      "an error with an earlier account ended the run",
}

// term is a word and what it means.
type term struct{ Word, Meaning string }

// glossary explains the causes that a summary has, those of which it is known what they
// mean.
func glossary(s *summary.Measured) (terms []term) {
	for _, c := range s.Causes {
		for name := range strings.SplitSeq(c.Cause, ">") {
			meaning := causeWords[audit.Cause(name)]
			if meaning != "" && !slices.ContainsFunc(terms, func(t term) bool { return t.Word == name }) {
				terms = append(terms, term{name, meaning})
			}
		}
	}
	slices.SortFunc(terms, func(a, b term) int { return cmp.Compare(a.Word, b.Word) })
	return terms
}
