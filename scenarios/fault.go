package scenarios

import (
	"cmp"
	"reflect"
	"slices"
)

// Fault is one thing that goes wrong in [At, At + For): exactly one field
// beside these two. It happens to every limiter's and engine's shards alike,
// and to all instances of a client. A kind whose field has the tag lasts as
// its value says: for (For is needed), end (For, or to the end of the run);
// all others are over at once. The tag server says that the server itself is
// told what to do: told, or gone where it does nothing else until the end.
//
// A shard goes by its name in the scenario: of shards.names or of an added
// shard, also after it was renamed.
type Fault struct {
	At  Duration `yaml:"at" doc:"when, after the start of the run" required:"true" min:"0"`
	For Duration `yaml:"for" doc:"how long: of down, frozen, delay, bandwidth, read_only and out_of_memory, and of clock, which left out lasts to the end of the run" min:"exclusive 0"`

	Restart      *ShardFault     `yaml:"restart" one:"of" server:"told" doc:"the shard restarts without its data and scripts; what is under way is not lost"`
	Down         *ShardFault     `yaml:"down" one:"of" lasts:"for" server:"gone" doc:"the shard is killed, refuses connections, and comes back empty"`
	Frozen       *ShardFault     `yaml:"frozen" one:"of" lasts:"for" server:"gone" doc:"the shard answers nothing, then goes on where it was: what it was sent is executed late"`
	Delay        *DelayFault     `yaml:"delay" one:"of" lasts:"for" doc:"every round trip to the shard takes longer; the jitter is the distribution's"`
	Bandwidth    *BandwidthFault `yaml:"bandwidth" one:"of" lasts:"for" doc:"the link to the shard carries only so much, each way"`
	Reset        *ShardFault     `yaml:"reset" one:"of" doc:"every connection to the shard is reset; what has been executed stays so"`
	Rename       *RenameFault    `yaml:"rename" one:"of" doc:"clients know the shard by another name, so that keys move"`
	Add          *AddFault       `yaml:"add" one:"of" doc:"one more, empty shard joins, in the zone default, so that keys move"`
	Clock        *ClockFault     `yaml:"clock" one:"of" lasts:"end" doc:"the clocks of a client go wrong"`
	FlushScripts *ShardFault     `yaml:"flush_scripts" one:"of" server:"told" doc:"the shard forgets its scripts: EVALSHA answers NOSCRIPT"`
	ReadOnly     *ShardFault     `yaml:"read_only" one:"of" lasts:"for" server:"told" doc:"the shard answers READONLY to what writes, as a replica does"`
	OutOfMemory  *ShardFault     `yaml:"out_of_memory" one:"of" lasts:"for" server:"told" doc:"the shard answers OOM to what may need memory, as at maxmemory with noeviction"`
}

// ShardFault is a fault of one shard.
type ShardFault struct {
	Shard string `yaml:"shard" doc:"name of the shard" required:"true" example:"shard-1"`
}

// DelayFault is more delay between all clients and one shard.
type DelayFault struct {
	Shard string       `yaml:"shard" doc:"name of the shard" required:"true" example:"shard-1"`
	RTT   Distribution `yaml:"rtt" doc:"what is added to every round trip, half on the way there, half on the way back" required:"true"`
}

// BandwidthFault is a narrow link to one shard, which all clients share.
type BandwidthFault struct {
	Shard string   `yaml:"shard" doc:"name of the shard" required:"true" example:"shard-1"`
	Rate  ByteRate `yaml:"rate" doc:"what the link carries, each way" required:"true" min:"exclusive 0"`
}

// RenameFault is another name of a shard, to all clients.
type RenameFault struct {
	Shard string `yaml:"shard" doc:"name of the shard" required:"true" example:"shard-1"`
	To    string `yaml:"to" doc:"name by which all clients know it from then on" required:"true" example:"shard-9"`
}

// AddFault is one more shard.
type AddFault struct {
	Shard string `yaml:"shard" doc:"name of the new shard" required:"true" example:"shard-1"`
}

// ClockFault is a client whose clocks go wrong.
type ClockFault struct {
	Client string   `yaml:"client" doc:"name of the client" required:"true" example:"web"`
	Offset Duration `yaml:"offset" doc:"how much further ahead of true time its clocks are than clock_offset says (negative: behind)" required:"true"`
}

// Kind returns what goes wrong as the file spells it, "" where that is
// not known because of a mistake.
func (f Fault) Kind() string { return f.kind().name }

// On returns the name of the shard that it happens to, of add the new one; ""
// of a clock.
func (f Fault) On() string { return f.kind().shard }

// Until returns the end of the fault in a run of that horizon; of one that is
// over at once its beginning.
func (f Fault) Until(horizon Duration) Duration {
	switch lasts := f.kind().lasts; {
	case lasts == "":
		return f.At
	case f.For > 0 && f.For < horizon-f.At:
		return f.At + f.For
	}
	return horizon
}

// faultKind is what the written field of a Fault says.
type faultKind struct {
	name  string // yaml
	lasts string // "" over at once
	shard string
	// server is told what the server is told to do, gone where it then does
	// nothing that it is told, "" where it is told nothing.
	server string
}

const gone = "gone"

func (f Fault) kind() (k faultKind) {
	v := reflect.ValueOf(f)
	for i, field := range reflect.VisibleFields(v.Type()) {
		if field.Tag.Get("one") == "" || v.Field(i).IsNil() {
			continue
		}
		k = faultKind{name: field.Tag.Get("yaml"), lasts: field.Tag.Get("lasts"), server: field.Tag.Get("server")}
		if shard := v.Field(i).Elem().FieldByName("Shard"); shard.IsValid() {
			k.shard = shard.String()
		}
		return k
	}
	return k
}

// faults checks that faults are in the run, that what they happen to exists
// then, and that none is in the way of another.
func (c *checker) faults() {
	for i, f := range c.s.Faults {
		at := join("faults", i)
		c.inRun(join(at, "at"), f.At)
		c.lasts(at, f)
		if p := join(at, "clock.client"); f.Clock != nil && f.Clock.Client != "" {
			c.refer(p, "client", f.Clock.Client, "clients", c.s.Clients.Names())
		}
		if p := join(at, "clock.offset"); f.Clock != nil && f.Clock.Offset == 0 && c.Good(p) {
			c.Fail(p, "expected an offset, found 0s: nothing would go wrong")
		}
	}
	c.faultShards()
	c.overlaps()
}

// lasts checks that for is there exactly where it means something.
func (c *checker) lasts(at string, f Fault) {
	kind, p := f.kind(), join(at, "for")
	switch written := c.Written(p); {
	case kind.name == "" || !c.Good(p):
	case kind.lasts == "" && written:
		c.Fail(p, "%s is over at once: remove for", kind.name)
	case kind.lasts == "for" && !written:
		c.Fail(p, "missing field for: how long %s lasts", kind.name)
	}
}

// inTime lists the places of faults in the order in which they begin, those
// of one instant in the file's order.
func (c *checker) inTime() []int {
	order := make([]int, len(c.s.Faults))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(c.s.Faults[a].At, c.s.Faults[b].At) })
	return order
}

// faultShards checks names of shards: those of the scenario, which added
// shards join, and those by which a client's Ring knows them, which may
// change.
func (c *checker) faultShards() {
	if c.shardCount() == 0 {
		return
	}
	known := slices.Clone(c.s.Shards.Names)
	rings := c.ringNames(known)
	for _, i := range c.inTime() {
		f := c.s.Faults[i]
		at, on := join("faults", i), f.On()
		p := join(at, f.Kind(), "shard")
		switch {
		case on == "" || !c.Good(p):
		case f.Add != nil:
			if c.unknownName(p, on, append(rings[:len(rings):len(rings)], known)) {
				c.tagged(p, on)
				known = append(known, on)
				for r := range rings {
					rings[r] = append(rings[r], on)
				}
			}
		case !c.refer(p, "shard", on, "shards.names", known):
		case f.Rename != nil && f.Rename.To != "":
			if c.unknownName(join(at, "rename.to"), f.Rename.To, rings) {
				for r := range rings {
					rings[r][slices.Index(known, on)] = f.Rename.To
				}
			}
		}
	}
}

// allShardNames lists the shards that the run begins with and those that
// faults add, nothing where their number is not known.
func (c *checker) allShardNames() []string {
	if c.shardCount() == 0 {
		return nil
	}
	names := slices.Clone(c.s.Shards.Names)
	for _, f := range c.s.Faults {
		if f.Add != nil && f.Add.Shard != "" {
			names = append(names, f.Add.Shard)
		}
	}
	return names
}

// ringNames lists the names of the shards as each client knows them.
func (c *checker) ringNames(known []string) [][]string {
	rings := [][]string{slices.Clone(known)}
	for _, e := range c.s.Clients {
		if len(e.Value.ShardNames) == len(known) {
			rings = append(rings, slices.Clone(e.Value.ShardNames))
		}
	}
	return rings
}

func (c *checker) unknownName(path, name string, lists [][]string) bool {
	if !c.Good(path) {
		return false
	}
	for _, names := range lists {
		if slices.Contains(names, name) {
			c.Fail(path, "there is a shard %q already", name)
			return false
		}
	}
	return true
}

// overlaps checks that a fault is over before the next of its kind begins on
// the same shard or client, and that nothing is asked of a shard that can do
// nothing.
func (c *checker) overlaps() {
	order := c.inTime()
	for n, i := range order {
		f := c.s.Faults[i]
		at := join("faults", i)
		for _, j := range order[:n] {
			g := c.s.Faults[j]
			if !c.Good(at) || !c.Good(join("faults", j)) || !sameVictim(f, g) || !f.meets(g, c.s.Horizon) {
				continue
			}
			switch a, b := f.Kind(), g.Kind(); {
			case a == b:
				c.Fail(at, "overlaps with the %s at %s (line %d) of the same %s", b, g.At, c.s.Pos(join("faults", j)).Line, victim(f))
			case f.kind().server == gone && g.kind().server != "", g.kind().server == gone && f.kind().server != "":
				c.Fail(at, "cannot happen beside the %s at %s (line %d): a shard that is down or frozen does nothing else", b, g.At, c.s.Pos(join("faults", j)).Line)
			}
		}
	}
}

func sameVictim(f, g Fault) bool {
	if f.Clock != nil || g.Clock != nil {
		return f.Clock != nil && g.Clock != nil && f.Clock.Client == g.Clock.Client
	}
	return f.On() == g.On()
}

func victim(f Fault) string {
	if f.Clock != nil {
		return "client"
	}
	return "shard"
}

// meets reports whether two faults have an instant in common.
func (f Fault) meets(g Fault, horizon Duration) bool {
	return f.At < max(g.Until(horizon), g.At+1) && g.At < max(f.Until(horizon), f.At+1)
}
