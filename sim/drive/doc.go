// Package drive runs a plan: it starts every request at its intended
// instant, sends it through the clients to the limiters, and writes what
// came of it to the record.
//
// What flows in: a plan.Plan and a Sink. What flows out: one Observation for
// each decision, error and drop, and a Result. Imported by cmd/.
package drive
