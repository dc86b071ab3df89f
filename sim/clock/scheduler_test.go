package clock_test

import (
	"fmt"
	"math/rand/v2"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/quotalab/quotalab/sim/clock"
	"go.uber.org/goleak"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func TestOrderIsByInstantThenSequence(t *testing.T) {
	s := clock.New(epoch)
	var log []string
	say := func(what string) { log = append(log, fmt.Sprintf("%d %s", s.Now(), what)) }
	for _, name := range []string{"a", "b"} {
		s.Go(func(p *clock.Proc) {
			say(name)
			p.Sleep(10)
			say(name)
			p.Sleep(0)
			p.SleepUntil(5) // in the past
			say(name)
		})
	}
	s.Call(10, func() { say("call") }) // scheduled before a and b slept
	s.Call(3, func() { s.Go(func(p *clock.Proc) { say("late"); p.Sleep(7); say("late") }) })
	s.Run()
	want := []string{"0 a", "0 b", "3 late", "10 call", "10 a", "10 a", "10 b", "10 b", "10 late"}
	if d := cmp.Diff(want, log); d != "" {
		t.Error(d)
	}
	if got := s.Time(); !got.Equal(epoch.Add(10)) {
		t.Errorf("clock stands at %v", got)
	}
}

func TestRunLeavesNoCoroutine(t *testing.T) {
	defer goleak.VerifyNone(t)
	s := clock.New(epoch)
	for i := range 100 {
		s.Go(func(p *clock.Proc) { p.Sleep(time.Duration(i)) })
	}
	s.Run()
	if n := s.Pending(); n != 0 {
		t.Errorf("%d Procs pending after Run", n)
	}
}

func TestCoroutinesAreReusedAndClean(t *testing.T) {
	s := clock.New(epoch)
	seen := map[*clock.Proc]bool{}
	for i := range 50 {
		s.Call(int64(i), func() {
			s.Go(func(p *clock.Proc) {
				if p.Local != nil {
					t.Error("Local of an earlier job is left over")
				}
				if s.Current() != p {
					t.Error("Current is not the running Proc")
				}
				p.Local = i
				seen[p] = true
			})
		})
	}
	s.Run()
	if len(seen) != 1 {
		t.Errorf("50 jobs one after another took %d coroutines, want 1", len(seen))
	}
}

// Sleeps of random lengths must come out as a sorted list would have them.
func TestHeapAgainstSort(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	s := clock.New(epoch)
	type due struct {
		at int64
		i  int
	}
	var want, got []due
	for i := range 5000 {
		d := due{rng.Int64N(800), i}
		want = append(want, d)
		s.Call(d.at, func() { got = append(got, d) })
	}
	sort.SliceStable(want, func(i, j int) bool { return want[i].at < want[j].at })
	s.Run()
	if d := cmp.Diff(fmt.Sprint(want), fmt.Sprint(got)); d != "" {
		t.Error("order differs from a stable sort")
	}
}

func TestPanicReachesRun(t *testing.T) {
	s := clock.New(epoch)
	s.Go(func(p *clock.Proc) { p.Sleep(1); panic("boom") })
	defer func() {
		if r := fmt.Sprint(recover()); !strings.Contains(r, "boom") {
			t.Errorf("recovered %q", r)
		}
	}()
	s.Run()
}

// BenchmarkSwitch is the cost of one sleep that really gives way to another
// Proc.
func BenchmarkSwitch(b *testing.B) {
	s := clock.New(epoch)
	for range 2 {
		s.Go(func(p *clock.Proc) {
			for range b.N {
				p.Sleep(2)
			}
		})
	}
	b.ResetTimer()
	s.Run()
}
