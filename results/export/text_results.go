package export

import (
	"fmt"
	"slices"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/measure"
	"github.com/quotalab/quotalab/results/wording"
)

// limiters that have a series of the metric, in order.
func (t *text) limiters(name string) (list []string) {
	for _, m := range t.s.Select(metric.Selector{Metric: name}) {
		if l := m.Tags["limiter"]; !slices.Contains(list, l) {
			list = append(list, l)
		}
	}
	return list
}

// one is the only series of a metric with these tags.
func (t *text) one(name string, tags ...metric.Tag) (measure.Metric, bool) {
	list := t.s.Select(metric.Selector{Metric: name, Tags: tags})
	if len(list) != 1 {
		return measure.Metric{}, false
	}
	return list[0], true
}

// shards: load by shard, then balance and agreement in words.
func (t *text) shards() {
	limiters := t.limiters("shard_commands")
	if len(limiters) == 0 {
		return
	}
	t.heading("Shards")
	rows := newTable("limiter", "shard", ">keys", ">share", ">commands", ">share")
	for _, l := range limiters {
		t.addShards(rows, l)
	}
	t.table(rows)
	for _, l := range limiters {
		t.balance(l)
	}
	for _, m := range t.s.Select(metric.Selector{Metric: "shard_disagreement"}) {
		t.sentence("%s: client %s looks for %s of the keys that it shares with the first client (%s) on another shard.",
			m.Tags["limiter"], m.Tags["client"], wording.Percent(*m.Value), wording.Thousands(m.Count))
	}
}

func (t *text) addShards(rows *table, limiter string) {
	of := metric.Tag{Name: "limiter", Value: limiter}
	commands := t.s.Select(metric.Selector{Metric: "shard_commands", Tags: []metric.Tag{of}})
	totalKeys, totalCommands := int64(0), int64(0)
	keys := map[string]int64{} // none if not all observations are recorded
	for _, m := range t.s.Select(metric.Selector{Metric: "shard_keys", Tags: []metric.Tag{of}}) {
		keys[m.Tags["shard"]] = m.Count
		totalKeys += m.Count
	}
	for _, m := range commands {
		totalCommands += m.Count
	}
	for _, m := range commands {
		n, part := "-", "-"
		if k, known := keys[m.Tags["shard"]]; known {
			n, part = wording.Thousands(k), share(k, totalKeys)
		}
		rows.add(limiter, m.Tags["shard"], n, part, wording.Thousands(m.Count), share(m.Count, totalCommands))
	}
}

func share(n, of int64) string {
	if of == 0 {
		return "-"
	}
	return wording.Percent(float64(n) / float64(of))
}

// balance in words. Distinct keys fall independently, so their p-value
// means something; commands follow their keys.
func (t *text) balance(limiter string) {
	stat := func(of, name string) (float64, bool) {
		m, ok := t.one("shard_balance", metric.Tag{Name: "limiter", Value: limiter}, metric.Tag{Name: "of", Value: of}, metric.Tag{Name: "stat", Value: name})
		if !ok {
			return 0, false
		}
		return *m.Value, true
	}
	p, ok := stat("keys", "p_value")
	if !ok {
		return
	}
	word := "even"
	if p < measure.EvenAt {
		word = "uneven"
	}
	chi2, _ := stat("keys", "chi2")
	peak, _ := stat("keys", "peak_to_mean")
	cv, _ := stat("keys", "cv")
	line := fmt.Sprintf("%s: keys are %s (p = %.2g, χ² = %.2f, peak to mean %.2f, CV %.3f)", limiter, word, p, chi2, peak, cv)
	if peak, ok := stat("commands", "peak_to_mean"); ok {
		cv, _ := stat("commands", "cv")
		gini, _ := stat("commands", "gini")
		line += fmt.Sprintf("; commands: peak to mean %.2f, CV %.3f, Gini %.3f", peak, cv, gini)
	}
	t.sentence("%s.", line)
}

// compactKeys is how many keys of a kind the compact summary shows.
const compactKeys = 5

// audit: the limiter's decisions against the oracle's.
func (t *text) audit() {
	limiters := t.limiters("over_admission")
	if len(limiters) == 0 {
		return
	}
	rows := newTable("limiter", ">over-admitted", ">under-admitted", ">ambiguous", ">worst excess (tokens)", ">decisions compared")
	for _, l := range limiters {
		of := metric.Tag{Name: "limiter", Value: l}
		over, _ := t.one("over_admission", of)
		under, _ := t.one("under_admission", of)
		ambiguous, _ := t.one("ambiguous", of)
		excess, ok := t.one("worst_excess", of)
		worst, compared := "-", "-"
		if ok {
			worst, compared = fmt.Sprintf("%.4g", *excess.Value), wording.Thousands(excess.Count)
		}
		rows.add(l, wording.Thousands(over.Count), wording.Thousands(under.Count), wording.Thousands(ambiguous.Count), worst, compared)
	}
	t.heading("Audit against the exact reference (worst excess: tokens above burst + t/T in any window)")
	t.table(rows)
	if t.s.Clock == "real" {
		t.sentence("In real time a count is what is certain whatever the order of the requests under way together was: at least so many. What depends on the order is ambiguous.")
	}
	t.worstKeys()
}

func (t *text) worstKeys() {
	rows := newTable("limiter", "limit", "key", ">over-admitted", ">under-admitted", ">excess (tokens)")
	shown := map[string]int{}
	for _, k := range t.s.Keys.OverAdmitted {
		if shown[k.Limiter]++; shown[k.Limiter] > compactKeys && !t.full() {
			continue
		}
		rows.add(k.Limiter, k.Limit, wording.Printable(k.Key), wording.Thousands(k.Over), wording.Thousands(k.Under), fmt.Sprintf("%.4g", k.Excess))
	}
	if len(rows.Rows) > 0 {
		t.heading("Worst keys of the audit")
		t.table(rows)
	}
}

func (t *text) denied() {
	if len(t.s.Keys.MostDenied) == 0 {
		return
	}
	t.heading("Most denied keys")
	rows := newTable("limiter", "limit", "key", ">denied", ">decisions", ">share")
	for _, k := range t.s.Keys.MostDenied {
		rows.add(k.Limiter, k.Limit, wording.Printable(k.Key), wording.Thousands(k.Denied), wording.Thousands(k.Decisions), share(k.Denied, k.Decisions))
	}
	t.table(rows)
}
