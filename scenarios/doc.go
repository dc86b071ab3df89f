// Package scenarios is the scenario language: what traffic grows how, over
// which keys, against which limiters, through which clients and shards.
//
// In: the text of a YAML file. Out: a Scenario with every default filled in
// and the place of everything written, or Problems: every mistake at once,
// each with file, line, column and an excerpt; of a scenario with a sweep also
// its cells, each a Scenario of its own. Imported by sim/plan, which compiles a
// Scenario, and by cmd. Imports the standard library, the YAML
// and JSON Schema packages, and models/metric for the words of assertions.
//
// # The language
//
// The smallest scenario, and then the rest of the language by block. The
// types below say every field, and Schema says the same to an editor.
//
//	# yaml-language-server: $schema=schema.json
//	name: steady
//	about: Five hundred requests a second over ten thousand tenants.
//	horizon: 10m
//	keys:
//	  tenants: {zipf: {n: 10_000, s: 1.1}}
//	traffic:
//	  calls: {rate: 500/s, keys: tenants}
//	limiters:
//	  gcra: {kind: tat, limit: {count: 10, period: 1s, burst: 20}, options: {write: lua}}
//	assert:
//	  latency{limiter=gcra,decision=allowed}: ["p(99) < 5ms"]
//	  over_admission: ["count == 0"]
//
// Scalars: durations 90s, 5ms, 1h30m, 30d (a day is 24 h; a unit is always
// written); rates 500/s, 12/h, 3/m, 1/d; numbers 1_000_000, 1e6, 0.5;
// fractions 2% or 0.02; instants 2026-01-01T00:00:00Z. Names of entries have
// letters, digits, _ and -. Anchors, aliases, merge keys and tags of YAML are
// not part of the language.
//
// Run: seed, epoch, horizon, warmup (played, left out of metrics), clock
// (virtual), max_lag (above which a run is invalid), observations (all,
// sampled with a sample_rate, or none are recorded).
//
// shards: count or names, zones, service and scripts (time for a command).
// Every limiter has such a set of its own. network: rtt, and links between a
// client's and a shard's zone. A Distribution is a bare duration (constant)
// or one of constant, exponential, lognormal, gamma, pareto, empirical.
//
// keys: populations by name, each one of uniform, zipf, hot_set, fresh,
// churn, growing, sequence, from_trace, mix (of other populations) and derive
// (address to range, id to group), written out as name, id, ipv4, ipv6 or
// domain. All derivations of one population share a request's draw.
//
// clients: processes by name, each with a Ring of its own: does (take, check
// or spend), instances, shard_names, clock_offset, zone. None: one client
// "default" that takes.
//
// traffic: sources by name. rate is a bare rate (constant) or one of
// constant, ramp, exponential, logistic, steps, diurnal, spike, on_off, herd,
// replay, or a sum, product or then of those. gaps: poisson, even, gamma,
// pareto. keys names the population that keys come from; batch instead takes
// from several limits at once. via lists the clients that a request passes in
// order; on_denial is none or retry; on_error, cost, pause, max_in_flight.
//
// limiters: by name, each a kind with limit or limits (count per period, with
// a burst), overrides of single keys, and options, which the kind reads
// itself: kinds and options, also of engines, are checked by sim/plan, with Scenario.Problem
// for the place.
//
// assert: metric{tag=value,…}: conditions; the words are models/metric's.
//
// accounts: groups of accounts by name, each a count of accounts with a plan
// (paid, counted by billing periods from an anchor; free, by the last 30
// days), a limit, recipients, changes of the contract, and usage: how much in
// percent of the limit (of_limit), in which form over time (shape), spread how
// over accounts (scale), drawn how (draw), with corrections; or from a traffic
// source. usage_batch: usage is counted in batches. engines: usage-threshold
// engines by name, each a kind with options, when it runs (every, offset,
// account_time, overlap, flag_from), thresholds, its usage source, its cache
// and its mail. A scenario has traffic and limiters, or accounts and engines,
// or both.
//
// faults: what goes wrong, each entry at an instant, some for a time: exactly
// one of restart, down, frozen, delay, bandwidth, reset, rename, add, clock,
// flush_scripts, read_only and out_of_memory. See Fault.
//
//	name: growth
//	horizon: 90d
//	accounts:
//	  startups:
//	    count: 300
//	    limit: 100_000
//	    anchor: {month_ends: {months: 14}}
//	    usage: {of_limit: 110%, shape: {ramp: {from: 1/s, to: 4/s}}, scale: {lognormal: {p99: 4}}}
//	    changes: [{at: 20d, limit: 200_000}]
//	engines:
//	  g13: {kind: flagsmith, options: {generation: G13}, every: 12h, overlap: true}
//	  catch_up: {kind: catch_up, source: {lag: 5m, outages: [{from: 3d, for: 6h}]}}
//	faults:
//	  - {at: 15d, restart: {shard: shard-1}}
//
// clock: real runs in wall time on live Redis. Conditions of assert are judged
// at the end; with over also in every window of that length, and with
// abortOnFail, after delayAbortEval, while the run goes on, which the first
// failure ends. The last two are of metrics to which every request adds
// (metric.Metric.PerRequest).
//
// # Sweeps
//
// sweep: fields that vary, for the verb sweep; run plays the scenario as
// written.
//
//	sweep:
//	  axes:                                       # paths, and the values of each
//	    limiters.main.kind: [boulder, redis_rate]
//	    shards.count: [1, 2, 4, 8]
//	    traffic.main.rate.ramp.to: {from: 1000/s, to: 64000/s, factor: 2} # or step: 500/s
//	    faults.0.at: [10s, 20s]                   # the first element of a list
//	  mode: grid                                  # or zip: all axes in step
//	  repeats: 3                                  # with other seeds
//	  find: {axis: traffic.other.rate, from: 100/s, to: 900/s, tolerance: 1%}
//	  metrics: ["latency{decision=denied} p(99)", over_admission count]
//	  pareto: [latency p(99), over_admission count]
//
// A path leads through fields, names and numbers of elements to a single
// value. Fields that the file leaves out are added; names and elements have to
// be there, and what is written in short (rate: 5/s) is varied as a whole.
// name, about, clock, assert and sweep do not vary. A value is written as the
// field itself would be, and checked as that; a range has one unit and at most
// 1000 values, a sweep 10,000 cells.
//
// Scenario.With makes one cell: the syntax tree of the file with the values at
// their paths, decoded anew, so that defaults that depend on a value follow it.
// A value keeps its place in the sweep block, so that what is wrong with it
// beside the rest of a cell is told there.
//
// # gate.yaml
//
// A second language, in the same spelling: how much worse than its baseline a
// figure may be. See Gate. The first rule that fits a figure judges it; behind
// the file's own come those of DefaultGate.
//
//	alpha: 5%
//	runs: 10
//	rules:
//	  - {metric: "latency{decision=denied}", aggregation: p99, scenario: "live-*", worse: 10%}
//	  - {metric: over_admission, exact: true}
//	  - {scenario: growth-patterns, ignore: true}
//
// # How it is decoded
//
// The struct tags of the types are the grammar: yaml (name), doc, required
// (but unless one of these fields is written), default, min and max
// ("exclusive 0" leaves 0 out), enum, and one (exactly one field of a group is
// written). The decoder (decode.go, walk.go,
// struct.go) walks the syntax tree beside the types and goes on after a
// mistake; check*.go then look for what no single field shows; fill.go writes
// out defaults that depend on other fields; path.go finds a path in the tree
// and cell.go puts values there; schema.go makes the JSON Schemas from the same
// tags.
package scenarios
