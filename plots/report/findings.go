package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/present"
	"github.com/quotalab/quotalab/results/summary"
)

// mostFindings stand at the head of a report.
const mostFindings = 3

// finding is what a reader should know first: a number, a sentence about it, why it is so as
// far as that is known, and what to do about it.
type finding struct {
	Number, Claim, Why, Do string

	Bad    bool
	kind   string // of the figures that show it
	of     string // whose figure it is, "" any
	Figure *link  // nil: none shows it
}

// findings returns the most important of a run: what is wrong with it, what it shows to be
// wrong, and, where that is little, what it shows else.
func findings(s *summary.Measured) []finding {
	all := slices.Concat(invalidity(s), thresholdFindings(s), admissionFindings(s), errorFindings(s), disagreements(s), ownMetrics(s), failing(s), usual(s))
	slices.SortStableFunc(all, func(a, b finding) int { return cmp.Compare(rankOf(a), rankOf(b)) })
	return all[:min(len(all), mostFindings)]
}

func rankOf(f finding) int {
	if f.Bad {
		return 0
	}
	return 1
}

// invalidity says what to do about a run that is not valid.
func invalidity(s *summary.Measured) []finding {
	if s.Valid {
		return nil
	}
	f := finding{Number: "invalid", Claim: "The numbers do not stand for what the scenario asks.", Do: "Run it again, to its end.", Bad: true}
	dropped := int64(0)
	for _, g := range present.Groups(s, "dropped") {
		dropped += g.Count
	}
	switch k := s.Schedule; {
	case dropped > 0:
		f.Number, f.Claim = unit.Thousands(dropped), "arrivals were not sent, so the limiters saw less load than was asked for."
		f.Do, f.kind = "Look why requests take long, raise max_in_flight, or lower the rate.", "outcomes-over-time"
	case k != nil && k.LagP99 != nil && (k.LagBound > 0 && *k.LagP99 > k.LagBound || k.Ratio < 0.99):
		f.Number, f.Claim = unit.Amount(*k.LagP99, 3), "is what the generator was late at the 99th percentile."
		f.Do, f.kind = "Run it on a machine with less to do, or at a lower rate.", "latency-over-time"
	}
	return []finding{f}
}

// failing says which assertion does not hold.
func failing(s *summary.Measured) []finding {
	var names []string
	f := finding{Bad: true, Do: "Change the limiter, the scenario, or what the scenario asserts, and play it again by the command at the end of this page."}
	for i := range s.Assertions {
		a := &s.Assertions[i]
		if a.OK {
			continue
		}
		if names = append(names, a.Name()); len(names) == 1 {
			f.Number, f.Why = present.Observed(*a).Text, a.Why
			if a.Unknown {
				f.Number = "unknown"
			}
		}
	}
	switch len(names) {
	case 0:
		return nil
	case 1:
		f.Claim = "was observed, and the scenario asserts " + names[0] + "."
	default:
		f.Claim = fmt.Sprintf("was observed, and the scenario asserts %s; %d more assertions fail.", names[0], len(names)-1)
	}
	return []finding{f}
}

// remedies are what to do about causes of over-admission and under-admission.
var remedies = map[string]struct{ why, do string }{
	"concurrency":         {"requests on the same key read before the others had written", "Make reading and writing one step of Redis: a script, or one command."},
	"fail-open":           {"requests were let through because of an error", "Decide whether callers let pass or deny while Redis does not answer."},
	"not Redis":           {"the limiter decided without asking Redis", "Bound what it decides by itself: every process does so for itself."},
	"shard lost or moved": {"keys moved to a shard that did not know them, and had a new full burst", "Give all clients the same names of shards; expect a burst for each key when a shard is lost."},
	"expiry":              {"keys were gone before their buckets were full", "Give keys a time to live of at least what an empty bucket takes to become full."},
	"clocks":              {"the limiter reads its client's clock, and clocks differ", "Judge by Redis' TIME."},
	"rounding":            {"windows or tokens are rounded; the excess is less than one token", "Nothing, if one token does not matter."},
	"lock-out":            {"a client that keeps trying is never let in again", "Let denied requests take nothing."},
	"unknown":             {"the record proves no cause", "Look at the worst keys below, and play the run again with other seeds."},
}

// explained adds why, and what to do, by the causes that explain most.
func (f *finding) explained(s *summary.Measured, limiter, of string) {
	most := summary.Cause{}
	for _, a := range s.Audit {
		for _, c := range a.Causes {
			if a.Limiter == limiter && c.Of == of && (c.Explains > most.Explains || most.Cause == "") {
				most = c
			}
		}
	}
	r := remedies[cmp.Or(most.Cause, "unknown")]
	f.Why, f.Do = r.why, r.do
	if most.Cause != "" && most.Cause != "unknown" && most.Explains > 0 {
		f.Why = fmt.Sprintf("%s: that explains %s of %s", r.why, unit.Thousands(most.Explains), unit.Thousands(most.Total))
	}
}

// worstOf returns the group of a metric with the highest count, and the names of the others
// that have any.
func worstOf(s *summary.Measured, name string) (worst present.Group, others []string) {
	list := present.Groups(s, name, "limiter")
	for _, g := range list {
		if g.Count > worst.Count {
			worst = g
		}
	}
	for _, g := range list {
		if g.Count > 0 && g.Tags[0] != worst.Tags[0] {
			others = append(others, fmt.Sprintf("%s %s", g.Tags[0], unit.Thousands(g.Count)))
		}
	}
	return worst, others
}

// admissionFindings are about limiters that admit or deny too many.
func admissionFindings(s *summary.Measured) (list []finding) {
	for _, m := range []struct{ name, claim string }{
		{"over_admission", "more were admitted by %s than its limit allows"},
		{"under_admission", "were denied by %s that would have fitted"},
	} {
		worst, others := worstOf(s, m.name)
		if worst.Count == 0 {
			continue
		}
		limiter := worst.Tags[0]
		f := finding{Number: unit.Thousands(worst.Count), Claim: fmt.Sprintf(m.claim, limiter), Bad: true, kind: "admission", of: limiter}
		if all, ok := present.Find(present.Groups(s, "decisions", "limiter"), limiter); ok {
			f.Claim += " (of " + unit.Counted(all.Count, "decision") + ")"
		}
		if len(others) > 0 {
			f.Claim += "; also " + strings.Join(others, ", ")
		}
		f.Claim += "."
		f.explained(s, limiter, m.name)
		list = append(list, f)
	}
	return list
}

// thresholdFindings are about the engine that misses most, and about the one that sends most in
// vain.
func thresholdFindings(s *summary.Measured) (list []finding) {
	type sums struct{ crossings, missed, wrong int64 }
	by, engines := map[string]*sums{}, []string{}
	for _, t := range s.Thresholds {
		if by[t.Engine] == nil {
			by[t.Engine], engines = &sums{}, append(engines, t.Engine)
		}
		n := by[t.Engine]
		n.crossings, n.missed, n.wrong = n.crossings+t.Crossings, n.missed+t.Missed, n.wrong+t.Notices.Duplicate+t.Notices.Spurious
	}
	most := func(of func(*sums) int64) (engine string, none []string) {
		for _, e := range engines {
			if of(by[e]) == 0 {
				none = append(none, e)
			} else if engine == "" || of(by[e]) > of(by[engine]) {
				engine = e
			}
		}
		return engine, none
	}
	if e, none := most(func(n *sums) int64 { return n.missed }); e != "" {
		f := finding{Number: unit.Thousands(by[e].missed), Claim: fmt.Sprintf("of %s were missed by %s.", unit.Counted(by[e].crossings, "notice"), e), Bad: true, kind: "thresholds"}
		f.Why, f.Do = mostCause(s, e, "missed"), "Read the cause and its example account below."
		if len(none) > 0 {
			f.Do = fmt.Sprintf("Compare it with %s, which missed none. Causes and examples are below.", strings.Join(none, ", "))
		}
		list = append(list, f)
	}
	if e, _ := most(func(n *sums) int64 { return n.wrong }); e != "" {
		f := finding{Number: unit.Thousands(by[e].wrong), Claim: "notices of " + e + " were duplicates, or had no reason.", Bad: true, kind: "thresholds", Do: "Remember what was announced in one step with announcing it."}
		f.Why = cmp.Or(mostCause(s, e, "duplicate"), mostCause(s, e, "spurious"))
		list = append(list, f)
	}
	return list
}

// mostCause names the most frequent cause of an engine's verdicts.
func mostCause(s *summary.Measured, engine, verdict string) string {
	counts, total, most := map[string]int64{}, int64(0), ""
	for _, c := range s.Causes {
		if c.Engine != engine || c.Verdict != verdict {
			continue
		}
		total += c.Count
		if counts[c.Cause] += c.Count; most == "" || counts[c.Cause] > counts[most] {
			most = c.Cause
		}
	}
	if most == "" {
		return ""
	}
	return fmt.Sprintf("%s of %s: %s", unit.Thousands(counts[most]), unit.Thousands(total), strings.ReplaceAll(metric.Printable(most), "-", " "))
}

// errorFindings are about the limiter with most errors.
func errorFindings(s *summary.Measured) []finding {
	worst, others := worstOf(s, "errors")
	if worst.Count == 0 {
		return nil
	}
	limiter := worst.Tags[0]
	f := finding{Number: unit.Thousands(worst.Count), Claim: "requests to " + limiter + " ended in an error", Bad: true, kind: "outcomes-over-time", of: limiter,
		Do: "Decide what callers do then; the table of errors has their texts, by kind."}
	if open, ok := present.Find(present.Groups(s, "decisions", "limiter", "decision"), limiter, "fail_open"); ok {
		f.Claim += fmt.Sprintf(", %s of them let through", unit.Thousands(open.Count))
	}
	if len(others) > 0 {
		f.Claim += "; also " + strings.Join(others, ", ")
	}
	f.Claim += "."
	for _, t := range s.ErrorTexts {
		if t.Limiter == limiter && len(t.Most) > 0 {
			f.Why = fmt.Sprintf("%s times “%s”", unit.Thousands(t.Most[0].Count), metric.Printable(t.Most[0].Text))
			break
		}
	}
	return []finding{f}
}

// apart is the share of keys from which on clients that look elsewhere are a finding.
const apart = 0.01

// disagreements are about the client that looks for most keys on another shard.
func disagreements(s *summary.Measured) []finding {
	worst := present.Group{}
	for _, g := range present.Groups(s, "shard_disagreement", "limiter", "client") {
		if g.Value != nil && *g.Value > apart && (worst.Value == nil || *g.Value > *worst.Value) {
			worst = g
		}
	}
	if worst.Value == nil {
		return nil
	}
	f := finding{Number: unit.Percent(*worst.Value), Claim: fmt.Sprintf("of the keys are looked for on another shard by client %s than by the first client.", worst.Tags[1]), Bad: true,
		Why: "what one writes, the other does not find", Do: "Give all clients the same names of the shards: a Ring maps keys by names.", kind: "latency", of: worst.Tags[0]}
	for _, g := range present.Groups(s, "decisions", "client", "key") {
		all, _ := present.Find(present.Groups(s, "decisions", "client"), g.Tags[0])
		if g.Tags[1] == "not_found" && 5*g.Count > all.Count {
			f.Why += fmt.Sprintf("; %s does not find the key of %s of its requests", g.Tags[0], present.Share(g.Count, all.Count).Text)
		}
	}
	return []finding{f}
}

// wrongBy is from which share on a metric of a limiter's own is wrong.
const wrongBy = 0.05

// ownMetrics are about the metric of a limiter's own that is most wrong.
func ownMetrics(s *summary.Measured) []finding {
	worst := present.Group{}
	for _, g := range present.Groups(s, "telemetry_error", "limiter", "series") {
		if g.Value != nil && math.Abs(*g.Value) > wrongBy && (worst.Value == nil || math.Abs(*g.Value) > math.Abs(*worst.Value)) {
			worst = g
		}
	}
	if worst.Value == nil {
		return nil
	}
	return []finding{{Number: unit.Percent(math.Abs(*worst.Value)), Claim: fmt.Sprintf("is how far %s's own metric %s is from what callers waited.", worst.Tags[0], worst.Tags[1]), Bad: true,
		Why: "the warning below says where it differs", Do: "Trust what callers wait, and mend what the metric observes.", kind: "latency", of: worst.Tags[0]}}
}

// usual are what is to be said of limiters that do what they should.
func usual(s *summary.Measured) (list []finding) {
	decisions := present.Groups(s, "decisions", "limiter")
	var kept []string
	judged := int64(0)
	for _, g := range present.Groups(s, "over_admission", "limiter") {
		if all, ok := present.Find(decisions, g.Tags[0]); ok && g.Count == 0 {
			kept, judged = append(kept, g.Tags[0]), judged+all.Count
		}
	}
	if len(kept) > 0 {
		verb := map[bool]string{true: "keeps", false: "keep"}[len(kept) == 1]
		list = append(list, finding{Number: "0", Claim: fmt.Sprintf("requests too many were admitted: %s %s the promise, in %s.", strings.Join(kept, ", "), verb, unit.Counted(judged, "decision")), kind: "admission", of: kept[0]})
	}
	for _, g := range decisions {
		limiter := g.Tags[0]
		if one, ok := present.Find(present.Groups(s, "decisions", "limiter", "decision"), limiter, "denied"); ok {
			list = append(list, finding{Number: present.Share(one.Count, g.Count).Text, Claim: fmt.Sprintf("of the requests are denied by %s.", limiter), kind: "outcomes-over-time", of: limiter})
		}
		if one, ok := present.Find(present.Groups(s, "latency", "limiter", "decision"), limiter, "allowed"); ok && one.P99 != nil {
			list = append(list, finding{Number: unit.Amount(*one.P99, 3), Claim: fmt.Sprintf("is the 99th percentile of %s's allowed decisions, the median %s.", limiter, unit.Amount(*one.Med, 3)), kind: "latency", of: limiter})
		}
	}
	return list
}

// show links the findings to the figures that show them, and takes the figure of the first
// out of the list, to stand beside it.
func (r *recordView) show() {
	for i := range r.Findings {
		f := &r.Findings[i]
		best := -1
		for j := range r.Figures {
			g := &r.Figures[j]
			if f.kind != "" && g.kind == f.kind && (best < 0 || f.of != "" && strings.Contains(g.Title, f.of) && !strings.Contains(r.Figures[best].Title, f.of)) {
				best = j
			}
		}
		if best >= 0 {
			f.Figure = &link{r.Figures[best].ID, r.Figures[best].Title}
		}
	}
	if len(r.Findings) == 0 || r.Findings[0].Figure == nil {
		return
	}
	at := slices.IndexFunc(r.Figures, func(g figure) bool { return g.ID == r.Findings[0].Figure.ID })
	lead := r.Figures[at]
	r.Lead, r.Figures = &lead, slices.Delete(r.Figures, at, at+1)
}
