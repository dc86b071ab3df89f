package series

import (
	stdcmp "cmp"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/quotalab/quotalab/models/limits"
	"github.com/quotalab/quotalab/results/record"
)

var oneASecond = record.Limit{Name: "x", Count: 1, Period: time.Second, Burst: 2}

const second = int64(time.Second)

// given is what one request was given, sent and done (in whole seconds here)
// around the instant.
type given struct{ sent, done, cost int64 }

// worstOf all windows that end when the last is done: tokens that certainly
// lie in it, less burst + t/T.
func worstOf(list []given, s *limits.Slope) float64 {
	worst := math.Inf(-1)
	end := int64(math.MinInt64)
	for _, g := range list {
		end = max(end, g.done)
	}
	for _, from := range list {
		tokens := int64(0)
		for _, g := range list {
			if g.sent >= from.sent {
				tokens += g.cost
			}
		}
		worst = max(worst, float64(tokens)-s.Burst-float64(end-from.sent)/s.Interval)
	}
	return worst
}

// Where instants are known, the window that is followed is the worst of all.
func TestWindowIsTheWorst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		gaps := rapid.SliceOfN(rapid.Int64Range(0, 4), 1, 30).Draw(t, "gaps")
		w := newWindow(newSlope(oneASecond))
		var list []given
		at := int64(0)
		for _, gap := range gaps {
			at += gap * second / 2
			g := given{at, at, rapid.Int64Range(0, 3).Draw(t, "cost")}
			list = append(list, g)
			got := w.admit(at, g.cost, true) / w.Interval
			if want := worstOf(list, w.Slope); math.Abs(got-want) > 1e-9 {
				t.Fatalf("after %v: %v tokens above the envelope, want %v", list, got, want)
			}
		}
	})
}

// Where they are not, it never holds more than certainly lies in one, and
// exactly as much if requests are done in the order in which they were sent.
func TestWindowBetweenIsCertain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) given {
			sent := rapid.Int64Range(0, 40).Draw(t, "sent") * second / 4
			return given{sent, sent + rapid.Int64Range(0, 8).Draw(t, "took")*second/4, rapid.Int64Range(0, 3).Draw(t, "cost")}
		}), 1, 30).Draw(t, "requests")
		slices.SortStableFunc(list, func(a, b given) int { return int(a.done - b.done) })
		w := newWindow(newSlope(oneASecond))
		for i, g := range list {
			got, want := w.admitBetween(g.sent, g.done, g.cost, true)/w.Interval, worstOf(list[:i+1], w.Slope)
			inOrder := slices.IsSortedFunc(list[:i+1], func(a, b given) int { return int(a.sent - b.sent) })
			if got > want+1e-9 || inOrder && got < want-1e-9 {
				t.Fatalf("after %v: %v tokens above the envelope, of which %v are certain", list[:i+1], got, want)
			}
		}
	})
}

// A clock that was read before the effect of the admission before.
func TestWindowLateReading(t *testing.T) {
	w := newWindow(newSlope(oneASecond))
	w.admit(10*second, 1, true)
	if got := w.admit(9*second, 3, true) / w.Interval; got != 2 {
		t.Errorf("four tokens in no time: %v above the burst of two, want 2", got)
	}
}

func TestCurve(t *testing.T) {
	w := newWindow(newSlope(oneASecond))
	w.curve = newCurve()
	for _, at := range []int64{1, 1, 2} { // in the warm-up: worse than all that follows
		w.admit(at*second, 2, false)
	}
	for _, at := range []int64{20, 20, 21, 40, 60, 60} {
		w.admit(at*second, 2, true)
	}
	worst := w.curve.worstWindow()
	if got, want := w.curve.excess/w.Interval, 3.0; got != want {
		t.Errorf("the worst window exceeds by %v tokens, want %v", got, want)
	}
	if worst.start != 20e9 {
		t.Errorf("it begins at %v, want 20 s", worst.start)
	}
	want := []Point{{0, 4}, {1, 6}, {6, 6}} // six tokens are made good after six seconds
	if d := cmp.Diff(want, worst.steps(100e9)); d != "" {
		t.Error(d)
	}
	want[2].X = 3.5
	if d := cmp.Diff(want, worst.steps(23.5e9)); d != "" {
		t.Errorf("a run that ends before: %s", d)
	}
	if got := newCurve().worstWindow().steps(1e9); got != nil {
		t.Errorf("nothing was given, and yet %v", got)
	}
}

// In real time a request that was sent before what is done already begins the
// window.
func TestCurveReachesBack(t *testing.T) {
	w := newWindow(newSlope(oneASecond))
	w.curve = newCurve()
	w.admitBetween(5*second, 6*second, 2, true)
	w.admitBetween(4*second, 7*second, 4, true)
	worst := w.curve.worstWindow()
	if d := cmp.Diff([]Point{{2, 2}, {3, 6}, {6, 6}}, worst.steps(100e9)); d != "" || worst.start != 4e9 || w.curve.excess != 1e9 {
		t.Errorf("from %v on, %v too many: %s", worst.start, w.curve.excess/1e9, d)
	}
}

// A curve of a hundred thousand steps stays short, and shows where it exceeds
// the envelope most.
func TestCurveLong(t *testing.T) {
	w := newWindow(newSlope(record.Limit{Count: 1, Period: time.Millisecond, Burst: 5}))
	w.curve = newCurve()
	for i := range int64(100_000) {
		cost := int64(1)
		if i == 77_777 {
			cost = 9
		}
		w.admit(i*int64(time.Millisecond), cost, true)
		if n := len(w.curve.now.points); n > longestCurve {
			t.Fatalf("%d points are kept", n)
		}
	}
	steps := w.curve.worstWindow().steps(1e12)
	if len(steps) > MaxPoints || len(steps) < MaxPoints/2 {
		t.Errorf("%d points", len(steps))
	}
	most := Point{Y: math.Inf(-1)}
	for i, p := range steps {
		if i > 0 && (p.X <= steps[i-1].X || p.Y < steps[i-1].Y) {
			t.Errorf("%v comes after %v", p, steps[i-1])
		}
		if above := p.Y - 5 - p.X*1000; above > most.Y {
			most = Point{p.X, above}
		}
	}
	if math.Abs(most.X-77.777) > 1e-9 || math.Abs(most.Y-w.curve.excess/w.Interval) > 1e-6 || math.Abs(most.Y-4) > 1e-6 {
		t.Errorf("it exceeds the envelope most at %v s, by %v; want at 77.777 s by 4", most.X, most.Y)
	}
}

// Effects come out in order if none is out of it by more than the settle.
func TestEffectsInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const settle = 50
		var out []effect
		e := newEffects(settle, rapid.IntRange(1, 20).Draw(t, "least"), func(one *effect) { out = append(out, *one) })
		done := int64(0)
		n := rapid.IntRange(0, 100).Draw(t, "n")
		for i := range n {
			done += rapid.Int64Range(0, 30).Draw(t, "gap")
			e.add(effect{at: max(0, done-rapid.Int64Range(0, settle).Draw(t, "before")), order: int64(i % 3), seq: int64(i)}, done)
		}
		e.release(math.MaxInt64)
		if len(out) != n {
			t.Errorf("%d came out, want %d", len(out), n)
		}
		for i := 1; i < len(out); i++ {
			a, b := out[i-1], out[i]
			if stdcmp.Or(stdcmp.Compare(a.at, b.at), stdcmp.Compare(a.order, b.order), stdcmp.Compare(a.seq, b.seq)) >= 0 {
				t.Errorf("%+v comes after %+v", b, a)
			}
		}
	})
}
