package report

import (
	"fmt"
	"io"

	"github.com/quotalab/quotalab/results/present"
)

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
