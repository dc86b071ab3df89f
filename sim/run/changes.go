package run

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/limiter"
)

// scheduleChanges lets limits change: every instance of a limiter is made anew
// with the limits of that instant, one after another if they are rolled out.
// Requests under way end as they began. The first that is made so is told what
// changed, if it wants to know.
func (w *world) scheduleChanges() {
	for _, s := range w.systems {
		if s == nil {
			continue
		}
		instances := slices.Concat(s.clients...)
		before := s.Limiter.Limiter
		for _, c := range s.Changes {
			was, _ := before.Table().For(c.Limit.Name, c.Limit.Key)
			for i, in := range instances {
				at := c.At
				if len(instances) > 1 {
					at += int64(c.Over) * int64(i) / int64(len(instances)-1)
				}
				w.clock.First(at, func() { w.change(s, in, c) })
			}
			w.clock.First(c.At, func() { w.tell(s, instances[0], was, c.Limit) })
			before = changed(before, c)
		}
	}
}

// change makes an instance's limiter anew.
func (w *world) change(s *system, in *instance, c record.Change) {
	in.env.Spec = changed(in.env.Spec, c)
	if err := in.make(s.Kind); err != nil {
		w.d.fail(fmt.Errorf("limiter %s, client %s, when its limits changed at %s: %w", s.Name, in.name, time.Duration(c.At), err))
	}
}

// tell tells a limiter that wants to know what changed.
func (w *world) tell(s *system, in *instance, was, is record.Limit) {
	l, wants := in.limiter.(limiter.Changer)
	if !wants {
		return
	}
	w.clock.Start(func(clock.Process) {
		if err := l.Change(context.Background(), was, is); err != nil {
			w.d.fail(fmt.Errorf("limiter %s, client %s, told of a limit that changed: %w", s.Name, in.name, err))
		}
	})
}

// changed returns a limiter with the limit that a change makes.
func changed(l record.Limiter, c record.Change) record.Limiter {
	list := &l.Limits
	if c.Limit.Key != "" {
		list = &l.Overrides
	}
	*list = slices.Clone(*list)
	same := func(o record.Limit) bool { return o.Name == c.Limit.Name && o.Key == c.Limit.Key }
	if i := slices.IndexFunc(*list, same); i >= 0 {
		(*list)[i] = c.Limit
	} else {
		*list = append(*list, c.Limit)
	}
	return l
}
