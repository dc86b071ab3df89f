package clock

import (
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// pacers are the ways to wait for the next step.
func pacers(t *testing.T) map[string]Pacer {
	t.Helper()
	thread, err := NewPacer()
	if err != nil {
		t.Fatal(err)
	}
	return map[string]Pacer{"thread": thread, "timer": NewTimerPacer()}
}

// Steps run in the order of their instants and never early, Processes wait
// by the clock, and Run ends with the last of them.
func TestRealRunsSteps(t *testing.T) {
	defer goleak.VerifyNone(t)
	for name, pace := range pacers(t) {
		t.Run(name, func(t *testing.T) {
			defer pace.Close()
			r := NewReal(time.Unix(1000, 0), pace, 0)
			var said []string
			say := func(what string, due time.Duration) {
				said = append(said, what)
				if now := r.Now(); now < int64(due) {
					t.Errorf("%s ran at %v, due at %v", what, time.Duration(now), due)
				}
			}
			r.Call(int64(20*time.Millisecond), func() { say("second", 20*time.Millisecond) })
			r.Call(int64(10*time.Millisecond), func() {
				say("first", 10*time.Millisecond)
				r.Start(func(p Process) {
					p.Sleep(30 * time.Millisecond) // due after what was on the schedule before
					say("fourth", 40*time.Millisecond)
					p.Outside(func() { r.Post(func() { say("fifth", 40*time.Millisecond) }) })
				})
				r.Call(int64(30*time.Millisecond), func() { say("third", 30*time.Millisecond) })
			})
			r.Run()
			if want := []string{"first", "second", "third", "fourth", "fifth"}; !slices.Equal(said, want) {
				t.Errorf("ran %q, expected %q", said, want)
			}
			if at := r.Time(); at.Before(time.Unix(1000, int64(40*time.Millisecond))) {
				t.Errorf("the clock stands at %v after a run from 1000 s to 1000.04 s", at)
			}
		})
	}
}

// What steps share needs no lock: only Outside runs beside them. The race
// detector looks on.
func TestRealRunsOneStepAtATime(t *testing.T) {
	pace, err := NewPacer()
	if err != nil {
		t.Fatal(err)
	}
	defer pace.Close()
	r := NewReal(time.Unix(0, 0), pace, 0)
	count, inside, most := 0, 0, 0
	for i := range 2000 {
		r.Call(int64(i)*int64(5*time.Microsecond), func() {
			r.Start(func(p Process) {
				inside++
				most = max(most, inside)
				inside--
				p.Outside(func() {})
				count++
			})
		})
	}
	r.Run()
	if count != 2000 || most != 1 {
		t.Errorf("%d of 2000 Processes ended, at most %d of them at once inside a step", count, most)
	}
}

// Stop ends all waiting, of Run and of Processes.
func TestRealStop(t *testing.T) {
	for name, pace := range pacers(t) {
		t.Run(name, func(t *testing.T) {
			defer pace.Close()
			r := NewReal(time.Unix(0, 0), pace, 0)
			woken := false
			r.Call(0, func() {
				r.Start(func(p Process) {
					p.Sleep(time.Hour)
					woken = true
				})
			})
			go func() {
				time.Sleep(20 * time.Millisecond)
				r.Post(r.Stop)
			}()
			r.Run()
			if !woken || r.Now() > int64(time.Minute) {
				t.Errorf("stopped after 20 ms: woken %v, at %v", woken, time.Duration(r.Now()))
			}
		})
	}
}

// Begin has instant 0 be later, or earlier, than Run.
func TestBegin(t *testing.T) {
	for _, in := range []time.Duration{50 * time.Millisecond, -50 * time.Millisecond} {
		pace, err := NewPacer()
		if err != nil {
			t.Fatal(err)
		}
		r := NewReal(time.Time{}, pace, 0)
		begin := time.Now().Add(in)
		r.Begin(begin)
		var played time.Time
		r.Call(0, func() { played = time.Now() })
		r.Run()
		if played.Before(begin) || played.Sub(begin) > time.Second {
			t.Errorf("%v after now: instant 0 was played %v after it", in, played.Sub(begin))
		}
		if err := pace.Close(); err != nil {
			t.Error(err)
		}
	}
}
