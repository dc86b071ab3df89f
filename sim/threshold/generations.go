package threshold

import (
	"fmt"
	"slices"
	"strings"
)

// Rule is one of the rules in which generations of the flagsmith engine
// differ.
type Rule uint32

// The rules, in the order in which they came.
const (
	Flagged           Rule = 1 << iota // obeys the feature flag
	FirstSeries                        // of several series the first counts (before: an error)
	AllSeries                          // all series count
	LimitErasesLog                     // saving a changed limit erases the account's log
	BelowReturns                       // below the lowest threshold is no error
	EveryAccount                       // looks at every account, not only at those with both billing dates
	FreeRolls                          // free plans count the last 30 days
	SuppressesAtLeast                  // a log row of an equal or higher threshold suppresses (before: an equal one)
	HighThresholds                     // thresholds up to 500
	EmptyIsZero                        // a period of no whole day counts as 0 (before: an error)
	ZeroLimitDefault                   // limit 0 means the free one (before: an error)
	ErrorsIsolated                     // an error at one account does not end the run
	NoStartSkipped                     // no billing start is no error
	ExactStart                         // counts from the exact start (before: the day count since it)
	OwnLog                             // only the account's own log suppresses
	CancelledRolls                     // cancelled subscriptions count the last 30 days
	YearsCounted                       // finds the period of terms longer than a year
	Prefiltered                        // looks only at accounts whose cached total is at 75 %
	OtherSources                       // may read from other usage sources
	RefreshFromSource                  // the cached total too comes from the other source
)

// Has tells whether all of q hold.
func (r Rule) Has(q Rule) bool { return r&q == q }

// Generation of the flagsmith engine.
type Generation struct {
	Name   string
	Change string
	Pull   string // pull request
	Date   string
	Adds   Rule // what it changed; rules are never dropped again
}

// generations in their order. The rules of one are its own and those of all
// before it.
var generations = []Generation{
	{"G01", "first version", "#3340", "2024-02-15", 0},
	{"G02", "feature flag; first usage series only", "#3507", "2024-03-28", Flagged | FirstSeries},
	{"G03", "sums all series; a changed limit erases the log", "#3846", "2024-04-29", AllSeries | LimitErasesLog},
	{"G04", "below the lowest threshold returns instead of failing", "#3714", "2024-05-07", BelowReturns},
	{"G05", "no rule change", "#3870", "", 0},
	{"G06", "free plans on a rolling 30 days; every account; suppression by >=", "#4204", "2024-06-20", EveryAccount | FreeRolls | SuppressesAtLeast},
	{"G07", "thresholds up to 500", "#4255", "2024-06-27", HighThresholds},
	{"G08", "an empty range counts as 0", "#4274", "2024-07-09", EmptyIsZero},
	{"G09", "no rule change", "#4338", "", 0},
	{"G10", "limit 0 becomes 50,000", "#4428", "2024-07-30", ZeroLimitDefault},
	{"G11", "an error at one account no longer ends the run", "#4426", "2024-07-31", ErrorsIsolated},
	{"G12", "no billing start: skipped", "#4440", "2024-08-01", NoStartSkipped},
	{"G13", "usage from the exact period start", "#4450", "2024-08-07", ExactStart},
	{"G14", "suppression by the account's own log only", "#4480", "2024-08-12", OwnLog},
	{"G15", "cancelled subscriptions on a rolling 30 days", "#4672", "2024-09-30", CancelledRolls},
	{"G16", "counts years in the period start", "#5415", "2025-05-14", YearsCounted},
	{"G17", "prefilter on the cached 30-day usage", "#6458", "2026-01-04", Prefiltered},
	{"G18", "other usage sources behind a flag", "#6975", "2026-03-20", OtherSources},
	{"G19", "the cache is refreshed from the other source too", "#7336", "", RefreshFromSource},
}

// Latest is the name under which the newest generation is also known.
const Latest = "latest"

// Generations returns all generations of the flagsmith engine, in order.
func Generations() []Generation { return slices.Clone(generations) }

// RulesOf returns the rules of a generation by name (G01 to G19, or Latest).
func RulesOf(name string) (Rule, error) {
	if name == Latest {
		name = generations[len(generations)-1].Name
	}
	var r Rule
	for _, g := range generations {
		r |= g.Adds
		if g.Name == name {
			return r, nil
		}
	}
	return 0, fmt.Errorf("generation: expected one of %s, found %q", strings.Join(append(names(), Latest), ", "), name)
}

func names() []string {
	all := make([]string, len(generations))
	for i, g := range generations {
		all[i] = g.Name
	}
	return all
}

// Thresholds returns the thresholds of an engine with these rules, in percent,
// ascending.
func (r Rule) Thresholds() []int64 {
	if r.Has(HighThresholds) {
		return []int64{75, 90, 100, 120, 200, 300, 400, 500}
	}
	return []int64{75, 90, 100, 120}
}
