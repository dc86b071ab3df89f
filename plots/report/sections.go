package report

import (
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/present"
)

// Tables is a page of tables in sections, in the style of the report, for results that are of no
// single record.
type Tables struct {
	inline
	Title, Heading string
	Sections       []Section
}

// Section is a part of such a page.
type Section struct {
	Title  string
	Tables []*present.Table
}

// HTML writes the page: one file that needs nothing else and asks for nothing.
func (p Tables) HTML(w io.Writer) error {
	var err error
	if p.inline, err = newInline(new(colours).css()); err != nil {
		return fmt.Errorf("page: %w", err)
	}
	t, err := template.New("sections.html").Funcs(functions).ParseFS(assets, "assets/sections.html", "assets/parts.html")
	if err != nil {
		return fmt.Errorf("page: %w", err)
	}
	var html strings.Builder
	if err = t.Execute(&html, p); err == nil {
		_, err = io.WriteString(w, metric.PrintableText(html.String()))
	}
	if err != nil {
		return fmt.Errorf("page: %w", err)
	}
	return nil
}
