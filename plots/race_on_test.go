//go:build race

package plots

// slowed tells that the race detector makes all some ten times slower, so that
// times say nothing.
const slowed = true
