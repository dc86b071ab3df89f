package scenarios

import (
	"slices"
	"time"
)

// blocks checks which blocks go together: traffic with limiters, accounts
// with engines, and at least one of the two.
func (c *checker) blocks() {
	for _, pair := range [][2]string{{"traffic", "limiters"}, {"limiters", "traffic"}, {"accounts", "engines"}, {"engines", "accounts"}} {
		given, needed := pair[0], pair[1]
		excused := c.Written("accounts") || c.Written("engines") // else the decoder has source.Limiters for both
		if excused && c.Written(given) && !c.Written(needed) && c.Good(given) && c.Good(needed) {
			c.Fail(needed, "missing field %s: a scenario with %s has %s too", needed, given, needed)
		}
	}
	if c.Written("usage_batch") && !c.Written("accounts") && c.Good("usage_batch") {
		c.Fail("usage_batch", "there are no accounts whose usage it could batch")
	}
}

// mostAccounts and mostBatches bound memory: of both there are tables.
const (
	mostAccounts = 10_000_000
	mostBatches  = 10_000_000
)

func (c *checker) accounts() {
	c.blocks()
	if b, h := c.s.UsageBatch, c.s.Horizon; c.Written("accounts") && b > 0 && h <= longestHorizon && h/b > mostBatches {
		c.Fail("usage_batch", "%s makes %d batches in the horizon of %s: at most %d", b, h/b, h, mostBatches)
	}
	total := Count(0)
	for _, e := range c.s.Accounts {
		at := join("accounts", e.Name)
		if total += e.Value.Count; total > mostAccounts && total-e.Value.Count <= mostAccounts {
			c.Fail(join(at, "count"), "that makes more than %d accounts in all", mostAccounts)
		}
		c.anchor(e.Value, join(at, "anchor"))
		if e.Value.Cached != nil && *e.Value.Cached == (CachedAccount{}) && c.Good(join(at, "cached")) {
			c.Fail(join(at, "cached"), "expected limit or usage_30d, found neither")
		}
		c.usage(e.Value.Usage, join(at, "usage"))
		c.changes(e.Value, join(at, "changes"))
	}
}

func (c *checker) anchor(g AccountGroup, path string) {
	if !c.Written(path) || !c.Good(path) {
		return
	}
	if g.Plan == "free" {
		c.Fail(path, "free accounts have no billing periods: remove it, or give plan: paid")
		return
	}
	switch {
	case g.Anchor.At != nil:
		c.billing(*g.Anchor.At, join(path, "at"))
	case g.Anchor.Spread != nil:
		from, to := join(path, "spread.from"), join(path, "spread.to")
		c.billing(g.Anchor.Spread.From, from)
		c.billing(g.Anchor.Spread.To, to)
		if s := g.Anchor.Spread; s.To.Sub(s.From) < time.Second && c.Good(path) {
			c.Fail(to, "expected at least a second after from (%s), found %s", instant(s.From), instant(s.To))
		}
	}
}

// billing checks the instant of an anchor.
func (c *checker) billing(t time.Time, path string) {
	switch {
	case t.Before(firstEpoch):
		c.Fail(path, "expected an instant from 1970 on, found %s", instant(t))
	case t.After(c.s.Epoch) && c.Good("epoch"):
		c.Fail(path, "expected an instant no later than the epoch (%s), found %s: accounts would be in no billing period", instant(c.s.Epoch), instant(t))
	}
}

func instant(t time.Time) string { return t.Format(time.RFC3339) }

func (c *checker) usage(u AccountUsage, path string) {
	from := join(path, "from")
	if c.Written(from) {
		for _, f := range []string{"shape", "scale", "draw"} {
			if p := join(path, f); c.Written(p) {
				c.Fail(p, "with from, usage is what the traffic source is allowed: remove %s", f)
			}
		}
		c.usageFrom(u, path)
	} else if p := join(path, "limiter"); c.Written(p) {
		c.Fail(p, "limiter says whose decisions count with from: remove it")
	}
	if p := join(path, "shape"); u.Shape.Replay != nil {
		c.Fail(join(p, "replay"), "replay has instants and no form: use another pattern, or from with a traffic source that replays")
	} else {
		c.pattern(u.Shape, p, c.s.Horizon, false)
	}
	if k := u.Corrections; k != nil {
		c.inRun(join(path, "corrections.every"), k.Every, ": there would be none")
	}
}

// usageFrom checks the traffic source that is the accounts' usage, and whose
// decisions on it count.
func (c *checker) usageFrom(u AccountUsage, path string) {
	from, limiter := join(path, "from"), join(path, "limiter")
	if u.From == "" || !c.refer(from, "traffic source", u.From, "traffic", c.s.Traffic.Names()) {
		return
	}
	source, known := c.s.Traffic.Get(u.From)
	switch {
	case !known:
	case c.Written(limiter) && u.Limiter != "":
		c.refer(limiter, "limiter", u.Limiter, "limiters of traffic "+u.From, source.Limiters)
	case len(source.Limiters) > 1:
		c.Fail(path, "missing field limiter: requests of %s go to %d limiters, so say whose decisions count", u.From, len(source.Limiters))
	}
}

// changes follows a contract through its changes.
func (c *checker) changes(g AccountGroup, path string) {
	plan, cancelled, last := g.Plan, false, Duration(-1)
	for i, ch := range g.Changes {
		at := join(path, i)
		if !c.Good(at) {
			return // what follows rests on it
		}
		c.inRun(join(at, "at"), ch.At)
		if ch.At <= last {
			c.Fail(join(at, "at"), "expected more than %s, where the change before is, found %s", last, ch.At)
		}
		last = ch.At
		c.change(ch, at, plan, cancelled)
		if ch.Plan != "" {
			plan, cancelled = ch.Plan, false
		}
		cancelled = cancelled || ch.Cancel
	}
}

func (c *checker) change(ch AccountChange, path, plan string, cancelled bool) {
	what := []bool{ch.Limit != nil, ch.Plan != "", ch.Cancel, ch.RestartAnchor}
	if !slices.Contains(what, true) {
		c.Fail(path, "expected limit, plan, cancel or restart_anchor, found none")
	}
	if c.Written(join(path, "via")) && ch.Limit == nil {
		c.Fail(join(path, "via"), "via says how a new limit is saved, and there is none")
	}
	if ch.Plan == plan {
		c.Fail(join(path, "plan"), "the accounts are %s already", plan)
	}
	if ch.Cancel && (cancelled || plan == "free") {
		c.Fail(join(path, "cancel"), "there is no subscription left to cancel")
	}
	switch {
	case ch.RestartAnchor && ch.Plan != "":
		c.Fail(join(path, "restart_anchor"), "a new plan has no anchor, or its own: remove it")
	case ch.RestartAnchor && plan == "free":
		c.Fail(join(path, "restart_anchor"), "free accounts have no billing periods")
	}
}

// engines checks what does not depend on the kind of an engine. Kinds and
// their options are checked where the kinds are known, by sim/plan.
func (c *checker) engines() {
	for _, e := range c.s.Engines {
		at := join("engines", e.Name)
		c.inRun(join(at, "offset"), e.Value.Offset)
		c.inRun(join(at, "flag_from"), e.Value.FlagFrom)
		c.thresholds(e.Value.Thresholds, join(at, "thresholds"))
		c.outages(e.Value.Source.Outages, join(at, "source.outages"))
		c.outages(e.Value.Mail.Outages, join(at, "mail.outages"))
	}
}

func (c *checker) thresholds(list []Count, path string) {
	for i, t := range list {
		at := join(path, i)
		if i > 0 && t <= list[i-1] && c.Good(at) && c.Good(join(path, i-1)) {
			c.Fail(at, "expected more than the %d before, found %d", list[i-1], t)
		}
	}
}

func (c *checker) outages(list []Outage, path string) {
	end := Duration(0)
	for i, o := range list {
		at := join(path, i)
		if !c.Good(at) {
			return
		}
		if o.From < end {
			c.Fail(join(at, "from"), "expected at least %s, the end of the outage before, found %s", end, o.From)
		}
		c.inRun(join(at, "from"), o.From)
		if end = o.From + o.For; end < 0 { // beyond 64 bits
			return
		}
	}
}
