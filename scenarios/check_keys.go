package scenarios

import (
	"fmt"
	"slices"
	"strings"
)

func (c *checker) keys() {
	names := c.s.Keys.Names()
	for _, e := range c.s.Keys {
		at := join("keys", e.Name)
		p := e.Value
		if h := p.HotSet; h != nil && h.N > 0 && h.Hot >= h.N {
			c.fail(join(at, "hot_set.hot"), "expected fewer hot keys than the %d of n, found %d", h.N, h.Hot)
		}
		if p.Churn != nil {
			c.churn(*p.Churn, join(at, "churn"))
		}
		if p.FromTrace != nil {
			c.traceKey(p.FromTrace.Format, p.FromTrace.KeyField, join(at, "from_trace.key_field"))
		}
		for i, m := range p.Mix {
			if m.Keys != "" {
				c.refer(fmt.Sprintf("%s.mix.%d.keys", at, i), "population", m.Keys, "keys", names)
			}
		}
		if p.Derive != nil && p.Derive.From != "" {
			if c.refer(join(at, "derive.from"), "population", p.Derive.From, "keys", names) {
				c.prefix(*p.Derive, join(at, "derive"))
			}
		}
	}
	c.cycles()
}

func (c *checker) churn(k ChurnKeys, path string) {
	life := join(path, "lifetime")
	c.distribution(k.Lifetime, life)
	longest := Duration(0)
	for _, d := range k.Lifetime.Empirical {
		longest = max(longest, d)
	}
	zero := k.Lifetime.Constant != nil && *k.Lifetime.Constant == 0 || len(k.Lifetime.Empirical) > 0 && longest == 0
	if zero && c.good(life) {
		c.fail(life, "expected a lifetime longer than 0s: the population would be empty")
	}
}

// prefix checks that a derivation by prefix has addresses to cut.
func (c *checker) prefix(k DerivedKeys, path string) {
	from, _ := c.s.Keys.Get(k.From)
	if k.Prefix == 0 || from.FromTrace != nil || from.Mix != nil || from.Derive != nil || !c.good(join("keys", k.From)) {
		return // a trace's keys are known when it is read, a mixture's are its parts'
	}
	at := join(path, "prefix")
	switch from.As {
	case "ipv4":
		if k.Prefix > 32 {
			c.fail(at, "expected at most 32 bits of an ipv4 address, found %d", k.Prefix)
		}
	case "ipv6":
	default:
		c.fail(at, "population %q has no addresses: give it as: ipv4 or as: ipv6", k.From)
	}
}

// cycles reports each population that is made of itself, once a cycle.
func (c *checker) cycles() {
	const visiting, done = 1, 2
	state := map[string]int{}
	var stack []string
	var visit func(name string)
	visit = func(name string) {
		state[name] = visiting
		stack = append(stack, name)
		p, _ := c.s.Keys.Get(name)
		for _, r := range references(p, join("keys", name)) {
			switch state[r.name] {
			case visiting:
				cycle := append(slices.Clone(stack[slices.Index(stack, r.name):]), r.name)
				c.fail(r.path, "a population cannot be made of itself: %s", strings.Join(cycle, " → "))
			case 0:
				if _, known := c.s.Keys.Get(r.name); known {
					visit(r.name)
				}
			}
		}
		stack = stack[:len(stack)-1]
		state[name] = done
	}
	for _, e := range c.s.Keys {
		if state[e.Name] == 0 {
			visit(e.Name)
		}
	}
}

type reference struct{ path, name string }

func references(p Population, at string) (out []reference) {
	for i, m := range p.Mix {
		out = append(out, reference{fmt.Sprintf("%s.mix.%d.keys", at, i), m.Keys})
	}
	if p.Derive != nil {
		out = append(out, reference{join(at, "derive.from"), p.Derive.From})
	}
	return out
}

// logFields are what an access log line names.
var logFields = []string{"host", "user", "path", "agent"}

func (c *checker) traceKey(format, key, path string) {
	if format == "combined" && key != "" && !slices.Contains(logFields, key) && c.good(path) {
		c.fail(path, "expected a field of an access log (%s), found %q", strings.Join(logFields, ", "), key)
	}
}
