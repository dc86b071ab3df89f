// Package series turns a record into what figures draw, as plain numbers.
//
// In flow a record, the result of its audit and its summary; out flows a Set,
// which plots and plots/report draw and which knows nothing of drawing. What
// the summary or the audit knows already is taken from there, so that a figure and
// a table of the same run agree to the last digit. The rest takes one pass over the
// observations and, if there are engines, one over the accounts and evaluations.
//
// The rule of what counts is that of measure: an observation whose Intended lies
// in the warm-up is left out. Intervals are by Intended too. Instants and
// times are seconds, instants since the run's epoch.
//
// What cannot be known is empty (a number: NaN), never zero: of a record that
// holds some of the observations or none, of a run without an oracle, of a run
// without traffic. Figures then say that there are no data.
//
// A line has at most MaxPoints points, whatever the length of the run; two Sets
// of one record are equal.
package series
