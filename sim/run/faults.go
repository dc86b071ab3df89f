package run

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/fault"
)

// targets are the shards of every limiter and engine.
func (s *embedded) targets() []fault.Target {
	targets := make([]fault.Target, len(s.fleets))
	for i, f := range s.fleets {
		targets[i] = f
	}
	return targets
}

// turn is the beginning or the end of a fault.
type turn struct {
	at    int64
	ends  bool
	place int // of the fault in the plan
	fault fault.Fault
}

// turns lists what faults do in the order of time. At one instant ends come
// first, so that a fault may follow on another of its kind.
func turns(faults []fault.Fault) []turn {
	var all []turn
	for i, f := range faults {
		all = append(all, turn{f.At, false, i, f})
		if f.Until > f.At {
			all = append(all, turn{f.Until, true, i, f})
		}
	}
	slices.SortStableFunc(all, func(a, b turn) int {
		if a.at == b.at && a.ends != b.ends {
			if a.ends {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.at, b.at)
	})
	return all
}

// scheduleFaults lets every fault begin and end, one turn after another. In
// real time a turn takes a while, in which the run goes on.
func (w *world) scheduleFaults() {
	all := turns(w.d.plan.Faults)
	if len(all) == 0 {
		return
	}
	begun := make([]bool, len(w.d.plan.Faults))
	if w.d.inRealTime() {
		w.clock.Call(0, func() {
			w.clock.Start(func(p clock.Process) {
				for _, t := range all {
					p.SleepUntil(t.at)
					w.turn(t, begun, p.Outside)
				}
			})
		})
		return
	}
	for _, t := range all {
		w.clock.First(t.at, func() { w.turn(t, begun, func(f func()) { f() }) })
	}
}

// turn begins or ends a fault. What has not begun when a run ends early does
// not any more.
func (w *world) turn(t turn, begun []bool, outside func(func())) {
	if t.ends && !begun[t.place] || !t.ends && (w.d.over(t.at) || w.d.laps == nil && w.d.ctx.Err() != nil) {
		return
	}
	begun[t.place] = true
	if t.fault.Kind.Of().Client != nil {
		w.clients[t.fault.Client].turn(t)
		return
	}
	var here bool
	if t.fault, here = w.Struck(t.fault); !here {
		return
	}
	var err error
	outside(func() { err = take(t, w.stage.targets()) })
	w.d.fail(err)
}

func (c *clientOffset) turn(t turn) {
	if t.ends {
		c.ns.Add(-int64(t.fault.Offset))
	} else {
		c.ns.Add(int64(t.fault.Offset))
	}
}

// take lets the shards take the turn.
func take(t turn, targets []fault.Target) error {
	for _, target := range targets {
		act, what := target.Begin, "begin"
		if t.ends {
			act, what = target.End, "end"
		}
		if err := act(t.fault); err != nil {
			return fmt.Errorf("the fault %s could not %s: %w", t.fault.Kind, what, err)
		}
	}
	return nil
}
