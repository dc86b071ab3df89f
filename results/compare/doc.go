// Package compare tells two sets of runs apart, figure by figure, and judges
// by rules whether the new ones are worse.
//
// In flow the summaries of runs (measure.Summary) and benchmark files (of
// export.Bench or any other program), each on one of two sides:
//
//  1. Side.AddSummary, Side.AddBench collect the values of each figure over the
//     runs of a side.
//  2. Compare puts the sides together: a Row for each figure, with its
//     Verdict, the worst first.
//  3. Judge gives each row the first Rule that matches it, and says what
//     passed, what failed and what cannot be told. A p-value or χ² is information:
//     it is listed, and no rule judges it.
//  4. Text, CSV, Markdown and JSON write the rows.
//
// # Exact figures
//
// In virtual time the same scenario always gives the same. Any difference is a
// difference, also from 0. Runs of one side that contradict one another are
// unknown.
//
// # Figures of real time
//
// They vary from run to run. Whether two sides differ is told by the
// Mann-Whitney U test (golang.org/x/perf/benchmath, two-sided, exact up to 50
// runs a side); by how much, by the Hodges-Lehmann estimate: the median of the
// differences between each new run and each base run, relative to the base's
// median, with the confidence interval that goes with the test (Hollander,
// Wolfe, Chicken: Nonparametric Statistical Methods, 3rd edition, 4.2 and 4.3). With
// fewer than MinRuns runs of a side the verdict is unknown: the test could
// hardly tell anything.
//
// A gate looks at many figures at once, so chance alone would make some look
// worse. Judge corrects for it over all figures of real time together (Holm: A
// simple sequentially rejective multiple test procedure, Scandinavian Journal of
// Statistics 6, 1979): the probability that any of them fails, where the
// sides do not differ, is at most alpha, whatever the dependence between them.
// Only getting worse fails, so the test is one-sided where a direction is
// better. Figures that are the same in all runs cannot fail and do not count
// (Tarone, Biometrics 46, 1990).
//
// # Power
//
// A gate of ten runs a side, with a tolerance of 5 % and alpha 5 % over 30
// figures, catches one that is 10 % slower with a probability of 99 % where the
// figure varies by 3 % from run to run (standard deviation of its logarithm),
// of 90 % at 4 % and of 70 % at 5 %. TestPower and TestFalseAlarms print the
// numbers.
//
// Both hold for runs that differ in nothing but the side: interleave them.
// A baseline of another day also tells the days apart.
//
// cmd imports it.
package compare
