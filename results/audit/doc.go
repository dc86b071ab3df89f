// Package audit replays a record against the oracles of models/limits: was
// each decision the one that a correct limiter would have made?
//
// In flows a record, out flows a Result. One pass over the observations in
// the order in which they took effect:
//
//  1. An observation goes to the auditor of its limiter. Drops are not
//     decisions; errors and fail-opens have no outcome to compare, and those
//     that reached a key are counted as uncertain.
//  2. The oracle of each key peeks at the instant at which the limiter judged.
//     If the answers differ, that is over-admission or under-admission,
//     unless the limiter's clock is too coarse to tell: then it is ambiguous,
//     and the oracle adopts the limiter's outcome.
//  3. The oracle spends what *it* admitted. It runs free: after a fault it is
//     not set back, so a limiter that forgets spends is charged for each
//     admission that a correct one would have refused.
//  4. Independently, a level per key tells how far the admissions of the
//     limiter exceed burst + t/T in the worst window.
//
// The warm-up is replayed, so that the oracle is in step, but not counted.
// The order of effect must be known: records of real time are refused.
//
// Threshold engines are judged apart, account by account: JudgeThresholds sets
// what an engine did (its evaluations) against what models/usage says was due,
// and gives each obligation and each notice a verdict and its causes. Verdicts
// does so with a whole record: one pass over the accounts, of which it keeps what
// they were due, one over the evaluations, of which it keeps what can matter, and
// then engine by engine and account by account. Thresholds counts the verdicts.
//
// results/measure, results/export and cmd import it.
package audit
