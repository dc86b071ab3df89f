package summary

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/quotalab/quotalab/models/limits"
	"github.com/quotalab/quotalab/models/metric"
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
	out = append(out, serverWarnings(p.manifest.Servers)...)
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
	return []string{fmt.Sprintf("an assertion with abortOnFail ended the run at %s of %s: the numbers are of the %s up to there, and not to be compared with those of whole runs.",
		unit.Time(m.Failed.At), unit.Time(m.Horizon), extent(m))}
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
	if text, ok := p.texts.mostFrequent(limiter, p.order); ok {
		w += fmt.Sprintf(" The most frequent text, %s: “%s”.", counted(text.Count, "time", "times"), text.Text)
	}
	if open > 0 {
		w += fmt.Sprintf(" %s let through because of it (fail open).", counted(open, "request was", "requests were"))
	}
	return []string{w}
}

func (p *pass) admissionWarnings(l audit.Limiter) (out []string) {
	warn := func(format string, args ...any) { out = append(out, l.Name+": "+fmt.Sprintf(format, args...)) }
	share := func(n int64) string { return percent(float64(n) / float64(l.Compared)) }
	if l.Over > 0 {
		what := counted(l.Over, "admission has", "admissions have")
		if l.Tokens {
			what = counted(l.Over, "token has", "tokens have")
		}
		w := fmt.Sprintf("over-admission: %s to be taken away so that the limit holds (%s decided).", what, counted(l.Compared, "request was", "requests were"))
		warn("%s", w+worstWindow(l.Worst)+p.causes(l.Name, l.Explained))
	} else if l.Worst.Excess > 0 {
		warn("worst excess: %s", strings.TrimSpace(worstWindow(l.Worst)))
	}
	if l.ChecksAllowed > 0 {
		warn("%s told yes where there was no room; a check takes nothing, so this is no over-admission.", counted(l.ChecksAllowed, "check was", "checks were"))
	}
	if l.Under > 0 {
		w := fmt.Sprintf("under-admission: %s denied that would have fitted, given what was admitted (%s of %s).", counted(l.Under, "request was", "requests were"), share(l.Under), unit.Counted(l.Compared, "decision"))
		if cause := p.causes(l.Name, l.UnderExplained); cause != "" || l.Over > 0 {
			w += cause
		} else {
			w += p.unexplained()
		}
		warn("%s", w)
	}
	if w := retryWarning(l.Retry); w != "" {
		warn("%s", w)
	}
	if l.Uncertain > 0 {
		warn("%s reached a key and ended in an error: whether they took tokens is unknown, so the audit is that much less sure.", unit.Counted(l.Uncertain, "request"))
	}
	switch {
	case l.Unknown != "":
		warn("over-admission is unknown: %s.", l.Unknown)
	case !l.Audited():
		warn("it declares no reference algorithm, so over-admission is unknown; worst_excess is judged by burst + t/T of its limit. References there are: %s.", strings.Join(limits.Algorithms(), ", "))
	}
	return out
}

// worstWindow says which key was given most above the promise, and when.
func worstWindow(w audit.Window) string {
	if w.Excess <= 0 {
		return ""
	}
	return fmt.Sprintf(" The worst key, %s, was given %.4g tokens more than the limit promises from %s to %s.", metric.Printable(w.Key), w.Excess, unit.Lasting(float64(w.From)/1e9), unit.Lasting(float64(w.Until)/1e9))
}

// retryWarning says how many clients were told a wrong time to come back.
func retryWarning(r audit.RetryAfter) string {
	var parts []string
	for _, off := range []struct {
		what string
		s    audit.Spread
	}{{"too early", r.Early}, {"later than its unit explains", r.Late}} {
		if off.s.Count > 0 {
			parts = append(parts, fmt.Sprintf("%s %s (median %s, most %s)", unit.Thousands(off.s.Count), off.what, unit.Lasting(off.s.Med.Seconds()), unit.Lasting(off.s.Max.Seconds())))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return fmt.Sprintf("retry-after: of %s with a wait %s.", unit.Counted(r.Compared, "denial"), strings.Join(parts, " and "))
}

// causes names what the record proves to have caused over- or under-admission,
// or says that nothing is known.
func (p *pass) causes(limiter string, list []audit.Explanation) string {
	if len(list) == 0 {
		return ""
	}
	var w strings.Builder
	for _, e := range list {
		if e.Kind == audit.Unknown {
			return p.unexplained()
		}
		w.WriteString(" Cause: " + p.cause(limiter, e))
		if e.Explains != e.Of {
			fmt.Fprintf(&w, " That explains %s of %s.", unit.Thousands(e.Explains), unit.Thousands(e.Of))
		} else if len(list) == 1 && e.Of > 1 {
			fmt.Fprintf(&w, " That explains all %s.", unit.Thousands(e.Of))
		}
	}
	return w.String()
}

// unexplained says that the cause is unknown, and how to look into it.
func (p *pass) unexplained() string {
	again := fmt.Sprintf("quotalab run %s --seed %d", p.manifest.Scenario, p.manifest.Seed)
	if p.manifest.Clock == "real" {
		again += " --clock virtual"
	}
	return " Cause unknown: the record proves none. To play it again: " + again + "."
}

// cause says in a sentence what a cause is and where it was first seen.
func (p *pass) cause(limiter string, e audit.Explanation) string {
	x := e.Example
	key, at := metric.Printable(x.Key), unit.Lasting(float64(x.At)/1e9)
	switch e.Kind {
	case audit.FailOpen:
		return fmt.Sprintf("fail-open: requests were let through because of an error (first observation %d, at %s).", x.Seq, at)
	case audit.Unasked:
		return fmt.Sprintf("not Redis: the limiter decided without a command (first observation %d, at %s).", x.Seq, at)
	case audit.Moved:
		if x.Fault != "" {
			return fmt.Sprintf("shard lost or moved: %s, and key %s had a new full burst at %s.", x.Fault, key, at)
		}
		for _, d := range p.keys.disagreements(p.manifest) {
			if d.limiter == limiter && d.apart > 0 {
				return fmt.Sprintf("shard lost or moved: clients look for key %s on %s and on %s, and do not see what the other wrote there.", key, x.Before, x.Shard)
			}
		}
		return fmt.Sprintf("shard lost or moved: key %s was on %s before, and on %s from %s on.", key, x.Before, x.Shard, at)
	case audit.Expired:
		return fmt.Sprintf("expiry: key %s was gone from %s at %s, before its bucket was full.", key, x.Shard, at)
	case audit.Concurrency:
		return fmt.Sprintf("concurrency: observation %d on key %s took effect at %s, while observation %d had already read (first pair); taken one at a time there is no excess.", x.Other, key, unit.Lasting(float64(x.OtherAt)/1e9), x.Seq)
	case audit.Clocks:
		return "clocks: the limiter reads its client's clock, and the clocks are apart by as much as explains it."
	case audit.Rounding:
		return "rounding or alignment: the excess stays below one token."
	case audit.LockedOut:
		return fmt.Sprintf("lock-out: key %s was denied from %s to %s, the end of its requests, for longer than an empty bucket needs to become full.", key, at, unit.Lasting(float64(x.OtherAt)/1e9))
	}
	return string(e.Kind) + "."
}

func (p *pass) shardWarning(limiter string) []string {
	counts := p.fromTheStart(p.keys.perShard()[limiter])
	b, ok := BalanceOf(counts)
	if !ok || FewKeys(b.Total, len(counts)) || b.Even() {
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
		warn(shortfall(e, "missed", quotaaudit.Missed, func(t *quotaaudit.ThresholdTally) int64 { return t.Missed }) + covered(e))
		late := fmt.Sprintf("late (more than the promised %s after the crossing)", unit.Lasting(time.Duration(e.Bound).Seconds()))
		warn(shortfall(e, late, quotaaudit.Late, func(t *quotaaudit.ThresholdTally) int64 { return t.Late }))
		warn(surplus(e))
		for _, f := range e.Findings {
			if f.Error != "" || !blamed(e, f) {
				warn(noticed(f))
			}
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
func shortfall(e *quotaaudit.EngineResult, word string, v quotaaudit.Verdict, of func(*quotaaudit.ThresholdTally) int64) string {
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
		parts = append(parts, fmt.Sprintf("%s of %s %sof %d %% %s, %s", unit.Thousands(n), unit.Thousands(t.Crossings), crossings, t.Threshold, word, mostBy(t.Causes, v, n)))
		word = string(v)
	}
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, "; ") + "."
}

// mostBy names the most frequent cause of a verdict, with its count.
func mostBy(list []quotaaudit.CauseTally, v quotaaudit.Verdict, of int64) string {
	i := slices.IndexFunc(list, func(c quotaaudit.CauseTally) bool { return c.Verdict == v })
	switch {
	case i < 0, list[i].Cause == string(quotaaudit.UnknownCause) && list[i].Count == of:
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

// blamed reports whether notices that were not delivered are all in what the
// warnings about late and missed ones say.
func blamed(e *quotaaudit.EngineResult, f quotaaudit.FindingTally) bool {
	return f.What == record.NoticeUndelivered && slices.ContainsFunc(e.Thresholds, func(t quotaaudit.ThresholdTally) bool {
		return slices.ContainsFunc(t.Causes, func(c quotaaudit.CauseTally) bool { return c.Cause == string(quotaaudit.Undeliverable) })
	})
}

func noticed(f quotaaudit.FindingTally) string {
	about := counted(f.Count, "time", "times")
	if f.Accounts > 0 {
		about += fmt.Sprintf(", of %s, such as account %d", unit.Counted(f.Accounts, "account"), f.Account)
	}
	if f.Error != "" {
		about += "; the first error: " + metric.Printable(f.Error)
	}
	return fmt.Sprintf("it found: %s (%s).", f.What, about)
}

// percent is unit.Percent as part of a sentence.
func percent(share float64) string {
	return strings.NewReplacer("<", "less than ", ">", "more than ").Replace(unit.Percent(share))
}
