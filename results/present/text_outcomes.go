package present

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/summary"
)

// group is the part of a series' tags that a row of a table is for.
type group struct{ traffic, limiter, client, decision, key string }

// groupOf keeps the source in full mode only, and the client there or when
// there are several: one that checks and one that spends see other things.
func (t *text) groupOf(m summary.Metric) group {
	g := group{limiter: m.Tags["limiter"], decision: m.Tags["decision"], key: m.Tags["key"]}
	if t.full() {
		g.traffic = m.Tags["traffic"]
	}
	if t.byClient() {
		g.client = m.Tags["client"]
	}
	return g
}

func (t *text) byClient() bool {
	clients := map[string]bool{}
	for _, m := range t.s.Select(metric.Selector{Metric: "decisions"}) {
		clients[m.Tags["client"]] = true
	}
	delete(clients, "") // of drops
	return t.full() || len(clients) > 1
}

// grouped joins the series of a metric by group, in the order in which the
// groups first appear.
func (t *text) grouped(name string, of func(summary.Metric) group) (order []group, sums map[group]summary.Metric) {
	order, sums = t.groupedOf(t.s.Series(metric.Selector{Metric: name}), of)
	if !t.full() {
		t.sortGroups(order)
	}
	return order, sums
}

func (t *text) groupedOf(list []summary.Series, of func(summary.Metric) group) (order []group, sums map[group]summary.Metric) {
	series := map[group][]summary.Series{}
	for _, m := range list {
		g := of(m.Metric)
		if series[g] == nil {
			order = append(order, g)
		}
		series[g] = append(series[g], m)
	}
	sums = map[group]summary.Metric{}
	for g, list := range series {
		if m, ok := summary.Sum(list); ok {
			sums[g] = m.Metric
		}
	}
	return order, sums
}

// sortGroups puts the groups of a limiter together: in the summary the
// traffic source comes first, as here in full mode.
func (t *text) sortGroups(order []group) {
	decisions, _ := metric.Find("decisions")
	var sources, limiters, clients []string
	for _, m := range t.s.Select(metric.Selector{Metric: "decisions"}) {
		sources, limiters, clients = append(sources, m.Tags["traffic"]), append(limiters, m.Tags["limiter"]), append(clients, m.Tags["client"])
	}
	slices.SortStableFunc(order, func(a, b group) int {
		return cmp.Or(cmp.Compare(slices.Index(sources, a.traffic), slices.Index(sources, b.traffic)),
			cmp.Compare(slices.Index(limiters, a.limiter), slices.Index(limiters, b.limiter)),
			cmp.Compare(slices.Index(clients, a.client), slices.Index(clients, b.client)),
			cmp.Compare(slices.Index(decisions.Values["decision"], a.decision), slices.Index(decisions.Values["decision"], b.decision)),
			cmp.Compare(slices.Index(decisions.Values["key"], a.key), slices.Index(decisions.Values["key"], b.key)))
	})
}

// columns of a group; cells has the same order.
func (t *text) columns(more ...string) []string {
	return append(t.shown(group{"traffic", "limiter", "client", "decision", "key"}), more...)
}

func (t *text) cells(g group, more ...string) []string {
	return append(t.shown(group{dash(g.traffic), dash(g.limiter), dash(g.client), g.decision, g.key}), more...)
}

// shown leaves out what groupOf does.
func (t *text) shown(g group) []string {
	var list []string
	if t.full() {
		list = append(list, g.traffic)
	}
	list = append(list, g.limiter)
	if t.byClient() {
		list = append(list, g.client)
	}
	return append(list, g.decision, g.key)
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// decisions by outcome, with their share of the limiter's decisions and the
// round trips they took.
func (t *text) decisions() {
	order, counts := t.grouped("decisions", t.groupOf)
	if len(order) == 0 {
		return
	}
	noTraffic := func(m summary.Metric) group { g := t.groupOf(m); g.traffic = ""; return g }
	_, trips := t.grouped("round_trips", noTraffic)
	totals := map[string]int64{}
	for _, g := range order {
		totals[g.limiter] += counts[g].Count
	}
	rows := newTable(t.columns(">count", ">share", ">round trips (avg)", ">max")...)
	for _, g := range order {
		n := counts[g].Count
		avg, most := "-", "-"
		without := g
		without.traffic = ""
		if m, ok := trips[without]; ok && m.Avg != nil {
			avg, most = fmt.Sprintf("%.2f", *m.Avg), fmt.Sprintf("%.0f", *m.Max)
		}
		rows.add(t.cells(g, unit.Thousands(n), unit.Percent(float64(n)/float64(totals[g.limiter])), avg, most)...)
	}
	t.heading("Decisions by outcome (key: state of the key as the shard saw it)")
	t.table(rows)
}

func (t *text) latency() {
	title := "Latency by outcome in %s (done − sent"
	if len(t.s.AutoPipelined) > 0 {
		title += "; auto-pipelined: " + strings.ReplaceAll(strings.Join(t.s.AutoPipelined, ", "), "%", "%%")
	}
	t.times("latency", title+")")
}

// lateness tells how far requests were sent after they were due, and what
// that made of the time a user waits. When nothing was late a line says so.
func (t *text) lateness() {
	late := 0.0
	lags := t.s.Select(metric.Selector{Metric: "lag"})
	for _, m := range lags {
		late = max(late, *m.Max)
	}
	if len(lags) == 0 {
		return
	}
	if late == 0 && !t.full() {
		t.heading("Lag and sojourn")
		t.sentence("Lag is 0: every request was sent when it was due, so sojourn (done − intended) equals latency.")
		return
	}
	t.times("lag", "Lag by outcome in %s (sent − intended)")
	t.times("sojourn", "Sojourn by outcome in %s (done − intended)")
}

// times writes a trend of seconds by outcome.
func (t *text) times(name, title string) {
	order, sums := t.grouped(name, t.groupOf)
	rows := newTable(t.columns(">samples", ">min", ">avg", ">med", ">p90", ">p95", ">p99", ">p99.9", ">max")...)
	for _, g := range order {
		m, ok := sums[g]
		if !ok || m.Avg == nil {
			continue
		}
		row := []string{unit.Thousands(m.Count)}
		for _, v := range []*float64{m.Min, m.Avg, m.Med, m.P90, m.P95, m.P99, m.P999, m.Max} {
			row = append(row, t.time(*v))
		}
		rows.add(t.cells(g, row...)...)
	}
	if len(rows.Rows) == 0 {
		return
	}
	t.heading(title, timeUnits[t.o.Unit].name)
	t.table(rows)
}

// errors by limiter and kind, and drops by source, if there are any.
func (t *text) errors() {
	rows := newTable("limiter", "error", ">count")
	order, counts := t.errorKinds()
	for _, k := range order {
		total := int64(0)
		for _, n := range counts[k] {
			total += n
		}
		rows.add(k.limiter, k.error, unit.Thousands(total))
	}
	if len(rows.Rows) > 0 {
		t.heading("Errors")
		t.table(rows)
	}
	dropped := newTable("traffic", ">dropped")
	for _, m := range t.s.Select(metric.Selector{Metric: "dropped"}) {
		if m.Count > 0 {
			dropped.add(m.Tags["traffic"], unit.Thousands(m.Count))
		}
	}
	if len(dropped.Rows) > 0 {
		late := ""
		if t.s.Clock == "real" {
			late = ", or more than 1 s late"
		}
		t.heading("Dropped arrivals (too many requests in flight%s)", late)
		t.table(dropped)
	}
}
