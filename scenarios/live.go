package scenarios

import (
	"slices"
	"time"
)

// OnLive turns a scenario into one in real time on shards of these names, as
// a command line asks that names servers; nil names leave the shards as they
// are. What refers to shards must fit the new ones: clients' own names of
// them by their number, faults by their names.
func (s *Scenario) OnLive(names []string) Problems {
	s.Clock = "real"
	if names == nil || slices.Equal(names, s.Shards.Names) {
		return nil
	}
	c := &checker{newDecoder(s.source, "scenario"), s}
	c.positions = s.Positions
	before := s.Shards.Names
	s.Shards.Names, s.Shards.Count = names, Count(len(names))
	s.Shards.Zones = nil // real servers are where they are
	fillShards(&s.Shards, true)
	for i := range s.Clients {
		e := &s.Clients[i]
		switch {
		case slices.Equal(e.Value.ShardNames, before):
			e.Value.ShardNames = names
		case len(e.Value.ShardNames) != len(names):
			c.fail(join(join("clients", e.Name), "shard_names"), "expected %d names, one for each live shard, found %d", len(names), len(e.Value.ShardNames))
		}
	}
	c.faults()
	return c.problems
}

// Begin sets the epoch of a scenario in real time that does not say one to
// the instant at which it is about to run; a zero instant leaves it.
func (s *Scenario) Begin(now time.Time) {
	if s.Clock == "real" && !s.Written("epoch") && !now.IsZero() {
		s.Epoch = now.UTC()
	}
}
