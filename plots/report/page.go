package report

import (
	"fmt"
	"html/template"
	"regexp"
	"slices"

	"github.com/quotalab/quotalab/results/series"
)

// page is what the template shows.
type page struct {
	inline
	Title   string
	Heading string
	Records []*recordView
	Compare *comparison // nil: one record
	Links   []link
}

// link of the table of contents.
type link struct{ ID, Text string }

// recordView is one record's part of the page.
type recordView struct {
	Input
	ID       string // of its part, and what its other ids begin with
	Name     string
	Level    int // of its headings
	Verdict  verdict
	Validity []string
	About    string
	Facts    []fact
	Keys     []keyFigure
	Warnings []string

	Assertions *table
	Figures    []figure
	Missing    []string // titles of figures without data, and what else is left out
	Of         string   // what all figures are of, "" each says it
	Explorer   *explorer
	Undrawn    string // why there are no figures, "" there are
	Causes     *table
	Glossary   []term
	Examples   []*table // of limiters' mistakes
	Tables     []*table
	Servers    []*table
	Provenance *table
}

// builder of a page.
type builder struct{ colours colours }

// functions of the templates.
var functions = template.FuncMap{
	"heading":  heading,
	"sentence": sentence,
	"tight":    tight,
	"plus":     func(a, b int) int { return a + b },
	"slot":     func(id string, t *table) tableSlot { return tableSlot{id, t} },
	"shown": func(list []*table) bool {
		return slices.ContainsFunc(list, func(t *table) bool { return len(t.Rows) > 0 })
	},
}

// tableSlot is a table and where it stands.
type tableSlot struct {
	ID    string
	Table *table
}

// heading of a level that can be linked to.
func heading(level int, id, text string) template.HTML {
	return template.HTML(fmt.Sprintf(`<h%d id="%s">%s</h%d>`, level, template.HTMLEscapeString(id), template.HTMLEscapeString(tight(text)), level))
}

var beforeUnit = regexp.MustCompile(`([0-9]) (%|[mµ]?s\b|min\b|h\b|d\b|days?\b|MiB\b)`)

// tight text breaks no line between a number and its unit.
func tight(s string) string { return beforeUnit.ReplaceAllString(s, "$1\u00a0$2") }

func newPage(in []Input) (*page, error) {
	var b builder
	p := &page{}
	names := []string{in[0].Set.Summary.Scenario}
	if len(in) > 1 {
		names = recordNames(in)
		if err := p.compare(&b, in, names); err != nil {
			return nil, err
		}
	}
	for i := range in {
		r, err := b.record(in, i, names[i])
		if err != nil {
			return nil, fmt.Errorf("record %s: %w", names[i], err)
		}
		p.Records = append(p.Records, r)
	}
	if len(in) == 1 {
		r := p.Records[0]
		p.Title, p.Heading, p.Links = r.Name+": "+r.Verdict.Word, r.Name, r.links()
	}
	var err error
	p.inline, err = newInline(b.colours.css())
	return p, err
}

// record's part of the page.
func (b *builder) record(in []Input, i int, name string) (*recordView, error) {
	set := in[i].Set
	s := set.Summary
	r := &recordView{Input: in[i], Name: name, Level: 2, Verdict: verdictOf(s), Validity: validity(s), About: s.About, Facts: facts(s), Keys: keyFigures(s, several(s, "limiter")), Warnings: s.Warnings}
	if len(in) > 1 {
		r.ID, r.Level = fmt.Sprintf("record-%d-", i+1), 3
	}
	r.tabulate(in[i])
	if len(in) > mostDrawn {
		r.Undrawn = fmt.Sprintf("Of more than %d records figures are drawn side by side only. For all figures of this one, make a report of it alone.", mostDrawn)
		return r, nil
	}
	var err error
	if r.Figures, r.Missing, err = b.drawn([]*series.Set{set}, r.ID, r.Level+1); err != nil {
		return nil, err
	}
	r.Of = ofAll(r.Figures)
	r.Explorer, err = b.explore(set, r.ID, r.Level)
	return r, err
}

// tabulate all that is known of a record.
func (r *recordView) tabulate(in Input) {
	set, s := in.Set, in.Set.Summary
	r.Assertions, r.Provenance = assertionsTable(s), provenanceTable(in)
	r.Causes, r.Glossary = causesTable(s), glossary(s)
	r.Examples = []*table{worstTable(s), deniedTable(s), hottestTable(set)}
	r.Tables = dataTables(set)
	if len(s.Servers) > 0 {
		r.Servers = serverTables(s)
	}
	if !several(s, "limiter") {
		for _, list := range [][]*table{r.Examples, r.Tables} {
			for _, t := range list {
				t.drop("limiter")
			}
		}
	}
}

// dataTables are what figures are drawn from, and all else that was measured.
func dataTables(set *series.Set) (list []*table) {
	s := set.Summary
	list = append(list, decisionsTable(s))
	list = append(list, latencyTables(s)...)
	list = append(list, errorTables(s)...)
	list = append(list, phaseTables(s)...)
	list = append(list, loadTable(set), balanceTable(s), disagreementTable(s), auditTable(s), sampledTable(s), envelopeTable(set))
	list = append(list, thresholdTables(set)...)
	list = append(list, timelineTables(set)...)
	return slices.DeleteFunc(list, func(t *table) bool { return len(t.Rows) == 0 })
}

// links to what a record's part holds.
func (r *recordView) links() []link {
	list := []link{{"verdict", "Verdict"}}
	add := func(there bool, id, text string) {
		if there {
			list = append(list, link{id, text})
		}
	}
	add(len(r.Warnings) > 0, "warnings", "Warnings")
	add(true, "scenario", "Scenario and plan")
	add(len(r.Figures)+len(r.Missing) > 0, "figures", "Figures")
	add(r.Explorer != nil, "explorer", "Explore over time")
	add(r.HasCauses(), "causes", "Causes and examples")
	add(len(r.Tables) > 0, "tables", "Tables")
	add(len(r.Servers) > 0, "servers", "Servers")
	add(true, "reproduce", "Versions and reproduction")
	return list
}

// HasCauses tells whether there is anything to explain.
func (r *recordView) HasCauses() bool {
	return len(r.Causes.Rows) > 0 || slices.ContainsFunc(r.Examples, func(t *table) bool { return len(t.Rows) > 0 })
}
