package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/quotalab/quotalab/models/metric"
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

// causeRow is one cause of one verdict of one engine, its thresholds together.
type causeRow struct {
	first      summary.ThresholdCause
	thresholds []string
	count      int64
}

// causesTable: why notices were missed, late, duplicate or spurious, the most
// frequent first.
func causesTable(s *summary.Summary) *table {
	t := newTable("Why notices were missed, late, duplicate or spurious", "engine", "verdict", "cause", ">count", "thresholds", "for example")
	t.Note = "Causes in the order in which they showed, joined by >."
	for _, r := range joinCauses(s) {
		t.add(words(r.first.Engine), words(r.first.Verdict), words(metric.Printable(r.first.Cause)), count(r.count), words(strings.Join(r.thresholds, ", ")+" %"), words(example(r.first)))
	}
	return t
}

func example(c summary.ThresholdCause) string {
	group := ""
	if c.Group != "" {
		group = " (" + metric.Printable(c.Group) + ")"
	}
	return fmt.Sprintf("account %d%s, %d %% at %s", c.Account, group, c.Threshold, c.At.UTC().Format(time.DateTime))
}

func joinCauses(s *summary.Summary) (rows []causeRow) {
	var engines []string
	for _, c := range s.Causes {
		i := slices.IndexFunc(rows, func(r causeRow) bool {
			return r.first.Engine == c.Engine && r.first.Verdict == c.Verdict && r.first.Cause == c.Cause
		})
		if i < 0 {
			i = len(rows)
			rows, engines = append(rows, causeRow{first: c}), append(engines, c.Engine)
		}
		rows[i].thresholds = append(rows[i].thresholds, strconv.FormatInt(c.Threshold, 10))
		rows[i].count += c.Count
	}
	verdicts := []string{"missed", "late", "duplicate", "spurious"}
	slices.SortStableFunc(rows, func(a, b causeRow) int {
		return cmp.Or(cmp.Compare(slices.Index(engines, a.first.Engine), slices.Index(engines, b.first.Engine)),
			cmp.Compare(slices.Index(verdicts, a.first.Verdict), slices.Index(verdicts, b.first.Verdict)), cmp.Compare(b.count, a.count))
	})
	return rows
}

// term is a word and what it means.
type term struct{ Word, Meaning string }

// glossary of the causes that a summary has, those of which it is known what they
// mean.
func glossary(s *summary.Summary) (terms []term) {
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
