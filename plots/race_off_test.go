//go:build !race

package plots

const slowed = false
