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
//  1. verdict.go, tables_*.go and causes.go turn a summary and its series into
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
