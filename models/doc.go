// Package models holds no code: it is the shelf for the pure mathematics of
// quotalab. No package below it does I/O, reads a clock or knows Redis; all of
// them may be imported by every folder to the right of models (sim, results,
// plots, cmd) and import nothing of this module themselves but heap, portable and
// metric/unit, which says how a number is written.
//
//   - traffic: rate curves λ(t), their integral and its inverse, and arrival times
//   - keys: populations that say which key a request carries
//   - limits: the rate-limit algorithms as exact sequential references, the oracles
//   - usage: billing periods and the ledger of threshold notices that were due
//   - network: distributions of delays and of service times
//   - metric: the names, units and conditions that assertions are written in
package models
