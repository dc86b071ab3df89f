//go:build race

package threshold

// historiesPerCase is small where the race detector makes it slow.
const historiesPerCase = 6
