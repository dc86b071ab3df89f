package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/quotalab/quotalab/plots"
	"github.com/quotalab/quotalab/plots/series"
	"github.com/quotalab/quotalab/results/present"
	"github.com/quotalab/quotalab/results/summary"
)

// comparison shows several records, one column each.
type comparison struct {
	Promises   []*present.Table // of limiters, and of engines
	Questions  []question
	Verdicts   *present.Table
	Assertions *present.Table
	Missing    []string // titles of figures without data
	Keys       *present.Table
}

// compare makes the page one of several records.
func (p *page) compare(b *builder, in []Input, names []string) error {
	figures, missing, err := b.drawn(setsOf(in), "", 4, "compare")
	if err != nil {
		return err
	}
	p.Compare = &comparison{Promises: filled([]*present.Table{limiterPromises(in, names), enginePromises(in, names)}), Questions: questions(figures), Verdicts: verdictsTable(in, names), Assertions: assertionsCompared(in, names), Missing: missing, Keys: keysCompared(in, names)}
	p.Heading = fmt.Sprintf("%d records compared", len(in))
	p.Title = fmt.Sprintf("%s: %d of them passed", p.Heading, passed(in))
	p.Links = []link{{"promises", "Promises"}}
	for _, q := range p.Compare.Questions {
		p.Links = append(p.Links, link{q.ID, q.Asks})
	}
	p.Links = append(p.Links, link{"verdict", "Verdicts"}, link{"key-figures", "Key figures"})
	for i, name := range names {
		p.Links = append(p.Links, link{fmt.Sprintf("record-%d", i+1), name})
	}
	return nil
}

// recordNames returns names that tell records apart, in the words of figures.
func recordNames(in []Input) []string { return plots.RecordNames(setsOf(in)) }

func setsOf(in []Input) []*series.Set {
	sets := make([]*series.Set, len(in))
	for i := range in {
		sets[i] = in[i].Set
	}
	return sets
}

// sideBySide is a table with a column a record.
func sideBySide(caption, rows string, names []string) *present.Table {
	t := present.NewTable("", caption, rows)
	for _, n := range names {
		t.Columns = append(t.Columns, present.Column{Name: n})
	}
	return t
}

func verdictsTable(in []Input, names []string) *present.Table {
	t := sideBySide("What each record came to", "what", names)
	row := func(what string, of func(i int, s *summary.Measured) string) {
		cells := []present.Cell{present.Words(what)}
		for i := range in {
			cells = append(cells, present.Words(of(i, in[i].Set.Summary)))
		}
		t.Add(cells...)
	}
	verdicts := []present.Cell{present.Words("verdict")}
	for i := range in {
		v := verdictOf(in[i].Set.Summary)
		verdicts = append(verdicts, present.Cell{Text: v.Word, State: v.State})
	}
	t.Add(verdicts...)
	row("because", func(_ int, s *summary.Measured) string { return sentence(verdictOf(s).Reason) })
	row("scenario", func(_ int, s *summary.Measured) string { return s.Scenario })
	row("warnings", func(_ int, s *summary.Measured) string { return strconv.Itoa(len(s.Warnings)) })
	row("record", func(i int, _ *summary.Measured) string { return in[i].Dir })
	var facets []string
	for i := range in {
		for _, f := range present.Facts(in[i].Set.Summary) {
			if !slices.Contains(facets, f.Name) {
				facets = append(facets, f.Name)
			}
		}
	}
	for _, name := range facets {
		row(name, func(_ int, s *summary.Measured) string {
			for _, f := range present.Facts(s) {
				if f.Name == name {
					return f.Value
				}
			}
			return ""
		})
	}
	return t
}

func assertionsCompared(in []Input, names []string) *present.Table {
	t := sideBySide("Assertions", "assertion", names)
	var order []string
	for i := range in {
		for _, a := range in[i].Set.Summary.Assertions {
			if !slices.Contains(order, a.Name()) {
				order = append(order, a.Name())
			}
		}
	}
	for _, name := range order {
		row := []present.Cell{present.Words(name)}
		for i := range in {
			var came []string
			for _, a := range in[i].Set.Summary.Assertions {
				if a.Name() == name {
					came = append(came, present.AssertionVerdict(a).Text+", "+present.Observed(a).Text)
				}
			}
			one := present.Words(strings.Join(came, "; "))
			if len(came) > 0 && !held(in[i].Set.Summary, name) {
				one.State = present.Failed
			}
			row = append(row, one)
		}
		t.Add(row...)
	}
	return t
}

// held tells whether an assertion holds wherever it is made.
func held(s *summary.Measured, name string) bool {
	return !slices.ContainsFunc(s.Assertions, func(a summary.Assertion) bool { return a.Name() == name && !a.OK })
}

// keysCompared shows the key figures of all records, a row each.
func keysCompared(in []Input, names []string) *present.Table {
	t := sideBySide("Key figures", "figure", names)
	named := slices.ContainsFunc(in, func(one Input) bool { return present.Several(one.Set.Summary, "limiter") })
	if !named {
		limiters := []present.Cell{present.Words("limiter")}
		for i := range in {
			limiters = append(limiters, present.Words(limiterOf(in[i].Set.Summary)))
		}
		t.Add(limiters...)
	}
	var order []string
	by := make([]map[string]keyFigure, len(in))
	for i := range in {
		by[i] = map[string]keyFigure{}
		for _, k := range keyFigures(in[i].Set.Summary, named) {
			by[i][k.Name] = k
			if !slices.Contains(order, k.Name) {
				order = append(order, k.Name)
			}
		}
	}
	for _, name := range order {
		row := []present.Cell{present.Words(name)}
		for i := range in {
			k, ok := by[i][name]
			if !ok {
				row = append(row, present.None)
				continue
			}
			row = append(row, present.Cell{Text: k.Value.Text + detail(k)})
		}
		t.Add(row...)
	}
	return t
}

// limiterOf returns the limiter of a run that has one, "" of none.
func limiterOf(s *summary.Measured) string {
	for _, g := range present.Groups(s, "decisions", "limiter") {
		return g.Tags[0]
	}
	return ""
}

func detail(k keyFigure) string {
	if k.Detail == "" {
		return ""
	}
	return " (" + k.Detail + ")"
}
