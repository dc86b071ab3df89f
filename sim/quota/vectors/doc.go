// Package vectors reads the recorded vectors of the flagsmith engine and plays
// them against ours: one vector is some organisations, their usage, changes,
// evaluation times and faults, and what the real engine of a generation then
// sent.
//
// What flows in: the folder of vectors.jsonl. What flows out: for each vector
// a Result, which equals its Expect if the engine is right, and the
// evaluations, which results/quotaaudit judges. All but this comment is tests.
package vectors
