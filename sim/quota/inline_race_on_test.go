//go:build race

package quota

// historiesPerCase is small where the race detector makes it slow.
const historiesPerCase = 6
