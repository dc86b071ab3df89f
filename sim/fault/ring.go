package fault

import (
	"github.com/quotalab/quotalab/scenarios"
)

const bySlots = "the keys of a cluster go by slots, not by the names of shards; use a Ring of shards"

// Rename is momentary: clients know the shard by another name, so that keys
// move.
const Rename Kind = "rename"

var rename = Descriptor{
	Kind: Rename, Words: func(f Fault) string { return "is renamed to " + f.Name }, MovesKeys: true, Cluster: bySlots,
	Fields: func(s scenarios.Fault, f *Fault, _ Distributions) error {
		f.Name = s.Rename.To
		return nil
	},
	Embedded: func(s Embedded, f Fault) (func(), error) { return nil, s.Rename(f.Name) },
	Live:     func(s Live, f Fault) (Course, error) { return Course{}, s.Rename(f.Name) },
}

// Add is momentary: one more, empty shard joins, so that keys move.
const Add Kind = "add"

var add = Descriptor{
	Kind: Add, Words: words("joins"), Adds: true, MovesKeys: true, Cluster: bySlots,
	Foreign: "the run starts no servers beside those that were there before: have all spawned",
	Fields: func(s scenarios.Fault, f *Fault, _ Distributions) error {
		f.Name = s.Add.Shard
		return nil
	},
	Embedded: func(s Embedded, f Fault) (func(), error) { return nil, s.Join(f.Name) },
	Live:     func(s Live, f Fault) (Course, error) { return Course{}, s.Join(f.Name) },
}
