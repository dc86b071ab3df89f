// Package foreign holds limiters and usage-threshold engines that live in a
// process of their own, in any language, and lets their unmodified code run in
// the virtual time of a simulation.
//
// What flows in: a command and a fleet of embedded shards. What flows out: a
// limiter whose commands are observed like those of any other. Only sim/run
// and cmd import it.
//
// The child is given one stimulus at a time: a request, replies of a shard, a
// timer. Then it is waited for until it is quiescent. What it wrote meanwhile
// is the consequence of that stimulus: a command reaches its shard after its
// delay, and the reply is a stimulus at the instant at which it is back.
// Virtual time stands still while the child computes.
package foreign

import (
	"errors"
	"time"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/fakeredis"
	"github.com/quotalab/quotalab/sim/limiter"
)

// ErrFailed is wrapped by the error of a run whose child failed.
var ErrFailed = errors.New("the process under test failed")

// Spec says what to start and how it is played.
type Spec struct {
	limiter.Process
	Client  string         // name of the instance
	Does    record.Mode    // what the client does
	Limiter record.Limiter // its limits
	Options map[string]string
	Shards  []string // the client's names of the shards
	Seed    uint32
	Engine  *Engine // it is a usage-threshold engine; nil: a limiter
	Notice  func(Notice)

	Live *Servers // in real time; nil: in virtual time, on what follows

	Line    *fakeredis.Line
	Sched   *clock.Scheduler
	Offset  func() time.Duration // by which the client's clock is ahead
	Clocked bool                 // it judges by its own clock
	Horizon int64
	// Patience is how long, in real time that it need not wait for a processor, the
	// child may take for one stimulus.
	Patience time.Duration
	// Tell is given what a user who waits wants to know; may be nil.
	Tell func(string)
	// Broken is told of the failure that ends the run.
	Broken func(error)
}

// silence is how long, in real time, a child that is not ready is waited for
// without a word.
const silence = 2 * time.Second

// Shares counts how a child's commands were attributed to requests.
type Shares struct {
	Sure    int64 // to the request whose stimulus caused them, the only one that it could be
	ByKey   int64 // to the only request that waits and names the key
	ByOrder int64 // to the first of several that wait and name the key
	Nobody  int64

	Clocks int64 // answers with the time of a clock that was as it should be
}

// All returns the number of commands.
func (s Shares) All() int64 { return s.Sure + s.ByKey + s.ByOrder + s.Nobody }

// Add adds those of another child.
func (s *Shares) Add(o Shares) {
	s.Sure += o.Sure
	s.ByKey += o.ByKey
	s.ByOrder += o.ByOrder
	s.Nobody += o.Nobody
	s.Clocks += o.Clocks
}
