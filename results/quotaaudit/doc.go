// Package quotaaudit judges usage-threshold engines from a record: did each
// account get the notices that were due, and no others?
//
// In flows a record, out flow verdicts. Judge compares what one engine did about
// one account (its evaluations) with what models/usage says was due, and gives
// each obligation and each notice a verdict and its causes. Verdicts does so with
// a whole record: one pass over the accounts, of which it keeps what they were
// due, one over the evaluations, of which it keeps what can matter, and then
// engine by engine and account by account. Replay counts the verdicts.
//
// results/audit, results/summary, results/present and plots/series import it.
package quotaaudit
