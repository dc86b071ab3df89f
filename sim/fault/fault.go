// Package fault says what can go wrong with the shards and clients of a run.
//
// What flows in: the plan, which makes Faults of the scenario's list. What
// flows out: Faults, which sim/run begins and ends at their instants on
// whatever is a Target: embedded shards in virtual time, live servers in real
// time. Imported by sim/ and cmd/.
package fault

import (
	"time"

	"github.com/quotalab/quotalab/models/network"
)

// Kind of a fault, as the scenario file spells it.
type Kind string

// The kinds. Momentary ones have Until == At.
const (
	Restart      Kind = "restart"       // momentary: the shard loses its data and scripts, and nothing under way
	Down         Kind = "down"          // the shard is killed, refuses connections, and comes back empty
	Frozen       Kind = "frozen"        // the shard answers nothing, and goes on where it was
	Delay        Kind = "delay"         // every round trip to the shard takes longer
	Bandwidth    Kind = "bandwidth"     // the link to the shard carries so many bytes a second, each way
	Reset        Kind = "reset"         // momentary: every connection to the shard is reset
	Rename       Kind = "rename"        // momentary: clients know the shard by another name, so that keys move
	Add          Kind = "add"           // momentary: one more, empty shard joins, so that keys move
	Clock        Kind = "clock"         // a client's clock is off by more
	FlushScripts Kind = "flush_scripts" // momentary: the shard forgets its scripts
	ReadOnly     Kind = "read_only"     // the shard answers writes with READONLY, as a replica does
	OutOfMemory  Kind = "out_of_memory" // the shard answers writes with OOM, as at maxmemory with noeviction
)

// Fault is one thing that goes wrong in [At, Until).
type Fault struct {
	Kind      Kind
	At, Until int64 // nanoseconds after the epoch; Until is at the end of the run at the latest

	Shard  int    // index in the plan's shards; of all kinds but Add and Clock
	Name   string // new name: of Rename and Add
	Client int    // index in the plan's clients: of Clock

	Offset         time.Duration        // of Clock
	RTT            network.Distribution // of Delay, in addition
	BytesPerSecond float64              // of Bandwidth
}

// Target is what faults of shards happen to. A Clock fault is none of them.
type Target interface {
	Begin(f Fault) error
	End(f Fault) error // not called for momentary faults
}
