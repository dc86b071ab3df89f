// Package record is the file of a run: everything that happened, in the
// order in which it happened, and everything needed to judge it later on
// another machine without the simulator.
//
// In flows one Manifest and then one Observation after another, through a
// Writer. Out flow the same observations through a Reader, either in the
// order of writing or in the order in which they took effect on the shards.
// A run with usage-threshold engines also has Evaluations, each engine's looks
// at accounts in the order in which they ended, and Accounts, with the contract
// and all usage of each.
//
// A record is a directory:
//
//	manifest.json                        what it is a record of, its parts, its hash
//	plan.txt                             the compiled plan, for people
//	observations/part-00000.parquet …    rows, zstd, closed every so many rows
//	evaluations/part-00000.parquet …     the same, if there are engines
//	accounts/part-00000.parquet …        closed every so many instants of usage
//	summary.json                         what measure made of it
//	totals.json, *.hlog                  what was kept of all observations while a run
//	                                     went on in real time, or that does not record all
//
// The manifest is rewritten each time a part is closed, and the totals are saved. So a
// run that dies leaves a record that reads, and verifies, up to then.
//
// The drivers of sim and every package of results may import it. It knows
// neither scenarios nor limiters.
package record
