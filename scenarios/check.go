package scenarios

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strings"
	"time"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/scenarios/decode"
)

// checker looks for mistakes that no single field shows. It passes over what
// is already reported, so that one mistake is one problem.
type checker struct {
	*decode.Decoder
	s *Scenario
}

func check(d *decode.Decoder, s *Scenario) {
	c := &checker{d, s}
	c.run()
	c.shards()
	c.network()
	c.keys()
	c.clients()
	c.limiters()
	for _, t := range s.Traffic {
		c.traffic(t.Value, join("traffic", t.Name))
	}
	c.accounts()
	c.engines()
	c.faults()
	c.observations()
	c.asserts()
	c.sweep()
}

// mostListed bounds a message.
const mostListed = 20

// refer checks a reference by name to an entry of a block.
func (c *checker) refer(path, noun, name, block string, known []string) bool {
	if slices.Contains(known, name) || !c.Good(path) {
		return true
	}
	have := "nothing"
	switch {
	case len(known) > mostListed:
		have = fmt.Sprintf("%s and %d more", strings.Join(known[:mostListed], ", "), len(known)-mostListed)
	case len(known) > 0:
		have = strings.Join(known, ", ")
	}
	c.Fail(path, "no %s %q%s; there is %s in %s", noun, name, metric.DidYouMean(name, known), have, block)
	return false
}

// unique reports every repetition in a list of names.
func (c *checker) unique(path, noun string, names []string) {
	for i, name := range names {
		if slices.Contains(names[:i], name) && name != "" {
			c.Fail(join(path, i), "%s %q is listed twice", noun, name)
		}
	}
}

var firstEpoch, lastEpoch = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)

// longestHorizon keeps instants of a run, and what limits add to them,
// within 64 bits of nanoseconds.
const longestHorizon = Duration(50 * 365 * 24 * time.Hour)

func (c *checker) run() {
	s := c.s
	if s.Name != "" && strings.Trim(s.Name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		c.Fail("name", "expected lower case letters, digits and dashes, found %q", s.Name)
	}
	if c.Written("epoch") && c.Good("epoch") && (s.Epoch.Before(firstEpoch) || !s.Epoch.Before(lastEpoch)) {
		c.Fail("epoch", "expected an instant from 1970 to 2199, found %s", s.Epoch.Format(time.RFC3339))
	}
	if s.Horizon > longestHorizon {
		c.Fail("horizon", "expected at most %s (50 years), found %s", longestHorizon, s.Horizon)
	}
	c.inRun("warmup", s.Warmup, ": nothing would be measured")
}

func (c *checker) shards() {
	sh := c.s.Shards
	if c.Written("shards.names") && c.Good("shards.names") {
		if c.Written("shards.count") && c.Good("shards.count") && len(sh.Names) != int(sh.Count) {
			c.Fail("shards.names", "expected %d names, one for each shard, found %d", sh.Count, len(sh.Names))
		}
		c.unique("shards.names", "shard", sh.Names)
		for i, name := range sh.Names {
			c.tagged(join("shards.names", i), name)
		}
	}
	if c.s.Clock == "real" && sh.Engine != engineEmbedded && c.Good("shards.engine") {
		c.Fail("shards.engine", "engine: %s is of virtual time, found clock: real, which has live servers: leave it out", sh.Engine)
	}
	if n := c.shardCount(); c.Written("shards.zones") && n > 0 && len(sh.Zones) != n {
		c.Fail("shards.zones", "expected %d zones, one for each shard, found %d", n, len(sh.Zones))
	}
}

// tagged checks a name that appears as a tag in results.
func (c *checker) tagged(path, name string) {
	if !decode.IsName(strings.NewReplacer(".", "_", ":", "_").Replace(name)) && c.Good(path) {
		c.Fail(path, "expected a name of letters, digits, _, -, . and :, found %q", name)
	}
}

// shardCount is the number of shards, or 0 when that is not known because of
// another mistake.
func (c *checker) shardCount() int {
	if !c.Good("shards.count") || !c.Good("shards.names") {
		return 0
	}
	return len(c.s.Shards.Names)
}

func (c *checker) network() {
	var clientZones []string
	for _, cl := range c.s.Clients {
		clientZones = append(clientZones, cl.Value.Zone)
	}
	seen := map[[2]string]bool{}
	for i, l := range c.s.Network.Links {
		at := join("network.links", i)
		if l.From != "" {
			c.refer(join(at, "from"), "client zone", l.From, "clients", distinct(clientZones))
		}
		if l.To != "" {
			c.refer(join(at, "to"), "shard zone", l.To, "shards.zones", distinct(c.s.Shards.Zones))
		}
		if pair := [2]string{l.From, l.To}; seen[pair] {
			c.Fail(at, "the link from %s to %s is listed twice", l.From, l.To)
		} else {
			seen[pair] = true
		}
	}
}

func distinct(names []string) []string {
	var out []string
	for _, n := range names {
		if n != "" && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

func (c *checker) clients() {
	for _, e := range c.s.Clients {
		if pool := e.Value.Connection; pool.PoolSize > 0 && pool.MinIdle > pool.PoolSize {
			c.Fail(join("clients", e.Name, "connection", "min_idle"), "expected at most pool_size, %d, found %d", pool.PoolSize, pool.MinIdle)
		}
		at := join("clients", e.Name, "shard_names")
		if !c.Written(at) || !c.Good(at) {
			continue
		}
		if n := c.shardCount(); n > 0 && len(e.Value.ShardNames) != n {
			c.Fail(at, "expected %d names, one for each shard, found %d", n, len(e.Value.ShardNames))
		}
		c.unique(at, "shard", e.Value.ShardNames)
	}
}

// limiters checks limits and overrides. Kinds and their options are checked
// where the kinds are known, by sim/plan.
func (c *checker) limiters() {
	for _, e := range c.s.Limiters {
		at, l := join("limiters", e.Name), e.Value
		if l.Limit != nil {
			c.limit(*l.Limit, join(at, "limit"))
		}
		for _, n := range l.Limits {
			c.limit(n.Value, join(at, "limits", n.Name))
		}
		c.limitChanges(l, at)
		seen := map[[2]string]bool{}
		for i, o := range l.Overrides {
			path := join(at, "overrides", i)
			c.override(l, o, path)
			if which := [2]string{o.Limit, o.Key}; seen[which] && o.Key != "" {
				c.Fail(path, "the limit of key %q is overridden twice", o.Key)
			} else {
				seen[which] = true
			}
		}
	}
}

// limitChanges checks limits that change, as overrides are.
func (c *checker) limitChanges(l Limiter, at string) {
	for i, ch := range l.Changes {
		path := join(at, "changes", i)
		c.inRun(join(path, "at"), ch.At)
		c.override(l, Override{Limit: ch.Limit, Key: ch.Key, Count: ch.Count, Per: ch.Per, Burst: ch.Burst}, path)
		if i > 0 && ch.At < l.Changes[i-1].At && c.Good(join(path, "at")) {
			c.Fail(join(path, "at"), "expected changes in the order of their instants, found %s after %s", ch.At, l.Changes[i-1].At)
		}
	}
}

func (c *checker) override(l Limiter, o Override, path string) {
	switch names := l.Limits.Names(); {
	case o.Limit != "" && l.Limit != nil:
		c.Fail(join(path, "limit"), "the limiter has only one limit, without a name: leave limit out")
	case o.Limit != "" && len(names) > 0:
		c.refer(join(path, "limit"), "limit", o.Limit, "limits", names)
	case len(names) > 1 && c.Good(path):
		c.Fail(path, "missing field limit: the limiter has several limits, so say which")
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
		c.Fail(join(path, "count"), "%d in %s is more than one a nanosecond", l.Count, l.Period)
		return
	}
	if hi, lo := bits.Mul64(uint64(interval), uint64(l.Burst)); hi != 0 || lo > math.MaxInt64/2 {
		c.Fail(join(path, "burst"), "burst · period / count is longer than 146 years: give a smaller burst or period")
	}
}

// inRun checks that an instant after the start, or a length of time, is less
// than the horizon.
func (c *checker) inRun(path string, at Duration, otherwise ...string) {
	if c.s.Horizon > 0 && at >= c.s.Horizon && c.Good(path) {
		c.Fail(path, "expected less than the horizon of %s, found %s%s", c.s.Horizon, at, strings.Join(otherwise, ""))
	}
}

// observations checks what of a run is recorded.
func (c *checker) observations() {
	if c.s.Observations != "sampled" && c.Written("sample_rate") && c.Good("observations") {
		c.Fail("sample_rate", "only observations: sampled has a rate, found observations: %s", c.s.Observations)
	}
}

func (c *checker) traffic(t Traffic, path string) {
	c.pattern(t.Rate, join(path, "rate"), c.s.Horizon, true)
	if t.Rate.Replay != nil && c.Written(join(path, "gaps")) {
		c.Fail(join(path, "gaps"), "replay has instants of its own: remove gaps")
	}
	c.source(t, path)
	for i, name := range t.Limiters {
		c.refer(join(path, "limiters", i), "limiter", name, "limiters", c.s.Limiters.Names())
	}
	c.unique(join(path, "limiters"), "limiter", t.Limiters)
	c.takes(t, path)
	c.via(t, path)
}

// source checks where a request's keys come from: keys, batch or a replay.
func (c *checker) source(t Traffic, path string) {
	keys, batch := c.Written(join(path, "keys")), c.Written(join(path, "batch"))
	switch {
	case keys && batch:
		c.Fail(join(path, "batch"), "expected only one of keys, batch, found both")
	case !keys && !batch && t.Rate.Replay == nil && c.Good(path):
		c.Fail(path, "expected one of keys, batch, found none: a request needs a key")
	}
	names := c.s.Keys.Names()
	if t.Keys != "" {
		c.refer(join(path, "keys"), "population", t.Keys, "keys", names)
	}
	for i, b := range t.Batch {
		if b.Keys != "" {
			c.refer(join(path, "batch", i, "keys"), "population", b.Keys, "keys", names)
		}
	}
	for _, f := range []string{"limit", "cost"} {
		if batch && c.Written(join(path, f)) {
			c.Fail(join(path, f), "with a batch, %s belongs to each of its items", f)
		}
	}
}

// takes checks that every limiter of the traffic has the limits it takes from.
func (c *checker) takes(t Traffic, path string) {
	for _, name := range t.Limiters {
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
				c.refer(join(path, "batch", i, "limit"), "limit", b.Limit, block, l.Limits.Names())
			}
		}
	}
}

func (c *checker) via(t Traffic, path string) {
	names := c.s.Clients.Names()
	for i, name := range t.Via {
		c.refer(join(path, "via", i), "client", name, "clients", names)
	}
	if !c.Written(join(path, "via")) && len(names) > 1 && c.Good(path) {
		c.Fail(path, "missing field via: there are several clients, so say which a request passes")
	}
	if c.Written(join(path, "pause")) && len(t.Via) < 2 && c.Good(join(path, "via")) {
		c.Fail(join(path, "pause"), "a pause lies between two clients of via, and there is only one")
	}
}

// highestRate is where a growth is taken for a mistake: a thousand million
// events per second.
const highestRate = Rate(1e9)

// pattern checks a growth pattern; alone is false inside of a combination.
func (c *checker) pattern(p RatePattern, path string, span Duration, alone bool) {
	switch {
	case p.Ramp != nil:
		if p.Ramp.From == 0 && p.Ramp.To == 0 && c.Good(join(path, "ramp")) {
			c.Fail(join(path, "ramp"), "expected a rate above 0/s in from or to: nothing would ever arrive")
		}
	case p.Exponential != nil:
		c.exponential(*p.Exponential, join(path, "exponential"), span)
	case p.Logistic != nil:
		if l := p.Logistic; l.To > 0 && l.From >= l.To/2 {
			c.Fail(join(path, "logistic.from"), "expected less than half of to (%s), found %s", l.To/2, l.From)
		}
	case p.Steps != nil:
		c.steps(p.Steps, join(path, "steps"))
	case p.Replay != nil:
		if !alone {
			c.Fail(join(path, "replay"), "replay has instants and no rate: it cannot be part of sum, product or then")
		}
		c.traceKey(p.Replay.Format, p.Replay.KeyField, join(path, "replay.key_field"))
	}
	c.combined(p, path, span)
}

func (c *checker) combined(p RatePattern, path string, span Duration) {
	for i, q := range p.Sum {
		c.pattern(q, join(path, "sum", i), span, false)
	}
	for i, q := range p.Product {
		c.pattern(q, join(path, "product", i), span, false)
	}
	lengths := partLengths(p.Then, span)
	for i, q := range p.Then {
		at := join(path, "then", i)
		if q.For == 0 && i < len(p.Then)-1 && !c.Written(join(at, "for")) && c.Good(at) {
			c.Fail(at, "missing field for: only the last part may leave it out")
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
	over := min(e.Over, span)
	end := float64(e.From) * math.Exp(float64(growth)*time.Duration(over).Seconds())
	if end > float64(highestRate) && c.Good(path) {
		c.Fail(join(path, by), "the rate would grow beyond %s within %s: give a slower growth, or a shorter over", highestRate, over)
	}
}

func (c *checker) steps(steps []Step, path string) {
	highest := Rate(0)
	for i, s := range steps {
		at := join(path, i)
		if !c.Written(join(at, "for")) && i < len(steps)-1 && c.Good(at) {
			c.Fail(at, "missing field for: only the last step may leave it out")
		}
		highest = max(highest, s.Rate)
	}
	if highest == 0 && len(steps) > 0 && c.Good(path) {
		c.Fail(path, "expected a rate above 0/s in one of the steps: nothing would ever arrive")
	}
}

func (c *checker) keys() {
	names := c.s.Keys.Names()
	for _, e := range c.s.Keys {
		at := join("keys", e.Name)
		p := e.Value
		if p.Churn != nil {
			c.churn(*p.Churn, join(at, "churn"))
		}
		if p.FromTrace != nil {
			c.traceKey(p.FromTrace.Format, p.FromTrace.KeyField, join(at, "from_trace.key_field"))
		}
		if hosts := join(at, "hosts"); p.Hosts > 0 && (p.As != "ipv6" || p.Mix != nil || p.Derive != nil || p.FromTrace != nil) && c.Good(hosts) {
			c.Fail(hosts, "only a population that draws keys of its own, as: ipv6, has several addresses for each: remove hosts, or give as: ipv6")
		}
		if as := join(at, "as"); p.Mix != nil && c.Written(as) {
			c.Fail(as, "a mix writes each key as its part does: give `as` there")
		}
		for i, m := range p.Mix {
			if part, _ := c.s.Keys.Get(m.Keys); part.Derive != nil {
				c.Fail(join(at, "mix", i, "keys"), "population %q is derived, and a mix needs populations that draw", m.Keys)
			}
			if m.Keys != "" {
				c.refer(join(at, "mix", i, "keys"), "population", m.Keys, "keys", names)
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
	longest := Duration(0)
	for _, d := range k.Lifetime.Empirical {
		longest = max(longest, d)
	}
	zero := k.Lifetime.Constant != nil && *k.Lifetime.Constant == 0 || len(k.Lifetime.Empirical) > 0 && longest == 0
	if zero && c.Good(life) {
		c.Fail(life, "expected a lifetime longer than 0s: the population would be empty")
	}
}

// prefix checks that a derivation by prefix has addresses to cut.
func (c *checker) prefix(k DerivedKeys, path string) {
	from, _ := c.s.Keys.Get(k.From)
	if k.Prefix == 0 || from.FromTrace != nil || from.Mix != nil || from.Derive != nil || !c.Good(join("keys", k.From)) {
		return // a trace's keys are known when it is read, a mixture's are its parts'
	}
	at := join(path, "prefix")
	switch from.As {
	case "ipv4":
		if k.Prefix > 32 {
			c.Fail(at, "expected at most 32 bits of an ipv4 address, found %d", k.Prefix)
		}
	case "ipv6":
	default:
		c.Fail(at, "population %q has no addresses: give it as: ipv4 or as: ipv6", k.From)
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
				c.Fail(r.path, "a population cannot be made of itself: %s", strings.Join(cycle, " → "))
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
		out = append(out, reference{join(at, "mix", i, "keys"), m.Keys})
	}
	if p.Derive != nil {
		out = append(out, reference{join(at, "derive.from"), p.Derive.From})
	}
	return out
}

// logFields are what the lines of logs name whose fields have no names of their own.
var logFields = map[string][]string{"combined": {"host", "user", "path", "agent"}, "alb": {"host", "path", "agent"}}

func (c *checker) traceKey(format, key, path string) {
	if known := logFields[format]; known != nil && key != "" && !slices.Contains(known, key) && c.Good(path) {
		c.Fail(path, "expected a field of an access log (%s), found %q", strings.Join(known, ", "), key)
	}
}
