package measure

import (
	"time"

	"github.com/quotalab/quotalab/results/record"
)

// Monitor looks at the assertions with AbortOnFail while a run goes on. Its
// memory does not grow with the run.
type Monitor struct {
	warmup  int64
	order   *order
	phases  *phases
	watched []*sliding
}

// looksPerRun is how often a run is looked at, at most.
const looksPerRun = 1000

// lookEvery so much of a run's time it is looked at: every second, but at
// least ten times and at most looksPerRun times.
func lookEvery(horizon time.Duration) time.Duration {
	return max(min(time.Second, horizon/10), horizon/looksPerRun)
}

// NewMonitor of a run with that manifest. looked is told each look, with the
// number of the assertion: at those with Over the one at each window's end,
// at others those since the warm-up, up to fixed instants. None comes before
// DelayAbortEval. nil: there is nothing to watch.
func NewMonitor(m record.Manifest, looked func(assertion int, l Look)) (*Monitor, error) {
	w := &Monitor{warmup: m.Warmup.Nanoseconds(), order: newOrder(&m), phases: newPhases(m.Faults)}
	for i, a := range m.Asserts {
		if !a.AbortOnFail {
			continue
		}
		s, err := newSelection(a)
		if err != nil {
			return nil, err
		}
		one := newSliding(s, &m, w.phases, a.Over, lookEvery(m.Horizon))
		one.notBefore = a.DelayAbortEval.Nanoseconds()
		one.looked = func(l Look) { looked(i, l) }
		w.watched = append(w.watched, one)
	}
	if len(w.watched) == 0 {
		return nil, nil
	}
	return w, nil
}

// Observe takes the observations of a run as they come. It keeps nothing of o.
func (w *Monitor) Observe(o *record.Observation) {
	if o.Intended < w.warmup {
		return
	}
	at := outcomeOf(o, w.order, w.phases)
	for _, one := range w.watched {
		one.observe(o, at)
	}
}
