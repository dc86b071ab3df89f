package scenarios

import "fmt"

const defaultClient = "default"

func (c *checker) traffic(t Traffic, path string) {
	c.pattern(t.Rate, join(path, "rate"), c.s.Horizon, true)
	if t.Rate.Replay != nil && c.written(join(path, "gaps")) {
		c.fail(join(path, "gaps"), "replay has instants of its own: remove gaps")
	}
	c.source(t, path)
	for i, name := range t.Limiters {
		c.refer(fmt.Sprintf("%s.limiters.%d", path, i), "limiter", name, "limiters", c.s.Limiters.Names())
	}
	c.unique(join(path, "limiters"), "limiter", t.Limiters)
	c.takes(t, path)
	c.via(t, path)
	c.retry(t.OnDenial, join(path, "on_denial.retry"))
}

// source checks where a request's keys come from: keys, batch or a replay.
func (c *checker) source(t Traffic, path string) {
	keys, batch := c.written(join(path, "keys")), c.written(join(path, "batch"))
	switch {
	case keys && batch:
		c.fail(join(path, "batch"), "expected only one of keys, batch, found both")
	case !keys && !batch && t.Rate.Replay == nil && c.good(path):
		c.fail(path, "expected one of keys, batch, found none: a request needs a key")
	}
	names := c.s.Keys.Names()
	if t.Keys != "" {
		c.refer(join(path, "keys"), "population", t.Keys, "keys", names)
	}
	for i, b := range t.Batch {
		if b.Keys != "" {
			c.refer(fmt.Sprintf("%s.batch.%d.keys", path, i), "population", b.Keys, "keys", names)
		}
	}
	for _, f := range []string{"limit", "cost"} {
		if batch && c.written(join(path, f)) {
			c.fail(join(path, f), "with a batch, %s belongs to each of its items", f)
		}
	}
}

// takes checks that every limiter of the traffic has the limits it takes from.
func (c *checker) takes(t Traffic, path string) {
	targets := t.Limiters
	if len(targets) == 0 {
		targets = c.s.Limiters.Names()
	}
	for _, name := range targets {
		l, known := c.s.Limiters.Get(name)
		if !known {
			continue
		}
		block := fmt.Sprintf("limits of limiter %s", name)
		if t.Limit != "" {
			c.refer(join(path, "limit"), "limit", t.Limit, block, l.Limits.Names())
		}
		for i, b := range t.Batch {
			if b.Limit != "" {
				c.refer(fmt.Sprintf("%s.batch.%d.limit", path, i), "limit", b.Limit, block, l.Limits.Names())
			}
		}
	}
}

func (c *checker) via(t Traffic, path string) {
	names := c.clientNames()
	for i, name := range t.Via {
		c.refer(fmt.Sprintf("%s.via.%d", path, i), "client", name, "clients", names)
	}
	if !c.written(join(path, "via")) && len(names) > 1 && c.good(path) {
		c.fail(path, "missing field via: there are several clients, so say which a request passes")
	}
	if c.written(join(path, "pause")) && len(t.Via) < 2 && c.good(join(path, "via")) {
		c.fail(join(path, "pause"), "a pause lies between two clients of via, and there is only one")
	}
}

func (c *checker) retry(r Reaction, path string) {
	if r.Retry == nil || r.Retry.Exponential == nil {
		return
	}
	if b := r.Retry.Exponential; b.Max > 0 && b.Max < b.Base {
		c.fail(join(path, "exponential.max"), "expected at least the base of %s, found %s", b.Base, b.Max)
	}
}
