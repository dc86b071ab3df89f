package live

import (
	"maps"
	"slices"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/shards"
)

// ofHarness are the commands that the harness and replicas send for
// themselves: they count only where a run's clients sent them too.
var ofHarness = words("info dbsize scan memory unlink config script function time debug replicaof replconf psync shutdown save wait")

// Facts puts together what the servers said before and after a run and what
// its fleets sent meanwhile, one Server a shard.
func (s *Servers) Facts(before, after Snapshot, fleets []*Fleet) []record.Server {
	facts := make([]record.Server, len(s.names))
	for i, name := range s.names {
		facts[i] = fact(name, at(before, i), at(after, i), fleets)
	}
	return facts
}

// at returns what shard i said, −1 where it said nothing.
func at(s Snapshot, i int) said {
	if i < len(s.shards) && s.shards[i].err == nil {
		return s.shards[i]
	}
	one := said{memory: -1, keys: -1}
	if i < len(s.shards) {
		one.err = s.shards[i].err
	}
	return one
}

func fact(shard string, before, after said, fleets []*Fleet) record.Server {
	r := record.Server{
		Shard: shard, Version: after.version, KeyBytes: -1, SampledKeys: after.sampled,
		MemoryBefore: before.memory, MemoryAfter: after.memory, KeysBefore: before.keys, KeysAfter: after.keys,
	}
	if after.sampled > 0 {
		r.KeyBytes = float64(after.bytes) / float64(after.sampled)
	}
	served := map[string]int64{}
	switch {
	case after.err != nil:
		r.Unreachable, r.Version = after.err.Error(), before.version
	case before.err != nil:
		r.Unreachable = "before the run: " + before.err.Error()
	case before.runID != after.runID:
		r.Restarted, served = true, after.commands
	default:
		served = since(before, after)
		for _, n := range served {
			r.Restarted = r.Restarted || n < 0 // CONFIG RESETSTAT
		}
	}
	r.Commands = compare(served, workOf(fleets, shard))
	return r
}

// since returns what a server counted between two surveys.
func since(before, after said) map[string]int64 {
	served := maps.Clone(after.commands)
	for _, earlier := range []map[string]int64{before.commands, before.own} {
		for name, n := range earlier {
			served[name] -= n
		}
	}
	return served
}

// work is what fleets did on one shard.
type work struct {
	sent, called map[string]int64
	told         bool // by all scripts, what they called
}

func workOf(fleets []*Fleet, shard string) work {
	w := work{map[string]int64{}, map[string]int64{}, true}
	for _, f := range fleets {
		m := f.member(shard)
		if m == nil {
			continue
		}
		m.sent.addTo(w.sent)
		m.called.addTo(w.called)
		w.told = w.told && m.ran.Load() == m.told.Load()
	}
	return w
}

// compare has a row for each command that the run's clients or scripts ran,
// and for each other one that the server counted, whoever sent it.
func compare(served map[string]int64, w work) []record.CommandCount {
	names := map[string]bool{}
	for name, n := range served {
		names[name] = n != 0 && !ofConnections[name] && !ofHarness[name]
	}
	for name := range w.sent {
		names[name] = true
	}
	for name := range w.called {
		names[name] = true
	}
	var rows []record.CommandCount
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if !names[name] {
			continue
		}
		c := record.CommandCount{Name: name, Sent: w.sent[name], Script: w.called[name], Server: max(0, served[name])}
		if !w.told && !shards.IsScript(name) && !isFrame(name) {
			c.Script = -1
		}
		rows = append(rows, c)
	}
	return rows
}
