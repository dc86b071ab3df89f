package run

import (
	"fmt"
	"time"

	"github.com/quotalab/quotalab/results/record"
)

// patience is how long, in real time, one request may hold up virtual time.
const patience = 10 * time.Second

// watched lets play play all that is on the world's schedule. In virtual time it
// finds out what waits by the wall clock, and ends what would wait for ever.
func (w *world) watched(play func()) error {
	s, ok := w.stage.(*embedded)
	if !ok {
		play()
		return nil
	}
	limit := w.d.options.Patience
	if limit == 0 {
		limit = patience
	}
	waits, err := s.sched.Watched(limit, func() {
		if play(); w.strandProcesses() {
			s.sched.Run() // requests that were given up end
		}
	})
	for _, wait := range waits {
		w.waited = append(w.waited, fmt.Sprintf("%s waited for real time or for another goroutine (%s), which virtual time does not see: to the run it took no time. Wait for Redis alone, or run it in real time.", wait.Function, wait.State))
	}
	w.gaveUp.Store(err != nil)
	return err
}

// warnings returns what the limiter did that virtual time cannot play.
func (s *system) warnings() (all []string) {
	if s.model != nil {
		all = append(all, modelText)
	}
	if f, ok := s.fleet.(embeddedFleet); ok && f.ClusterWarning() != "" {
		all = append(all, f.ClusterWarning())
	}
	return append(all, s.fleet.Warnings()...)
}

// wallClock says that a limiter went by another clock, about the key that shows it.
const wallClock = "it admitted and denied requests of key %q, but read no time that the run knows (neither env.Clock nor TIME, and no script or expiry did for it): unless it only counts, it goes by the wall clock (time.Now), which next to never passes in virtual time. Read env.Clock."

// knowsTime reports whether something that the run controls may have brought
// time, or chance, into the limiter's decisions.
func (s *system) knowsTime() bool {
	return s.model != nil || s.Kind.Outside || s.read.Load() || s.drew.Load() || s.fleet.ServersTime()
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
