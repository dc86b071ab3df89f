// Package measure turns a record into metrics: the names, units and tags of
// models/metric, with numbers.
//
// In flow a record and the result of its audit, out flows a Summary, which
// marshals to the JSON summary and which results/gate judges and
// results/export prints. Steps:
//
//  1. One pass over the observations feeds small accumulators, one file
//     each: outcomes, errors, drops, commands by shard, keys, telemetry, the
//     generator's schedule. Observations of the warm-up are left out (of all but
//     telemetry, which is about the whole run too). In a run with faults the
//     outcomes of the phases before, during and after them are apart. Of a
//     record that does not hold all observations the pass was made while the run
//     went on, by Totals, without what is known of single keys.
//  2. Each accumulator makes its metrics, in the catalogue's order and, within
//     a metric, in the manifest's order of sources, limiters and clients.
//     Those of usage-threshold engines come from the audit alone, those of
//     live servers from the manifest.
//  3. The run judges itself (schedule, validity), and warnings say in words what is
//     odd and why.
//
// A Monitor looks at single conditions while a run goes on, by the code that
// looks at windows of a record (sliding).
//
// What was not observed is absent, never zero. Two summaries of one record
// are byte for byte the same.
package measure
