package scenarios

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/quotalab/quotalab/models/metric"
)

// asserts checks what assertions refer to, and turns down what is reserved.
// Their grammar was checked while decoding.
func (c *checker) asserts() {
	for i, a := range c.s.Assert {
		at := join("assert", fmt.Sprint(i))
		sel, err := metric.ParseSelector(a.Selector)
		for j := range a.Conditions {
			for _, f := range []string{"abortOnFail", "delayAbortEval", "over"} {
				if p := join(join(at, fmt.Sprint(j)), f); c.written(p) {
					c.fail(p, "not available yet: remove it")
				}
			}
		}
		if err != nil {
			continue
		}
		for _, t := range sel.Tags {
			c.assertTag(join(at, t.Name), t)
		}
	}
}

// assertTag checks a tag whose values are names of the scenario.
func (c *checker) assertTag(path string, t metric.Tag) {
	switch t.Name {
	case "traffic":
		c.refer(path, "traffic source", t.Value, "traffic", c.s.Traffic.Names())
	case "limiter":
		c.refer(path, "limiter", t.Value, "limiters", c.s.Limiters.Names())
	case "engine":
		c.refer(path, "engine", t.Value, "engines", c.s.Engines.Names())
	case "threshold":
		if n, err := strconv.Atoi(t.Value); err != nil || n < 1 || strconv.Itoa(n) != t.Value {
			c.fail(path, "expected a percentage without its sign, such as 75, found %q", t.Value)
		}
	case "phase":
		if len(c.s.Faults) == 0 && c.good("faults") {
			c.fail(path, "a run without faults has no phases: list faults or remove the tag")
		}
	case "shard":
		if names := c.allShardNames(); len(names) > 0 {
			c.refer(path, "shard", t.Value, "shards", names)
		}
	case "client":
		if !c.isInstance(t.Value) {
			c.refer(path, "client", t.Value, "clients", c.clientNames())
		}
	}
}

// isInstance accepts the name of one of a client's several instances: caller/17.
func (c *checker) isInstance(s string) bool {
	name, number, ok := strings.Cut(s, "/")
	if !ok || !slices.Contains(c.clientNames(), name) {
		return false
	}
	client, _ := c.s.Clients.Get(name)
	n, err := strconv.Atoi(number)
	return err == nil && n >= 0 && client.Instances > 1 && Count(n) < client.Instances
}
