// Package present writes results in forms that people and other programs
// read. A section of a summary is built once, as a Table: a title, columns with
// their units, rows of typed cells, notes. Text, Markdown, CSV and the tables of
// plots/report's page are written from it. Beside these there are CSV of decisions
// and of verdicts on notices, HDR interval logs and HDR percentile text; and for
// CI the Go benchmark format, JUnit XML, the JSON of github-action-benchmark and
// of Bencher, and metrics pushed to a Prometheus Pushgateway. The JSON summary is
// summary.Summary itself.
//
//  1. sections.go, outcomes.go, shards.go and audit.go build the tables of a
//     summary, with numbers as models/metric/unit writes them.
//  2. table.go holds the data, write.go the writers of any table.
//  3. text.go puts the summary in order for a terminal.
//  4. Every other format has a file of its own.
//
// In flows a record or its summary, out flow bytes to a writer, or to a
// Pushgateway. Logs are made of observations while a run goes on, for a record
// that may not hold all of them. Figures are what is compared between runs: those
// of a summary, or as ReadBench finds them in a benchmark file. Nothing is
// computed here that is not in the record, its audit or its summary.
//
// results/compare, results/sweep, plots/report and cmd import it.
package present
