package certify

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/quotalab/quotalab/models/limits"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/present"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
)

// SchemaVersion of the JSON result.
const SchemaVersion = 1

// Result is what certify came to.
type Result struct {
	SchemaVersion int           `json:"schemaVersion" jsonschema:"version of this layout"`
	Limiters      []Certificate `json:"limiters" jsonschema:"the limiters that were examined"`
}

// Certificate is what was found of one limiter.
type Certificate struct {
	Limiter    string            `json:"limiter" jsonschema:"name of the limiter"`
	Kind       string            `json:"kind" jsonschema:"kind of the limiter"`
	Options    map[string]string `json:"options,omitempty" jsonschema:"options as they were given; those left out have their defaults"`
	Algorithm  string            `json:"algorithm,omitempty" jsonschema:"algorithm that the limiter declares, by whose promise it is judged; none: it is judged by the envelope burst + t/T alone"`
	Properties []PropertyResult  `json:"properties" jsonschema:"the verdicts"`
	Versions   map[string]string `json:"versions" jsonschema:"versions of go, quotalab and the modules under test"`
}

// PropertyResult is the verdict on a property, by its worst case.
type PropertyResult struct {
	Name    string       `json:"property" jsonschema:"name of the property"`
	Asserts string       `json:"asserts" jsonschema:"what holds if it holds"`
	Verdict Verdict      `json:"verdict" jsonschema:"holds, broken or not examined"`
	Number  *float64     `json:"number,omitempty" jsonschema:"of the case that decided"`
	Unit    string       `json:"unit,omitempty" jsonschema:"what the number is of"`
	Text    string       `json:"text" jsonschema:"what was found, or why it was not examined"`
	Case    string       `json:"case" jsonschema:"the case that decided"`
	Replay  string       `json:"replay,omitempty" jsonschema:"the command that plays this case alone"`
	Omitted []string     `json:"omitted,omitempty" jsonschema:"cases that were not examined, and why, if others were"`
	Cases   []CaseResult `json:"cases" jsonschema:"all cases"`
}

// CaseResult is what a case came to.
type CaseResult struct {
	Name    string   `json:"case" jsonschema:"name of the case"`
	Shows   string   `json:"shows" jsonschema:"what was played"`
	Verdict Verdict  `json:"verdict" jsonschema:"holds, broken or not examined"`
	Number  *float64 `json:"number,omitempty" jsonschema:"what was measured"`
	Unit    string   `json:"unit,omitempty" jsonschema:"what the number is of"`
	Text    string   `json:"text" jsonschema:"what was found, or why it was not examined"`
	Replay  string   `json:"replay,omitempty" jsonschema:"the command that plays this case alone"`
}

// Schema returns the JSON Schema of the result.
func Schema() ([]byte, error) {
	return summary.SchemaOf[Result]("quotalab certify", "What limiters guarantee, property by property.")
}

// WriteJSON writes the result as JSON.
func (r *Result) WriteJSON(w io.Writer) error { return record.WriteJSON(w, r) }

func newCertificate(s *Subject) Certificate {
	c := Certificate{Limiter: s.Name, Kind: s.declared.Kind, Algorithm: s.Algorithm}
	for _, o := range s.declared.Options {
		if c.Options == nil {
			c.Options = map[string]string{}
		}
		c.Options[o.Name] = o.Value
	}
	return c
}

// Tables returns those of one certificate: the verdicts, and all cases.
func (c *Certificate) Tables() []*present.Table {
	verdicts := present.NewTable("verdicts", "What "+c.Limiter+" guarantees", "property", "verdict", ">number", "", "found", "`again")
	verdicts.Note(c.judgedBy())
	cases := present.NewTable("cases", "All cases of "+c.Limiter, "case", "verdict", ">number", "", "found", "played")
	for _, p := range c.Properties {
		verdicts.Add(present.Words(p.Name), p.Verdict.cell(), numberCell(p.Number), present.Cell{Text: p.Unit}, present.Words(p.Text), present.Words(p.Replay))
		for _, k := range p.Cases {
			cases.Add(present.Words(k.Name), k.Verdict.cell(), numberCell(k.Number), present.Cell{Text: k.Unit}, present.Words(k.Text), present.Words(k.Shows))
		}
	}
	return []*present.Table{verdicts, cases}
}

func (c *Certificate) judgedBy() string {
	text := fmt.Sprintf("Kind %s", c.Kind)
	for _, name := range slices.Sorted(maps.Keys(c.Options)) {
		text += fmt.Sprintf(", %s %s", name, c.Options[name])
	}
	if c.Algorithm == "" {
		return text + ". It declares no algorithm, so that it is judged by burst + t/T alone; there are " + strings.Join(limits.Algorithms(), ", ") + "."
	}
	return text + ", judged by the promise of " + c.Algorithm + "."
}

func (v Verdict) cell() present.Cell {
	return present.Cell{Text: string(v), State: map[Verdict]present.State{Holds: present.Passed, Broken: present.Failed}[v]}
}

func numberCell(n *float64) present.Cell {
	return present.Maybe(n, func(v float64) present.Cell {
		if v == math.Trunc(v) {
			return present.Count(int64(v))
		}
		return present.Cell{Text: unit.Digits(v, 3), Number: present.Plain(v)}
	})
}

// Text writes certificates for a terminal.
func (r *Result) Text(w io.Writer, l present.Look, all bool) error {
	if len(r.Limiters) > 1 {
		if err := r.League().Write(w, l); err != nil {
			return err
		}
	}
	for i := range r.Limiters {
		if err := r.Limiters[i].write(w, l, all); err != nil {
			return err
		}
	}
	return nil
}

// write writes a certificate: a line for each property, and below those that are broken the
// command that shows it.
func (c *Certificate) write(w io.Writer, l present.Look, all bool) error {
	tables := c.Tables()
	if all {
		tables[1].Columns = tables[1].Columns[:5]
		for i := range tables[1].Rows {
			tables[1].Rows[i] = tables[1].Rows[i][:5]
		}
		return tables[1].Write(w, l)
	}
	t := present.NewTable("verdicts", tables[0].Title, "property", "verdict", ">number", "", "found")
	for _, r := range tables[0].Rows {
		t.Add(r[:5]...)
	}
	t.Notes = tables[0].Notes
	for _, p := range c.Properties {
		for _, o := range p.Omitted {
			t.Note("Not examined: " + o + ".")
		}
	}
	if err := t.Write(w, l); err != nil {
		return err
	}
	again := present.NewTable("again", "To see it again", "property", "command")
	for _, p := range c.Properties {
		if p.Verdict == Broken {
			again.AddWords(p.Name, p.Replay)
		}
	}
	return again.Write(w, present.Look{Colour: l.Colour})
}

// Amount is the number of a verdict with what it is of.
func (p *PropertyResult) Amount() string { return numberCell(p.Number).Text + " " + p.Unit }

// League is the table of all limiters: a column for each property.
func (r *Result) League() *present.Table {
	t := present.NewTable("league", fmt.Sprintf("What %s guarantee", unit.Counted(int64(len(r.Limiters)), "limiter")), "limiter", "algorithm")
	for _, p := range r.Limiters[0].Properties {
		t.AddColumns(p.Name)
	}
	t.Help = "A number is how much is broken, in the unit of the property's own table."
	for _, c := range r.Limiters {
		row := []present.Cell{present.Words(c.Limiter), present.Words(c.Algorithm)}
		for _, p := range c.Properties {
			cell := p.Verdict.cell()
			switch p.Verdict {
			case Broken:
				cell.Text = p.Amount()
			case NotExamined:
				cell = present.None
			}
			row = append(row, cell)
		}
		t.Add(row...)
	}
	return t
}

// Markdown writes the badge table of each limiter, and for several the league table.
func (r *Result) Markdown(w io.Writer) error {
	if len(r.Limiters) > 1 {
		return r.League().Markdown(w)
	}
	return r.Limiters[0].Tables()[0].Markdown(w)
}
