package shards

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/quotalab/quotalab/models/network"
	"github.com/quotalab/quotalab/sim/fault"
)

// trouble is what is wrong with a shard.
type trouble struct {
	shard       *Shard
	stream      func(name string) *rand.Rand
	rng         *rand.Rand // of delays that are a fault: other draws do not shift
	down        bool
	frozen      bool
	frozenAt    int64
	delay       network.Distribution // nil: none
	there, back link
	readOnly    bool
	outOfMemory bool
	dirty       bool // the command at hand has written
	underWay    []*tracked
	places      int64 // taken in the queue
}

// suspect tells whether a look at the shard may fail.
func (t *trouble) suspect() bool {
	return t.down || t.frozen || t.delay != nil || t.there.rate > 0
}

// queueTime is the instant in the shard's queue, which stands still while
// the shard is frozen.
func (t *trouble) queueTime() int64 {
	if t.frozen {
		return t.frozenAt
	}
	return t.shard.sched.Now()
}

var errFaultless = errors.New("the fleet was made without faults: say so in its Spec")

// Begin lets a fault happen at the present instant.
func (f *Fleet) Begin(x fault.Fault) error {
	s, err := f.struck(x)
	if err != nil {
		return err
	}
	switch x.Kind {
	case fault.Add:
		return f.add(x.Name)
	case fault.Rename:
		return f.rename(s, x.Name)
	case fault.Restart:
		s.restart()
	case fault.FlushScripts:
		s.flushScripts()
	case fault.Reset:
		s.reset()
	case fault.Down:
		s.die()
	case fault.Frozen:
		s.freeze()
	case fault.Delay:
		s.delay = x.RTT
	case fault.Bandwidth:
		s.there, s.back = link{rate: x.BytesPerSecond}, link{rate: x.BytesPerSecond}
	case fault.ReadOnly:
		s.readOnly = true
	case fault.OutOfMemory:
		s.outOfMemory = true
	default:
		return fmt.Errorf("shard %s: no embedded shard knows the fault %q", s.Name, x.Kind)
	}
	s.guard()
	f.watch()
	return nil
}

// End ends a fault that lasted.
func (f *Fleet) End(x fault.Fault) error {
	s, err := f.struck(x)
	if err != nil {
		return err
	}
	switch x.Kind {
	case fault.Down:
		s.down = false
	case fault.Frozen:
		s.thaw()
	case fault.Delay:
		s.delay = nil
	case fault.Bandwidth:
		s.widen()
	case fault.ReadOnly:
		s.readOnly = false
	case fault.OutOfMemory:
		s.outOfMemory = false
	default:
		return fmt.Errorf("shard %s: the fault %q does not last", s.Name, x.Kind)
	}
	s.guard()
	return nil
}

// struck returns the shard that a fault happens to, nil of one that is to be
// added.
func (f *Fleet) struck(x fault.Fault) (*Shard, error) {
	switch {
	case !f.spec.Faults:
		return nil, errFaultless
	case x.Kind == fault.Add:
		return nil, nil
	case x.Shard < 0 || x.Shard >= len(f.Shards):
		return nil, fmt.Errorf("the fault %q is of shard %d, the fleet has %d shards", x.Kind, x.Shard+1, len(f.Shards))
	}
	return f.Shards[x.Shard], nil
}

// die kills the shard: what it has not answered fails when the client hears
// of it, and its data is gone.
func (s *Shard) die() {
	now := s.sched.Now()
	for _, t := range slices.Clone(s.underWay) {
		if t.state == queued || t.state == serving {
			t.after(now+t.flight.back, returning, func() { t.finish(wasReset(s)) })
		}
	}
	s.down, s.free = true, now
	s.restart()
}

// freeze lets the queue stand still.
func (s *Shard) freeze() {
	s.frozen, s.frozenAt = true, s.sched.Now()
	for _, t := range s.underWay {
		if t.state == queued || t.state == serving {
			t.turn++ // what it waits for does not come
		}
	}
}

// thaw lets the queue go on where it was, in the order in which commands
// came.
func (s *Shard) thaw() {
	stood := s.sched.Now() - s.frozenAt
	s.frozen = false
	s.free += stood
	for _, t := range s.inOrder(func(t *tracked) int64 { return t.place }, queued, serving) {
		t.end += stood
		if t.state == serving {
			t.after(t.end, serving, t.answer)
		} else {
			t.after(t.due+stood, queued, t.serve)
		}
	}
}

// reset fails whatever clients wait for. What has not been executed never is:
// the server finds its connections closed.
func (s *Shard) reset() {
	free := s.queueTime()
	for _, t := range slices.Clone(s.underWay) {
		if t.state == serving {
			free = max(free, t.end)
		}
		t.finish(wasReset(s))
	}
	s.free = free
}

// chaos is the random stream of what is wrong with the shard.
func (t *trouble) chaos() *rand.Rand {
	if t.rng == nil {
		t.rng = t.stream("faults/" + t.shard.Name)
	}
	return t.rng
}
