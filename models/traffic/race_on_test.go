//go:build race

package traffic_test

// million is a tenth of one where the race detector makes everything ten times slower.
const million = 100_000
