package scenarios

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/quotalab/quotalab/models/metric"
)

// checker looks for mistakes that no single field shows. It passes over what
// is already reported, so that one mistake is one problem.
type checker struct {
	*decoder
	s *Scenario
}

func check(d *decoder, s *Scenario) {
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

func (c *checker) fail(path, format string, args ...any) {
	c.report(c.s.Pos(path), path, format, args...)
}

func (c *checker) written(path string) bool { return c.s.Written(path) }

// mostListed bounds a message.
const mostListed = 20

// refer checks a reference by name to an entry of a block.
func (c *checker) refer(path, noun, name, block string, known []string) bool {
	if slices.Contains(known, name) || !c.good(path) {
		return true
	}
	have := "nothing"
	switch {
	case len(known) > mostListed:
		have = fmt.Sprintf("%s and %d more", strings.Join(known[:mostListed], ", "), len(known)-mostListed)
	case len(known) > 0:
		have = strings.Join(known, ", ")
	}
	c.fail(path, "no %s %q%s; there is %s in %s", noun, name, metric.DidYouMean(name, known), have, block)
	return false
}

// unique reports every repetition in a list of names.
func (c *checker) unique(path, noun string, names []string) {
	for i, name := range names {
		if slices.Contains(names[:i], name) && name != "" {
			c.fail(join(path, fmt.Sprint(i)), "%s %q is listed twice", noun, name)
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
		c.fail("name", "expected lower case letters, digits and dashes, found %q", s.Name)
	}
	if c.written("epoch") && c.good("epoch") && (s.Epoch.Before(firstEpoch) || !s.Epoch.Before(lastEpoch)) {
		c.fail("epoch", "expected an instant from 1970 to 2199, found %s", s.Epoch.Format(time.RFC3339))
	}
	if s.Horizon > longestHorizon {
		c.fail("horizon", "expected at most %s (50 years), found %s", longestHorizon, s.Horizon)
	}
	if s.Horizon > 0 && s.Warmup >= s.Horizon {
		c.fail("warmup", "expected less than the horizon of %s, found %s: nothing would be measured", s.Horizon, s.Warmup)
	}
}

func (c *checker) shards() {
	sh := c.s.Shards
	if c.written("shards.names") && c.good("shards.names") {
		if c.written("shards.count") && c.good("shards.count") && len(sh.Names) != int(sh.Count) {
			c.fail("shards.names", "expected %d names, one for each shard, found %d", sh.Count, len(sh.Names))
		}
		c.unique("shards.names", "shard", sh.Names)
		for i, name := range sh.Names {
			c.tagged(join("shards.names", fmt.Sprint(i)), name)
		}
	}
	if n := c.shardCount(); c.written("shards.zones") && n > 0 && len(sh.Zones) != n {
		c.fail("shards.zones", "expected %d zones, one for each shard, found %d", n, len(sh.Zones))
	}
	c.distribution(sh.Service, "shards.service")
	c.distribution(sh.Scripts, "shards.scripts")
}

// tagged checks a name that appears as a tag in results.
func (c *checker) tagged(path, name string) {
	if !isName(strings.NewReplacer(".", "_", ":", "_").Replace(name)) && c.good(path) {
		c.fail(path, "expected a name of letters, digits, _, -, . and :, found %q", name)
	}
}

// shardCount is the number of shards, or 0 when that is not known because of
// another mistake.
func (c *checker) shardCount() int {
	if !c.good("shards.count") || !c.good("shards.names") {
		return 0
	}
	if c.written("shards.names") && !c.written("shards.count") {
		return len(c.s.Shards.Names)
	}
	return int(c.s.Shards.Count)
}

func (c *checker) shardNames() []string {
	if len(c.s.Shards.Names) > 0 {
		return c.s.Shards.Names
	}
	names := make([]string, c.shardCount())
	for i := range names {
		names[i] = fmt.Sprintf("shard-%d", i+1)
	}
	return names
}

const defaultZone = "default"

func (c *checker) network() {
	shardZones := c.s.Shards.Zones
	if len(shardZones) == 0 {
		shardZones = []string{defaultZone}
	}
	clientZones := []string{}
	for _, cl := range c.s.Clients {
		clientZones = append(clientZones, cl.Value.Zone)
	}
	if len(clientZones) == 0 {
		clientZones = []string{defaultZone}
	}
	c.distribution(c.s.Network.RTT, "network.rtt")
	seen := map[[2]string]bool{}
	for i, l := range c.s.Network.Links {
		at := join("network.links", fmt.Sprint(i))
		if l.From != "" {
			c.refer(join(at, "from"), "client zone", l.From, "clients", distinct(clientZones))
		}
		if l.To != "" {
			c.refer(join(at, "to"), "shard zone", l.To, "shards.zones", distinct(shardZones))
		}
		if pair := [2]string{l.From, l.To}; seen[pair] {
			c.fail(at, "the link from %s to %s is listed twice", l.From, l.To)
		} else {
			seen[pair] = true
		}
		c.distribution(l.RTT, join(at, "rtt"))
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

func (c *checker) distribution(d Distribution, path string) {
	if l := d.Lognormal; l != nil && l.P99 > 0 && l.P99 < l.Median {
		c.fail(join(path, "lognormal.p99"), "expected at least the median of %s, found %s", l.Median, l.P99)
	}
	for i, v := range d.Empirical {
		if v < 0 {
			c.fail(join(path, fmt.Sprintf("empirical.%d", i)), "expected at least 0s, found %s", v)
		}
	}
}

func (c *checker) clients() {
	for _, e := range c.s.Clients {
		at := join(join("clients", e.Name), "shard_names")
		if !c.written(at) || !c.good(at) {
			continue
		}
		if n := c.shardCount(); n > 0 && len(e.Value.ShardNames) != n {
			c.fail(at, "expected %d names, one for each shard, found %d", n, len(e.Value.ShardNames))
		}
		c.unique(at, "shard", e.Value.ShardNames)
	}
}

func (c *checker) clientNames() []string {
	if len(c.s.Clients) == 0 {
		return []string{defaultClient}
	}
	return c.s.Clients.Names()
}
