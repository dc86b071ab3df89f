// Package report writes what records came to, for people: an HTML file that
// opens offline, and a short Markdown form.
//
// In flow series.Sets with their summaries, out flows text. The HTML report is
// one file: figures (package plots) as inline SVG in both themes, tables that
// can be sorted and copied, charts over time with zoom. Its content security
// policy lets in the style sheet and scripts that it was written with, by
// their hashes, and nothing else: no request is possible, whatever a
// scenario or a key is named.
//
//  1. verdict.go, tables.go and causes.go turn a summary and its series into
//     words and tables of cells.
//  2. figures.go draws the figures, themed.go makes their colours variables
//     of the style sheet, explorer.go lists what the charts over time show.
//  3. page.go puts it in order, assets/ has the templates, style and scripts;
//     policy.go binds them together.
//  4. compare.go sets several records side by side, markdown.go writes the
//     short form.
//
// Without scripts, and on paper, figures and tables stand alone. Imported by
// cmd.
package report

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io"
	"regexp"
	"strings"
	"sync"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/plots/series"
	"github.com/quotalab/quotalab/results/present"
)

// page is what the template shows.
type page struct {
	frame
	Records []*recordView
	Compare *comparison // nil: one record
}

// frame is what every page has around what it is about.
type frame struct {
	inline
	Kind    string // what the page is: report
	Title   string
	Heading string
	Links   []link
}

var templates = sync.OnceValues(func() (*template.Template, error) {
	return template.New("").Funcs(functions).ParseFS(assets, "assets/*.html")
})

// write writes a page by its template, whose frame is that of all.
func write(w io.Writer, name string, page any) error {
	t, err := templates()
	var html strings.Builder
	if err == nil {
		err = t.ExecuteTemplate(&html, name, page)
	}
	if err == nil {
		_, err = io.WriteString(w, metric.PrintableText(html.String()))
	}
	if err != nil {
		return fmt.Errorf("page: %w", err)
	}
	return nil
}

type link struct{ ID, Text string }

// recordView is one record's part of the page.
type recordView struct {
	Input
	ID       string // of its part, and what its other ids begin with
	Name     string
	Level    int // of its headings
	Verdict  verdict
	Findings []finding
	Lead     *figure // of the first finding, nil: none shows it
	Validity []string
	About    string
	Facts    []present.Fact
	Keys     []keyFigure
	Warnings []string

	Assertions *present.Table
	Figures    []figure
	Missing    []string // titles of figures without data, and what else is left out
	Of         string   // what all figures are of, "" each says it
	Explorer   *explorer
	Undrawn    string // why there are no figures, "" there are
	Causes     *present.Table
	Examples   []*present.Table // of limiters' mistakes
	Tables     []*present.Table
	Servers    []*present.Table
	Provenance *present.Table
}

type builder struct{ colours colours }

var functions = template.FuncMap{
	"heading":  heading,
	"sentence": sentence,
	"tight":    tight,
	"plus":     func(a, b int) int { return a + b },
	"slot":     func(id string, t *present.Table) tableSlot { return tableSlot{id, t} },
	"class":    classOf,
	"long":     isLong,
	"note":     noteOf,
}

// tableSlot is a table and where it stands.
type tableSlot struct {
	ID    string
	Table *present.Table
}

// heading returns one of a level that can be linked to.
func heading(level int, id, text string) template.HTML {
	return template.HTML(fmt.Sprintf(`<h%d id="%s">%s</h%d>`, level, template.HTMLEscapeString(id), template.HTMLEscapeString(tight(text)), level))
}

var beforeUnit = regexp.MustCompile(`([0-9]) (%|[mµ]?s\b|min\b|h\b|d\b|days?\b|MiB\b)`)

// tight returns text that breaks no line between a number and its unit.
func tight(s string) string { return beforeUnit.ReplaceAllString(s, "$1\u00a0$2") }

func newPage(in []Input) (*page, error) {
	var b builder
	p := &page{frame: frame{Kind: "report"}}
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

func (b *builder) record(in []Input, i int, name string) (*recordView, error) {
	set := in[i].Set
	s := set.Summary
	r := &recordView{Input: in[i], Name: name, Level: 2, Verdict: verdictOf(s), Findings: findings(s), Validity: validity(s), About: s.About, Facts: present.Facts(s), Keys: keyFigures(s, present.Several(s, "limiter")), Warnings: s.Warnings}
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
	r.show()
	r.Explorer, err = b.explore(set, r.ID, r.Level)
	return r, err
}

func (r *recordView) links() []link {
	list := []link{{"verdict", "Verdict"}}
	add := func(there bool, id, text string) {
		if there {
			list = append(list, link{id, text})
		}
	}
	add(true, "evidence", "Assertions and key figures")
	add(len(r.Warnings) > 0, "warnings", "Warnings")
	add(len(r.Figures)+len(r.Missing) > 0, "figures", "Figures")
	add(r.Explorer != nil, "explorer", "Explore over time")
	add(r.HasCauses(), "causes", "Causes and examples")
	add(len(r.Tables) > 0, "tables", "Tables")
	add(len(r.Servers) > 0, "servers", "Servers")
	add(true, "scenario", "Scenario and plan")
	add(true, "reproduce", "Versions and reproduction")
	return list
}

// HasCauses reports whether there is anything to explain.
func (r *recordView) HasCauses() bool { return r.Causes != nil || len(r.Examples) > 0 }

// inline are the style sheets and scripts of a page, and the policy that lets
// in these alone.
type inline struct {
	Policy  string
	Styles  template.HTML
	Scripts template.HTML
}

// newInline reads the assets and adds the style sheet that declares colours, and more scripts.
func newInline(colours string, more ...string) (inline, error) {
	styles, err := readAll("uplot/uPlot.min.css", "style.css")
	if err != nil {
		return inline{}, err
	}
	scripts, err := readAll(append([]string{"uplot/uPlot.iife.min.js", "charts.js", "report.js"}, more...)...)
	if err != nil {
		return inline{}, err
	}
	licence, err := readAll("uplot/LICENSE")
	if err != nil {
		return inline{}, err
	}
	page := inline{Scripts: template.HTML("<!-- The first script is uPlot, and the first style sheet.\n" + licence[0] + "-->\n")}
	var styleHashes, scriptHashes []string
	for _, s := range append(styles, colours) {
		page.Styles += template.HTML("<style>" + s + "</style>\n")
		styleHashes = append(styleHashes, hashOf(s))
	}
	for _, s := range scripts {
		page.Scripts += template.HTML("<script>" + s + "</script>\n")
		scriptHashes = append(scriptHashes, hashOf(s))
	}
	page.Policy = "default-src 'none'; style-src " + strings.Join(styleHashes, " ") + "; script-src " + strings.Join(scriptHashes, " ") +
		"; img-src data:; base-uri 'none'; form-action 'none'"
	return page, nil
}

// readAll assets.
func readAll(names ...string) (texts []string, err error) {
	for _, name := range names {
		b, err := assets.ReadFile("assets/" + name)
		if err != nil {
			return nil, err
		}
		if err := standsAlone(name, string(b)); err != nil {
			return nil, err
		}
		texts = append(texts, string(b))
	}
	return texts, nil
}

// standsAlone tells whether an asset ends no sooner than the element or comment
// that it stands in.
func standsAlone(name, text string) error {
	ends := []string{"</script", "</style", "<!--"}
	if strings.HasSuffix(name, "LICENSE") {
		ends = []string{"-->"}
	}
	for _, end := range ends {
		if strings.Contains(strings.ToLower(text), end) {
			return fmt.Errorf("asset %s holds %q: it cannot stand in a page", name, end)
		}
	}
	return nil
}

// hashOf returns that of the text between the tags of an element, as a policy has it.
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// Input is one record.
type Input struct {
	Set     *series.Set // of series.Collect, its summary judged by gate.Judge
	Dir     string      // where the record is, "" unknown
	Plan    string      // text of the compiled plan, "" none
	Command string      // that makes the record again, "" unknown
}

// mostDrawn is how many records a comparing report has all figures and charts of.
const mostDrawn = 4

//go:embed assets/*.html assets/*.css assets/*.js assets/uplot/uPlot.iife.min.js assets/uplot/uPlot.min.css assets/uplot/LICENSE
var assets embed.FS

// HTML writes the report of one record, or a comparison of several: one file
// that needs nothing else and asks for nothing.
func HTML(w io.Writer, in []Input) error {
	if err := check(in); err != nil {
		return err
	}
	page, err := newPage(in)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return write(w, "page.html", page)
}

func check(in []Input) error {
	if len(in) == 0 {
		return errors.New("report: no record given: expected one or more")
	}
	for i := range in {
		if in[i].Set == nil || in[i].Set.Summary == nil {
			return fmt.Errorf("report: record %d of %d has no series or no summary: expected those of series.Collect", i+1, len(in))
		}
	}
	return nil
}

// Tables is a page of tables in sections, in the style of the report, for results that are of no
// single record.
type Tables struct {
	Title, Heading string
	About          string // "" nothing
	Sections       []Section
}

// Section is a part of such a page.
type Section struct {
	Title   string
	Tables  []*present.Table
	Figures []figure
	Missing []string // titles of figures without data
}

// HTML writes the page: one file that needs nothing else and asks for nothing.
func (p Tables) HTML(w io.Writer) error { return p.write(w, &builder{}) }

func (p Tables) write(w io.Writer, b *builder) error {
	styles, err := newInline(b.colours.css())
	if err != nil {
		return fmt.Errorf("page: %w", err)
	}
	around := frame{inline: styles, Kind: "report", Title: p.Title, Heading: p.Heading}
	for i, s := range p.Sections {
		around.Links = append(around.Links, link{fmt.Sprintf("section-%d", i+1), s.Title})
	}
	return write(w, "sections.html", struct {
		frame
		About    string
		Sections []Section
	}{around, p.About, p.Sections})
}
