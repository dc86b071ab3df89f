// Package measure turns a record into metrics: the names, units and tags of
// models/metric, with numbers.
//
// In flow a record and the result of its audit, out flows a Summary, which
// marshals to the JSON summary and which results/gate judges and
// results/export prints. Steps:
//
//  1. One pass over the observations feeds small accumulators, one file
//     each: outcomes, errors, drops, commands by shard, keys, telemetry.
//     Observations of the warm-up are left out (of all but telemetry, which
//     is about the whole run too).
//  2. Each accumulator makes its metrics, in the catalogue's order and, within
//     a metric, in the manifest's order of sources, limiters and clients.
//     Those of usage-threshold engines come from the audit alone.
//  3. The run judges itself (validity), and warnings say in words what is
//     odd and why.
//
// What was not observed is absent, never zero. Two summaries of one record
// are byte for byte the same.
package measure
