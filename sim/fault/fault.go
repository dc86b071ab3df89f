// Package fault says what can go wrong with the shards and clients of a run:
// one table of kinds, with what each needs, how it is told, and how embedded
// and live shards do it.
//
// What flows in: the scenario's list, of which the plan makes Faults. What
// flows out: Faults, which sim/run begins and ends at their instants on
// whatever is a Target: embedded shards in virtual time, live servers in real
// time. Imported by sim/ and cmd/.
package fault

import (
	"errors"
	"slices"
	"time"

	"github.com/quotalab/quotalab/models/network"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/rediscmd"
)

// Kind is the name of a kind of fault, as the scenario file spells it.
type Kind string

// Fault is one thing that goes wrong in [At, Until).
type Fault struct {
	Kind      Kind
	At, Until int64 // nanoseconds after the epoch; Until is at the end of the run at the latest, and At if it is momentary

	Shard  int    // index in the plan's shards, unless it happens to a client
	Name   string // new name: of Rename and Add
	Client int    // index in the plan's clients: of Clock

	Offset         time.Duration        // of Clock
	RTT            network.Distribution // of Delay, in addition
	BytesPerSecond float64              // of Bandwidth
}

// same reports whether two are one fault: Distributions may not be comparable.
func (f Fault) same(g Fault) bool {
	return f.Kind == g.Kind && f.At == g.At && f.Until == g.Until && f.Shard == g.Shard && f.Name == g.Name
}

// Distributions makes a distribution of what the scenario says.
type Distributions func(scenarios.Distribution) (network.Distribution, error)

// Descriptor is all that there is to know of a kind.
type Descriptor struct {
	Kind  Kind
	Words func(f Fault) string // what happens to its shard or client
	// Fields sets what is the kind's own; nil: nothing.
	Fields func(s scenarios.Fault, f *Fault, distribution Distributions) error
	Client func(s scenarios.Fault) string // name of the client that it happens to; nil: it happens to a shard

	Adds         bool // its shard joins by it
	MovesKeys    bool // keys are emptied or move to another shard
	Slows        bool // looks at its shard may fail, so that a client loses it and its keys move too
	LosesAnswers bool // a client may not hear of what was executed, and send it again

	// Embedded lets it happen to an embedded shard; nil: it cannot.
	// It returns how it ends, nil where it is momentary.
	Embedded func(s Embedded, f Fault) (end func(), err error)
	// Live lets it happen to a live server, Link to the link before one. With
	// both, servers of others than the run have it on the link.
	Live func(s Live, f Fault) (Course, error)
	Link func(f Fault, l *Link)

	Foreign string // why servers cannot have it that the run did not start
	Cluster string // why a cluster's cannot
}

// kinds is the table. To add one, write its descriptor in a file and a line
// here.
var kinds = []*Descriptor{
	&restart, &down, &frozen, // server.go
	&delay, &bandwidth, &reset, // link.go
	&rename, &add, // ring.go
	&flushScripts, &readOnly, &outOfMemory, // refusal.go
	&clockOffset, // clock.go
}

// Of returns what is known of a kind, an empty Descriptor where there is no
// such kind.
func (k Kind) Of() *Descriptor {
	if i := slices.IndexFunc(kinds, func(d *Descriptor) bool { return d.Kind == k }); i >= 0 {
		return kinds[i]
	}
	return &Descriptor{}
}

// Proxied reports whether it happens on the link to the server.
func (d *Descriptor) Proxied(own bool) bool { return d.Link != nil && (d.Live == nil || !own) }

// Target is what faults of shards happen to.
type Target interface {
	Begin(f Fault) error
	End(f Fault) error // not called for momentary faults
}

// Embedded is an embedded shard. What lasts returns how it ends.
type Embedded interface {
	Restart()
	FlushScripts()
	Reset()
	Down() (up func())
	Freeze() (thaw func())
	Delay(rtt network.Distribution) (end func())
	Narrow(bytesPerSecond float64) (widen func())
	Refuse(r Refusal) (end func())
	Rename(to string) error
	Join(name string) error
}

// Refusal is what a shard answers instead of executing commands.
type Refusal struct {
	Text string
	// Of reports whether a command is refused; wrote says that the script which
	// calls it has written before.
	Of func(c *rediscmd.Command, wrote bool) bool
	// QueuesNone says that a transaction takes no command at all.
	QueuesNone bool
	// Server lets a real server refuse so by itself.
	Server func(s Commander) (Course, error)
}

// Commander is a server that can be told what to do.
type Commander interface {
	Command(args ...any) error
	Option(name string) (string, error)
}

// Live is a live server.
type Live interface {
	Commander
	Kill() error
	Restart() error // it answers again, and has been told again what it was told
	Stop() error
	Resume() error
	OnLink() (Course, error) // lets the fault happen on the link too, if there is a proxy
	Rename(to string) error
	Join(name string) error
}

// Link is what a link does to bytes.
type Link struct {
	Delays         []network.Distribution // round trips in addition
	BytesPerSecond float64                // 0: unlimited
	Held           bool                   // they wait
	Refuses        bool                   // dials are refused, and connections reset
	Resets         bool                   // connections are reset once
}

// Course is how a fault that has begun goes on.
type Course struct {
	End   func() error // nil: it is over at once
	Again func() error // what a server that restarts meanwhile has to be told; nil: nothing
}

// Begun are the faults that have begun and not ended.
type Begun []Episode

// Episode is a fault under way.
type Episode struct {
	Fault
	Course
}

// Add notes a fault that has begun, unless it is over.
func (b *Begun) Add(f Fault, c Course) {
	if c.End != nil {
		*b = append(*b, Episode{f, c})
	}
}

// End ends a fault that has begun.
func (b *Begun) End(f Fault) error {
	i := slices.IndexFunc(*b, func(e Episode) bool { return e.same(f) })
	if i < 0 {
		return errors.New("it has not begun, or does not last")
	}
	end := (*b)[i].Course.End
	*b = slices.Delete(*b, i, i+1)
	return end()
}
