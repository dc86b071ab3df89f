package scenarios

import (
	"slices"
	"strconv"
	"strings"

	"github.com/quotalab/quotalab/models/metric"
)

// asserts checks what assertions refer to, and when they are evaluated. Their
// grammar was checked while decoding.
func (c *checker) asserts() {
	for i, a := range c.s.Assert {
		at := join("assert", i)
		sel, err := metric.ParseSelector(a.Selector)
		m, known := metric.Find(sel.Metric)
		for j, cond := range a.Conditions {
			c.evaluated(join(at, j), cond, m, known)
		}
		if err != nil {
			continue
		}
		for _, t := range sel.Tags {
			c.assertTag(join(at, t.Name), t)
		}
	}
	if f := c.s.Failure; f != nil {
		c.failure("failure.should", f.Should)
		c.failure("failure.seen", f.Seen)
		if a, b := f.Should, f.Seen; a.Selector.Metric != b.Selector.Metric && c.Good("failure") {
			c.Fail("failure.seen", "expected the metric of should, %s, found %s", a.Selector.Metric, b.Selector.Metric)
		}
	}
}

// failure checks what a column of the failure refers to.
func (c *checker) failure(path string, of Column) {
	for _, t := range of.Selector.Tags {
		c.assertTag(join(path, t.Name), t)
	}
}

// evaluated checks when a condition on a metric is evaluated beside the end.
func (c *checker) evaluated(at string, cond Condition, m metric.Metric, known bool) {
	abort, delay, over := join(at, "abortOnFail"), join(at, "delayAbortEval"), join(at, "over")
	if known && !m.PerRequest {
		if cond.AbortOnFail {
			c.Fail(abort, "%s is known at the end only, so it cannot end a run: remove abortOnFail", m.Name)
		}
		if c.Written(over) {
			c.Fail(over, "%s is known of the whole run only and has no windows: remove over", m.Name)
		}
	}
	if c.Written(delay) && !cond.AbortOnFail && c.Good(abort) {
		c.Fail(delay, "only abortOnFail: true can be delayed: write it too, or remove delayAbortEval")
	}
	if !c.Good("horizon") || !c.Good("warmup") {
		return
	}
	if h := c.s.Horizon; cond.DelayAbortEval >= h && h > 0 && cond.AbortOnFail {
		c.Fail(delay, "expected less than the horizon of %s, found %s: nothing would be aborted", h, cond.DelayAbortEval)
	}
	if measured := c.s.Horizon - c.s.Warmup; cond.Over > measured && measured > 0 {
		c.Fail(over, "expected at most the measured time of %s (horizon without warmup), found %s", measured, cond.Over)
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
			c.Fail(path, "expected a percentage without its sign, such as 75, found %q", t.Value)
		}
	case "phase":
		if len(c.s.Faults) == 0 && c.Good("faults") {
			c.Fail(path, "a run without faults has no phases: list faults or remove the tag")
		}
	case "shard":
		if names := c.allShardNames(); len(names) > 0 {
			c.refer(path, "shard", t.Value, "shards", names)
		}
	case "client":
		if !c.isInstance(t.Value) {
			c.refer(path, "client", t.Value, "clients", c.s.Clients.Names())
		}
	}
}

// isInstance accepts the name of one of a client's several instances: caller/17.
func (c *checker) isInstance(s string) bool {
	name, number, ok := strings.Cut(s, "/")
	if !ok || !slices.Contains(c.s.Clients.Names(), name) {
		return false
	}
	client, _ := c.s.Clients.Get(name)
	n, err := strconv.Atoi(number)
	return err == nil && n >= 0 && client.Instances > 1 && Count(n) < client.Instances
}
