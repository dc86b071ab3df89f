// Package sweep is what came of a sweep: a scenario played many times with
// other values in some of its fields.
//
// In flows a Run for each play, with the numbers that the sweep's columns name
// and the verdict; out flows a Result: as JSON (sweep.json, which Read reads
// back), as a table for people and for Markdown, as CSV, as names for the
// benchmark format, and as what plots draw. A Result of the same runs is the
// same byte for byte, however many times the sweep was interrupted.
//
// A place is one combination of values of the axes. It has a run for each
// repeat; where there are several, a table has their median and range. What no
// run showed is unknown, and neither that nor an invalid run is ever on a Pareto
// front. Bisection is the search of one more axis, by a function that probes a
// value.
//
// cmd imports it.
package sweep
