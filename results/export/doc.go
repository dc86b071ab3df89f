// Package export writes results in forms that people and other programs
// read: the text summary, CSV of decisions and of verdicts on notices, HDR
// interval logs and HDR percentile text. The JSON summary is measure.Summary
// itself.
//
// In flows a record or its summary, out flow bytes to a writer. Logs are made
// of observations while a run goes on, for a record that may not hold all of
// them. Nothing is
// computed here that is not in the record, its audit or its summary. One
// format a file.
//
// cmd imports it.
package export
