//go:build !race

package quota

// historiesPerCase times the checks of rapid (100) is 10,000 histories.
const historiesPerCase = 100
