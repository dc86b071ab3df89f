package report

import (
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io"

	"github.com/quotalab/quotalab/results/series"
)

// Input is one record.
type Input struct {
	Set     *series.Set // of series.Collect, its summary judged by gate.Judge
	Dir     string      // where the record is, "" unknown
	Plan    string      // text of the compiled plan, "" none
	Command string      // that makes the record again, "" unknown
}

// mostDrawn is how many records a comparing report has all figures and charts of.
const mostDrawn = 4

//go:embed assets/page.html assets/parts.html assets/style.css assets/report.js assets/charts.js assets/uplot/uPlot.iife.min.js assets/uplot/uPlot.min.css assets/uplot/LICENSE
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
	t, err := template.New("page.html").Funcs(functions).ParseFS(assets, "assets/page.html", "assets/parts.html")
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if err := t.Execute(w, page); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
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
