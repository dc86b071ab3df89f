// Package present writes results in forms that people and other programs
// read: the text summary, CSV of decisions and of verdicts on notices, HDR
// interval logs and HDR percentile text; and for CI the Go benchmark format,
// JUnit XML, the JSON of github-action-benchmark and of Bencher, and metrics
// pushed to a Prometheus Pushgateway. The JSON summary is measure.Summary
// itself.
//
// In flows a record or its summary, out flow bytes to a writer, or to a
// Pushgateway. Logs are made of observations while a run goes on, for a record
// that may not hold all of them. Figures are what is compared between runs: those
// of a summary, or as ReadBench finds them in a benchmark file. Nothing is
// computed here that is not in the record, its audit or its summary. One
// format a file.
//
// results/compare and cmd import it.
package present
