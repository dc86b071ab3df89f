package measure

import (
	"errors"
	"fmt"
	"time"

	"github.com/quotalab/quotalab/results/record"
)

// Window is what came of one condition that was also evaluated on every
// window of some length, so that a bad minute is not averaged away. Windows
// lie between the end of the warm-up and the horizon, each a tenth of its
// length after the one before, and the last one ends at the horizon (see
// sliding). In a run that ended early those count that were over by then.
type Window struct {
	Selector, Check string
	Over            time.Duration
	Evaluated       int64   // windows that had something to judge
	Failed          int64   // windows in which the condition did not hold
	Observed        float64 // in the first failed window
	From            time.Duration
}

// Window returns the outcome of an assertion with Over > 0. The error says
// that the metric has no windows.
func (s *Summary) Window(a record.Assertion) (Window, error) {
	for _, w := range s.windows {
		if w.Selector == a.Selector && w.Check == a.Check && w.Over == a.Over {
			return w.Window, w.unsupported
		}
	}
	return Window{}, errors.New("it is not one of the record's assertions, and windows are of these only")
}

// window is a Window while observations come in.
type window struct {
	Window
	*sliding
	unsupported error
}

// newWindows makes a window for each assertion of the manifest that wants one.
func newWindows(m *record.Manifest, p *phases) ([]*window, error) {
	var out []*window
	for _, a := range m.Asserts {
		if a.Over <= 0 {
			continue
		}
		s, err := newSelection(a)
		if err != nil {
			return nil, err
		}
		w := &window{Window: Window{Selector: a.Selector, Check: a.Check, Over: a.Over}, sliding: newSliding(s, m, p, a.Over, 0)}
		w.looked = w.judge
		if !s.metric.PerRequest {
			w.unsupported = fmt.Errorf("%s is known of the whole run only: leave out over", s.sel.Metric)
		}
		out = append(out, w)
	}
	return out, nil
}

func (w *window) judge(l Look) {
	if w.unsupported != nil {
		return
	}
	w.Evaluated += l.Times
	if l.Holds {
		return
	}
	if w.Failed == 0 {
		w.Observed, w.From = l.Observed(), l.From
	}
	w.Failed += l.Times
}
