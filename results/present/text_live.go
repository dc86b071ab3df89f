package present

import (
	"fmt"
	"slices"
	"strings"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/summary"
)

// kept says how the generator of a run in real time kept its schedule, and
// whose latency is not what it seems.
func (t *text) kept() {
	if s := t.s.Schedule; s != nil {
		line := fmt.Sprintf("schedule: %s intended, %s achieved (ratio %.4f; of requests to limiters)", unit.PerSecond(s.IntendedPerSecond, 4), unit.PerSecond(s.AchievedPerSecond, 4), s.Ratio)
		if s.LagP99 != nil {
			in := timeUnits[t.o.Unit].name
			line += fmt.Sprintf("; lag p50 %s %s, p99 %s %s, max %s %s (%s; p99 may be %s %s)", t.time(*s.LagMed), in, t.time(*s.LagP99), in,
				t.time(*s.LagMax), in, unit.Counted(s.LagSamples, "sample"), t.time(s.LagBound), in)
		}
		t.sentence("%s", line)
	}
	if len(t.s.AutoPipelined) > 0 {
		t.sentence("auto-pipelined: %s (latency of auto-pipelined clients hides queueing)", strings.Join(t.s.AutoPipelined, ", "))
	}
}

// faults: what went wrong on purpose, and when.
func (t *text) faults() {
	rows := newTable(">from", ">until", "fault", "of", "what")
	for _, f := range t.s.Faults {
		until := "-"
		if f.Until > f.At {
			until = unit.Lasting(f.Until)
		}
		of := f.Shard
		if of == "" {
			of = f.Client
		}
		rows.add(unit.Lasting(f.At), until, f.Kind, dash(of), metric.Printable(f.What))
	}
	if len(rows.Rows) > 0 {
		t.heading("Faults (after the start of the run)")
		t.table(rows)
	}
}

// phases: outcomes before, during and after the faults.
func (t *text) phases() {
	if len(t.s.Phases) == 0 {
		return
	}
	var lengths []string
	for _, p := range t.s.Phases {
		lengths = append(lengths, p.Phase+" "+unit.Lasting(p.Seconds))
	}
	t.heading("Outcomes before, during and after faults (%s; by when a request was due)", strings.Join(lengths, ", "))
	t.table(t.outcomesByPhase())
	if rows := t.errorsByPhase(); len(rows.Rows) > 0 {
		t.heading("Errors before, during and after faults")
		t.table(rows)
	}
}

// inPhase is a group and the phase that its series are of.
type inPhase struct {
	group group
	phase string
}

// byPhase joins the series of a metric by group and phase.
func (t *text) byPhase(name string) (order []group, sums map[inPhase]summary.Metric) {
	sums = map[inPhase]summary.Metric{}
	for _, phase := range metric.Phases() {
		groups, of := t.groupedOf(t.s.Series(metric.Selector{Metric: name, Tags: []metric.Tag{{Name: "phase", Value: phase}}}), t.groupOf)
		for _, g := range groups {
			sums[inPhase{g, phase}] = of[g]
			if !slices.Contains(order, g) {
				order = append(order, g)
			}
		}
	}
	t.sortGroups(order)
	return order, sums
}

// outcomesByPhase: counts, and the 99th percentile of latency.
func (t *text) outcomesByPhase() *table {
	order, counts := t.byPhase("decisions")
	_, latencies := t.byPhase("latency")
	in := timeUnits[t.o.Unit].name
	rows := newTable(t.columns(">before", ">during", ">after", ">latency p99 ("+in+") before", ">during", ">after")...)
	for _, g := range order {
		var n, p99 []string
		for _, phase := range metric.Phases() {
			n = append(n, unit.Thousands(counts[inPhase{g, phase}].Count))
			if m, ok := latencies[inPhase{g, phase}]; ok && m.P99 != nil {
				p99 = append(p99, t.time(*m.P99))
			} else {
				p99 = append(p99, "-")
			}
		}
		rows.add(t.cells(g, append(n, p99...)...)...)
	}
	return rows
}

// errorKind is what errors are counted by.
type errorKind struct{ limiter, error string }

// errorKinds are those of which there were some, and how many in each phase
// ("" in a run without faults).
func (t *text) errorKinds() (order []errorKind, counts map[errorKind]map[string]int64) {
	counts = map[errorKind]map[string]int64{}
	for _, m := range t.s.Select(metric.Selector{Metric: "errors"}) {
		k := errorKind{m.Tags["limiter"], m.Tags["error"]}
		if m.Count == 0 {
			continue
		}
		if counts[k] == nil {
			order, counts[k] = append(order, k), map[string]int64{}
		}
		counts[k][m.Tags["phase"]] += m.Count
	}
	return order, counts
}

func (t *text) errorsByPhase() *table {
	order, counts := t.errorKinds()
	rows := newTable("limiter", "error", ">before", ">during", ">after")
	for _, k := range order {
		row := []string{k.limiter, k.error}
		for _, phase := range metric.Phases() {
			row = append(row, unit.Thousands(counts[k][phase]))
		}
		rows.add(row...)
	}
	return rows
}

// sampledAudit: that of the keys that are recorded.
func (t *text) sampledAudit() {
	rows := newTable("limiter", ">over-admitted", ">under-admitted", ">ambiguous", ">worst excess (tokens)", ">decisions compared")
	for _, a := range t.s.SampledAudit {
		rows.add(a.Limiter, unit.Thousands(a.Over), unit.Thousands(a.Under), unit.Thousands(a.Ambiguous), fmt.Sprintf("%.4g", a.WorstExcess), unit.Thousands(a.Compared))
	}
	if len(rows.Rows) > 0 {
		t.heading("Audit of the sampled keys alone (%s of the keys; of the others nothing is known)", unit.Percent(t.s.SampleRate))
		t.table(rows)
	}
}

// servers: what live shards said of themselves, and whether they counted what
// the run's clients sent.
func (t *text) servers() {
	if len(t.s.Servers) == 0 {
		return
	}
	t.heading("Servers (before → after the run)")
	rows := newTable("shard", "redis", ">keys", ">memory", ">bytes per key", ">keys asked", "note")
	for _, s := range t.s.Servers {
		perKey := "-"
		if s.KeyBytes != nil {
			perKey = fmt.Sprintf("%.0f", *s.KeyBytes)
		}
		rows.add(s.Shard, dash(s.Version), change(s.KeysBefore, s.KeysAfter, unit.Thousands), change(s.MemoryBefore, s.MemoryAfter, mebibytes),
			perKey, unit.Thousands(s.SampledKeys), s.Note())
	}
	t.table(rows)
	t.commands()
}

func change(before, after *int64, write func(int64) string) string {
	known := func(n *int64) string {
		if n == nil {
			return "?"
		}
		return write(*n)
	}
	return known(before) + " → " + known(after)
}

func mebibytes(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }

// commands says in a line that servers and clients agree on how many there
// were, or in a table where they do not.
func (t *text) commands() {
	sent, served, unknown := t.s.Commands()
	odd := newTable("shard", "command", ">sent by clients", ">by their scripts", ">counted by the server")
	for _, s := range t.s.Servers {
		for _, d := range s.Disagreements {
			script := "?"
			if d.Script != nil {
				script = unit.Thousands(*d.Script)
			}
			odd.add(s.Shard, d.Command, unit.Thousands(d.Sent), script, unit.Thousands(d.Server))
		}
	}
	switch {
	case len(odd.Rows) > 0:
		t.heading("Commands that the servers counted otherwise than the clients")
		t.table(odd)
	case len(unknown) == 0:
		t.sentence("commands: the servers counted what the clients sent: %s of %s", unit.Thousands(served), unit.Thousands(sent))
	}
	if len(unknown) > 0 {
		t.sentence("commands: those of %s cannot all be compared, so whether the servers counted what the clients sent is unknown", strings.Join(unknown, ", "))
	}
}
