// Package audit replays a record against the references of models/limits: was
// each decision the one that a correct limiter would have made?
//
// In flows a record, out flows a Result. One pass over the observations in
// the order in which they took effect:
//
//  1. An observation goes to the auditor of its limiter. Drops are not
//     decisions; errors and fail-opens have no outcome to compare, and those
//     that reached a key are counted as uncertain.
//  2. The reference of each key peeks at the instant at which the limiter judged.
//     If the answers differ, that is over-admission or under-admission,
//     unless the limiter's clock is too coarse to tell: then it is ambiguous,
//     and the reference adopts the limiter's outcome.
//  3. The reference spends what *it* admitted. It runs free: after a fault it is
//     not set back, so a limiter that forgets spends is charged for each
//     admission that a correct one would have refused.
//  4. Independently, a level per key tells how far the admissions of the
//     limiter exceed burst + t/T in the worst window.
//
// The warm-up is replayed, so that the reference is in step, but not counted.
//
// In a record of real time nobody saw when a request took effect: at some
// instant in [sent, done], by a clock that the limiter read there too. So the
// order is not known, and only what holds in every order counts: whatever
// instants are chosen, the replay above would find at least so many
// requests over, and at least so many denials wrong. Tests choose them all. One
// pass over the instants of sending and of being done, key by key:
//
//  1. Over-admission by windows (busy.go, keep). What was sent at s or later
//     and is done by t lies in [s, t] in every order, and no correct limiter
//     admits more than burst + (t − s + R)/T there, R being the resolution of
//     its clock. The count is the least number of allowed requests that must
//     be taken away so that no window holds more. If requests cost the same
//     it is exactly that, and if moreover none is under way within another's
//     time, some order has no more (up to whole nanoseconds); else it is a
//     lower bound. Which requests are over is not known, only how many; so of
//     a herd of 512 on a burst of 100 exactly 412 are over and 100 are
//     ambiguous.
//  2. The reference's TAT between two bounds: from below by the kept requests
//     that were done before, each as soon as it was sent (busy); from above
//     by all that may have taken tokens, errors included, each as late as it
//     can be (most.go). An allowed request that finds room even by the upper
//     bound is right, a denied one that finds none even by the lower bound
//     too. A denied one with room even by the upper bound, and a clock that
//     is read when it was sent, is under-admission. All others, but as many
//     as are counted as over, are ambiguous.
//  3. As the replay of virtual time lets the reference adopt what the clock does
//     not let us doubt, the bounds count on earlier ambiguous decisions being
//     right. That may turn what is ambiguous into right, never into a fault:
//     as long as the reference may have decided otherwise in another order
//     (bounds.settled), a fault counts only by number (1, and denials that
//     are all alike), not by the state.
//  4. The worst excess is that of what was certainly given in a window, over
//     burst + d/T. A RetryAfter is wrong if no order has it.
//
// Keys of a batch are audited one by one, and a request that is too many on
// several is over once. What a lost answer hides, commands that were sent
// again or executed after the client gave up, counts as spent by the upper
// bound (doubts.go). Requests that were answered at the instant they were sent
// are judged as in virtual time, which a test asserts. Only GCRA and token
// buckets have the envelope; of other algorithms nothing is known
// (Limiter.Unknown).
//
// Threshold engines are judged by results/quotaaudit; All joins both results.
//
// results/summary, results/present and cmd import it.
package audit
