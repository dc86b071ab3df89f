package plan

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/quotalab/quotalab/models/metric/unit"
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
		d := out.Kind.Of()
		if d.Cluster != "" && slices.ContainsFunc(p.Limiters, func(l Limiter) bool { return l.Cluster }) {
			ps = append(ps, s.Problem(fmt.Sprintf("faults.%d", i), "%s cannot happen to a limiter with cluster: true: %s", out.Kind, d.Cluster))
		}
		if d.Client != nil {
			out.Shard, out.Client = 0, slices.Index(s.Clients.Names(), d.Client(f))
		}
		if d.Fields != nil {
			if err := d.Fields(f, &out, distribution); err != nil {
				ps = append(ps, s.Problem(fmt.Sprintf("faults.%d.%s.rtt", i, out.Kind), "%v", err))
			}
		}
		p.Faults = append(p.Faults, out)
	}
	return ps
}

// RecordFaults returns what a record says of the faults.
func (p *Plan) RecordFaults() []record.Fault {
	var out []record.Fault
	for _, f := range p.Faults {
		d := f.Kind.Of()
		r := record.Fault{At: f.At, Until: f.Until, Kind: string(f.Kind), What: p.inWords(f), MovesKeys: d.MovesKeys, KeepsAnswers: !d.LosesAnswers, ClockOffset: f.Offset}
		if d.Client != nil {
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
	d := f.Kind.Of()
	if d.Client != nil {
		return fmt.Sprintf("the clock of client %s %s", p.Clients[f.Client].Name, d.Words(f))
	}
	return p.AllShards()[f.Shard] + " " + d.Words(f)
}

// faultsText describes the faults to a person.
func (p *Plan) faultsText(w io.Writer) {
	for _, f := range p.Faults {
		at := time.Duration(f.At)
		switch {
		case f.Until == f.At:
			fmt.Fprintf(w, "fault\tat %s: %s\n", unit.Time(at), p.inWords(f))
		case f.Until == int64(p.Horizon):
			fmt.Fprintf(w, "fault\tfrom %s to the end: %s\n", unit.Time(at), p.inWords(f))
		default:
			fmt.Fprintf(w, "fault\tfrom %s for %s: %s\n", unit.Time(at), unit.Time(time.Duration(f.Until)-at), p.inWords(f))
		}
	}
}
