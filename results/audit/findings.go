package audit

import (
	"math"
	"slices"
	"strings"

	"github.com/quotalab/quotalab/models/usage"
	"github.com/quotalab/quotalab/results/record"
)

// findings are what an engine itself noticed about its state, by account. It
// is 0 of a finding that is of no single account.
type findings struct{ of map[int64][]record.Finding }

func newFindings(list []record.Finding) *findings {
	f := &findings{of: map[int64][]record.Finding{}}
	for _, one := range list {
		f.of[one.Account] = append(f.of[one.Account], one)
	}
	return f
}

// explain gives a late or missed obligation the causes that the engine
// noticed, where no evaluation tells of one: an engine that counts has no
// evaluations but its notices. The account's own findings come before those
// of no account.
func (f *findings) explain(account int64, v *ObligationVerdict) {
	if len(f.of) == 0 || len(v.Causes) != 1 || v.Causes[0] != NoEvaluation && v.Causes[0] != ScheduleGap {
		return
	}
	for _, id := range []int64{account, 0} {
		var causes []Cause
		for _, one := range f.of[id] {
			if c := findingCause(one.What); concerns(&one, v) && !slices.Contains(causes, c) {
				causes = append(causes, c)
			}
		}
		if len(causes) > 0 {
			v.Causes = causes
			return
		}
	}
}

// concerns tells whether a finding can be the reason: whether it was made
// after what the obligation counts began, and before the notice or the end. One
// that was made more than once may have been made at any time from its first.
func concerns(f *record.Finding, v *ObligationVerdict) bool {
	start, end := v.Start, v.End-1
	if v.Rolling {
		start = v.Crossing - usage.Window
	}
	if v.Delay >= 0 {
		end = v.Crossing + v.Delay
	}
	last := f.At
	if f.Count > 1 {
		last = math.MaxInt64
	}
	return f.At <= end && last >= start
}

// findingCause spells what was found as a cause.
func findingCause(what string) Cause {
	return Cause(strings.NewReplacer(" ", "-", "_", "-", ">", "-").Replace(what))
}
