package report

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/plots/series"
	"github.com/quotalab/quotalab/results/present"
)

// tabulate puts all tables of a record where they are read: the sections of its
// summary, and what its figures are drawn from.
func (r *recordView) tabulate(in Input) {
	set, s := in.Set, in.Set.Summary
	r.Provenance = present.NewTable("provenance", "Provenance", "what", "which")
	for _, t := range present.Sections(s, present.Page, "ms") {
		switch t.Name {
		case "assertions":
			r.Assertions = t
		case "causes":
			r.Causes = t
		case "worst keys", "denied":
			r.Examples = append(r.Examples, t)
		case "servers", "commands":
			r.Servers = append(r.Servers, t)
		case "provenance":
			r.Provenance = t
		case "shards":
			noteChance(t, set)
			fallthrough
		default:
			r.Tables = append(r.Tables, t)
		}
	}
	if in.Dir != "" {
		r.Provenance.AddWords("directory", in.Dir)
	}
	r.Examples = append(r.Examples, hottestTable(set))
	r.Tables = append(r.Tables, envelopeTable(set))
	r.Tables = append(r.Tables, accountTables(set)...)
	r.Tables = append(r.Tables, timelineTables(set)...)
	r.Examples, r.Tables = filled(r.Examples), filled(r.Tables)
	if !present.Several(s, "limiter") {
		for _, t := range append(r.Examples, r.Tables...) {
			t.Drop("limiter")
		}
	}
}

// filled are the tables that say anything.
func filled(list []*present.Table) (some []*present.Table) {
	for _, t := range list {
		if !t.Empty() {
			some = append(some, t)
		}
	}
	return some
}

func noteOf(t *present.Table) string {
	return strings.TrimSpace(t.Help + " " + strings.Join(t.Notes, " "))
}

// isLong reports whether a table scrolls in a frame of its own.
func isLong(t *present.Table) bool { return len(t.Rows) > 20 }

// classOf returns that of a cell's element, in a column of numbers or not.
func classOf(c present.Cell, number bool) string {
	class := ""
	switch {
	case number:
		class = "n"
	case utf8.RuneCountInString(c.Text) > 26: // broken into lines
		class = "w"
	}
	if c.State != "" {
		class += " state " + string(c.State)
	}
	return strings.TrimSpace(class)
}

// noteChance adds to the load by shard the band that chance explains.
func noteChance(t *present.Table, set *series.Set) {
	for _, l := range set.Shards {
		if !math.IsNaN(l.KeysLow) && len(l.Keys) > 1 {
			t.Note(fmt.Sprintf("%s: chance alone leaves the keys of every shard between %s and %s in 95 of 100 runs.",
				l.Limiter, unit.Thousands(int64(math.Ceil(l.KeysLow))), unit.Thousands(int64(math.Floor(l.KeysHigh)))))
		}
	}
}

// envelopeTable says of what limits the keys in the figure of admission are.
func envelopeTable(set *series.Set) *present.Table {
	t := present.NewTable("envelope", "The keys in the figure of what was admitted", "limiter", "limit", "key", "rate", ">burst", ">over-admission", ">worst excess (tokens)", ">worst window from|s")
	for _, a := range set.Admission {
		for _, k := range a.Keys {
			t.Add(present.Words(a.Limiter), present.Words(k.Limit), present.Words(metric.Printable(k.Key)), present.Words(unit.Thousands(k.Count)+" per "+unit.Lasting(k.Period)),
				present.Count(k.Burst), present.Count(k.Over), present.General(k.Excess), present.Lasting(k.From))
		}
	}
	return t
}

func hottestTable(set *series.Set) *present.Table {
	t := present.NewTable("hottest", "The hottest keys", "limiter", "limit", "key", "shard", ">decisions", ">share|%")
	for _, l := range set.Shards {
		for _, k := range l.Hottest {
			t.Add(present.Words(l.Limiter), present.Words(k.Limit), present.Words(metric.Printable(k.Key)), present.Words(k.Shard), present.Count(k.Decisions), present.Percent(k.Share))
		}
		if len(l.Hottest) > 0 {
			t.Note(fmt.Sprintf("%s: all other keys have %s of the decisions.", l.Limiter, unit.Percent(l.HotRest)))
		}
	}
	return t
}

// accountTables builds missed notices by group of accounts, and what happened to one
// account.
func accountTables(set *series.Set) []*present.Table {
	if set.Thresholds == nil {
		return nil
	}
	matrix := present.NewTable("matrix", "Missed notices by group of accounts", "engine", "group", ">threshold|%", ">missed", ">crossings", ">share|%")
	for _, c := range set.Thresholds.Matrix {
		if c.Crossings > 0 {
			matrix.Add(present.Words(c.Engine), present.Words(c.Group), present.Threshold(c.Level), present.Count(c.Missed), present.Count(c.Crossings), present.Share(c.Missed, c.Crossings))
		}
	}
	a := set.Thresholds.Account
	if a == nil {
		return []*present.Table{matrix}
	}
	group := a.Group
	if group == "" {
		group = "a group without a name"
	}
	story := present.NewTable("story", fmt.Sprintf("What engines were due to tell account %d of %s", a.ID, group), "engine", ">threshold|%", ">crossed|s", "verdict", ">told, or too late|s", "cause")
	story.Help = "Times after the start. The last time is when the first notice came; if none came, when its period or the run ended."
	for _, e := range a.Engines {
		for _, c := range e.Crossings {
			story.Add(present.Words(e.Engine), present.Threshold(c.Level), present.Lasting(c.At), present.Words(c.Verdict), present.Lasting(c.Until), present.Words(metric.Printable(c.Cause)))
		}
	}
	return []*present.Table{matrix, story}
}

// timelineTables are what the figures over time and their interactive form are drawn
// from.
func timelineTables(set *series.Set) []*present.Table {
	line := &set.Timeline
	if line.N == 0 || len(line.Outcomes) == 0 {
		return nil
	}
	step, names := unit.Lasting(line.Step), outcomeNames(line.Outcomes)
	rates := present.NewTable("rates", "Requests per second over time, in intervals of "+step, ">from|s", ">offered")
	times := present.NewTable("times", "Latency in ms over time, in intervals of "+step, ">from|s")
	for i, o := range line.Outcomes {
		rates.AddColumns(">" + names[i])
		if timed(o) {
			times.AddColumns(">"+names[i]+" p50", ">"+names[i]+" p99")
		}
	}
	for i := range line.N {
		begin := line.From + float64(i)*line.Step
		from := present.Cell{Text: unit.LastingTo(begin, line.Step), Number: present.Plain(begin)}
		rate, latency := []present.Cell{from, known(line.Offered, i, present.General)}, []present.Cell{from}
		for _, o := range line.Outcomes {
			rate = append(rate, known(o.Rate, i, present.General))
			if timed(o) {
				latency = append(latency, known(o.P50, i, milliseconds), known(o.P99, i, milliseconds))
			}
		}
		rates.Add(rate...)
		times.Add(latency...)
	}
	if len(times.Columns) == 1 {
		return []*present.Table{rates}
	}
	return []*present.Table{rates, times}
}

func milliseconds(seconds float64) present.Cell { return present.Fixed(3)(seconds * 1e3) }

// timed reports whether any decision of an outcome has a latency.
func timed(o series.OutcomeTimeline) bool {
	for _, v := range o.P50 {
		if !math.IsNaN(v) {
			return true
		}
	}
	return false
}

// known writes the value of an interval, none where a line has none.
func known(values []float64, i int, write func(float64) present.Cell) present.Cell {
	if i >= len(values) || math.IsNaN(values[i]) {
		return present.None
	}
	return write(values[i])
}

// outcomeNames returns names for people: allowed, not found. The limiter is named where there are
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

// sourceName returns an outcome's limiter where there are several, its client where
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
