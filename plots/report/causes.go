package report

import (
	"cmp"
	"slices"
	"strings"

	"github.com/quotalab/quotalab/results/quotaaudit"
	"github.com/quotalab/quotalab/results/summary"
)

// causeWords say what the causes of the audit mean. An engine may have outcomes
// of its own, which are causes by their names.
var causeWords = map[quotaaudit.Cause]string{
	quotaaudit.OwnError:        "the engine's look at the account failed",
	quotaaudit.UsageSourceDown: "the source of usage could not be read",
	quotaaudit.WrongLimit:      "the engine used another limit than the one that held",
	quotaaudit.WindowTooShort:  "the usage read began after the period did",
	quotaaudit.UnderRead:       "less usage was read than there was: it came late, or was cut off",
	quotaaudit.Overtaken:       "a higher threshold was told instead",
	quotaaudit.SentLowerFirst:  "a notice was sent, but not for this crossing",
	quotaaudit.NotDelivered:    "the notice was recorded as sent and not received",

	quotaaudit.OtherOrganisation: "another organisation's record of a notice silenced it",
	quotaaudit.EarlierExcursion:  "the record of an earlier excursion above the threshold silenced it",
	quotaaudit.SpuriousRecord:    "the record of a notice that should not have been silenced it",
	quotaaudit.EarlierPeriod:     "an earlier billing period's record silenced it",
	quotaaudit.BeforeTermChange:  "a record from before the terms changed silenced it",

	quotaaudit.NoEvaluation: "the engine did not look at the account before the period ended",
	quotaaudit.ScheduleGap:  "the engine did not look at the account for longer than its schedule says",

	quotaaudit.OverlappingRun:      "two runs of the engine overlapped",
	quotaaudit.RollingRenewal:      "the record of the notice had left the rolling window",
	quotaaudit.LogErased:           "a change of the limit erased the record of the notice",
	quotaaudit.RecordOutsideWindow: "the record of the notice is outside of what the engine looks at",

	quotaaudit.WrongPeriod:    "true only with units of an earlier period",
	quotaaudit.BoundaryStamp:  "the last units of a period were stamped into the next",
	quotaaudit.FallingOrBelow: "usage had fallen below the threshold again",
	quotaaudit.LateData:       "for a period that is over",
	quotaaudit.OtherCause:     "none of the known causes",

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
			meaning := causeWords[quotaaudit.Cause(name)]
			if meaning != "" && !slices.ContainsFunc(terms, func(t term) bool { return t.Word == name }) {
				terms = append(terms, term{name, meaning})
			}
		}
	}
	slices.SortFunc(terms, func(a, b term) int { return cmp.Compare(a.Word, b.Word) })
	return terms
}
