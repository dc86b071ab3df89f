package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/quotalab/quotalab/plots"
	"github.com/quotalab/quotalab/plots/series"
	"github.com/quotalab/quotalab/results/summary"
)

// comparison of several records, one column each.
type comparison struct {
	Verdicts   *table
	Assertions *table
	Figures    []figure
	Missing    []string // titles of figures without data
	Keys       *table
}

// compare makes the page one of several records.
func (p *page) compare(b *builder, in []Input, names []string) error {
	figures, missing, err := b.drawn(setsOf(in), "", 3, "compare")
	if err != nil {
		return err
	}
	p.Compare = &comparison{Verdicts: verdictsTable(in, names), Assertions: assertionsCompared(in, names), Figures: figures, Missing: missing, Keys: keysCompared(in, names)}
	p.Heading = fmt.Sprintf("%d records compared", len(in))
	p.Title = fmt.Sprintf("%s: %d of them passed", p.Heading, passed(in))
	p.Links = []link{{"verdict", "Verdicts"}}
	if len(figures)+len(missing) > 0 {
		p.Links = append(p.Links, link{"comparison", "Side by side"})
	}
	p.Links = append(p.Links, link{"key-figures", "Key figures"})
	for i, name := range names {
		p.Links = append(p.Links, link{fmt.Sprintf("record-%d", i+1), name})
	}
	return nil
}

// recordNames tell records apart, in the words of figures.
func recordNames(in []Input) []string { return plots.RecordNames(setsOf(in)) }

func setsOf(in []Input) []*series.Set {
	sets := make([]*series.Set, len(in))
	for i := range in {
		sets[i] = in[i].Set
	}
	return sets
}

// sideBySide is a table with a column a record.
func sideBySide(caption, rows string, names []string) *table {
	t := newTable(caption, rows)
	for _, n := range names {
		t.Columns = append(t.Columns, column{Name: n})
	}
	return t
}

func verdictsTable(in []Input, names []string) *table {
	t := sideBySide("What each record came to", "what", names)
	row := func(what string, of func(i int, s *summary.Measured) string) {
		cells := []cell{words(what)}
		for i := range in {
			cells = append(cells, words(of(i, in[i].Set.Summary)))
		}
		t.add(cells...)
	}
	verdicts := []cell{words("verdict")}
	for i := range in {
		v := verdictOf(in[i].Set.Summary)
		verdicts = append(verdicts, cell{Text: v.Word, State: v.Class})
	}
	t.add(verdicts...)
	row("because", func(_ int, s *summary.Measured) string { return sentence(verdictOf(s).Reason) })
	row("scenario", func(_ int, s *summary.Measured) string { return s.Scenario })
	row("warnings", func(_ int, s *summary.Measured) string { return strconv.Itoa(len(s.Warnings)) })
	row("record", func(i int, _ *summary.Measured) string { return in[i].Dir })
	var facets []string
	for i := range in {
		for _, f := range facts(in[i].Set.Summary) {
			if !slices.Contains(facets, f.Name) {
				facets = append(facets, f.Name)
			}
		}
	}
	for _, name := range facets {
		row(name, func(_ int, s *summary.Measured) string {
			for _, f := range facts(s) {
				if f.Name == name {
					return f.Value
				}
			}
			return ""
		})
	}
	return t
}

// assertionsCompared: what each assertion came to in each record.
func assertionsCompared(in []Input, names []string) *table {
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
		row := []cell{words(name)}
		for i := range in {
			var came []string
			for _, a := range in[i].Set.Summary.Assertions {
				if a.Name() == name {
					came = append(came, assertionVerdict(a)+", "+observed(a).Text)
				}
			}
			one := words(strings.Join(came, "; "))
			if len(came) > 0 && !held(in[i].Set.Summary, name) {
				one.State = "failed"
			}
			row = append(row, one)
		}
		t.add(row...)
	}
	return t
}

// held tells whether an assertion holds wherever it is made.
func held(s *summary.Measured, name string) bool {
	return !slices.ContainsFunc(s.Assertions, func(a summary.Assertion) bool { return a.Name() == name && !a.OK })
}

// keysCompared: the key figures of all records, a row each.
func keysCompared(in []Input, names []string) *table {
	t := sideBySide("Key figures", "figure", names)
	named := slices.ContainsFunc(in, func(one Input) bool { return several(one.Set.Summary, "limiter") })
	if !named {
		limiters := []cell{words("limiter")}
		for i := range in {
			limiters = append(limiters, words(limiterOf(in[i].Set.Summary)))
		}
		t.add(limiters...)
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
		row := []cell{words(name)}
		for i := range in {
			k, ok := by[i][name]
			if !ok {
				row = append(row, none)
				continue
			}
			row = append(row, cell{Text: k.Value.Text + detail(k)})
		}
		t.add(row...)
	}
	return t
}

// limiterOf a run that has one, "" none.
func limiterOf(s *summary.Measured) string {
	for _, g := range groups(s, "decisions", "limiter") {
		return g.tags[0]
	}
	return ""
}

func detail(k keyFigure) string {
	if k.Detail == "" {
		return ""
	}
	return " (" + k.Detail + ")"
}
