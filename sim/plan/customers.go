package plan

import (
	"fmt"
	"strings"

	"github.com/quotalab/quotalab/models/keys"
	"github.com/quotalab/quotalab/scenarios"
)

// checkCustomers compares the accounts whose usage is a traffic source's requests
// with the keys of that source, which are their customers. More customers than
// accounts would share accounts: with names of their own that is a problem, of
// numbered keys a warning.
func (p *Plan) checkCustomers(s *scenarios.Scenario) (ps scenarios.Problems) {
	if p.Accounts == nil {
		return nil
	}
	for i := range p.Accounts.Groups {
		g := &p.Accounts.Groups[i]
		if g.Source < 0 {
			continue
		}
		source := p.Sources[g.Source]
		names, n := p.customers(&source)
		switch {
		case names != nil && len(names) > g.Count:
			ps = append(ps, s.Problem("accounts."+g.Name+".count", "traffic %s has %d customers (%s) and the group %d accounts, so some would share one: write count: %d",
				source.Name, len(names), listed(names), g.Count, len(names)))
		case names != nil && len(names) < g.Count:
			p.Warnings = append(p.Warnings, fmt.Sprintf("accounts %s: traffic %s has %d customers (%s), so %d of the %d accounts use nothing",
				g.Name, source.Name, len(names), listed(names), g.Count-len(names), g.Count))
		case names == nil && n > int64(g.Count):
			p.Warnings = append(p.Warnings, fmt.Sprintf("accounts %s: the %d keys of traffic %s share %d accounts: key n counts for account n modulo %d",
				g.Name, n, source.Name, g.Count, g.Count))
		case names == nil && n == unbounded:
			p.Warnings = append(p.Warnings, fmt.Sprintf("accounts %s: traffic %s draws ever new keys, which share %d accounts: key n counts for account n modulo %d",
				g.Name, source.Name, g.Count, g.Count))
		}
		if problem := p.mixed(&source, g.Count); problem != "" {
			ps = append(ps, s.Problem("accounts."+g.Name, "traffic %s: %s", source.Name, problem))
		}
		g.Customers = names
	}
	return ps
}

// customers returns the names of the keys that a source's requests come from, in
// the order of their numbers; none if they have only numbers, then how many, or
// unbounded. Of a mix see mixed.
func (p *Plan) customers(source *Source) (names []string, n int64) {
	if source.trace != nil {
		return source.trace.names, 0
	}
	if len(source.roots) == 0 {
		return nil, 0
	}
	if root := source.roots[0]; p.populations[root].leaf == nil {
		return p.keysOf(root)
	}
	return nil, 0
}

// keysOf returns the names or the number of the keys of a population that is no
// mix, as customers does.
func (p *Plan) keysOf(population int) (names []string, n int64) {
	if names := p.populations[population].names; names != nil {
		return names, 0
	}
	def := p.Scenario.Keys[population].Value
	switch {
	case def.Uniform != nil:
		return nil, int64(def.Uniform.N)
	case def.Zipf != nil:
		return nil, int64(def.Zipf.N)
	case def.HotSet != nil:
		return nil, int64(def.HotSet.N)
	case def.Sequence != nil:
		return nil, int64(def.Sequence.N)
	}
	return nil, unbounded // churn, growing, fresh
}

// unbounded is the number of keys of a population that always gets new ones.
const unbounded = -1

// mixed returns two keys of different parts of a mix that would be one customer,
// and why; "" if there are none. The parts number their keys each for itself.
func (p *Plan) mixed(source *Source, accounts int) string {
	if source.trace != nil || len(source.roots) == 0 {
		return ""
	}
	root := &p.populations[source.roots[0]]
	count := uint64(accounts)
	// meets returns the key of part i whose account is that of key 0 of part j.
	meets := func(i, j int) (key uint64, ok bool) {
		key = (keys.Join(j, 0)%count + count - keys.Join(i, 0)%count) % count
		names, n := p.keysOf(root.leaf[i])
		if names != nil {
			n = int64(len(names))
		}
		return key, n == unbounded || key < uint64(n)
	}
	for j := range root.leaf {
		for i := range root.leaf {
			if key, ok := meets(i, j); ok && i != j {
				return fmt.Sprintf("its keys are of the mix %s, whose parts number their keys each for itself: %s and %s would be one customer; give each part a traffic source and a group of accounts of its own",
					root.name, p.populations[root.leaf[i]].key(key, 0), p.populations[root.leaf[j]].key(0, 0))
			}
		}
	}
	return ""
}

// listed names the first few.
func listed(names []string) string {
	const most = 5
	if len(names) > most {
		return strings.Join(names[:most], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}
