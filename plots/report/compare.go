package report

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/quotalab/quotalab/results/measure"
	"github.com/quotalab/quotalab/results/series"
)

// comparison of several records, one column each.
type comparison struct {
	Verdicts   *table
	Assertions *table
	Figures    []figure
	Keys       *table
}

// compared are the kinds of figures that show records side by side.
func compared(kind string) bool { return slices.Contains([]string{"compare", "sweep"}, kind) }

// compare makes the page one of several records.
func (p *page) compare(b *builder, in []Input, names []string) error {
	sets := make([]*series.Set, len(in))
	for i := range in {
		sets[i] = in[i].Set
	}
	figures, _, err := b.drawn(sets, "", 3, compared)
	if err != nil {
		return err
	}
	p.Compare = &comparison{Verdicts: verdictsTable(in, names), Assertions: assertionsCompared(in, names), Figures: figures, Keys: keysCompared(in, names)}
	p.Heading = fmt.Sprintf("%d records compared", len(in))
	p.Title = fmt.Sprintf("%s: %d of them passed", p.Heading, passed(in))
	p.Links = []link{{"verdict", "Verdicts"}}
	if len(figures) > 0 {
		p.Links = append(p.Links, link{"comparison", "Side by side"})
	}
	p.Links = append(p.Links, link{"key-figures", "Key figures"})
	for i, name := range names {
		p.Links = append(p.Links, link{fmt.Sprintf("record-%d", i+1), name})
	}
	return nil
}

// recordNames tell records apart: by scenario, else by directory, else by
// number.
func recordNames(in []Input) []string {
	scenarios, dirs := make([]string, len(in)), make([]string, len(in))
	for i := range in {
		scenarios[i] = in[i].Set.Summary.Scenario
		dirs[i] = filepath.Base(in[i].Dir)
	}
	if distinct(scenarios) {
		return scenarios
	}
	if distinct(dirs) {
		return dirs
	}
	for i := range scenarios {
		scenarios[i] = fmt.Sprintf("%s (%d)", scenarios[i], i+1)
	}
	return scenarios
}

func distinct(names []string) bool {
	sorted := slices.Sorted(slices.Values(names))
	return len(slices.Compact(sorted)) == len(names)
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
	t := sideBySide("Verdicts", "what", names)
	row := func(what string, of func(i int, s *measure.Summary) string) {
		cells := []cell{words(what)}
		for i := range in {
			cells = append(cells, words(of(i, in[i].Set.Summary)))
		}
		t.add(cells...)
	}
	row("verdict", func(_ int, s *measure.Summary) string { return verdictOf(s).Word })
	row("because", func(_ int, s *measure.Summary) string { return verdictOf(s).Reason })
	row("scenario", func(_ int, s *measure.Summary) string { return s.Scenario })
	row("warnings", func(_ int, s *measure.Summary) string { return strconv.Itoa(len(s.Warnings)) })
	var facets []string
	for i := range in {
		for _, f := range facts(in[i].Set.Summary) {
			if !slices.Contains(facets, f.Name) {
				facets = append(facets, f.Name)
			}
		}
	}
	for _, name := range facets {
		row(name, func(_ int, s *measure.Summary) string {
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
	type key struct{ metric, check string }
	var order []key
	for i := range in {
		for _, a := range in[i].Set.Summary.Assertions {
			if k := (key{a.Metric, a.Check}); !slices.Contains(order, k) {
				order = append(order, k)
			}
		}
	}
	for _, k := range order {
		row := []cell{words(k.metric + ": " + k.check)}
		for i := range in {
			var came []string
			for _, a := range in[i].Set.Summary.Assertions {
				if (key{a.Metric, a.Check}) == k {
					came = append(came, assertionVerdict(a)+", "+observed(a).Text)
				}
			}
			row = append(row, words(strings.Join(came, "; ")))
		}
		t.add(row...)
	}
	return t
}

// keysCompared: the key figures of all records, a row each.
func keysCompared(in []Input, names []string) *table {
	t := sideBySide("Key figures", "figure", names)
	var order, limiters []string
	by := make([]map[string]keyFigure, len(in))
	for i := range in {
		for _, g := range groups(in[i].Set.Summary, "decisions", "limiter") {
			limiters = append(limiters, g.tags[0])
		}
	}
	named := len(slices.Compact(slices.Sorted(slices.Values(limiters)))) > 1
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
			row = append(row, cell{k.Value.Text + detail(k), ""})
		}
		t.add(row...)
	}
	return t
}

func detail(k keyFigure) string {
	if k.Detail == "" {
		return ""
	}
	return " (" + k.Detail + ")"
}
