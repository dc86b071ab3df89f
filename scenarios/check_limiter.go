package scenarios

import (
	"fmt"
	"math"
	"math/bits"
)

// limiters checks limits and overrides. Kinds and their options are checked
// where the kinds are known, by sim/plan.
func (c *checker) limiters() {
	for _, e := range c.s.Limiters {
		at, l := join("limiters", e.Name), e.Value
		if l.Limit != nil {
			c.limit(*l.Limit, join(at, "limit"))
		}
		for _, n := range l.Limits {
			c.limit(n.Value, join(join(at, "limits"), n.Name))
		}
		seen := map[[2]string]bool{}
		for i, o := range l.Overrides {
			path := fmt.Sprintf("%s.overrides.%d", at, i)
			c.override(l, o, path)
			if which := [2]string{o.Limit, o.Key}; seen[which] && o.Key != "" {
				c.fail(path, "the limit of key %q is overridden twice", o.Key)
			} else {
				seen[which] = true
			}
		}
	}
}

func (c *checker) override(l Limiter, o Override, path string) {
	switch names := l.Limits.Names(); {
	case o.Limit != "" && l.Limit != nil:
		c.fail(join(path, "limit"), "the limiter has only one limit, without a name: leave limit out")
	case o.Limit != "" && len(names) > 0:
		c.refer(join(path, "limit"), "limit", o.Limit, "limits", names)
	case len(names) > 1 && c.good(path):
		c.fail(path, "missing field limit: the limiter has several limits, so say which")
	}
	c.limit(Limit{o.Count, o.Per, o.Burst}, path)
}

// limit checks that a limit's arithmetic fits whole nanoseconds in 64 bits.
func (c *checker) limit(l Limit, path string) {
	if l.Count <= 0 || l.Period <= 0 {
		return // already reported
	}
	interval := int64(l.Period) / int64(l.Count)
	if interval == 0 {
		c.fail(join(path, "count"), "%d in %s is more than one a nanosecond", l.Count, l.Period)
		return
	}
	burst := l.Burst
	if burst == 0 {
		burst = l.Count
	}
	if hi, lo := bits.Mul64(uint64(interval), uint64(burst)); hi != 0 || lo > math.MaxInt64/2 {
		c.fail(join(path, "burst"), "burst · period / count is longer than 146 years: give a smaller burst or period")
	}
}
