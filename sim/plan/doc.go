// Package plan compiles a scenario into a Plan: what is to run, with every
// reference resolved, every default filled in and every file read. A Plan is
// immutable; its text and hash say what it is.
//
// What flows in: a scenarios.Scenario and the kinds of limiter. What flows
// out: the Plan, its named random streams, its Arrivals, the sequence of
// requests that is fixed before anything runs, and its Accounts, each with a
// contract and a UsageStream, which is fixed too. Imported by sim/drive and
// cmd/.
package plan
