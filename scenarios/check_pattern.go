package scenarios

import (
	"fmt"
	"math"
	"time"
)

// highestRate is where a growth is taken for a mistake: a thousand million
// events per second.
const highestRate = Rate(1e9)

// pattern checks a growth pattern; alone is false inside of a combination.
func (c *checker) pattern(p RatePattern, path string, span Duration, alone bool) {
	switch {
	case p.Ramp != nil:
		if p.Ramp.From == 0 && p.Ramp.To == 0 && c.good(join(path, "ramp")) {
			c.fail(join(path, "ramp"), "expected a rate above 0/s in from or to: nothing would ever arrive")
		}
	case p.Exponential != nil:
		c.exponential(*p.Exponential, join(path, "exponential"), span)
	case p.Logistic != nil:
		if l := p.Logistic; l.To > 0 && l.From >= l.To/2 {
			c.fail(join(path, "logistic.from"), "expected less than half of to (%s), found %s", l.To/2, l.From)
		}
	case p.Steps != nil:
		c.steps(p.Steps, join(path, "steps"))
	case p.Spike != nil:
		if s := p.Spike; s.Peak > 0 && s.Peak <= s.Base {
			c.fail(join(path, "spike.peak"), "expected more than the base of %s, found %s", s.Base, s.Peak)
		}
	case p.Herd != nil:
		if h := p.Herd; h.Every > 0 && h.Jitter > h.Every {
			c.fail(join(path, "herd.jitter"), "expected at most every (%s), found %s", h.Every, h.Jitter)
		}
	case p.Replay != nil:
		if !alone {
			c.fail(join(path, "replay"), "replay has instants and no rate: it cannot be part of sum, product or then")
		}
		c.traceKey(p.Replay.Format, p.Replay.KeyField, join(path, "replay.key_field"))
	}
	c.combined(p, path, span)
}

func (c *checker) combined(p RatePattern, path string, span Duration) {
	for i, q := range p.Sum {
		c.pattern(q, fmt.Sprintf("%s.sum.%d", path, i), span, false)
	}
	for i, q := range p.Product {
		c.pattern(q, fmt.Sprintf("%s.product.%d", path, i), span, false)
	}
	lengths := partLengths(p.Then, span)
	for i, q := range p.Then {
		at := fmt.Sprintf("%s.then.%d", path, i)
		if q.For == 0 && i < len(p.Then)-1 && !c.written(join(at, "for")) && c.good(at) {
			c.fail(at, "missing field for: only the last part may leave it out")
		}
		c.pattern(q.Rate, join(at, "rate"), lengths[i], false)
	}
}

func (c *checker) exponential(e ExpGrowth, path string, span Duration) {
	growth, by := Rate(0), "growth"
	switch {
	case e.Growth != nil:
		growth = *e.Growth
	case e.Doubling != nil && *e.Doubling > 0:
		growth, by = Rate(math.Ln2/time.Duration(*e.Doubling).Seconds()), "doubling"
	}
	over := span
	if e.Over > 0 {
		over = min(e.Over, span)
	}
	end := float64(e.From) * math.Exp(float64(growth)*time.Duration(over).Seconds())
	if end > float64(highestRate) && c.good(path) {
		c.fail(join(path, by), "the rate would grow beyond %s within %s: give a slower growth, or a shorter over", highestRate, over)
	}
}

func (c *checker) steps(steps []Step, path string) {
	highest := Rate(0)
	for i, s := range steps {
		at := join(path, fmt.Sprint(i))
		if !c.written(join(at, "for")) && i < len(steps)-1 && c.good(at) {
			c.fail(at, "missing field for: only the last step may leave it out")
		}
		highest = max(highest, s.Rate)
	}
	if highest == 0 && len(steps) > 0 && c.good(path) {
		c.fail(path, "expected a rate above 0/s in one of the steps: nothing would ever arrive")
	}
}
