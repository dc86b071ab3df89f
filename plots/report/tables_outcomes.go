package report

import (
	"fmt"
	"math"
	"strings"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/plots/series"
	"github.com/quotalab/quotalab/results/summary"
)

// decisionsTable: how many of each outcome, and the round trips they took.
func decisionsTable(s *summary.Measured) *table {
	tags := outcomeTags(s)
	trips := groups(s, "round_trips", without(tags, "traffic")...)
	all, totals := groups(s, "decisions", tags...), map[string]int64{}
	for _, g := range groups(s, "decisions", "limiter") {
		totals[g.tags[0]] = g.Count
	}
	t := newTable("Decisions by outcome", columnNames(tags, ">count", ">share|%", ">round trips (mean)", ">round trips (most)")...)
	t.Note = "key: state of the key as the shard saw it. Shares are of the limiter's decisions."
	for _, g := range all {
		row := append(cells(g.tags), count(g.Count), share(g.Count, totals[g.tag(tags, "limiter")]))
		mean, most := none, none
		if m, ok := find(trips, g.but(tags, "traffic")...); ok {
			mean, most = maybe(m.Avg, func(v float64) cell { return number(v, 2) }), maybe(m.Max, func(v float64) cell { return number(v, 0) })
		}
		t.add(append(row, mean, most)...)
	}
	return t
}

// tag of a group by name.
func (g group) tag(names []string, name string) string {
	for i, n := range names {
		if n == name {
			return g.tags[i]
		}
	}
	return ""
}

// but one tag.
func (g group) but(names []string, name string) (tags []string) {
	for i, n := range names {
		if n != name {
			tags = append(tags, g.tags[i])
		}
	}
	return tags
}

// timesTable of a trend of seconds by outcome.
func timesTable(s *summary.Measured, name, caption string) *table {
	tags := outcomeTags(s)
	t := newTable(caption, columnNames(tags, ">samples", ">min", ">mean", ">median", ">p90", ">p95", ">p99", ">p99.9", ">max")...)
	for _, g := range groups(s, name, tags...) {
		if g.Avg == nil {
			continue
		}
		row := append(cells(g.tags), count(g.Count))
		for _, v := range []*float64{g.Min, g.Avg, g.Med, g.P90, g.P95, g.P99, g.P999, g.Max} {
			row = append(row, maybe(v, milliseconds))
		}
		t.add(row...)
	}
	return t
}

// latencyTables: latency, and lag and sojourn if anything was late.
func latencyTables(s *summary.Measured) []*table {
	latency := timesTable(s, "latency", "Latency by outcome in ms (done − sent)")
	late := false
	lags := groups(s, "lag")
	for _, g := range lags {
		late = late || g.Max != nil && *g.Max > 0
	}
	if !late {
		if len(lags) > 0 {
			latency.Note = "Every request was sent when it was due, so lag (sent − due) is 0 and sojourn (done − due) equals latency."
		}
		return []*table{latency}
	}
	return []*table{latency, timesTable(s, "lag", "Lag by outcome in ms (sent − due)"), timesTable(s, "sojourn", "Sojourn by outcome in ms (done − due)")}
}

// errorTables: errors by kind, drops by source, if there are any.
func errorTables(s *summary.Measured) []*table {
	errors := newTable("Errors by kind", "limiter", "error", ">count")
	for _, g := range groups(s, "errors", "limiter", "error") {
		if g.Count > 0 {
			errors.add(append(cells(g.tags), count(g.Count))...)
		}
	}
	dropped := newTable("Arrivals that were dropped", "traffic", ">count")
	dropped.Note = "Not sent, because too many requests were under way."
	for _, g := range groups(s, "dropped", "traffic") {
		if g.Count > 0 {
			dropped.add(append(cells(g.tags), count(g.Count))...)
		}
	}
	return []*table{errors, dropped}
}

// phaseTables: faults, and outcomes before, during and after them.
func phaseTables(s *summary.Measured) []*table {
	faults := newTable("Faults, by time after the start", ">from|s", ">until|s", "fault", "of", "what")
	for _, f := range s.Faults {
		until := none
		if f.Until > f.At {
			until = duration(f.Until)
		}
		faults.add(duration(f.At), until, words(f.Kind), words(f.Shard+f.Client), words(f.What))
	}
	tags := without(outcomeTags(s), "traffic")
	t := newTable("Outcomes before, during and after faults", columnNames(tags, ">before", ">during", ">after", ">p99 before (ms)", ">p99 during (ms)", ">p99 after (ms)")...)
	if len(s.Phases) == 0 {
		return []*table{faults}
	}
	var lengths []string
	for _, p := range s.Phases {
		lengths = append(lengths, p.Phase+" "+unit.Lasting(p.Seconds))
	}
	t.Note = "By when a request was due: " + strings.Join(lengths, ", ") + "."
	counts, latency := groups(s, "decisions", append(tags, "phase")...), groups(s, "latency", append(tags, "phase")...)
	for _, g := range groups(s, "decisions", tags...) {
		row := cells(g.tags)
		var p99 []cell
		for _, phase := range metric.Phases() {
			at := append(g.tags[:len(g.tags):len(g.tags)], phase)
			n, _ := find(counts, at...)
			l, _ := find(latency, at...)
			row, p99 = append(row, count(n.Count)), append(p99, maybe(l.P99, milliseconds))
		}
		t.add(append(row, p99...)...)
	}
	return []*table{faults, t}
}

// timelineTables are what the figures over time and their interactive form are drawn
// from.
func timelineTables(set *series.Set) []*table {
	line := &set.Timeline
	if line.N == 0 || len(line.Outcomes) == 0 {
		return nil
	}
	names := outcomeNames(line.Outcomes)
	columns, latencyColumns := []string{">from|s", ">offered"}, []string{">from|s"}
	for i, o := range line.Outcomes {
		columns = append(columns, ">"+names[i])
		if timed(o) {
			latencyColumns = append(latencyColumns, ">"+names[i]+" p50", ">"+names[i]+" p99")
		}
	}
	step := unit.Lasting(line.Step)
	rates := newTable(fmt.Sprintf("Requests per second over time, in intervals of %s", step), columns...)
	times := newTable(fmt.Sprintf("Latency in ms over time, in intervals of %s", step), latencyColumns...)
	for i := range line.N {
		begin := line.From + float64(i)*line.Step
		from := cell{Text: unit.LastingTo(begin, line.Step), Number: plain(begin)}
		row, latencyRow := []cell{from, rate(at(line.Offered, i))}, []cell{from}
		for _, o := range line.Outcomes {
			row = append(row, rate(at(o.Rate, i)))
			if timed(o) {
				latencyRow = append(latencyRow, known(at(o.P50, i)), known(at(o.P99, i)))
			}
		}
		rates.add(row...)
		times.add(latencyRow...)
	}
	if len(latencyColumns) == 1 {
		return []*table{rates}
	}
	return []*table{rates, times}
}

// timed tells whether any decision of an outcome has a latency.
func timed(o series.OutcomeTimeline) bool {
	for _, v := range o.P50 {
		if !math.IsNaN(v) {
			return true
		}
	}
	return false
}

// at is the value of an interval, NaN where a line has none.
func at(values []float64, i int) float64 {
	if i >= len(values) {
		return math.NaN()
	}
	return values[i]
}

func rate(v float64) cell {
	if math.IsNaN(v) {
		return none
	}
	return general(v)
}

func known(seconds float64) cell {
	if math.IsNaN(seconds) {
		return none
	}
	return milliseconds(seconds)
}

// outcomeNames for people: allowed, not found. The limiter is named where there are
// several, the client where clients are told apart.
func outcomeNames(outcomes []series.OutcomeTimeline) []string {
	names := make([]string, len(outcomes))
	for i, o := range outcomes {
		parts := []string{o.Decision}
		if o.Key != "" && (o.Key != "unread" || o.Decision == "allowed" || o.Decision == "denied") {
			parts = append(parts, o.Key) // as in figures
		}
		names[i] = strings.ReplaceAll(strings.Join(parts, ", "), "_", " ")
		if of := sourceName(outcomes, o); of != "" {
			names[i] = of + ": " + names[i]
		}
	}
	return names
}

// sourceName of an outcome: its limiter where there are several, its client where
// clients are told apart; "" if there is nothing to tell it from.
func sourceName(outcomes []series.OutcomeTimeline, o series.OutcomeTimeline) string {
	var whose []string
	if outcomes[0].Limiter != outcomes[len(outcomes)-1].Limiter {
		whose = append(whose, o.Limiter)
	}
	if o.Client != "" {
		whose = append(whose, o.Client)
	}
	return strings.Join(whose, ", ")
}
