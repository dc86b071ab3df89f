package present

import (
	"slices"
	"strings"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/models/metric/unit"
)

// totals says by traffic and limiter (and client, if there are several) how much was allowed, how long that took,
// and how far the limit's promise was broken. It is all that the compact summary
// says of outcomes: it has no states of keys.
func (b *sections) totals() *Table {
	tags := []string{"traffic", "limiter"}
	if Several(b.s, "client") {
		tags = append(tags, "client")
	}
	t := NewTable("totals", "Totals by traffic (latency of allowed and of denied requests in "+b.unit.name+")",
		with(tags, ">requests", ">allowed|%", ">denied", ">failed", ">allowed p50", ">p99", ">denied p50", ">p99", ">over-admission", ">worst excess (tokens)")...)
	t.Help = "Allowed includes what was let through because of an error (fail open); failed are all errors, those too."
	by := func(name string, more ...string) []Group { return Groups(b.s, name, with(tags, more...)...) }
	decisions, latency, over, excess := by("decisions", "decision"), by("latency", "decision"), by("over_admission"), by("worst_excess")
	for _, g := range by("decisions") {
		count := func(d metric.Decision) int64 {
			one, _ := Find(decisions, with(g.Tags, string(d))...)
			return one.Count
		}
		g.Count -= count(metric.Settled)
		let := count(metric.Allowed) + count(metric.FailOpen)
		cells := []Cell{Count(g.Count), Share(let, g.Count), Count(count(metric.Denied)), Count(count(metric.Errored) + count(metric.FailOpen))}
		for _, d := range []metric.Decision{metric.Allowed, metric.Denied} {
			took, _ := Find(latency, with(g.Tags, string(d))...)
			cells = append(cells, Maybe(took.Med, b.unit.cell), Maybe(took.P99, b.unit.cell))
		}
		broken, most := None, None
		if one, ok := Find(over, g.Tags...); ok {
			broken = Count(one.Count)
		}
		if one, ok := Find(excess, g.Tags...); ok {
			most = Maybe(one.Value, General)
		}
		t.Add(row(g.cells(), cells, []Cell{broken, most})...)
	}
	if b.mode == Compact && len(t.Rows) > 0 {
		t.Note("By outcome, with states of keys, percentiles, lag and sojourn: --summary-mode full.")
	}
	return t
}

// decisions counts them by outcome, with their share of the limiter's decisions and the
// round trips they took.
func (b *sections) decisions() *Table {
	if b.mode == Compact {
		return &Table{}
	}
	t := NewTable("decisions", "Decisions by outcome (key: state of the key as the shard saw it)", with(b.tags, ">count", ">share|%", ">round trips (avg)", ">max")...)
	t.Help = "Shares are of the limiter's decisions."
	of := slices.Index(b.tags, "limiter")
	totals := Groups(b.s, "decisions", "limiter")
	trips := Groups(b.s, "round_trips", b.tags[of:]...) // they are not known by traffic
	for _, g := range Groups(b.s, "decisions", b.tags...) {
		total, _ := Find(totals, g.Tags[of])
		m, _ := Find(trips, g.Tags[of:]...)
		t.Add(row(g.cells(), []Cell{Count(g.Count), Share(g.Count, total.Count), Maybe(m.Avg, Fixed(2)), Maybe(m.Max, Fixed(0))})...)
	}
	return t
}

// with returns strings and more of them, in a list of its own.
func with(first []string, more ...string) []string { return slices.Concat(first, more) }

// times are latency, and lag and sojourn by outcome if anything was late. When
// nothing was a note says so.
func (b *sections) times() []*Table {
	if b.mode == Compact {
		return nil
	}
	title := "(done − sent"
	if len(b.s.AutoPipelined) > 0 {
		title += "; auto-pipelined: " + strings.Join(b.s.AutoPipelined, ", ")
	}
	latency := b.trend("latency", title+")")
	lags := Groups(b.s, "lag")
	if slices.ContainsFunc(lags, func(g Group) bool { return g.Max != nil && *g.Max > 0 }) {
		return []*Table{latency, b.trend("lag", "(sent − intended)"), b.trend("sojourn", "(done − intended)")}
	}
	if len(lags) > 0 {
		latency.Note("Lag is 0: every request was sent when it was due, so sojourn (done − intended) equals latency.")
	}
	return []*Table{latency}
}

// trend builds the distribution of a metric in seconds by outcome.
func (b *sections) trend(name, what string) *Table {
	title := strings.ToUpper(name[:1]) + name[1:] + " by outcome in " + b.unit.name + " " + what
	t := NewTable(name, title, with(b.tags, ">samples", ">min", ">avg", ">med", ">p90", ">p95", ">p99", ">p99.9", ">max")...)
	for _, g := range Groups(b.s, name, b.tags...) {
		if g.Avg == nil {
			continue
		}
		cells := append(g.cells(), Count(g.Count))
		for _, v := range []*float64{g.Min, g.Avg, g.Med, g.P90, g.P95, g.P99, g.P999, g.Max} {
			cells = append(cells, Maybe(v, b.unit.cell))
		}
		t.Add(cells...)
	}
	return t
}

// errors counts them by limiter and kind, and drops by source, if there are any.
func (b *sections) errors() []*Table {
	kinds := NewTable("errors", "Errors", "limiter", "error", ">count", "text")
	for _, g := range Groups(b.s, "errors", "limiter", "error") {
		if g.Count > 0 {
			b.errorRows(kinds, g)
		}
	}
	late := ""
	if b.s.Clock == "real" {
		late = ", or more than 1 s late"
	}
	dropped := NewTable("dropped", "Dropped arrivals (too many requests outstanding"+late+")", "traffic", ">dropped")
	for _, g := range Groups(b.s, "dropped", "traffic") {
		if g.Count > 0 {
			dropped.Add(append(g.cells(), Count(g.Count))...)
		}
	}
	return []*Table{kinds, dropped}
}

// compactTexts is how many texts of a kind of errors the compact summary shows.
const compactTexts = 3

// errorRows adds a row for each of the most frequent texts of a kind of errors,
// and one for the rest, so that the counts add up to those of the kind.
func (b *sections) errorRows(t *Table, kind Group) {
	rest, more := kind.Count, int64(0)
	for _, of := range b.s.ErrorTexts {
		if of.Limiter != kind.Tags[0] || of.Error != kind.Tags[1] {
			continue
		}
		most := of.Most
		if b.mode == Compact {
			most = most[:min(len(most), compactTexts)]
		}
		more = of.Different - int64(len(most))
		for _, one := range most {
			t.Add(append(kind.cells(), Count(one.Count), Words(metric.Printable(one.Text)))...)
			rest -= one.Count
		}
	}
	switch {
	case rest > 0 && more > 0:
		t.Add(append(kind.cells(), Count(rest), Words("and "+unit.Counted(more, "more kind")+" of text"))...)
	case rest > 0:
		t.Add(append(kind.cells(), Count(rest), Words("the record has no text"))...)
	}
}

// faults are what went wrong on purpose, and outcomes before, during and after.
func (b *sections) faults() []*Table {
	faults := NewTable("faults", "Faults (after the start of the run)", ">from|s", ">until|s", "fault", "of", "what")
	for _, f := range b.s.Faults {
		until := None
		if f.Until > f.At {
			until = Lasting(f.Until)
		}
		faults.Add(Lasting(f.At), until, Words(f.Kind), Words(f.Shard+f.Client), Words(metric.Printable(f.What)))
	}
	if len(b.s.Phases) == 0 {
		return []*Table{faults}
	}
	var lengths []string
	for _, p := range b.s.Phases {
		lengths = append(lengths, p.Phase+" "+unit.Lasting(p.Seconds))
	}
	title := "Outcomes before, during and after faults (" + strings.Join(lengths, ", ") + "; by when a request was due)"
	outcomes := NewTable("phases", title, with(b.tags, ">before", ">during", ">after", ">latency p99 ("+b.unit.name+") before", ">during", ">after")...)
	counts, latency := Groups(b.s, "decisions", with(b.tags, "phase")...), Groups(b.s, "latency", with(b.tags, "phase")...)
	for _, g := range Groups(b.s, "decisions", b.tags...) {
		var n, p99 []Cell
		for _, phase := range metric.Phases() {
			count, _ := Find(counts, with(g.Tags, phase)...)
			took, _ := Find(latency, with(g.Tags, phase)...)
			n, p99 = append(n, Count(count.Count)), append(p99, Maybe(took.P99, b.unit.cell))
		}
		outcomes.Add(row(g.cells(), n, p99)...)
	}
	return []*Table{faults, outcomes, b.errorsByPhase()}
}

func (b *sections) errorsByPhase() *Table {
	t := NewTable("errors by phase", "Errors before, during and after faults", "limiter", "error", ">before", ">during", ">after")
	all := Groups(b.s, "errors", "limiter", "error", "phase")
	for _, g := range Groups(b.s, "errors", "limiter", "error") {
		if g.Count == 0 {
			continue
		}
		cells := g.cells()
		for _, phase := range metric.Phases() {
			one, _ := Find(all, with(g.Tags, phase)...)
			cells = append(cells, Count(one.Count))
		}
		t.Add(cells...)
	}
	return t
}
