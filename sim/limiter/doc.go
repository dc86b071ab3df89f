// Package limiter holds the rate limiters under test: one adapter a file
// behind one interface, and Builtin, the table of them.
//
// What flows in: an Env with the client's Ring, clock, limits and options.
// What flows out: Decisions. An adapter does not measure anything: round
// trips, key states and latencies are observed on the wire. Imported by sim/
// and cmd/.
//
// The families below are told by what quotalab certify finds of their kinds here
// (docs/certify.md): the commands of a decision, what is promised of a limit of 100, and
// the property that shows where the family ends.
//
// # GCRA: tat, boulder, redis_rate, throttled
//
// The key holds one instant, at which the bucket is full again (92 B). Promise: in any time t
// no more than burst + t/T tokens, T the emission interval, and what is denied is told
// exactly when to come back. By one script (tat with write lua, redis_rate) a decision is one
// command. Where a client reads and then writes (tat with set, incr, setnx, boulder) a denial
// is one round trip and an admission two; throttled takes two commands to deny, three or four
// to admit. Where it ends: race, for whoever reads before writing (413 of 512 too
// many with set, 92 with incr and setnx, 488 calls that give up in throttled); clock, for whoever
// judges by the client's (boulder, tat but lua); change, since the stored instant means other
// tokens under another limit (825 wrong denials); window, for incr, in which idle time becomes
// credit (150 of a burst of 100).
//
// # Token bucket: token_bucket
//
// The key is a hash of tokens and the instant that they were counted at (135 B). Promise: as
// GCRA's where tokens come back continuously; at intervals a whole refill may come right after a
// burst, so that a time of one period holds twice the limit (199). One script, one command a decision.
// Where it ends: window for refills at intervals; change.
//
// # Leaky bucket: leaky_bucket
//
// The mirror of the token bucket: a hash of the content and when it was looked at
// (135 B), that leaks at the limit's rate. It is a meter here: what does not fit is denied, and does not wait.
// Promise and property as a continuous token bucket's. Lua takes one command; split takes two
// for an admission, and 63 callers too many pass a burst of one (race).
//
// # Fixed window: fixed_window, ulule
//
// A counter with a deadline (85 B, with the window in its name 105 B). Promise: the limit in each window, by Unix
// time, from the first request, or by a calendar; so twice the limit in a stretch around an edge
// (199). One script, one command; INCR with EXPIRE has two. Where it ends: window, whose promise
// allows that edge; reset, for INCR with EXPIRE, whose counter keeps no deadline if the
// connection dies in between; clock, where the client names the window; hygiene for daily and
// monthly windows, whose keys stay for two hours and more.
//
// # Sliding counter: sliding_counter
//
// Two counters in a hash stand for the log of the last period (135 B). Promise: the limit by
// that estimate, 100 in the tests above, and in theory more than a log's where the
// last window was not evenly used. Lua takes one command, split two for an admission. Where it
// ends: race for split; cost, since of a limit of 1 a day the estimate denies a key that is used
// every 25 hours, which a log does not.
//
// # Sliding log: sliding_log
//
// A sorted set of all admissions. Promise: never more than the limit in any period, and no
// request that fits is denied. One script of several commands. Where it ends: hygiene's memory, which
// grows with the limit (115 B after one request, 3.6 kB after 100, where a counter has 85 B);
// race and exactness, where members are instants, so that those of one microsecond are one entry
// (413 too many).
package limiter
