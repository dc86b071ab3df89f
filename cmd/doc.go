// Package cmd is quotalab's command line: one file a verb, and Main, by which
// a binary of one's own adds limiters to the built-in ones.
//
// In flow arguments, the environment and files; out flow records, results on
// standard output, everything else on standard error, and an exit code (see
// exit.go). A run goes through the whole of quotalab:
//
//  1. load: scenarios.Load decodes, flags and environment override, plan.Check
//     and plan.Compile find the rest of the mistakes. Any mistake is exit 104,
//     and nothing is run.
//  2. play: drive.Run plays the plan into a record.Writer.
//  3. analyse: audit.Replay, measure.Measure and gate.Evaluate make the
//     summary, from the record alone, as report and export do.
//  4. show: the summary on standard output, the exports where -o says.
//
// Only main packages import it.
package cmd
