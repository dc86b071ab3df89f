package report

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/present"
	"github.com/quotalab/quotalab/results/summary"
)

// What keeps the Markdown form short.
const (
	mostAssertions = 14
	mostKeyFigures = 8
	mostWarnings   = 6
	mostLetters    = 400 // of a warning
	mostColumns    = 6   // records side by side
)

// Markdown writes the short form of the report, for a pull request or
// $GITHUB_STEP_SUMMARY: at most 60 lines.
func Markdown(w io.Writer, in []Input) error {
	if err := check(in); err != nil {
		return err
	}
	m := &markdown{}
	var err error
	if len(in) == 1 {
		err = m.record(in[0])
	} else {
		err = m.records(in)
	}
	if _, werr := io.WriteString(w, m.String()); err != nil || werr != nil {
		return fmt.Errorf("report: %w", errors.Join(err, werr))
	}
	return nil
}

type markdown struct{ strings.Builder }

func (m *markdown) line(format string, args ...any) { fmt.Fprintf(m, format+"\n", args...) }

func (m *markdown) record(in Input) error {
	s := in.Set.Summary
	v := verdictOf(s)
	m.line("### %s: **%s**", present.Literal(s.Scenario), v.Word)
	m.line("")
	m.line("%s.", present.Literal(sentence(v.Reason)))
	if err := errors.Join(m.assertions(s), m.keyFigures(s)); err != nil {
		return err
	}
	m.warnings(s.Warnings)
	m.line("")
	m.line("seed %d, %s clock, plan %s, record %s", s.Seed, present.Literal(s.Clock), present.Code(s.PlanHash), present.Code(fmt.Sprintf("%.12s", s.RecordHash)))
	if in.Command != "" {
		m.line("")
		m.line("Again: %s", present.Code(in.Command))
	}
	return nil
}

// table writes a table after an empty line, its cells shortened.
func (m *markdown) table(t *present.Table) error {
	m.line("")
	for _, r := range t.Rows {
		for i := range r {
			r[i].Text = shortened(r[i].Text)
		}
	}
	return t.Markdown(m)
}

// assertions writes them, those that do not hold first.
func (m *markdown) assertions(s *summary.Measured) error {
	t := present.Assertions(s)
	if len(t.Rows) == 0 {
		return nil
	}
	rank := func(r []present.Cell) int {
		if r[0].State == present.Failed {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(t.Rows, func(a, b []present.Cell) int { return cmp.Compare(rank(a), rank(b)) })
	shown := min(len(t.Rows), mostAssertions)
	left := t.Rows[shown:]
	t.Rows = t.Rows[:shown]
	failing := len(left)
	for _, r := range left {
		failing -= rank(r)
	}
	switch {
	case failing > 0:
		t.Note(fmt.Sprintf("Not shown: %s; %d of them do not hold.", unit.Counted(int64(len(left)), "more assertion"), failing))
	case len(left) > 0:
		t.Note(fmt.Sprintf("Not shown: %s; all hold.", unit.Counted(int64(len(left)), "more assertion")))
	}
	return m.table(t)
}

func (m *markdown) keyFigures(s *summary.Measured) error {
	list := keyFigures(s, present.Several(s, "limiter"))
	if len(list) == 0 {
		return nil
	}
	t := present.NewTable("", "", "figure", ">value", "detail")
	for _, k := range most(list, mostKeyFigures) {
		t.Add(present.Cell{Text: k.Name}, k.Value, present.Cell{Text: k.Detail})
	}
	return m.table(t)
}

func (m *markdown) warnings(list []string) {
	if len(list) == 0 {
		return
	}
	m.line("")
	for i, w := range list {
		if i == mostWarnings {
			m.line("- and %s", unit.Counted(int64(len(list)-i), "more warning"))
			break
		}
		m.line("- %s", present.Literal(shortened(w)))
	}
}

// records writes several side by side: verdicts and key figures.
func (m *markdown) records(in []Input) error {
	all, left := len(in), in[min(len(in), mostColumns):]
	in = in[:all-len(left)]
	names := recordNames(in)
	t := sideBySide("", "", names)
	each := func(what string, of func(v verdict, s *summary.Measured) present.Cell) {
		cells := present.AllWords([]string{what})
		for i := range in {
			cells = append(cells, of(verdictOf(in[i].Set.Summary), in[i].Set.Summary))
		}
		t.Add(cells...)
	}
	each("verdict", func(v verdict, _ *summary.Measured) present.Cell { return present.Cell{Text: v.Word, State: v.State} })
	each("because", func(v verdict, _ *summary.Measured) present.Cell { return present.Cell{Text: v.Reason} })
	each("warnings", func(_ verdict, s *summary.Measured) present.Cell { return present.Count(int64(len(s.Warnings))) })
	keys := keysCompared(in, names).Rows
	shown := min(len(keys), 3*mostKeyFigures)
	t.Rows = append(t.Rows, keys[:shown]...)
	if n := len(keys) - shown; n > 0 {
		t.Note("Not shown: " + unit.Counted(int64(n), "more figure") + ".")
	}
	if len(left) > 0 {
		t.Note(fmt.Sprintf("Not shown: %s; %d of them passed.", unit.Counted(int64(len(left)), "more record"), passed(left)))
	}
	m.line("### %d records compared", all)
	return m.table(t)
}

func passed(in []Input) (n int) {
	for i := range in {
		if verdictOf(in[i].Set.Summary).Word == "PASSED" {
			n++
		}
	}
	return n
}

// shortened returns a few lines of a text, cut at the end of a word.
func shortened(s string) string {
	letters := []rune(s)
	if len(letters) <= mostLetters {
		return s
	}
	cut := string(letters[:mostLetters])
	if at := strings.LastIndexByte(cut, ' '); at > mostLetters/2 {
		cut = cut[:at]
	}
	return cut + " …"
}
