package run

import (
	"fmt"
	"time"

	"github.com/quotalab/quotalab/results/record"
)

// patience is how long, in real time, one request may hold up virtual time.
const patience = 10 * time.Second

// play plays all that is on the schedule. In virtual time it finds out what
// waits by the wall clock, and ends what would wait for ever.
func (d *driver) play() error {
	s, ok := d.stage.(*embedded)
	if !ok {
		d.clock.Run()
		return nil
	}
	limit := d.options.Patience
	if limit == 0 {
		limit = patience
	}
	waits, err := s.sched.RunWatched(limit)
	for _, w := range waits {
		d.result.Warnings = append(d.result.Warnings, fmt.Sprintf("%s waited for real time or for another goroutine (%s), which virtual time does not see: to the run it took no time. Wait for Redis alone, or run it in real time.", w.Function, w.State))
	}
	d.gaveUp.Store(err != nil)
	if err == nil && d.strandProcesses() {
		s.sched.Run() // requests that were given up end
	}
	return err
}

// warnings returns what the world's limiter did that virtual time cannot play.
func (w *world) warnings() []string {
	all := w.fleet.Warnings()
	if k := w.both; k != "" && !w.knowsTime() {
		all = append(all, fmt.Sprintf("it admitted and denied requests of key %q, but read no time that the run knows (neither env.Clock nor TIME, and no script or expiry did for it): unless it only counts, it goes by the wall clock (time.Now), which next to never passes in virtual time. Read env.Clock.", k))
	}
	for i := range all {
		all[i] = "limiter " + w.Name + ": " + all[i]
	}
	return all
}

// knowsTime reports whether something that the run controls may have brought
// time, or chance, into the limiter's decisions.
func (w *world) knowsTime() bool {
	return w.read.Load() || w.drew.Load() || w.fleet.ServersTime() || w.Kind.Outside
}

// timeless looks for a key of which one client process has both admitted and
// denied requests alike.
type timeless struct {
	answers map[string]record.Decision
	both    string
}

// mostAnswers bounds the keys that are looked at.
const mostAnswers = 10_000

// notes takes down a decision about one take.
func (t *timeless) notes(o *record.Observation) {
	if t.both != "" || len(o.Takes) != 1 || o.Decision != record.Allowed && o.Decision != record.Denied {
		return
	}
	take := o.Takes[0]
	id := fmt.Sprintf("%s %s %d %s", o.Client, take.Limit, take.Cost, take.Key)
	was, seen := t.answers[id]
	switch {
	case seen && was != o.Decision:
		t.both, t.answers = take.Key, nil
	case !seen && len(t.answers) < mostAnswers:
		if t.answers == nil {
			t.answers = map[string]record.Decision{}
		}
		t.answers[id] = o.Decision
	}
}
