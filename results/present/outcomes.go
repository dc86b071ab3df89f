package present

import (
	"slices"
	"strings"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/models/metric/unit"
)

// decisions counts them by outcome, with their share of the limiter's decisions and the
// round trips they took.
func (b *sections) decisions() *Table {
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
	kinds := NewTable("errors", "Errors", "limiter", "error", ">count")
	for _, g := range Groups(b.s, "errors", "limiter", "error") {
		if g.Count > 0 {
			kinds.Add(append(g.cells(), Count(g.Count))...)
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
