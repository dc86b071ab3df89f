// Package vectors reads the recorded vectors of the flagsmith engine and plays
// them against ours: one vector is some organisations, their usage, changes,
// evaluation times and faults, and what the real engine of a generation then
// sent.
//
// What flows in: the folder of vectors.jsonl. What flows out: for each vector
// a Result, which equals its Expect if the engine is right, and the
// evaluations, which results/audit judges. Imported by tests only.
package vectors
