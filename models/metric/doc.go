// Package metric is the vocabulary of results: the names, units, tags and
// aggregations of every metric, and the grammar of assertions on them.
//
//	latency{limiter=boulder,decision=denied}: p(99) < 5ms
//	└──────────── Selector ────────────────┘  └ Condition ┘
//
// In: the text of an assertion, or of a column of a sweep's table ("latency
// p(99)"). Out: a Selector and Conditions in base units, or a Column, or a
// *SyntaxError with the offset of each mistake. Names and tags are an
// interface: scripts and assertions use them.
//
// Tags left out of a selector are summed over. A metric of kind Value cannot
// be summed: where a selector matches several of its series, a condition must
// hold on each.
//
// Imported by scenarios (to check `assert` while decoding), results/summary
// and results/assert. Imports nothing of quotalab but its own unit package.
package metric
