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

// Sample draws the time of one command.
func (c CommandTime) Sample(rng *rand.Rand, keys int, bytes int64) time.Duration {
	return c.Time.Sample(rng) + time.Duration(keys)*c.PerKey + time.Duration(bytes)*c.PerByte
}
