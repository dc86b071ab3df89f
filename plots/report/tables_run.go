package report

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/plots/series"
	"github.com/quotalab/quotalab/results/summary"
)

func assertionsTable(s *summary.Measured) *table {
	t := newTable("Assertions of the scenario", "verdict", "metric", "expected", ">observed")
	for _, a := range s.Assertions {
		verdict, state := assertionVerdict(a), "failed"
		if a.OK {
			state = ""
		}
		if a.Why != "" {
			verdict += ": " + a.Why
		}
		t.add(cell{Text: verdict, State: state}, words(a.Metric), words(strings.TrimPrefix(a.Name(), a.Metric+": ")), observed(a))
	}
	return t
}

func assertionVerdict(a summary.Assertion) string {
	switch {
	case a.Unknown:
		return "unknown"
	case a.OK:
		return "holds"
	}
	return "fails"
}

// observed is what an assertion saw, in the metric's unit.
func observed(a summary.Assertion) cell {
	if a.Observed == nil {
		return none
	}
	v := *a.Observed
	sel, err := metric.ParseSelector(a.Metric)
	if err != nil {
		return general(v)
	}
	m, _ := metric.Find(sel.Metric)
	c, err := metric.ParseCondition(m, a.Check)
	switch {
	case err != nil:
		return general(v)
	case c.Agg == "rate":
		return cell{Text: general(v).Text + "/s", Number: plain(v)}
	case c.Agg == "count":
		return count(int64(v))
	case m.Unit == "s":
		return cell{Text: time.Duration(v * 1e9).Round(time.Microsecond).String(), Number: plain(v)}
	case m.Unit == "ratio":
		return percent(v)
	}
	return general(v)
}

// serverTables: what live shards said of themselves, and where they counted
// otherwise than the clients.
func serverTables(s *summary.Measured) []*table {
	t := newTable("Servers, before and after the run", "shard", "Redis", ">keys before", ">keys after", ">memory before (MiB)", ">memory after (MiB)", ">bytes per key", ">keys asked", "note")
	odd := newTable("Commands that servers counted otherwise than the clients", "shard", "command", ">sent by clients", ">by their scripts", ">counted by the server")
	for _, one := range s.Servers {
		t.add(words(one.Shard), words(one.Version), maybeCount(one.KeysBefore), maybeCount(one.KeysAfter), mebibytes(one.MemoryBefore), mebibytes(one.MemoryAfter),
			maybe(one.KeyBytes, func(v float64) cell { return number(v, 0) }), count(one.SampledKeys), words(one.Note()))
		for _, d := range one.Disagreements {
			odd.add(words(one.Shard), words(d.Command), count(d.Sent), maybeCount(d.Script), count(d.Server))
		}
	}
	t.Note = commandsNote(s)
	return []*table{t, odd}
}

func mebibytes(bytes *int64) cell {
	if bytes == nil {
		return none
	}
	return number(float64(*bytes)/(1<<20), 1)
}

// commandsNote says whether servers and clients agree on how many commands there
// were.
func commandsNote(s *summary.Measured) string {
	sent, served, unknown := s.Commands()
	odd := slices.ContainsFunc(s.Servers, func(one summary.Server) bool { return len(one.Disagreements) > 0 })
	switch {
	case len(unknown) > 0:
		return "Commands of " + strings.Join(unknown, ", ") + " cannot all be compared, so whether the servers counted what the clients sent is unknown."
	case odd:
		return "The servers counted other commands than the clients sent: see the next table."
	}
	return fmt.Sprintf("The servers counted what the clients sent: %s of %s commands.", unit.Thousands(served), unit.Thousands(sent))
}

// provenanceTable: versions, hashes and tags.
func provenanceTable(in Input) *table {
	s := in.Set.Summary
	t := newTable("What made this record", "what", "which")
	for _, name := range slices.Sorted(maps.Keys(s.Versions)) {
		t.add(words(name), words(s.Versions[name]))
	}
	t.add(words("seed"), words(strconv.FormatUint(s.Seed, 10)))
	t.add(words("plan hash"), words(s.PlanHash))
	t.add(words("record hash"), words(s.RecordHash))
	if !s.Started.IsZero() {
		t.add(words("started"), words(s.Started.UTC().Format(time.RFC3339)))
	}
	if in.Dir != "" {
		t.add(words("record"), words(in.Dir))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Tags)) {
		t.add(words("tag "+name), words(s.Tags[name]))
	}
	return t
}

var auditColumns = []string{"limiter", ">over-admitted", ">under-admitted", ">ambiguous", ">worst excess (tokens)", ">decisions compared"}

const auditNote = "over-admitted: allowed where the exact reference denies; ambiguous: too close to the limit to tell; worst excess: tokens above burst + t/T in any window of length t."

func auditTable(s *summary.Measured) *table {
	t := newTable("Decisions against the exact reference", auditColumns...)
	t.Note = auditNote
	under, ambiguous, excess := groups(s, "under_admission", "limiter"), groups(s, "ambiguous", "limiter"), groups(s, "worst_excess", "limiter")
	for _, g := range groups(s, "over_admission", "limiter") {
		u, _ := find(under, g.tags...)
		a, _ := find(ambiguous, g.tags...)
		worst, compared := none, none
		if e, ok := find(excess, g.tags...); ok {
			worst, compared = maybe(e.Value, general), count(e.Count)
		}
		t.add(words(g.tags[0]), count(g.Count), count(u.Count), count(a.Count), worst, compared)
	}
	return t
}

func sampledTable(s *summary.Measured) *table {
	t := newTable("Decisions on the sampled keys alone against the exact reference", auditColumns...)
	t.Note = auditNote + " Of " + unit.Percent(s.SampleRate) + " of the keys; of the others nothing is known."
	for _, a := range s.SampledAudit {
		t.add(words(a.Limiter), count(a.Over), count(a.Under), count(a.Ambiguous), general(a.WorstExcess), count(a.Compared))
	}
	return t
}

func worstTable(s *summary.Measured) *table {
	t := newTable("Keys on which a limiter was wrong, the worst first", "limiter", "limit", "key", ">over-admitted", ">under-admitted", ">excess (tokens)")
	for _, k := range s.Keys.OverAdmitted {
		t.add(words(k.Limiter), words(k.Limit), words(metric.Printable(k.Key)), count(k.Over), count(k.Under), general(k.Excess))
	}
	return t
}

// envelopeTable says of what limits the keys in the figure of admission are.
func envelopeTable(set *series.Set) *table {
	t := newTable("The keys in the figure of what was admitted", "limiter", "limit", "key", "rate", ">burst", ">over-admitted", ">excess (tokens)", ">worst window from|s")
	for _, a := range set.Admission {
		for _, k := range a.Keys {
			t.add(words(a.Limiter), words(k.Limit), words(metric.Printable(k.Key)), words(fmt.Sprintf("%s per %s", unit.Thousands(k.Count), unit.Lasting(k.Period))),
				count(k.Burst), count(k.Over), general(k.Excess), duration(k.From))
		}
	}
	return t
}

func deniedTable(s *summary.Measured) *table {
	t := newTable("The most denied keys", "limiter", "limit", "key", ">denied", ">decisions", ">share|%")
	for _, k := range s.Keys.MostDenied {
		t.add(words(k.Limiter), words(k.Limit), words(metric.Printable(k.Key)), count(k.Denied), count(k.Decisions), share(k.Denied, k.Decisions))
	}
	return t
}

// loadTable: keys and commands by shard, with the band that chance explains.
func loadTable(set *series.Set) *table {
	t := newTable("Load by shard", "limiter", "shard", ">keys", ">share|%", ">commands", ">share of commands|%")
	for _, l := range set.Shards {
		keys, commands := total(l.Keys), total(l.Commands)
		for i, name := range l.Names {
			row := []cell{words(l.Limiter), words(name), none, none}
			if i < len(l.Keys) {
				row[2], row[3] = count(l.Keys[i]), share(l.Keys[i], keys)
			}
			t.add(append(row, count(l.Commands[i]), share(l.Commands[i], commands))...)
		}
		if !math.IsNaN(l.KeysLow) && len(l.Keys) > 1 {
			t.Note += fmt.Sprintf("%s: chance alone leaves the keys of every shard between %s and %s in 95 of 100 runs. ",
				l.Limiter, unit.Thousands(int64(math.Ceil(l.KeysLow))), unit.Thousands(int64(math.Floor(l.KeysHigh))))
		}
	}
	return t
}

func total(counts []int64) (n int64) {
	for _, c := range counts {
		n += c
	}
	return n
}

func balanceTable(s *summary.Measured) *table {
	t := newTable("How even the load is", "limiter", "of", ">χ²", ">p-value", ">peak to mean", ">CV", ">Gini")
	t.Note = "A small p-value of keys (below " + general(summary.EvenAt).Text + ") says that they are spread unevenly; commands follow their keys, so chance alone does not explain theirs."
	all := groups(s, "shard_balance", "limiter", "of", "stat")
	for _, g := range groups(s, "shard_commands", "limiter") {
		for _, of := range metric.Values("of") {
			row, any := []cell{words(g.tags[0]), words(of)}, false
			for _, stat := range metric.Values("stat") {
				m, ok := find(all, g.tags[0], of, stat)
				any = any || ok
				row = append(row, maybe(m.Value, general))
			}
			if any {
				t.add(row...)
			}
		}
	}
	return t
}

func disagreementTable(s *summary.Measured) *table {
	t := newTable("Keys that clients look for on other shards than the first client", "limiter", "client", ">keys shared", ">elsewhere|%")
	for _, g := range groups(s, "shard_disagreement", "limiter", "client") {
		t.add(words(g.tags[0]), words(g.tags[1]), count(g.Count), maybe(g.Value, percent))
	}
	return t
}

func hottestTable(set *series.Set) *table {
	t := newTable("The hottest keys", "limiter", "limit", "key", "shard", ">decisions", ">share|%")
	for _, l := range set.Shards {
		for _, k := range l.Hottest {
			t.add(words(l.Limiter), words(k.Limit), words(metric.Printable(k.Key)), words(k.Shard), count(k.Decisions), percent(k.Share))
		}
		if len(l.Hottest) > 0 {
			t.Note += fmt.Sprintf("%s: all other keys have %s of the decisions. ", l.Limiter, unit.Percent(l.HotRest))
		}
	}
	return t
}

// thresholdTables: how engines did, by threshold, and what happened to one
// account.
func thresholdTables(set *series.Set) []*table {
	list := []*table{enginesTable(set.Summary), noticesTable(set.Summary)}
	if set.Thresholds == nil {
		return list
	}
	list = append(list, matrixTable(set.Thresholds))
	if a := set.Thresholds.Account; a != nil {
		list = append(list, storyTable(a))
	}
	return list
}

func enginesTable(s *summary.Measured) *table {
	t := newTable("Crossings of thresholds, and what became of them", "engine", ">threshold|%", ">crossings", ">on time", ">late", ">missed", ">missed share|%", ">of these covered",
		">delay median|s", ">delay p90|s", ">delay max|s")
	t.Note = "Of crossings that were due a notice and are not too close to the end to judge. Covered: a higher threshold was told instead."
	delays := groups(s, "notice_delay", "engine", "threshold")
	for _, one := range s.Thresholds {
		if one.Crossings == 0 {
			continue
		}
		d, _ := find(delays, one.Engine, strconv.FormatInt(one.Threshold, 10))
		t.add(words(one.Engine), threshold(one.Threshold), count(one.Crossings), count(one.OnTime), count(one.Late), count(one.Missed),
			share(one.Missed, one.Crossings), count(one.Covered), maybe(d.Med, duration), maybe(d.P90, duration), maybe(d.Max, duration))
	}
	return t
}

func threshold(percent int64) cell {
	n := strconv.FormatInt(percent, 10)
	return cell{Text: n + " %", Number: n}
}

func noticesTable(s *summary.Measured) *table {
	t := newTable("Notices, by what they were", "engine", ">threshold|%", ">first", ">out of order", ">duplicate", ">undelivered", ">spurious", ">in the warm-up", ">crossings not judged")
	t.Note = "Each notice is one of these. Spurious: of no crossing that stood. Not judged: too close to the end."
	for _, one := range s.Thresholds {
		n := one.Notices
		if n == (summary.Notices{}) && one.Censored == 0 {
			continue
		}
		t.add(words(one.Engine), threshold(one.Threshold), count(n.First), count(n.OutOfOrder), count(n.Duplicate), count(n.Undelivered), count(n.Spurious), count(n.WarmUp), count(one.Censored))
	}
	return t
}

func matrixTable(th *series.Thresholds) *table {
	t := newTable("Missed notices by group of accounts", "engine", "group", ">threshold|%", ">missed", ">crossings", ">share|%")
	for _, c := range th.Matrix {
		if c.Crossings > 0 {
			t.add(words(c.Engine), words(c.Group), threshold(c.Level), count(c.Missed), count(c.Crossings), share(c.Missed, c.Crossings))
		}
	}
	return t
}

// storyTable: what engines were due to tell one account, and what they told it.
func storyTable(a *series.AccountStory) *table {
	t := newTable(fmt.Sprintf("What engines were due to tell account %d of %s", a.ID, named(a.Group)), "engine", ">threshold|%", ">crossed|s", "verdict", ">told, or too late|s", "cause")
	t.Note = "Times after the start. The last time is when the first notice came; if none came, when its period or the run ended."
	for _, e := range a.Engines {
		for _, c := range e.Crossings {
			t.add(words(e.Engine), threshold(c.Level), duration(c.At), words(c.Verdict), duration(c.Until), words(metric.Printable(c.Cause)))
		}
	}
	return t
}

func named(group string) string {
	if group == "" {
		return "a group without a name"
	}
	return group
}
