package assert

import (
	"fmt"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
)

// Watch judges the assertions with abortOnFail while a run goes on, by what
// was done so far, and with `over` by the last window that is complete. When
// one fails the run should end. What nothing was observed of is not known yet,
// and ends no run.
//
// It looks at fixed instants of the run's time, every second (but at least ten
// times and at most a thousand times in a run), or with `over` at the end of
// each window, when the first observation comes that was done at that instant
// or later. So in virtual time it ends a run at the same observation each time.
type Watch struct {
	asserts []record.Assertion
	monitor *summary.Monitor
	failure *record.Failure
	why     string
}

// NewWatch makes the Watch of a run with that manifest; nil if no assertion has abortOnFail.
func NewWatch(m record.Manifest) (*Watch, error) {
	w := &Watch{asserts: m.Asserts}
	var err error
	if w.monitor, err = summary.NewMonitor(m, w.looked); err != nil || w.monitor == nil {
		return nil, err
	}
	return w, nil
}

// Observe takes an observation and returns the failure of the first assertion that failed, or
// nil. It keeps nothing of o. From the first failure on it says the same.
func (w *Watch) Observe(o *record.Observation) *record.Failure {
	if w.failure == nil {
		w.monitor.Observe(o)
	}
	return w.failure
}

func (w *Watch) looked(assertion int, l summary.Look) {
	if l.Holds || l.Selected == 0 || w.failure != nil && w.failure.At <= l.Until {
		return
	}
	a, observed := w.asserts[assertion], l.Observed()
	w.failure = &record.Failure{Assertion: a, Observed: observed, At: l.Until, From: l.From}
	over := ""
	if a.Over > 0 {
		over = " over " + unit.Time(a.Over)
	}
	w.why = fmt.Sprintf("assertion %s: %s%s failed at %s, observed %s", a.Selector, a.Check, over, unit.Time(l.Until), unit.Quantity(observed, l.Unit))
}

// Why says why the run should end, for its record: which assertion failed, when, and
// what was observed; "" as long as none did.
func (w *Watch) Why() string { return w.why }
