// Package threshold holds the engines that tell an account when its usage has
// reached a share of its limit: one engine a file, behind two interfaces.
//
// A polling engine is built from parts that are small interfaces, so that the
// same rules run in a test on recorded vectors, in virtual time and live:
//
//  1. A run (Poller.Poll) goes through the Accounts. Their plans, billing dates
//     and cached totals are the engine's knowledge, which may be wrong.
//  2. For each it asks the UsageSource how much was used since an instant. The
//     source decides what it can see: stamps, lag, outages (see View and
//     Unreliable over one table of Events).
//  3. It looks in its memory whether the notice went out before: Log, as
//     flagsmith has it, or Claims, which are unique.
//  4. It hands the notice to the Mailer, which takes time and may fail.
//  5. It reports what it did and why to the Sink, one record.Evaluation for
//     each account of each run.
//
// What flows in: those parts and options. What flows out: notices and
// evaluations. Instants and durations are nanoseconds, instants since 1970;
// the calendar is UTC; there are no floats. Nothing here reads the wall clock:
// parts that take time call Sleep. Imported by sim/ and cmd/.
package threshold
