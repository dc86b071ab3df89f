package summary

import (
	"strconv"
	"time"

	"github.com/quotalab/quotalab/results/audit"
	"github.com/quotalab/quotalab/results/quotaaudit"
)

// admission makes the metrics that the audit is the source of. What is not
// known of a limiter has none: unknown is not zero.
func admission(a *audit.Result) []Series {
	var out []Series
	perCell := func(make func(l *audit.Limiter, c *audit.Cell, tags map[string]string) Series, known func(*audit.Limiter) bool) {
		for i := range a.Limiters {
			l := &a.Limiters[i]
			for k := range l.Cells {
				if c := &l.Cells[k]; known(l) && c.Compared > 0 {
					out = append(out, make(l, c, cellTags(l, c)))
				}
			}
		}
	}
	perLimiter := func(name string, of func(*audit.Limiter) int64, known func(*audit.Limiter) bool) {
		for i := range a.Limiters {
			if l := &a.Limiters[i]; known(l) && l.Compared > 0 {
				out = append(out, counter(name, tags("limiter", l.Name), of(l)))
			}
		}
	}
	audited := (*audit.Limiter).Audited
	perCell(func(_ *audit.Limiter, c *audit.Cell, tags map[string]string) Series {
		return counter("over_admission", tags, c.Over)
	}, audited)
	perCell(func(_ *audit.Limiter, c *audit.Cell, tags map[string]string) Series {
		return counter("under_admission", tags, c.Under)
	}, audited)
	perCell(func(_ *audit.Limiter, c *audit.Cell, tags map[string]string) Series {
		return value("worst_excess", tags, c.Compared, c.Worst.Excess)
	}, func(*audit.Limiter) bool { return true })
	perLimiter("leaked_leases", func(l *audit.Limiter) int64 { return l.Leaked }, func(l *audit.Limiter) bool { return l.Algorithm == "concurrency" && l.Sequential })
	byUser := func(l *audit.Limiter) bool { return l.ByUser != nil && l.Audited() }
	perLimiter("user_over_admission", func(l *audit.Limiter) int64 { return l.ByUser.Over }, byUser)
	perLimiter("user_under_admission", func(l *audit.Limiter) int64 { return l.ByUser.Under }, byUser)
	perLimiter("ambiguous", func(l *audit.Limiter) int64 { return l.Ambiguous }, audited)
	perLimiter("divergence", func(l *audit.Limiter) int64 { return l.Divergence }, func(l *audit.Limiter) bool { return l.Audited() && l.Sequential })
	for _, early := range []bool{true, false} {
		for i := range a.Limiters {
			if l := &a.Limiters[i]; l.Retry.Compared > 0 {
				out = append(out, retryAfter(l, early))
			}
		}
	}
	return out
}

func cellTags(l *audit.Limiter, c *audit.Cell) map[string]string {
	t := tags("traffic", c.Traffic, "limiter", l.Name, "client", c.Client, "limit", c.Limit)
	if c.Phase != "" {
		t["phase"] = c.Phase
	}
	return t
}

// retryAfter makes the distribution of how much too early or late denied
// clients were told to come back: a sample for each, 0 where it was right.
func retryAfter(l *audit.Limiter, early bool) Series {
	name, off := "retry_after_late", l.Retry.Late
	if early {
		name, off = "retry_after_early", l.Retry.Early
	}
	t := &trend{}
	if right := l.Retry.Compared - off.Count; right > 0 {
		t.addN(0, right)
	}
	off.Each(t.addN)
	return distribution(name, tags("limiter", l.Name), t)
}

func worstKeys(a *audit.Result) []AdmittedKey {
	out := []AdmittedKey{}
	for _, l := range a.Limiters {
		for _, o := range l.Offenders {
			out = append(out, AdmittedKey{Limiter: l.Name, Limit: o.Limit, Key: o.Key, Over: o.Over, Under: o.Under, Excess: o.Excess})
		}
	}
	return out
}

// audits says of each limiter how its decisions were judged, and what the
// counts leave out.
func audits(a *audit.Result) (out []Audit) {
	for i := range a.Limiters {
		l := &a.Limiters[i]
		if l.Compared == 0 && l.Unknown == "" {
			continue
		}
		one := Audit{Limiter: l.Name, Algorithm: l.Algorithm, Reference: l.Reference, Unknown: l.Unknown, Compared: l.Compared,
			Tokens: l.Tokens, ChecksAllowed: l.ChecksAllowed, Uncertain: l.Uncertain}
		if w := l.Worst; w.Excess > 0 {
			one.Worst = &Worst{Limit: w.Limit, Key: w.Key, FromSeconds: float64(w.From) / 1e9, UntilSeconds: float64(w.Until) / 1e9, Excess: w.Excess}
		}
		if r := l.Retry; r.Compared > 0 {
			one.RetryAfter = &RetryAfter{Compared: r.Compared, UnitSeconds: r.Unit.Seconds(),
				Early: r.Early.Count, EarlyMed: r.Early.Med.Seconds(), EarlyMax: r.Early.Max.Seconds(),
				Late: r.Late.Count, LateMed: r.Late.Med.Seconds(), LateMax: r.Late.Max.Seconds()}
		}
		for _, of := range []struct {
			what string
			list []audit.Explanation
		}{{"over_admission", l.Explained}, {"under_admission", l.UnderExplained}} {
			for _, e := range of.list {
				one.Causes = append(one.Causes, Cause{Of: of.what, Cause: string(e.Kind), Explains: e.Explains, Total: e.Of})
			}
		}
		out = append(out, one)
	}
	return out
}

// sampledAudit is the audit of a record that holds the observations of some
// keys. Of a limiter that was asked of several limits at once there is none:
// the history of such a request's other keys has gaps.
func (p *pass) sampledAudit(a *audit.Result) (out []SampledAudit) {
	for _, l := range a.Limiters {
		if l.Compared > 0 && !p.batched(l.Name) {
			out = append(out, SampledAudit{Limiter: l.Name, Compared: l.Compared, Over: l.Over, Under: l.Under, Ambiguous: l.Ambiguous, WorstExcess: l.Worst.Excess})
		}
	}
	return out
}

// batched reports whether the limiter was asked of several limits at once.
func (p *pass) batched(limiter string) bool {
	for _, c := range p.outcomes.cells {
		if c.Limiter == limiter && c.Batched {
			return true
		}
	}
	return false
}

// thresholds makes the metrics of usage-threshold engines. Of a record with
// accounts it is known how often each threshold was crossed and told of, also
// that it never was; but nothing was missed where nothing was crossed is
// unknown.
func thresholds(a *audit.Result) (out []Series) {
	if a.Thresholds == nil || a.Thresholds.Accounts == 0 {
		return nil
	}
	for _, make := range []func(*quotaaudit.ThresholdTally, series) []Series{crossings, censored, notices, missed, noticeDelay} {
		for _, e := range a.Thresholds.Engines {
			for i := range e.Thresholds {
				out = append(out, make(&e.Thresholds[i], series{e.Name, strconv.FormatInt(e.Thresholds[i].Threshold, 10)})...)
			}
		}
	}
	return out
}

// series is what all metrics of an engine and a threshold are tagged with.
type series struct{ engine, threshold string }

func (s series) tags(more ...string) map[string]string {
	return tags(append([]string{"engine", s.engine, "threshold", s.threshold}, more...)...)
}

func crossings(t *quotaaudit.ThresholdTally, s series) []Series {
	return []Series{counter("crossings", s.tags(), t.Crossings)}
}

func censored(t *quotaaudit.ThresholdTally, s series) []Series {
	return []Series{counter("censored", s.tags(), t.Censored)}
}

// notices has one series without a verdict, that says 0, where none was sent.
func notices(t *quotaaudit.ThresholdTally, s series) (out []Series) {
	for _, kind := range quotaaudit.NoticeKinds() {
		if n := t.Notices[kind]; n > 0 {
			out = append(out, counter("notices", s.tags("verdict", string(kind)), n))
		}
	}
	if len(out) == 0 {
		out = append(out, counter("notices", s.tags(), 0))
	}
	return out
}

// missed has one series without a cause, that says 0, where every crossing was
// told of, and none where there was no crossing.
func missed(t *quotaaudit.ThresholdTally, s series) (out []Series) {
	if t.Crossings == 0 {
		return nil
	}
	for _, c := range t.Causes {
		if c.Verdict == quotaaudit.Missed {
			out = append(out, counter("missed", s.tags("cause", c.Cause), c.Count))
		}
	}
	if len(out) == 0 {
		out = append(out, counter("missed", s.tags(), 0))
	}
	return out
}

func noticeDelay(t *quotaaudit.ThresholdTally, s series) []Series {
	if len(t.Delays) == 0 {
		return nil
	}
	delays := &trend{}
	for _, d := range t.Delays {
		delays.add(d)
	}
	return []Series{distribution("notice_delay", s.tags(), delays)}
}

// perThreshold is the table of engines and thresholds.
func perThreshold(a *audit.Result) (out []Threshold) {
	if a.Thresholds == nil || a.Thresholds.Accounts == 0 {
		return nil
	}
	for _, e := range a.Thresholds.Engines {
		for _, t := range e.Thresholds {
			out = append(out, Threshold{
				Engine: e.Name, Kind: e.Kind, Threshold: t.Threshold, Promised: time.Duration(e.Bound).Seconds(),
				Crossings: t.Crossings, OnTime: t.OnTime, Late: t.Late, Missed: t.Missed, Covered: t.Covered, Censored: t.Censored,
				Notices: Notices{First: t.Notices[quotaaudit.First], OutOfOrder: t.Notices[quotaaudit.OutOfOrder], Duplicate: t.Notices[quotaaudit.Duplicate],
					Undelivered: t.Notices[quotaaudit.Undelivered], Spurious: t.Notices[quotaaudit.Spurious], WarmUp: t.Notices[quotaaudit.WarmUp]},
			})
		}
	}
	return out
}

func causes(a *audit.Result) (out []ThresholdCause) {
	if a.Thresholds == nil {
		return nil
	}
	for _, e := range a.Thresholds.Engines {
		for _, t := range e.Thresholds {
			for _, c := range t.Causes {
				out = append(out, ThresholdCause{Engine: e.Name, Threshold: t.Threshold, Verdict: string(c.Verdict), Cause: c.Cause, Count: c.Count,
					Account: c.Account, Group: c.Group, At: time.Unix(0, c.At).UTC()})
			}
		}
	}
	return out
}
