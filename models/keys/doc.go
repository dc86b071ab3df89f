// Package keys holds key populations: which key a request carries.
//
// In flow a population's parameters and, for each request, its instant and a
// random stream; out flows the key's id, a uint64. How an id is written out (a
// name, an address) and what it is derived into (a range, an organisation) is
// the caller's business.
//
// A Population is immutable and may be shared. Its Sampler has the state of
// one run: a counter, the keys that are alive. Every sampler also tells the
// exact probability of each key on the next draw, which is what its tests
// check its draws against, by chi-squared.
//
// The package imports the standard library and gonum; sim/plan imports it.
package keys
