// Package present writes results in forms that people and other programs
// read. A section of a summary is built once, as a Table: a title, columns with
// their units, rows of typed cells, notes. Text, Markdown, CSV and the tables of
// plots/report's page are written from it. Beside these there are CSV of decisions
// and of verdicts on notices, HDR interval logs and HDR percentile text; and for
// CI the Go benchmark format, JUnit XML, the JSON of github-action-benchmark and
// of Bencher, and metrics pushed to a Prometheus Pushgateway. The JSON summary is
// summary.Summary itself.
//
//  1. sections.go, outcomes.go, shards.go and audit.go build the tables of a
//     summary, with numbers as models/metric/unit writes them.
//  2. table.go holds the data, write.go the writers of any table.
//  3. text.go puts the summary in order for a terminal.
//  4. Every other format has a file of its own.
//
// In flows a record or its summary, out flow bytes to a writer, or to a
// Pushgateway. Logs are made of observations while a run goes on, for a record
// that may not hold all of them. Figures are what is compared between runs: those
// of a summary, or as ReadBench finds them in a benchmark file. Nothing is
// computed here that is not in the record, its audit or its summary.
//
// results/compare, results/sweep, plots/report and cmd import it.
package present

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/summary"
)

// Modes of the sections of a summary.
const (
	Compact = "compact" // totals by traffic
	Full    = "full"    // by outcome and client too, with all worst keys, values and versions
	Page    = "page"    // as full, without columns that say one thing only
)

// sections builds those of a summary.
type sections struct {
	s    *summary.Measured
	mode string
	unit timeUnit
	tags []string // by which outcomes are told apart
}

// Sections builds all sections of a summary in the order in which they are read,
// without those that were not observed. Times by outcome are in s, ms or
// us.
func Sections(s *summary.Measured, mode, times string) []*Table {
	b := &sections{s: s, mode: mode, unit: timeUnits[times]}
	b.tags = b.outcomeTags()
	var all []*Table
	for _, built := range [][]*Table{
		{b.totals(), b.decisions()}, b.times(), b.errors(), b.faults(), {b.processes(), b.shards()}, b.servers(), {b.audit(), b.admissionCauses(), b.retryAfter(), b.sampledAudit(), b.worstKeys(), b.denied()},
		b.thresholds(), {b.causes(), Assertions(s), b.provenance()},
	} {
		for _, t := range built {
			if !t.Empty() {
				all = append(all, t)
			}
		}
	}
	return all
}

// timeUnit is a unit of times by outcome.
type timeUnit struct {
	name   string
	per    float64 // in a second
	digits int     // after the point: down to a nanosecond or near it
}

var timeUnits = map[string]timeUnit{
	"s":  {"s", 1, 6},
	"ms": {"ms", 1e3, 3},
	"us": {"µs", 1e6, 1},
}

// cell returns one of seconds, without the unit's name; from a minute on as people
// write it, since 4200140.000 says nothing to them.
func (u timeUnit) cell(seconds float64) Cell {
	c := Fixed(u.digits)(seconds * u.per)
	if seconds >= 60 {
		c.Text = unit.Lasting(seconds)
	}
	return c
}

// outcomeTags are what outcomes are told apart by: traffic and the state of the
// key where there is room, the client there or where there are several: one that
// checks and one that spends see other things.
func (b *sections) outcomeTags() (tags []string) {
	if b.mode == Full || b.mode == Page && Several(b.s, "traffic") {
		tags = append(tags, "traffic")
	}
	tags = append(tags, "limiter")
	if b.mode == Full || Several(b.s, "client") {
		tags = append(tags, "client")
	}
	if b.mode == Compact {
		return append(tags, "decision")
	}
	return append(tags, "decision", "key")
}

// Several reports whether decisions differ in a tag.
func Several(s *summary.Measured, tag string) bool {
	first := ""
	for _, m := range s.Select(metric.Selector{Metric: "decisions"}) {
		switch v := m.Tags[tag]; {
		case v == "" || v == first: // drops have no client
		case first == "":
			first = v
		default:
			return true
		}
	}
	return false
}

// Group is the series of one metric that agree in some tags, joined.
type Group struct {
	Tags []string // in the order in which they were asked for
	summary.Metric
}

// Groups returns a metric's series by tags, in the order of the catalogue where
// that has one, and else in that of the decisions. What cannot be joined is left
// out.
func Groups(s *summary.Measured, name string, tags ...string) (all []Group) {
	var order [][]string
	var series [][]summary.Series
	for _, m := range s.Series(metric.Selector{Metric: name}) {
		of := make([]string, len(tags))
		for i, t := range tags {
			of[i] = m.Tags[t]
		}
		at := slices.IndexFunc(order, func(o []string) bool { return slices.Equal(o, of) })
		if at < 0 {
			at = len(order)
			order, series = append(order, of), append(series, nil)
		}
		series[at] = append(series[at], m)
	}
	for i, of := range order {
		if m, ok := summary.Sum(series[i]); ok {
			all = append(all, Group{of, m.Metric})
		}
	}
	sortGroups(s, all, name, tags)
	return all
}

func sortGroups(s *summary.Measured, all []Group, name string, tags []string) {
	m, _ := metric.Find(name)
	ranks := make([][]string, len(tags))
	for i, t := range tags {
		ranks[i] = slices.Clone(m.Values[t])
		for _, d := range s.Select(metric.Selector{Metric: "decisions"}) {
			if v, ok := d.Tags[t]; ok {
				ranks[i] = append(ranks[i], v)
			}
		}
		for _, g := range all {
			ranks[i] = append(ranks[i], g.Tags[i])
		}
	}
	slices.SortStableFunc(all, func(a, b Group) int {
		for i := range tags {
			if c := cmp.Compare(slices.Index(ranks[i], a.Tags[i]), slices.Index(ranks[i], b.Tags[i])); c != 0 {
				return c
			}
		}
		return 0
	})
}

// Find returns the group with these tags.
func Find(all []Group, tags ...string) (Group, bool) {
	i := slices.IndexFunc(all, func(g Group) bool { return slices.Equal(g.Tags, tags) })
	if i < 0 {
		return Group{}, false
	}
	return all[i], true
}

func (g Group) cells() []Cell {
	list := make([]Cell, len(g.Tags))
	for i, t := range g.Tags {
		list[i] = Words(t)
	}
	return list
}

// Assertions is the section of what the scenario asserts.
func Assertions(s *summary.Measured) *Table {
	t := NewTable("assertions", "Assertions", "verdict", "`assertion", ">observed")
	why := slices.ContainsFunc(s.Assertions, func(a summary.Assertion) bool { return a.Why != "" })
	if why {
		t.AddColumns("why")
	}
	for _, a := range s.Assertions {
		cells := []Cell{AssertionVerdict(a), {Text: a.Name()}, Observed(a)}
		if why {
			cells = append(cells, Cell{Text: a.Why})
		}
		t.Add(cells...)
	}
	return t
}

// AssertionVerdict returns the cell that says whether an assertion holds.
func AssertionVerdict(a summary.Assertion) Cell {
	switch {
	case a.Unknown:
		return Cell{Text: "unknown", State: Failed}
	case a.OK:
		return Cell{Text: "holds", State: Passed}
	}
	return Cell{Text: "fails", State: Failed}
}

// Observed returns the cell of what an assertion saw, in its metric's unit.
func Observed(a summary.Assertion) Cell {
	if a.Observed == nil {
		return None
	}
	v := *a.Observed
	of := ""
	if sel, err := metric.ParseSelector(a.Metric); err == nil {
		m, _ := metric.Find(sel.Metric)
		of = m.Unit
		switch c, err := metric.ParseCondition(m, a.Check); {
		case err != nil:
			of = ""
		case c.Agg == "rate":
			of = "/s"
		case c.Agg == "count":
			of = "count"
		}
	}
	if of == "s" {
		return Lasting(v)
	}
	return Cell{Text: unit.Quantity(v, of), Number: Plain(v)}
}

// provenance says what made the record.
func (b *sections) provenance() *Table {
	t := NewTable("provenance", "Provenance", "what", "which")
	if b.mode == Compact {
		return t
	}
	s := b.s
	for _, name := range slices.Sorted(maps.Keys(s.Versions)) {
		t.AddWords(name, s.Versions[name])
	}
	t.AddWords("seed", strconv.FormatUint(s.Seed, 10))
	t.AddWords("plan", s.PlanHash)
	t.AddWords("record", s.RecordHash)
	if !s.Started.IsZero() {
		t.AddWords("started", s.Started.UTC().Format(time.RFC3339))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Tags)) {
		t.AddWords("tag "+name, s.Tags[name])
	}
	return t
}

// Fact is something about a run in a few words.
type Fact struct{ Name, Value string }

// Facts says how much the run was.
func Facts(s *summary.Measured) []Fact {
	list := []Fact{{"seed", strconv.FormatUint(s.Seed, 10)}, {"clock", s.Clock}, {"length", unit.Lasting(s.HorizonSeconds)}}
	if s.WarmupSeconds > 0 {
		list = append(list, Fact{"warm-up, not counted", unit.Lasting(s.WarmupSeconds)})
	}
	if s.WallSeconds > 0 {
		list = append(list, Fact{"played in", unit.Lasting(s.WallSeconds)})
	}
	switch {
	case s.Seen > 0:
		list = append(list, Fact{"observations", unit.Thousands(s.Seen)}, Fact{"recorded", unit.Thousands(s.Observations)})
	case s.Observations > 0 || s.Accounts+s.Evaluations == 0:
		list = append(list, Fact{"observations", unit.Thousands(s.Observations)})
	}
	if s.Accounts+s.Evaluations > 0 {
		list = append(list, Fact{"accounts", unit.Thousands(s.Accounts)}, Fact{"evaluations", unit.Thousands(s.Evaluations)})
	}
	return list
}

// inLine writes a fact as part of a line: seed 1, virtual clock, 10m.
func (f Fact) inLine() string {
	switch f.Name {
	case "seed", "played in":
		return f.Name + " " + f.Value
	case "clock":
		return f.Value + " clock"
	case "length":
		return f.Value
	case "warm-up, not counted":
		return "the first " + f.Value + " " + f.Name
	case "recorded":
		return f.Value + " of them " + f.Name
	}
	if f.Value == "1" {
		f.Name = strings.TrimSuffix(f.Name, "s")
	}
	return f.Value + " " + f.Name
}

// AssertionsHeld says how many assertions hold.
func AssertionsHeld(s *summary.Measured) string {
	if n := len(s.Assertions); n > 0 {
		return fmt.Sprintf("%d of %d assertions hold", s.Held(), n)
	}
	return "no assertions"
}

// Schedule says how the generator of a run in real time kept its schedule, and
// whose latency is not what it seems.
func Schedule(s *summary.Measured) (list []string) {
	if k := s.Schedule; k != nil {
		line := fmt.Sprintf("Schedule: %s intended, %s achieved (ratio %.4f; of requests to limiters)", unit.PerSecond(k.IntendedPerSecond, 4), unit.PerSecond(k.AchievedPerSecond, 4), k.Ratio)
		if k.LagP99 != nil {
			allowed := ""
			if k.LagBound > 0 {
				allowed = " (allowed: " + unit.Amount(k.LagBound, 3) + ")"
			}
			line += fmt.Sprintf("; lag %s at the median, %s at the 99th percentile%s, %s at most, of %s",
				unit.Amount(*k.LagMed, 3), unit.Amount(*k.LagP99, 3), allowed, unit.Amount(*k.LagMax, 3), unit.Counted(k.LagSamples, "sample"))
		}
		list = append(list, line+".")
		if m := k.Machine; m != nil {
			priority := "the usual priority: SCHED_FIFO was not permitted"
			if m.Urgent {
				priority = "SCHED_FIFO 1"
			}
			list = append(list, fmt.Sprintf("Machine: a thread with nothing to do was late by %s at the median, %s at the 99th percentile, %s at most, of %s; before the run by %s at the 99th percentile. The thread that paced the run had %s.",
				unit.Amount(m.Med, 3), unit.Amount(m.P99, 3), unit.Amount(m.Max, 3), unit.Counted(m.Samples, "sample"), unit.Amount(m.BeforeP99, 3), priority))
		}
	}
	if len(s.AutoPipelined) > 0 {
		list = append(list, "Auto-pipelined: "+strings.Join(s.AutoPipelined, ", ")+". Latency of auto-pipelined clients hides queueing.")
	}
	return list
}
