package network

import (
	"math/rand/v2"
	"time"
)

// CommandTime is the time that a server takes to execute commands of one name:
// Time, and PerKey and PerByte for each key and byte of one.
type CommandTime struct {
	Time            Distribution
	PerKey, PerByte time.Duration
}

// Sample draws the time of one command; what is longer than 146 years is the longest
// duration.
func (c CommandTime) Sample(rng *rand.Rand, keys int, bytes int64) time.Duration {
	t := c.Time.Sample(rng)
	about := float64(t) + float64(float64(keys)*float64(c.PerKey)) + float64(float64(bytes)*float64(c.PerByte))
	if about >= float64(longest/2) { // far from where integers overflow
		return longest
	}
	return t + time.Duration(keys)*c.PerKey + time.Duration(bytes)*c.PerByte
}
