package present

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/summary"
)

// Modes of the text summary.
const (
	Compact = "compact" // by limiter and outcome
	Full    = "full"    // by traffic source and client too, with all worst keys, values and versions
)

// TextOptions of the text summary. The zero value is compact, in
// milliseconds, without colour, 100 columns wide.
type TextOptions struct {
	Mode   string // Compact or Full
	Unit   string // of times: s, ms or us
	Colour bool   // with ANSI escape sequences
	Width  int    // at which sentences are broken; tables are as wide as they are
}

func (o TextOptions) check() (TextOptions, error) {
	if o.Mode == "" {
		o.Mode = Compact
	}
	if o.Unit == "" {
		o.Unit = "ms"
	}
	if o.Width == 0 {
		o.Width = 100
	}
	if o.Mode != Compact && o.Mode != Full {
		return o, fmt.Errorf("summary mode %q: expected %s or %s", o.Mode, Compact, Full)
	}
	if _, ok := timeUnits[o.Unit]; !ok {
		return o, fmt.Errorf("time unit %q: expected s, ms or us", o.Unit)
	}
	if o.Width < 40 {
		return o, fmt.Errorf("width %d: expected at least 40 columns", o.Width)
	}
	return o, nil
}

// Text writes the summary for people: first whether it can be trusted and why
// not, then what is odd, then the decisions and all else, one section a subject.
// Sections without anything observed are left out.
func Text(w io.Writer, s *summary.Measured, o TextOptions) error {
	o, err := o.check()
	if err != nil {
		return err
	}
	buf := bufio.NewWriter(w)
	t := &text{out: buf, s: s, o: o}
	for _, section := range []func(){
		t.verdict, t.warnings, t.decisions, t.latency, t.lateness, t.errors, t.faults, t.phases,
		t.shards, t.servers, t.audit, t.sampledAudit, t.denied, t.thresholds, t.causes, t.assertions, t.provenance,
	} {
		section()
	}
	return errors.Join(t.err, buf.Flush())
}

// text is a summary being written; the first error stops it.
type text struct {
	out io.Writer
	s   *summary.Measured
	o   TextOptions
	err error
}

func (t *text) line(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.out, format+"\n", args...)
	}
}

// heading begins a section.
func (t *text) heading(format string, args ...any) {
	t.line("\n%s", t.paint(bold, fmt.Sprintf(format, args...)))
}

// sentence under a heading.
func (t *text) sentence(format string, args ...any) {
	t.line("  %s", wrap(fmt.Sprintf(format, args...), t.o.Width-2, "  "))
}

func (t *text) table(table *table) {
	if t.err == nil {
		t.err = table.write(t.out)
	}
}

func (t *text) full() bool { return t.o.Mode == Full }

// ANSI colours.
const (
	bold   = "1"
	red    = "31"
	green  = "32"
	yellow = "33"
)

func (t *text) paint(colour, s string) string {
	if !t.o.Colour {
		return s
	}
	return "\x1b[" + colour + "m" + s + "\x1b[0m"
}

func (t *text) verdict() {
	s := t.s
	colour := green
	if !s.Valid || !s.OK {
		colour = red
	}
	assertions := "no assertions"
	if n := len(s.Assertions); n > 0 {
		assertions = fmt.Sprintf("%d of %d assertions hold", s.Held(), n)
	}
	t.line("%s: %s", t.paint(bold, s.Scenario), t.paint(colour, s.Verdict()+", "+assertions))
	if e := s.EndedBy; e != nil {
		t.bullets(red, []string{fmt.Sprintf("%s: %s ended the run at %s of %s", e.Metric, e.Check, unit.Lasting(e.AtSeconds), unit.Lasting(s.HorizonSeconds))})
	}
	t.bullets(red, s.Invalid)
	if s.About != "" {
		t.sentence("%s", s.About)
	}
	t.sentence("%s", strings.Join(t.facts(), ", "))
	t.kept()
}

// facts of the run in a few words each.
func (t *text) facts() []string {
	s := t.s
	facts := []string{fmt.Sprintf("seed %d", s.Seed), s.Clock + " clock", unit.Lasting(s.HorizonSeconds)}
	if s.WarmupSeconds > 0 {
		facts = append(facts, "of which "+unit.Lasting(s.WarmupSeconds)+" warm-up, not counted")
	}
	if s.WallSeconds > 0 {
		facts = append(facts, "played in "+unit.Lasting(s.WallSeconds))
	}
	switch {
	case s.Seen > 0:
		facts = append(facts, unit.Counted(s.Seen, "observation")+", of which "+unit.Thousands(s.Observations)+" recorded")
	case s.Observations > 0 || s.Accounts+s.Evaluations == 0:
		facts = append(facts, unit.Counted(s.Observations, "observation"))
	}
	if s.Accounts+s.Evaluations > 0 {
		facts = append(facts, unit.Counted(s.Accounts, "account"), unit.Counted(s.Evaluations, "evaluation"))
	}
	return facts
}

func (t *text) warnings() {
	if len(t.s.Warnings) > 0 {
		t.heading("Warnings")
		t.bullets(yellow, t.s.Warnings)
	}
}

func (t *text) bullets(colour string, items []string) {
	for _, item := range items {
		t.line("  %s %s", t.paint(colour, "!"), wrap(item, t.o.Width-4, "    "))
	}
}

func (t *text) assertions() {
	if len(t.s.Assertions) == 0 {
		return
	}
	t.heading("Assertions")
	for _, a := range t.s.Assertions {
		word, colour := "ok     ", green
		switch {
		case a.Unknown:
			word, colour = "UNKNOWN", red
		case !a.OK:
			word, colour = "FAILED ", red
		}
		line := a.Name()
		if a.Observed != nil {
			line += fmt.Sprintf(", observed %s", t.observed(a))
		}
		if a.Why != "" {
			line += " (" + a.Why + ")"
		}
		t.line("  %s  %s", t.paint(colour, word), wrap(line, t.o.Width-11, "           "))
	}
}

// provenance says how to make this run again.
func (t *text) provenance() {
	if !t.full() {
		return
	}
	t.heading("Provenance")
	rows := newTable("what", "which")
	rows.add("plan", t.s.PlanHash)
	rows.add("record", t.s.RecordHash)
	if !t.s.Started.IsZero() {
		rows.add("started", t.s.Started.UTC().Format(time.RFC3339))
	}
	for _, name := range sorted(t.s.Versions) {
		rows.add(name, t.s.Versions[name])
	}
	for _, name := range sorted(t.s.Tags) {
		rows.add("tag "+name, t.s.Tags[name])
	}
	t.table(rows)
}

// table of the text summary.
type table struct{ *Table }

func newTable(header ...string) *table { return &table{NewTable(header...)} }

func (t *table) add(cells ...string) { t.Add(cells...) }

func (t *table) write(w io.Writer) error { return t.Write(w) }

// wrap breaks a text into lines of at most width characters, where words
// allow it, with indent before each line but the first.
func wrap(text string, width int, indent string) string {
	var b strings.Builder
	line := 0
	for i, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case line+1+n > width:
			b.WriteString("\n" + indent)
			line = 0
		default:
			b.WriteByte(' ')
			line++
		}
		b.WriteString(word)
		line += n
	}
	return b.String()
}

// timeUnit of the text summary.
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

// time writes seconds in the chosen unit, without its name.
func (t *text) time(seconds float64) string {
	u := timeUnits[t.o.Unit]
	return strconv.FormatFloat(seconds*u.per, 'f', u.digits, 64)
}

// observed writes what an assertion saw, in the metric's unit.
func (t *text) observed(a summary.Assertion) string {
	v := *a.Observed
	sel, err := metric.ParseSelector(a.Metric)
	if err != nil {
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	m, _ := metric.Find(sel.Metric)
	c, err := metric.ParseCondition(m, a.Check)
	switch {
	case err != nil:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case c.Agg == "rate":
		return strconv.FormatFloat(v, 'g', 6, 64) + "/s"
	case c.Agg == "count":
		return unit.Thousands(int64(v))
	case m.Unit == "s":
		return t.time(v) + " " + timeUnits[t.o.Unit].name
	case m.Unit == "ratio":
		return unit.Percent(v)
	}
	return strconv.FormatFloat(v, 'g', 6, 64)
}

func sorted(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
