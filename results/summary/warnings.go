package summary

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/audit"
	"github.com/quotalab/quotalab/results/quotaaudit"
	"github.com/quotalab/quotalab/results/record"
)

// warnings says in words what is odd and what causes it, causes first.
func (p *pass) warnings(a *audit.Result) []string {
	out := append(endedWarning(p.manifest), p.unrecordedWarning(a)...)
	for _, d := range p.keys.disagreements(p.manifest) {
		if w := d.warning(); w != "" {
			out = append(out, w)
		}
	}
	for _, l := range p.manifest.Limiters {
		out = append(out, p.errorWarning(l.Name)...)
		out = append(out, p.unfoundWarning(l.Name)...)
		if l, ok := a.Find(l.Name); ok && p.manifest.Whole() {
			out = append(out, p.admissionWarnings(l)...)
		}
		out = append(out, p.shardWarning(l.Name)...)
	}
	out = append(out, commandWarnings(p.manifest.Servers)...)
	for _, c := range autoPipelined(p.manifest) {
		out = append(out, fmt.Sprintf("client %s pipelines automatically: its commands wait for one another and share round trips, so its latency hides queueing and is not that of a client that does not.", c))
	}
	_, said := p.telemetry.judge(p.manifest.Telemetry)
	out = append(out, said...)
	return append(out, thresholdWarnings(a.Thresholds)...)
}

// endedWarning says of a run that an assertion ended that it is not a whole one.
func endedWarning(m *record.Manifest) []string {
	if m.Failed == nil {
		return nil
	}
	return []string{fmt.Sprintf("an assertion with abortOnFail ended the run at %v of %v: the numbers are of the %s up to there, and not to be compared with those of whole runs.",
		m.Failed.At, m.Horizon, extent(m))}
}

// deniedUnfound tells whether an observation is one that cannot be: a key
// that is not there has a full bucket, so a cost within the burst fits.
func (p *pass) deniedUnfound(o *record.Observation) bool {
	if o.Decision != record.Denied || o.Key != record.NotFound {
		return false
	}
	table := p.tables[o.Limiter]
	for _, t := range o.Takes {
		if l, ok := table.For(t.Limit, t.Key); !ok || t.Cost > l.Burst {
			return false
		}
	}
	return true
}

func (p *pass) unfoundWarning(limiter string) []string {
	n := p.outcomes.sum(func(c *cell) int64 {
		if c.Limiter == limiter {
			return c.Impossible
		}
		return 0
	})
	if n == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s: %s denied though the key was not found. A key that is not there has a full bucket, so a correct limiter cannot deny it at a cost within the burst.",
		limiter, counted(n, "request was", "requests were"))}
}

func (p *pass) errorWarning(limiter string) []string {
	counts, total, decisions, open := map[string]int64{}, int64(0), int64(0), int64(0)
	for _, c := range p.outcomes.cells {
		if c.Limiter != limiter || c.Decision == record.Dropped {
			continue
		}
		decisions += c.Count
		if c.Decision == record.FailOpen {
			open += c.Count
		}
		for kind, n := range c.Errors {
			counts[kind], total = counts[kind]+n, total+n
		}
	}
	if total == 0 {
		return nil
	}
	var list []string
	for _, kind := range slices.SortedFunc(maps.Keys(counts), p.order.errors.compare) {
		list = append(list, kind+" "+unit.Thousands(counts[kind]))
	}
	w := fmt.Sprintf("%s: %s in %s (%s): %s.", limiter, unit.Counted(total, "error"), unit.Counted(decisions, "request"), percent(float64(total)/float64(decisions)), strings.Join(list, ", "))
	if open > 0 {
		w += fmt.Sprintf(" %s let through because of it (fail open).", counted(open, "request was", "requests were"))
	}
	return []string{w}
}

func (p *pass) admissionWarnings(l audit.Limiter) (out []string) {
	warn := func(format string, args ...any) { out = append(out, l.Name+": "+fmt.Sprintf(format, args...)) }
	share := func(n int64) string { return percent(float64(n) / float64(l.Compared)) }
	if l.Over > 0 {
		w := fmt.Sprintf("over-admission: %s allowed that the limit denies (%s of %s).", counted(l.Over, "request was", "requests were"), share(l.Over), unit.Counted(l.Compared, "decision"))
		if l.OverChecked > 0 {
			w += fmt.Sprintf(" Of these %s a check that took no tokens.", counted(l.OverChecked, "was", "were"))
		}
		if l.WorstExcess > 0 {
			w += fmt.Sprintf(" The worst key, %s, got %.4g tokens more than burst + t/T in some window.", l.WorstKey, l.WorstExcess)
		}
		warn("%s", w+p.overCause(l.Name))
	}
	if l.Under > 0 {
		w := fmt.Sprintf("under-admission: %s denied that the limit allows (%s of %s).", counted(l.Under, "request was", "requests were"), share(l.Under), unit.Counted(l.Compared, "decision"))
		warn("%s", w+cmp.Or(p.clockCause(), p.clockFault()))
	}
	if l.WrongRetry > 0 {
		warn("%s of the %s that can be compared (on keys without an earlier fault) told a wrong time to retry after.", unit.Thousands(l.WrongRetry), unit.Counted(l.RetryKnown, "denial"))
	}
	if l.Uncertain > 0 {
		warn("%s reached a key and ended in an error: whether they took tokens is unknown, so the audit is that much less sure.", unit.Counted(l.Uncertain, "request"))
	}
	switch {
	case l.Unknown != "":
		warn("over-admission is unknown: %s.", l.Unknown)
	case !l.Audited():
		warn("it has no reference algorithm, so over-admission is unknown.")
	}
	return out
}

// overCause names what is known to go with over-admission in this run.
func (p *pass) overCause(limiter string) string {
	if cause := p.clockCause(); cause != "" {
		return cause
	}
	for _, f := range p.manifest.Faults {
		if f.MovesKeys {
			return fmt.Sprintf(" Keys that a fault emptied or moved to another shard (%s, at %v) had a new full burst.", f.What, time.Duration(f.At))
		}
	}
	if cause := p.clockFault(); cause != "" {
		return cause
	}
	for _, d := range p.keys.disagreements(p.manifest) {
		if d.limiter == limiter && d.apart > 0 {
			return " Clients that disagree on a key's shard do not see what the other wrote there."
		}
	}
	if most := p.outcomes.mostTrips(limiter); most > 1 {
		return fmt.Sprintf(" It takes up to %d round trips to decide, so requests under way together on one key may decide on the same state.", most)
	}
	return ""
}

// clockFault names a fault of a clock.
func (p *pass) clockFault() string {
	for _, f := range p.manifest.Faults {
		if f.Client != "" {
			return fmt.Sprintf(" A fault put a clock off (%s, at %v).", f.What, time.Duration(f.At))
		}
	}
	return ""
}

// clockCause names clients whose clocks are apart: a bucket that one fills by
// its time another judges by its own.
func (p *pass) clockCause() string {
	for _, c := range p.manifest.Clients {
		if first := p.manifest.Clients[0]; c.ClockOffset != first.ClockOffset {
			return fmt.Sprintf(" The clocks of clients %s and %s are %v apart.", first.Name, c.Name, (c.ClockOffset - first.ClockOffset).Abs())
		}
	}
	return ""
}

func (p *pass) shardWarning(limiter string) []string {
	b, ok := BalanceOf(p.fromTheStart(p.keys.perShard()[limiter]))
	if !ok || b.Even() {
		return nil
	}
	return []string{fmt.Sprintf("%s: keys fall on the shards unevenly (χ² %.1f, p %s; the fullest shard has %.2f times the mean).", limiter, b.Chi2, smallP(b.P), b.PeakToMean)}
}

func smallP(p float64) string {
	if p < 0.0001 {
		return "< 0.0001"
	}
	return fmt.Sprintf("= %.4f", p)
}

// thresholdWarnings says what each engine missed, told late, told twice or
// told without a reason, and what it noticed itself.
func thresholdWarnings(r *quotaaudit.Result) (out []string) {
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
		warn(shortfall(e, quotaaudit.Missed, func(t *quotaaudit.ThresholdTally) int64 { return t.Missed }) + covered(e))
		warn(shortfall(e, quotaaudit.Late, func(t *quotaaudit.ThresholdTally) int64 { return t.Late }))
		warn(surplus(e))
		for _, f := range e.Findings {
			warn(noticed(f))
		}
	}
	return out
}

func uncrossed(r *quotaaudit.Result, e *quotaaudit.EngineResult) string {
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

// shortfall says by threshold, such as 12 of 30 crossings of 75 % missed, most by prefilter.
func shortfall(e *quotaaudit.EngineResult, v quotaaudit.Verdict, of func(*quotaaudit.ThresholdTally) int64) string {
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
		parts = append(parts, fmt.Sprintf("%s of %s %sof %d %% %s, %s", unit.Thousands(n), unit.Thousands(t.Crossings), crossings, t.Threshold, v, mostBy(t.Causes, v, n)))
	}
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, "; ") + "."
}

// mostBy names the most frequent cause of a verdict on so many.
func mostBy(list []quotaaudit.CauseTally, v quotaaudit.Verdict, of int64) string {
	i := slices.IndexFunc(list, func(c quotaaudit.CauseTally) bool { return c.Verdict == v })
	switch {
	case i < 0:
		return "cause unknown"
	case list[i].Count == of:
		return "by " + list[i].Cause
	case 2*list[i].Count > of:
		return "most by " + list[i].Cause
	}
	return fmt.Sprintf("%s of them by %s", unit.Thousands(list[i].Count), list[i].Cause)
}

func covered(e *quotaaudit.EngineResult) string {
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
func surplus(e *quotaaudit.EngineResult) string {
	var parts []string
	for _, kind := range []quotaaudit.Verdict{quotaaudit.Duplicate, quotaaudit.Spurious, quotaaudit.Undelivered, quotaaudit.OutOfOrder} {
		n := int64(0)
		for _, t := range e.Thresholds {
			n += t.Notices[kind]
		}
		if n == 0 {
			continue
		}
		part := unit.Counted(n, string(kind)+" notice")
		if kind == quotaaudit.Duplicate || kind == quotaaudit.Spurious {
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
func joined(e *quotaaudit.EngineResult, v quotaaudit.Verdict) (list []quotaaudit.CauseTally) {
	for _, t := range e.Thresholds {
		for _, c := range t.Causes {
			i := slices.IndexFunc(list, func(d quotaaudit.CauseTally) bool { return d.Cause == c.Cause })
			switch {
			case c.Verdict != v:
			case i < 0:
				list = append(list, c)
			default:
				list[i].Count += c.Count
			}
		}
	}
	slices.SortStableFunc(list, func(a, b quotaaudit.CauseTally) int { return cmp.Compare(b.Count, a.Count) })
	return list
}

func noticed(f quotaaudit.FindingTally) string {
	times := counted(f.Count, "time", "times")
	if f.Accounts == 0 {
		return fmt.Sprintf("it found: %s (%s).", f.What, times)
	}
	return fmt.Sprintf("it found: %s (%s, of %s, such as account %d).", f.What, times, unit.Counted(f.Accounts, "account"), f.Account)
}

// percent is unit.Percent as part of a sentence.
func percent(share float64) string {
	return strings.NewReplacer("<", "less than ", ">", "more than ").Replace(unit.Percent(share))
}
