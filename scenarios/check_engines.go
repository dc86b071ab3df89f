package scenarios

import "fmt"

// engines checks what does not depend on the kind of an engine. Kinds and
// their options are checked where the kinds are known, by sim/plan.
func (c *checker) engines() {
	for _, e := range c.s.Engines {
		at := join("engines", e.Name)
		for _, f := range []struct {
			name string
			at   Duration
		}{{"offset", e.Value.Offset}, {"flag_from", e.Value.FlagFrom}} {
			if p := join(at, f.name); c.written(p) && c.s.Horizon > 0 && f.at >= c.s.Horizon && c.good(p) {
				c.fail(p, "expected less than the horizon of %s, found %s", c.s.Horizon, f.at)
			}
		}
		c.thresholds(e.Value.Thresholds, join(at, "thresholds"))
		c.outages(e.Value.Source.Outages, join(at, "source.outages"))
		c.outages(e.Value.Mail.Outages, join(at, "mail.outages"))
	}
}

// highestThreshold is where a percentage is taken for a mistake.
const highestThreshold = 10_000

func (c *checker) thresholds(list []Count, path string) {
	for i, t := range list {
		at := join(path, fmt.Sprint(i))
		switch {
		case !c.good(at):
		case t < 1 || t > highestThreshold:
			c.fail(at, "expected a percentage from 1 to %d, found %d", highestThreshold, t)
		case i > 0 && t <= list[i-1] && c.good(join(path, fmt.Sprint(i-1))):
			c.fail(at, "expected more than the %d before, found %d", list[i-1], t)
		}
	}
}

func (c *checker) outages(list []Outage, path string) {
	end := Duration(0)
	for i, o := range list {
		at := join(path, fmt.Sprint(i))
		if !c.good(at) {
			return
		}
		switch {
		case o.From < end:
			c.fail(join(at, "from"), "expected at least %s, the end of the outage before, found %s", end, o.From)
		case c.s.Horizon > 0 && o.From >= c.s.Horizon:
			c.fail(join(at, "from"), "expected less than the horizon of %s, found %s", c.s.Horizon, o.From)
		}
		if end = o.From + o.For; end < 0 { // beyond 64 bits
			return
		}
	}
}
