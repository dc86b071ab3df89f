// Package limits holds rate-limiting algorithms as exact, sequential
// references: the references that a recorded run is replayed against.
//
// In flow the limit of one key, the instants of its requests (nanoseconds
// after the run's epoch) and their costs in tokens; out flow decisions. A
// Bucket is the state of one key under one algorithm:
//
//  1. Peek says what a request would be told, and changes nothing. Alone it
//     is a check-only request.
//  2. Spend takes the tokens, whatever Peek said. After an allowing Peek it
//     completes a request; alone it is a spend-only request.
//  3. Refund gives tokens back, at most to full. Reset makes the bucket full.
//
// Whose limit applies to a key (overrides) is the caller's business, and so
// is the order of requests: nothing here locks, reads a clock, rounds through
// floating point or draws at random.
//
// Every algorithm here has one useful shape: for a fixed state and cost there
// is an instant b, the boundary, so that a request at now is allowed if and
// only if now ≥ b. Each file computes its b and states why; RetryAfter and
// Margin follow from it in one place (see at).
//
// The package imports the standard library only; results/audit and the tests
// of sim/limiter import it.
package limits
