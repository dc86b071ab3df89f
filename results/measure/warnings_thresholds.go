package measure

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/quotalab/quotalab/results/audit"
	"github.com/quotalab/quotalab/results/wording"
)

// thresholdWarnings say what each engine missed, told late, told twice or
// told without a reason, and what it noticed itself.
func thresholdWarnings(r *audit.ThresholdResult) (out []string) {
	if r == nil {
		return nil
	}
	if r.Unknown > 0 {
		out = append(out, fmt.Sprintf("%s: the run ended before it wrote their accounts, so they tell nothing.", counted(r.Unknown, "evaluation cannot be judged", "evaluations cannot be judged")))
	}
	for i := range r.Engines {
		e := &r.Engines[i]
		warn := func(s string) {
			if s != "" {
				out = append(out, "engine "+e.Name+": "+s)
			}
		}
		warn(uncrossed(r, e))
		warn(shortfall(e, audit.Missed, func(t *audit.ThresholdTally) int64 { return t.Missed }) + covered(e))
		warn(shortfall(e, audit.Late, func(t *audit.ThresholdTally) int64 { return t.Late }))
		warn(surplus(e))
		for _, f := range e.Findings {
			warn(noticed(f))
		}
	}
	return out
}

func uncrossed(r *audit.ThresholdResult, e *audit.EngineResult) string {
	for _, t := range e.Thresholds {
		if t.Crossings > 0 {
			return ""
		}
	}
	if r.Accounts == 0 {
		return ""
	}
	return "no account crossed a threshold at a time that can be judged, so whether it misses any is unknown."
}

// shortfall by threshold: 12 of 30 crossings of 75 % missed, most by prefilter.
func shortfall(e *audit.EngineResult, v audit.Verdict, of func(*audit.ThresholdTally) int64) string {
	var parts []string
	for i := range e.Thresholds {
		t := &e.Thresholds[i]
		n := of(t)
		if n == 0 {
			continue
		}
		crossings := ""
		if len(parts) == 0 {
			crossings = map[bool]string{true: "crossing ", false: "crossings "}[t.Crossings == 1]
		}
		parts = append(parts, fmt.Sprintf("%s of %s %sof %d %% %s, %s", wording.Thousands(n), wording.Thousands(t.Crossings), crossings, t.Threshold, v, mostBy(t.Causes, v, n)))
	}
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, "; ") + "."
}

// mostBy names the most frequent cause of a verdict on so many.
func mostBy(list []audit.CauseTally, v audit.Verdict, of int64) string {
	i := slices.IndexFunc(list, func(c audit.CauseTally) bool { return c.Verdict == v })
	switch {
	case i < 0:
		return "cause unknown"
	case list[i].Count == of:
		return "by " + list[i].Cause
	case 2*list[i].Count > of:
		return "most by " + list[i].Cause
	}
	return fmt.Sprintf("%s of them by %s", wording.Thousands(list[i].Count), list[i].Cause)
}

func covered(e *audit.EngineResult) string {
	n := int64(0)
	for _, t := range e.Thresholds {
		n += t.Covered
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" %s covered: the account was told of a higher threshold instead.", counted(n, "of the missed is", "of the missed are"))
}

// surplus is about notices that should not have been sent, or were sent in vain.
func surplus(e *audit.EngineResult) string {
	var parts []string
	for _, kind := range []audit.Verdict{audit.Duplicate, audit.Spurious, audit.Undelivered, audit.OutOfOrder} {
		n := int64(0)
		for _, t := range e.Thresholds {
			n += t.Notices[kind]
		}
		if n == 0 {
			continue
		}
		part := wording.Counted(n, string(kind)+" notice")
		if kind == audit.Duplicate || kind == audit.Spurious {
			if list := joined(e, kind); len(list) > 0 {
				part += fmt.Sprintf(", %s (such as to account %d)", mostBy(list, kind, n), list[0].Account)
			}
		}
		parts = append(parts, part)
	}
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, "; ") + "."
}

// joined are the causes of a verdict over all thresholds, the most frequent
// first.
func joined(e *audit.EngineResult, v audit.Verdict) (list []audit.CauseTally) {
	for _, t := range e.Thresholds {
		for _, c := range t.Causes {
			i := slices.IndexFunc(list, func(d audit.CauseTally) bool { return d.Cause == c.Cause })
			switch {
			case c.Verdict != v:
			case i < 0:
				list = append(list, c)
			default:
				list[i].Count += c.Count
			}
		}
	}
	slices.SortStableFunc(list, func(a, b audit.CauseTally) int { return cmp.Compare(b.Count, a.Count) })
	return list
}

func noticed(f audit.FindingTally) string {
	times := counted(f.Count, "time", "times")
	if f.Accounts == 0 {
		return fmt.Sprintf("it found: %s (%s).", f.What, times)
	}
	return fmt.Sprintf("it found: %s (%s, of %s, such as account %d).", f.What, times, wording.Counted(f.Accounts, "account"), f.Account)
}
