package plan

import (
	"fmt"
	"strings"

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
		}
		g.Customers = names
	}
	return ps
}

// customers returns the names of the keys that a source's requests come from, in
// the order of their numbers; none if they have only numbers, then how many, 0
// if that is not bounded.
func (p *Plan) customers(source *Source) (names []string, n int64) {
	if source.trace != nil {
		return source.trace.names, 0
	}
	if len(source.roots) == 0 {
		return nil, 0
	}
	root := source.roots[0]
	if names := p.populations[root].names; names != nil {
		return names, 0
	}
	def := p.Scenario.Keys[root].Value
	switch {
	case def.Uniform != nil:
		n = int64(def.Uniform.N)
	case def.Zipf != nil:
		n = int64(def.Zipf.N)
	case def.HotSet != nil:
		n = int64(def.HotSet.N)
	case def.Sequence != nil:
		n = int64(def.Sequence.N)
	}
	return nil, n
}

// listed names the first few.
func listed(names []string) string {
	const most = 5
	if len(names) > most {
		return strings.Join(names[:most], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}
