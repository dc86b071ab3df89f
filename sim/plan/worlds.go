package plan

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/sim/fault"
)

// World is a part of a plan that nothing outside it can influence, so that
// worlds can be played side by side, or one after another, and come to the
// same. They follow from the plan alone, not from the machine.
type World struct {
	Limiters []int // indices in Plan.Limiters
	Shard    int   // index in Plan.Shards of the only shard of its limiter that it has; −1: it has all
	Engines  []int // indices in Plan.Engines
	Accounts bool  // usage is counted in it
}

// EveryShard is the World.Shard of one that has all shards.
const EveryShard = -1

// Whole returns the plan as one world.
func (p *Plan) Whole() World {
	return World{Limiters: upTo(len(p.Limiters)), Shard: EveryShard, Engines: upTo(len(p.Engines)), Accounts: p.Accounts.Len() > 0}
}

func upTo(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// split makes the plan's worlds: limiters and engines have shards of their
// own, so each is a world unless something joins them.
func (p *Plan) split() {
	if why := p.undivided(); why != "" {
		p.Worlds, p.joined = []World{p.Whole()}, []string{why}
		return
	}
	counting := p.feeders()
	for i := range p.Limiters {
		if slices.Contains(counting.Limiters, i) {
			continue
		}
		why := p.wholeShards(i)
		if p.Limiters[i].ByShard = why == ""; !p.Limiters[i].ByShard {
			p.Worlds = append(p.Worlds, World{Limiters: []int{i}, Shard: EveryShard})
			if len(p.AllShards()) > 1 {
				p.joined = append(p.joined, fmt.Sprintf("limiter %s by shard: %s", p.Limiters[i].Name, why))
			}
			continue
		}
		for shard := range p.Shards {
			p.Worlds = append(p.Worlds, World{Limiters: []int{i}, Shard: shard})
		}
	}
	switch {
	case !counting.Accounts:
	case len(counting.Limiters) > 0:
		p.Worlds = append(p.Worlds, counting)
		p.joined = append(p.joined, "limiters and engines: what the limiters allow is the usage that the engines look at")
	case len(p.Engines) == 0 || p.usages() > mostUsages:
		p.Worlds = append(p.Worlds, counting)
		if len(p.Engines) > 1 {
			p.joined = append(p.joined, "engines: the accounts have so much usage that it is kept once for all")
		}
	default:
		for i := range p.Engines {
			p.Worlds = append(p.Worlds, World{Shard: EveryShard, Engines: []int{i}, Accounts: true})
		}
	}
}

// mostUsages are the instants of usage that each engine may keep for itself, of 16
// bytes.
const mostUsages = 4e6

// usages is how many instants of drawn usage the accounts have at most, in
// expectation.
func (p *Plan) usages() float64 {
	sum, batches := 0.0, float64(p.Horizon/p.Accounts.Batch)+1
	for i := range p.Accounts.Groups {
		g := &p.Accounts.Groups[i]
		sum += float64(float64(g.Count) * min(batches, 2*g.Mean))
	}
	return sum
}

// undivided returns why the plan is one world as it is, "" if that is not so.
func (p *Plan) undivided() string {
	for _, a := range p.Asserts {
		if a.AbortOnFail {
			return fmt.Sprintf("the assertion %s: %s has abortOnFail, and what ends the run ends it everywhere", a.Selector, a.Check)
		}
	}
	if p.Scenario.Shards.Shared {
		return "the limiters share their shards, where each waits for the others"
	}
	if p.Scenario.Clock == "real" {
		return "in real time all share the servers and this machine"
	}
	return ""
}

// feeders is the world of the engines with the limiters that they depend on.
func (p *Plan) feeders() World {
	w := World{Shard: EveryShard, Engines: upTo(len(p.Engines)), Accounts: p.Accounts.Len() > 0}
	if !w.Accounts {
		return w
	}
	for i := range p.Accounts.Groups {
		if g := &p.Accounts.Groups[i]; g.Source >= 0 && !slices.Contains(w.Limiters, g.Limiter) {
			w.Limiters = append(w.Limiters, g.Limiter)
		}
	}
	slices.Sort(w.Limiters)
	return w
}

// wholeShards returns why the shards of a limiter are not worlds, "" if they
// are.
func (p *Plan) wholeShards(limiter int) string {
	l := &p.Limiters[limiter]
	switch {
	case len(p.AllShards()) == 1:
		return "there is one shard"
	case l.Model:
		return "its reference decides in its place, and has no shards"
	}
	if len(l.Changes) > 0 {
		return "its limits change"
	}
	if l.Kind.OneKey == nil {
		return fmt.Sprintf("kind %s does not say that a request reaches one key, and depends on no other", l.Limiter.Kind)
	}
	for _, f := range p.Faults {
		if d := f.Kind.Of(); d.MovesKeys || d.Slows {
			return fmt.Sprintf("by a fault (%s) keys may move to another shard", p.inWords(f))
		}
	}
	var clients []int
	for i := range p.Sources {
		s := &p.Sources[i]
		if !slices.Contains(s.Limiters, limiter) {
			continue
		}
		if len(s.Takes) > 1 {
			return fmt.Sprintf("a request of traffic %s takes from %d limits, whose keys are on several shards", s.Name, len(s.Takes))
		}
		if p.Scenario.Written("traffic." + s.Name + ".max_in_flight") {
			return fmt.Sprintf("max_in_flight of traffic %s counts what is under way on all shards", s.Name)
		}
		clients = append(clients, s.Via...)
	}
	for _, c := range clients {
		if !slices.Equal(p.Clients[c].ShardNames, p.Clients[clients[0]].ShardNames) {
			return fmt.Sprintf("clients %s and %s name the shards differently, so they have a key on different ones", p.Clients[clients[0]].Name, p.Clients[c].Name)
		}
	}
	return ""
}

// worldsText describes the worlds to a person.
func (p *Plan) worldsText(w io.Writer) {
	if len(p.Worlds) == 1 {
		fmt.Fprintln(w, "worlds\t1, played on one core")
	} else {
		var of []string
		for _, world := range p.Worlds {
			if world.Shard > 0 {
				continue // told with the first shard
			}
			var names []string
			for _, i := range world.Limiters {
				names = append(names, "limiter "+p.Limiters[i].Name)
			}
			for _, i := range world.Engines {
				names = append(names, "engine "+p.Engines[i].Name)
			}
			text := strings.Join(names, " with ")
			if world.Shard == 0 {
				text += fmt.Sprintf(" (%s)", unit.Counted(int64(len(p.Shards)), "shard"))
			}
			of = append(of, text)
		}
		fmt.Fprintf(w, "worlds\t%d, played side by side on up to %d cores: %s\n", len(p.Worlds), len(p.Worlds), strings.Join(of, ", "))
	}
	for _, why := range p.joined {
		fmt.Fprintf(w, "  not split\t%s\n", why)
	}
}

// Struck returns the fault as it happens in the world, and whether it does.
func (w World) Struck(f fault.Fault) (fault.Fault, bool) {
	if w.Shard == EveryShard {
		return f, true
	}
	happens := f.Shard == w.Shard
	f.Shard = 0
	return f, happens
}
