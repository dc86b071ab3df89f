package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/quotalab/quotalab/models/metric/unit"
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
	if len(in) == 1 {
		m.record(in[0])
	} else {
		m.records(in)
	}
	if _, err := io.WriteString(w, m.String()); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

type markdown struct{ strings.Builder }

func (m *markdown) line(format string, args ...any) { fmt.Fprintf(m, format+"\n", args...) }

func (m *markdown) record(in Input) {
	s := in.Set.Summary
	v := verdictOf(s)
	m.line("### %s: **%s**", escaped(s.Scenario), v.Word)
	m.line("")
	m.line("%s.", escaped(sentence(v.Reason)))
	m.assertions(s)
	m.keyFigures(s)
	m.warnings(s.Warnings)
	m.line("")
	m.line("seed %d, %s clock, plan %s, record %s", s.Seed, escaped(s.Clock), code(s.PlanHash), code(fmt.Sprintf("%.12s", s.RecordHash)))
	if in.Command != "" {
		m.line("")
		m.line("Again: %s", code(in.Command))
	}
}

// assertions, those that do not hold first.
func (m *markdown) assertions(s *summary.Measured) {
	if len(s.Assertions) == 0 {
		return
	}
	m.line("")
	m.line("| assertion | observed | |")
	m.line("| --- | ---: | --- |")
	shown := 0
	for _, held := range []bool{false, true} {
		for _, a := range s.Assertions {
			if a.OK != held || shown == mostAssertions {
				continue
			}
			shown++
			word := assertionVerdict(a)
			if !a.OK {
				word = "**" + word + "**"
			}
			if a.Why != "" {
				word += ": " + escaped(shortened(a.Why))
			}
			m.line("| %s | %s | %s |", strings.ReplaceAll(code(a.Name()), "|", "\\|"), escaped(observed(a).Text), word)
		}
	}
	if left := s.Assertions[min(shown, len(s.Assertions)):]; len(left) > 0 {
		m.line("| and %d more | | %s |", len(left), heldOf(s, shown))
	}
}

// heldOf says what became of the assertions that are not shown.
func heldOf(s *summary.Measured, shown int) string {
	failing := 0
	for _, a := range s.Assertions {
		if !a.OK {
			failing++
		}
	}
	if failing <= shown {
		return "hold"
	}
	return fmt.Sprintf("of which **%d do not hold**", failing-shown)
}

func (m *markdown) keyFigures(s *summary.Measured) {
	list := keyFigures(s, several(s, "limiter"))
	if len(list) == 0 {
		return
	}
	m.line("")
	m.line("| figure | | |")
	m.line("| --- | ---: | --- |")
	for _, k := range most(list, mostKeyFigures) {
		m.line("| %s | %s | %s |", escaped(k.Name), escaped(k.Value.Text), escaped(k.Detail))
	}
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
		m.line("- %s", escaped(shortened(w)))
	}
}

// records side by side: verdicts, assertions that do not hold in any of them, key
// figures.
func (m *markdown) records(in []Input) {
	left := in[min(len(in), mostColumns):]
	all := len(in)
	in = in[:all-len(left)]
	names := recordNames(in)
	m.line("### %d records compared", all)
	m.line("")
	m.row("", names)
	m.line("|%s", strings.Repeat(" --- |", len(in)+1))
	m.each("verdict", in, func(s *summary.Measured) string { return "**" + verdictOf(s).Word + "**" })
	m.each("because", in, func(s *summary.Measured) string { return escaped(shortened(verdictOf(s).Reason)) })
	m.each("warnings", in, func(s *summary.Measured) string { return fmt.Sprint(len(s.Warnings)) })
	table := keysCompared(in, names)
	for i, row := range table.Rows {
		if i == 3*mostKeyFigures {
			m.line("| and %s more figures |%s", fmt.Sprint(len(table.Rows)-i), strings.Repeat(" |", len(in)))
			break
		}
		var cells []string
		for _, c := range row[1:] {
			cells = append(cells, c.Text)
		}
		m.row(row[0].Text, cells)
	}
	if len(left) > 0 {
		m.line("")
		m.line("Not shown: %s, of which %d passed.", unit.Counted(int64(len(left)), "more record"), passed(left))
	}
}

func passed(in []Input) (n int) {
	for i := range in {
		if verdictOf(in[i].Set.Summary).Word == "PASSED" {
			n++
		}
	}
	return n
}

func (m *markdown) row(name string, cells []string) {
	m.WriteString("| " + escaped(name) + " |")
	for _, c := range cells {
		m.WriteString(" " + escaped(c) + " |")
	}
	m.WriteString("\n")
}

// each record's value, in Markdown already.
func (m *markdown) each(name string, in []Input, of func(*summary.Measured) string) {
	m.WriteString("| " + name + " |")
	for i := range in {
		m.WriteString(" " + of(in[i].Set.Summary) + " |")
	}
	m.WriteString("\n")
}

// shortened to a few lines, at the end of a word.
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

// special are the characters that mean something in Markdown, and what stands for
// them.
var special = strings.NewReplacer("\\", "\\\\", "`", "\\`", "*", "\\*", "_", "\\_", "[", "\\[", "]", "\\]", "|", "\\|", "~", "\\~", "#", "\\#", "@", "@\u200b",
	"<", "&lt;", ">", "&gt;", "&", "&amp;", "\r", " ", "\n", " ", "\t", " ")

// escaped text means nothing but itself, in a line or a cell.
func escaped(s string) string { return special.Replace(s) }

// code in a line: fenced by more backquotes than it has.
func code(s string) string {
	s = strings.NewReplacer("\r", " ", "\n", " ").Replace(s)
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	if len(fence) > 1 {
		return fence + " " + s + " " + fence
	}
	return fence + s + fence
}
