// Package usage is the exact arithmetic of usage thresholds: what an account
// was due to be told, and when. It is the oracle that the threshold engines
// are judged against.
//
// In flow the usage events of one account, its contract (which limit, counted
// over which period, from when) and the thresholds in percent. Out flow
// obligations:
//
//  1. A Contract says at each instant which Segment of it applies, and thereby
//     the period or rolling window that is counted (PeriodAt).
//  2. U(t) is the sum of the units in that period up to t. Threshold T of limit
//     L is reached when 100·U(t) ≥ T·L, that is U(t) ≥ Need(T, L).
//  3. The first instant of a period at which T is reached is a Crossing, and
//     makes one Obligation. In a rolling window each excursion makes one: it
//     ends when U falls below (T − Hysteresis) percent.
//
// Instants are Unix nanoseconds, so 1678 to 2262; the calendar is UTC; units
// and limits are integers, and so is all arithmetic. Nothing here reads a
// clock, rounds through floating point or keeps global state.
//
// The package imports the standard library only; results/audit, sim and cmd
// import it.
package usage
