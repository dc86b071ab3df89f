package scenarios

import "fmt"

// Fault is one thing that goes wrong at an instant: exactly one field beside
// At. It happens to every limiter's and engine's shards alike.
type Fault struct {
	At      Duration    `yaml:"at" doc:"when, after the start of the run" required:"true" min:"0"`
	Restart *ShardFault `yaml:"restart" one:"of" doc:"the shard restarts without its data and scripts; what is under way is not lost"`
}

// ShardFault is a fault of one shard.
type ShardFault struct {
	Shard string `yaml:"shard" doc:"name of the shard, of shards.names" required:"true"`
}

// faults checks that a fault is in the run and its shard exists.
func (c *checker) faults() {
	for i, f := range c.s.Faults {
		at := join("faults", fmt.Sprint(i))
		if p := join(at, "at"); c.s.Horizon > 0 && f.At >= c.s.Horizon && c.good(p) {
			c.fail(p, "expected less than the horizon of %s, found %s", c.s.Horizon, f.At)
		}
		if p := join(at, "restart.shard"); f.Restart != nil && c.good(p) {
			c.refer(p, "shard", f.Restart.Shard, "shards.names", c.shardNames())
		}
	}
}
