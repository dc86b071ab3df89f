package plan

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/fault"
)

// added lists the shards that faults add, in the order in which they join.
func added(s *scenarios.Scenario) []string {
	var adds []scenarios.Fault
	for _, f := range s.Faults {
		if f.Add != nil {
			adds = append(adds, f)
		}
	}
	slices.SortStableFunc(adds, func(a, b scenarios.Fault) int { return cmp.Compare(a.At, b.At) })
	var names []string
	for _, f := range adds {
		names = append(names, f.On())
	}
	return names
}

// AllShards lists the shards that a run begins with and those that join it.
func (p *Plan) AllShards() []string { return slices.Concat(p.Shards, p.Added) }

// compileFaults makes faults of the scenario's list, in its order.
func (p *Plan) compileFaults(s *scenarios.Scenario) scenarios.Problems {
	var ps scenarios.Problems
	shards := p.AllShards()
	for i, f := range s.Faults {
		out := fault.Fault{Kind: fault.Kind(f.Kind()), At: int64(f.At), Until: int64(f.Until(s.Horizon)), Shard: slices.Index(shards, f.On())}
		switch {
		case f.Rename != nil:
			out.Name = f.Rename.To
		case f.Add != nil:
			out.Name = f.Add.Shard
		case f.Bandwidth != nil:
			out.BytesPerSecond = float64(f.Bandwidth.Rate)
		case f.Clock != nil:
			out.Shard, out.Client, out.Offset = 0, slices.Index(s.Clients.Names(), f.Clock.Client), time.Duration(f.Clock.Offset)
		case f.Delay != nil:
			var err error
			if out.RTT, err = distribution(f.Delay.RTT); err != nil {
				ps = append(ps, s.Problem(fmt.Sprintf("faults.%d.delay.rtt", i), "%v", err))
			}
		}
		p.Faults = append(p.Faults, out)
	}
	return ps
}

// RecordFaults is what a record says of the faults.
func (p *Plan) RecordFaults() []record.Fault {
	var out []record.Fault
	for _, f := range p.Faults {
		r := record.Fault{At: f.At, Until: f.Until, Kind: string(f.Kind), What: p.inWords(f)}
		if f.Kind == fault.Clock {
			r.Client = p.Clients[f.Client].Name
		} else {
			r.Shard = p.AllShards()[f.Shard]
		}
		out = append(out, r)
	}
	return out
}

// inWords says what goes wrong.
func (p *Plan) inWords(f fault.Fault) string {
	if f.Kind == fault.Clock {
		where := "ahead of"
		if f.Offset < 0 {
			where = "behind"
		}
		return fmt.Sprintf("the clock of client %s is %v %s what it was", p.Clients[f.Client].Name, f.Offset.Abs(), where)
	}
	return p.AllShards()[f.Shard] + " " + p.happens(f)
}

// happens says what goes wrong with a shard.
func (p *Plan) happens(f fault.Fault) string {
	switch f.Kind {
	case fault.Restart:
		return "restarts empty"
	case fault.Down:
		return "is down"
	case fault.Frozen:
		return "is frozen"
	case fault.Delay:
		return fmt.Sprintf("is %v further away in the mean", f.RTT.Mean())
	case fault.Bandwidth:
		return fmt.Sprintf("has a link of %v each way", scenarios.ByteRate(f.BytesPerSecond))
	case fault.Reset:
		return "resets its connections"
	case fault.Rename:
		return "is renamed to " + f.Name
	case fault.Add:
		return "joins"
	case fault.FlushScripts:
		return "forgets its scripts"
	case fault.ReadOnly:
		return "is read-only"
	case fault.OutOfMemory:
		return "is out of memory"
	}
	return string(f.Kind)
}

// faultsText describes the faults to a person.
func (p *Plan) faultsText(w io.Writer) {
	for _, f := range p.Faults {
		at := time.Duration(f.At)
		switch {
		case f.Until == f.At:
			fmt.Fprintf(w, "fault\tat %v: %s\n", at, p.inWords(f))
		case f.Until == int64(p.Horizon):
			fmt.Fprintf(w, "fault\tfrom %v to the end: %s\n", at, p.inWords(f))
		default:
			fmt.Fprintf(w, "fault\tfrom %v for %v: %s\n", at, time.Duration(f.Until)-at, p.inWords(f))
		}
	}
}
