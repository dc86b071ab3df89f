package summary

import (
	"math"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/record"
)

// look is a Window's outcome, or one look of a Monitor.
type look struct {
	until    int64
	observed float64
	holds    bool
}

// brute judges the condition of s on all that was done from ≤ t < until, by
// sorting what there is. False: nothing to judge.
func brute(s selection, list []record.Observation, warmup, from, until, last int64) (look, bool) {
	var values []int64
	for i := range list {
		o := &list[i]
		done := min(o.Done, last) // what is done after the horizon counts as done in the last step
		at := outcome{o.Traffic, o.Limiter, o.Client, o.Decision, o.Key, ""}
		if v, ok := s.sample(o, at); ok && o.Intended >= warmup && done >= from && done < until {
			values = append(values, max(0, v))
		}
	}
	slices.Sort(values)
	n, seconds := len(values), float64(until-from)/1e9
	if s.metric.Kind == metric.Trend && n == 0 {
		return look{}, false
	}
	nearest := func(p float64) float64 { return float64(values[max(1, int(math.Ceil(p/100*float64(n))))-1]) / 1e9 }
	v := 0.0
	switch s.cond.Agg {
	case "count":
		v = float64(n)
	case "rate":
		v = float64(n) / seconds
	case "min":
		v = nearest(0)
	case "max":
		v = nearest(100)
	case "med":
		v = nearest(50)
	case "p":
		v = nearest(s.cond.P)
	case "avg":
		for _, x := range values {
			v += float64(x) / 1e9 / float64(n)
		}
	}
	return look{until, v, s.cond.Holds(v)}, true
}

// history draws a run: observations in the order in which they were done, and
// with long gaps, in the warm-up and after the horizon too.
func history(t *rapid.T, horizon time.Duration, kinds int64) []record.Observation {
	var list []record.Observation
	now := int64(0)
	for range rapid.IntRange(0, 80).Draw(t, "observations") {
		now += rapid.OneOf(rapid.Int64Range(0, 3e8), rapid.Int64Range(0, 9e9), rapid.Int64Range(9e9, 18e9)).Draw(t, "gap")
		latency := 1e6 * rapid.Int64Range(1, kinds).Draw(t, "latency")
		if due := now - latency; due >= 0 && due < horizon.Nanoseconds() {
			o := record.Observation{Traffic: "main", Limiter: "l", Client: "c", Intended: due, Sent: due, Done: now, Decision: record.Allowed, Key: record.Found}
			if rapid.Bool().Draw(t, "denied") {
				o.Decision = record.Denied
			}
			list = append(list, o)
		}
	}
	return list
}

var checks = []record.Assertion{
	{Selector: "decisions", Check: "count < 4"}, {Selector: "decisions{decision=denied}", Check: "rate <= 2/s"}, {Selector: "decisions{decision=allowed}", Check: "count >= 1"},
	{Selector: "latency", Check: "max < 40ms"}, {Selector: "latency{decision=denied}", Check: "p(90) <= 30ms"}, {Selector: "sojourn", Check: "avg < 20ms"}, {Selector: "latency", Check: "min < 5ms"}, {Selector: "lag", Check: "med == 0"},
}

// TestWindowsAgainstBruteForce: windows are those that one finds by looking at
// every one of them afresh.
func TestWindowsAgainstBruteForce(t *testing.T) {
	failing, held, none := 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.SampledFrom(checks).Draw(t, "assertion")
		a.Over = time.Duration(rapid.Int64Range(10, 12e9).Draw(t, "over"))
		if rapid.Bool().Draw(t, "round") {
			a.Over = a.Over.Round(100*time.Millisecond) + 100*time.Millisecond
		} else {
			a.Over = max(a.Over, time.Second) // few enough steps to look at each by brute force
		}
		m := record.Manifest{Horizon: 20*time.Second + time.Duration(rapid.Int64Range(0, 1e9).Draw(t, "more")), Warmup: time.Duration(rapid.Int64Range(0, 3e9).Draw(t, "warmup")), Asserts: []record.Assertion{a}, Complete: true,
			Clients: []record.Client{{Name: "c"}}, Traffic: []record.Traffic{{Name: "main"}}, Limiters: []record.Limiter{{Name: "l"}}}
		list := history(t, m.Horizon, 50)
		p := observed(t, &m, list)
		got := p.windows[0].Window

		s, err := newSelection(a)
		if err != nil {
			t.Fatal(err)
		}
		want := Window{Selector: a.Selector, Check: a.Check, Over: a.Over}
		step := a.Over.Nanoseconds() / 10
		var ends []int64
		for until := m.Horizon.Nanoseconds(); until-10*step >= m.Warmup.Nanoseconds(); until -= step {
			ends = append(ends, until)
		}
		for _, until := range slices.Backward(ends) {
			l, ok := brute(s, list, m.Warmup.Nanoseconds(), until-10*step, until, m.Horizon.Nanoseconds()-1)
			if !ok {
				continue
			}
			want.Evaluated++
			if !l.holds {
				if want.Failed == 0 {
					want.Observed, want.From = l.observed, time.Duration(until-10*step)
				}
				want.Failed++
			}
		}
		if d := cmp.Diff(want, got, cmpopts.EquateApprox(1e-3, 0)); d != "" {
			t.Errorf("%s: %s over %v of %v (−brute force, +window): %s", a.Selector, a.Check, a.Over, m.Horizon, d)
		}
		switch {
		case want.Failed > 0:
			failing++
		case want.Evaluated > 0:
			held++
		default:
			none++
		}
	})
	if failing == 0 || held == 0 || none == 0 {
		t.Errorf("%d runs with a failing window, %d without, %d without a window: the property was not tried", failing, held, none)
	}
}

func observed(t *rapid.T, m *record.Manifest, list []record.Observation) *pass {
	p, err := newPass(m)
	if err != nil {
		t.Fatal(err)
	}
	for i := range list {
		if err := p.observe(&list[i]); err != nil {
			t.Fatal(err)
		}
	}
	p.finish()
	return p
}

// TestMonitorAgainstBruteForce: what a Monitor tells at its instants is what
// one finds in what was done until then.
func TestMonitorAgainstBruteForce(t *testing.T) {
	looks := 0
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.SampledFrom(checks).Draw(t, "assertion")
		a.AbortOnFail, a.DelayAbortEval = true, time.Duration(rapid.Int64Range(0, 15e9).Draw(t, "delay"))
		m := record.Manifest{Horizon: 20 * time.Second, Warmup: time.Duration(rapid.Int64Range(0, 3e9).Draw(t, "warmup")), Asserts: []record.Assertion{{Selector: "decisions", Check: "count < 1"}, a},
			Clients: []record.Client{{Name: "c"}}, Traffic: []record.Traffic{{Name: "main"}}, Limiters: []record.Limiter{{Name: "l"}}}
		s, err := newSelection(a)
		if err != nil {
			t.Fatal(err)
		}
		from, every := func(int64) int64 { return m.Warmup.Nanoseconds() }, int64(1e9)
		if rapid.Bool().Draw(t, "windows") {
			a.Over = 10 * time.Duration(rapid.Int64Range(1e8, 1e9).Draw(t, "step"))
			m.Asserts[1], every = a, a.Over.Nanoseconds()/10
			from = func(until int64) int64 { return until - a.Over.Nanoseconds() }
		}
		list := history(t, m.Horizon, 50)
		warmup := m.Warmup.Nanoseconds()
		var got, want []look
		monitor, err := NewMonitor(m, func(assertion int, l Look) {
			if assertion != 1 {
				t.Errorf("a look at assertion %d, which has no abortOnFail", assertion)
			}
			for i := range l.Times {
				got = append(got, look{l.Until.Nanoseconds() + i*every, l.Observed(), l.Holds})
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		reached := int64(0)
		for i := range list {
			monitor.Observe(&list[i])
			if o := &list[i]; o.Intended >= warmup {
				reached = max(reached, o.Done)
			}
		}
		// The last one is not reached as long as the run may go on; windows are
		// laid from the horizon.
		first := warmup
		if a.Over > 0 {
			first += (m.Horizon.Nanoseconds() - warmup) % every
		}
		for until := first + every; until <= reached && until+every <= m.Horizon.Nanoseconds(); until += every {
			if from(until) < first || until < a.DelayAbortEval.Nanoseconds() {
				continue
			}
			if l, ok := brute(s, list, warmup, max(first, from(until)), until, math.MaxInt64); ok {
				want = append(want, l)
			}
		}
		looks += len(want)
		if d := cmp.Diff(want, got, cmp.AllowUnexported(look{}), cmpopts.EquateApprox(1e-3, 0)); d != "" {
			t.Errorf("%s: %s (−brute force, +monitor): %s", a.Selector, a.Check, d)
		}
	})
	if looks == 0 {
		t.Error("nothing was looked at")
	}
}

func TestLookEvery(t *testing.T) {
	for _, c := range []struct {
		horizon, want time.Duration
		why           string
	}{
		{time.Minute, time.Second, "every second"},
		{time.Second, 100 * time.Millisecond, "ten times in a short run"},
		{1000 * time.Hour, time.Hour, "a thousand times in a long one"},
		{5 * time.Nanosecond, 0, "a run of no length to speak of"},
	} {
		if got := lookEvery(c.horizon); got != c.want {
			t.Errorf("%v: every %v, want %v: %s", c.horizon, got, c.want, c.why)
		}
	}
}

// TestWindowsWithManyValues: where windows hold too many values to keep, what
// they come to is within 0.1 %, and their memory does not grow.
func TestWindowsWithManyValues(t *testing.T) {
	a := record.Assertion{Selector: "latency", Check: "p(50) < 1ns", Over: 10 * time.Second}
	m := record.Manifest{Horizon: time.Minute, Asserts: []record.Assertion{a}, Complete: true, Clients: []record.Client{{Name: "c"}}, Traffic: []record.Traffic{{Name: "main"}}, Limiters: []record.Limiter{{Name: "l"}}}
	windows, err := newWindows(&m, record.NewPhases(nil))
	if err != nil {
		t.Fatal(err)
	}
	for i := range int64(60_000) {
		done := i * 1e6
		o := record.Observation{Traffic: "main", Limiter: "l", Client: "c", Intended: done, Sent: done - 1e6 - (i*7919)%1_000_000, Done: done, Decision: record.Allowed, Key: record.Found}
		windows[0].observe(&o, outcome{Traffic: "main", Limiter: "l", Client: "c", Decision: o.Decision, Key: o.Key})
	}
	windows[0].finish(m.Horizon.Nanoseconds())
	if w := windows[0].Window; w.Evaluated != 51 || w.Failed != 51 || math.Abs(w.Observed-0.0015) > 0.0015/500 {
		t.Errorf("%+v, want 51 windows, the first with a median of 1.5 ms", w)
	}
}

// BenchmarkWatch is what one watched condition costs an observation, beside
// making an outcome of it alone.
func BenchmarkWatch(b *testing.B) {
	for _, over := range []time.Duration{0, 10 * time.Second} {
		for _, values := range []int64{50, 1_000_000} {
			b.Run("over="+over.String()+"/values="+strconv.FormatInt(values, 10), func(b *testing.B) {
				m := record.Manifest{Horizon: 3 * time.Hour, Limiters: []record.Limiter{{Name: "l"}},
					Asserts: []record.Assertion{{Selector: "latency{decision=allowed}", Check: "p(99) < 1h", Over: over, AbortOnFail: true}}}
				monitor, err := NewMonitor(m, func(int, Look) {})
				if err != nil {
					b.Fatal(err)
				}
				o := record.Observation{Traffic: "main", Limiter: "l", Client: "c", Decision: record.Allowed, Key: record.Found}
				i := int64(0)
				for b.Loop() {
					o.Done = i * 1e5
					o.Intended, o.Sent = o.Done, o.Done-1e5-(i*7919)%values
					monitor.Observe(&o)
					i++
				}
			})
		}
	}
}
