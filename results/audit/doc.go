// Package audit judges the decisions in a record by what the limiter's
// algorithm promises: how much was admitted that should not have been, and what
// was denied that would have fitted?
//
// In flows a record, out flows a Result. The terms, the same in both clocks:
//
//   - The promise of a limit is what its algorithm bounds in every window: burst +
//     t/T for GCRA and buckets, the algorithm's own bound for each other reference
//     of models/limits (see limits.Promise).
//   - Over-admission is the least number of admissions that must be taken away so
//     that the others keep the promise; where requests cost differently, the least
//     number of tokens. Fail-open requests were admitted too.
//   - Under-admission is the number of denials that would have fitted into the
//     promise, given what was really admitted on that key.
//   - The worst excess is the most tokens above the promise in any window, with the
//     window's key and instants.
//   - Divergence is the number of decisions in which a reference that runs free and
//     spends only what it admits itself says otherwise. One phase shift makes it
//     count on both sides, so it is a diagnostic and no measure of harm.
//
// In virtual time the order in which decisions took effect is recorded, and one
// pass in that order suffices:
//
//  1. An observation goes to the auditor of its limiter. Drops are not
//     decisions. An error that reached a key may have taken tokens: it is counted
//     as uncertain, and a denial that it may explain is ambiguous.
//  2. The promise of each key judges the request at the instant at which the
//     limiter read its clock. If the clock is too coarse to tell, the answer is
//     ambiguous and counts as right.
//  3. An admission that does not fit beside those kept before it is over. Whether
//     a denied request would have fitted is asked of all that was admitted.
//
// A request that takes from several keys is over once, at the first limit that
// has no room. Across keys the count need not be the least, since to take away
// one request may make room on several.
// The warm-up is replayed, so that the buckets are in step, but not counted.
//
// In a record of real time nobody saw when a request took effect: at some
// instant in [sent, done], by a clock that the limiter read there too. So the
// order is not known, and only what holds in every order counts; tests choose
// them all. One pass over the instants of sending and of being done, key by key:
//
//  1. What was sent at s or later and is done by t lies in [s, t] in every order,
//     and the promise leaves no more than burst + (t − s + R)/T there, R being the
//     resolution of the limiter's clock. Over-admission is the least number that
//     must be taken away so that no window holds more (busy, keep). Which requests
//     are over is not known, only how many; so of a herd of 512 on a burst of 100
//     exactly 412 are over and 100 are ambiguous.
//  2. The TAT of all that was admitted lies between two bounds: from below by the
//     requests that were done before, each as early as it was sent (busy); from
//     above by all that may have taken tokens, errors included, each as late as it
//     can be (most). A denied request with room even by the upper bound is
//     under-admission, one without room even by the lower bound is right; what is
//     neither is ambiguous.
//  3. The worst excess is that of what was certainly given in a window.
//
// Keys of a batch are audited one by one, and a request that is too many on
// several is over once. What a lost answer hides, commands that were sent
// again or executed after the client gave up, counts as spent by the upper
// bound. Requests that were answered at the instant they were sent are judged
// as in virtual time, which a test asserts. Of algorithms that are no buckets
// nothing is known in real time (Limiter.Unknown).
//
// A limiter that declares no algorithm is judged by the envelope burst + t/T of
// its limit, and only the worst excess is known of it.
//
// Threshold engines are judged by results/quotaaudit; All does both.
//
// results/summary, results/present and cmd import it.
package audit
