//go:build !race

package traffic_test

const million = 1_000_000
