package measure

import (
	"github.com/quotalab/quotalab/results/audit"
)

// admission makes the metrics that the audit is the source of. A limiter
// without an oracle, or without a decision to compare, has none: unknown is
// not zero.
func admission(a *audit.Result) []Metric {
	var out []Metric
	for _, m := range []struct {
		name string
		of   func(audit.Limiter) int64
	}{
		{"over_admission", func(l audit.Limiter) int64 { return l.Over }},
		{"under_admission", func(l audit.Limiter) int64 { return l.Under }},
		{"ambiguous", func(l audit.Limiter) int64 { return l.Ambiguous }},
	} {
		for _, l := range a.Limiters {
			if l.Compared > 0 {
				out = append(out, counter(m.name, tags("limiter", l.Name), m.of(l)))
			}
		}
	}
	for _, l := range a.Limiters {
		if l.Compared > 0 {
			out = append(out, value("worst_excess", tags("limiter", l.Name), l.Compared, l.WorstExcess))
		}
	}
	return out
}

func worstKeys(a *audit.Result) []AdmittedKey {
	out := []AdmittedKey{}
	for _, l := range a.Limiters {
		for _, o := range l.Worst {
			out = append(out, AdmittedKey{Limiter: l.Name, Limit: o.Limit, Key: o.Key, Over: o.Over, Under: o.Under, Excess: o.Excess})
		}
	}
	return out
}

// sampledAudit is the audit of a record that holds the observations of some
// keys. Of a limiter that was asked of several limits at once there is none:
// the history of such a request's other keys has gaps.
func (p *pass) sampledAudit(a *audit.Result) (out []SampledAudit) {
	for _, l := range a.Limiters {
		if l.Compared > 0 && !p.batched[l.Name] {
			out = append(out, SampledAudit{Limiter: l.Name, Compared: l.Compared, Over: l.Over, Under: l.Under, Ambiguous: l.Ambiguous, WorstExcess: l.WorstExcess})
		}
	}
	return out
}
