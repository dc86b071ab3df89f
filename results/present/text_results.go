package present

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/summary"
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
func (t *text) one(name string, tags ...metric.Tag) (summary.Metric, bool) {
	list := t.s.Select(metric.Selector{Metric: name, Tags: tags})
	if len(list) != 1 {
		return summary.Metric{}, false
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
			m.Tags["limiter"], m.Tags["client"], unit.Percent(*m.Value), unit.Thousands(m.Count))
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
			n, part = unit.Thousands(k), share(k, totalKeys)
		}
		rows.add(limiter, m.Tags["shard"], n, part, unit.Thousands(m.Count), share(m.Count, totalCommands))
	}
}

func share(n, of int64) string {
	if of == 0 {
		return "-"
	}
	return unit.Percent(float64(n) / float64(of))
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
	if p < summary.EvenAt {
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
			worst, compared = fmt.Sprintf("%.4g", *excess.Value), unit.Thousands(excess.Count)
		}
		rows.add(l, unit.Thousands(over.Count), unit.Thousands(under.Count), unit.Thousands(ambiguous.Count), worst, compared)
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
		rows.add(k.Limiter, k.Limit, metric.Printable(k.Key), unit.Thousands(k.Over), unit.Thousands(k.Under), fmt.Sprintf("%.4g", k.Excess))
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
		rows.add(k.Limiter, k.Limit, metric.Printable(k.Key), unit.Thousands(k.Denied), unit.Thousands(k.Decisions), share(k.Denied, k.Decisions))
	}
	t.table(rows)
}

// thresholds: how each engine did, by threshold. The compact summary leaves
// out thresholds that nobody crossed or was told of.
func (t *text) thresholds() {
	header := []string{"engine", ">threshold", ">crossings", ">on time", ">late", ">missed", ">(covered)", ">censored", ">duplicates", ">spurious"}
	if t.full() {
		header = append(header, ">undelivered", ">out of order", ">in warm-up")
	}
	rows := newTable(append(header, ">delay med", ">p90", ">max")...)
	for _, one := range t.s.Thresholds {
		n := one.Notices
		if !t.full() && one.Crossings+one.Censored+n.First+n.OutOfOrder+n.Duplicate+n.Undelivered+n.Spurious == 0 {
			continue
		}
		counts := []int64{one.Crossings, one.OnTime, one.Late, one.Missed, one.Covered, one.Censored, n.Duplicate, n.Spurious}
		if t.full() {
			counts = append(counts, n.Undelivered, n.OutOfOrder, n.WarmUp)
		}
		row := []string{one.Engine, strconv.FormatInt(one.Threshold, 10) + " %"}
		for _, c := range counts {
			row = append(row, unit.Thousands(c))
		}
		rows.add(append(row, t.delays(one)...)...)
	}
	switch {
	case len(t.s.Thresholds) == 0:
		return
	case len(rows.Rows) == 0:
		t.heading("Thresholds")
		t.sentence("None of the %s crossed a threshold, and no engine sent a notice.", unit.Counted(t.s.Accounts, "account"))
		return
	}
	t.heading("Thresholds (crossings that were due a notice, and what became of them)")
	t.table(rows)
}

// delays of the notices that were delivered, from hours down to nanoseconds.
func (t *text) delays(one summary.Threshold) []string {
	m, ok := t.one("notice_delay", metric.Tag{Name: "engine", Value: one.Engine}, metric.Tag{Name: "threshold", Value: strconv.FormatInt(one.Threshold, 10)})
	cells := make([]string, 0, 3)
	for _, v := range []*float64{m.Med, m.P90, m.Max} {
		if !ok || v == nil {
			cells = append(cells, "-")
			continue
		}
		cells = append(cells, unit.Lasting(*v))
	}
	return cells
}

// causes of all that was not as it should be, with an account each as an
// example. The compact summary joins the thresholds.
func (t *text) causes() {
	rows := newTable("engine", "threshold", "verdict", "cause", ">count", "for example")
	for _, c := range t.joinCauses() {
		example := fmt.Sprintf("account %d", c.first.Account)
		if c.first.Group != "" {
			example += " (" + metric.Printable(c.first.Group) + ")"
		}
		example += fmt.Sprintf(", %d %% at %s", c.first.Threshold, c.first.At.Format(time.DateTime))
		rows.add(c.first.Engine, strings.Join(c.thresholds, ", ")+" %", c.first.Verdict, metric.Printable(c.first.Cause), unit.Thousands(c.count), example)
	}
	if len(rows.Rows) > 0 {
		t.heading("Causes of notices that were missed, late, duplicate or spurious")
		t.table(rows)
	}
}

// causeRow is one cause of one verdict of one engine.
type causeRow struct {
	first      summary.ThresholdCause
	thresholds []string
	count      int64
}

// joinCauses puts the thresholds of a cause together, but in full mode. The
// order is that of the engines, then of the verdicts, then the most frequent
// first.
func (t *text) joinCauses() (rows []causeRow) {
	for _, c := range t.s.Causes {
		i := slices.IndexFunc(rows, func(r causeRow) bool {
			return r.first.Engine == c.Engine && r.first.Verdict == c.Verdict && r.first.Cause == c.Cause
		})
		if i < 0 || t.full() {
			i = len(rows)
			rows = append(rows, causeRow{first: c})
		}
		rows[i].thresholds = append(rows[i].thresholds, strconv.FormatInt(c.Threshold, 10))
		rows[i].count += c.Count
	}
	if !t.full() {
		t.sortCauses(rows)
	}
	return rows
}

func (t *text) sortCauses(rows []causeRow) {
	var engines []string
	for _, r := range rows {
		engines = append(engines, r.first.Engine)
	}
	verdicts := []string{"missed", "late", "duplicate", "spurious"}
	slices.SortStableFunc(rows, func(a, b causeRow) int {
		return cmp.Or(cmp.Compare(slices.Index(engines, a.first.Engine), slices.Index(engines, b.first.Engine)),
			cmp.Compare(slices.Index(verdicts, a.first.Verdict), slices.Index(verdicts, b.first.Verdict)), cmp.Compare(b.count, a.count))
	})
}
