package clock

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// ErrStuck is wrapped by the error of a run in virtual time that a Proc held
// up: it waited for something that virtual time does not bring about.
var ErrStuck = errors.New("virtual time stands still")

// Wait is a place where a Proc waited outside of virtual time.
type Wait struct {
	State    string // of the goroutine, as Go names it: "sleep", "chan receive"
	Function string // that waits, or that called what waits
}

func (w Wait) String() string { return fmt.Sprintf("%s in %s", w.State, w.Function) }

// Looks at a Scheduler from outside are taken at doubling intervals, so that
// they cost nothing in the long run. Who sleeps by the wall clock sleeps most of
// the time, because virtual time takes next to none.
const (
	firstLook = 5 * time.Millisecond
	rarest    = 2 * time.Second
	// proofs is how often a Proc must be seen to wait for another goroutine:
	// once it may have been for a moment's computing.
	proofs = 3
	// mostStacks bounds the text of all stacks.
	mostStacks = 16 << 20
)

// Watched lets play play the Scheduler's events on a goroutine of its own, and
// looks at it from outside. It returns where Procs waited outside of virtual time, in
// alphabetical order. When one Proc has waited so for as long as patience the
// goroutine is given up, and the error says where it waits.
func (s *Scheduler) Watched(patience time.Duration, play func()) ([]Wait, error) {
	over := make(chan struct{})
	var panicked any
	go func() {
		defer close(over)
		defer func() {
			if r := recover(); r != nil {
				panicked = fmt.Sprintf("%v\n%s", r, debug.Stack())
			}
		}()
		play()
	}()
	w := watchdog{s: s, seen: map[Wait]int{}}
	err := w.guard(over, patience)
	if err == nil && panicked != nil {
		panic(panicked)
	}
	return w.found(), err
}

// watchdog is what looks at a Scheduler have found.
type watchdog struct {
	s    *Scheduler
	seen map[Wait]int
	// The last look:
	proc  *Proc
	at    int64
	wait  Wait
	since time.Time // when it was first seen to wait there
}

// guard looks until the run is over, or held up for too long.
func (w *watchdog) guard(over <-chan struct{}, patience time.Duration) error {
	timer := time.NewTimer(firstLook)
	defer timer.Stop()
	for interval := 2 * firstLook; ; interval = min(2*interval, rarest, max(patience/2, firstLook)) {
		select {
		case <-over:
			return nil
		case <-timer.C:
		}
		if wait, ok := w.look(); ok && time.Since(w.since) >= patience {
			return fmt.Errorf("%w: for %v a request has been waiting (%v) for what only real time or another goroutine brings about; in virtual time a limiter may wait for Redis alone", ErrStuck, patience, wait)
		}
		timer.Reset(interval)
	}
}

// look returns where the running Proc waits, if it does.
func (w *watchdog) look() (Wait, bool) {
	p, at := w.s.Current(), w.s.Now()
	if p == nil {
		w.proc = nil
		return Wait{}, false
	}
	wait, ok := waitOf(p.id.Load())
	if !ok {
		w.proc = nil
		return wait, false
	}
	w.seen[wait]++
	if w.proc != p || w.at != at || w.wait != wait {
		w.proc, w.at, w.wait, w.since = p, at, wait, time.Now()
	}
	return wait, true
}

// found returns the Waits that are proved.
func (w *watchdog) found() (all []Wait) {
	for wait, n := range w.seen {
		if wait.State != dialling && (wait.State == "sleep" || n >= proofs) {
			all = append(all, wait)
		}
	}
	slices.SortFunc(all, func(a, b Wait) int { return strings.Compare(a.String(), b.String()) })
	return all
}

// waiting are the states of goroutines that wait for real time or for others.
// A Proc that waits in virtual time has the state "coroutine".
var waiting = []string{
	"sleep", "chan receive", "chan receive (nil chan)", "chan send", "chan send (nil chan)", "select", "select (no cases)", "IO wait", "semacquire",
	"sync.Mutex.Lock", "sync.RWMutex.Lock", "sync.RWMutex.RLock", "sync.WaitGroup.Wait", "sync.Cond.Wait",
}

// dialling is the state of one that waits until go-redis' pool, on a goroutine of
// its own, has made a connection: Redis is what it waits for. On a busy machine
// that can be seen often.
const dialling = "a new connection"

// waitOf returns where a goroutine waits, if it does and a function under test
// is why.
func waitOf(id int64) (Wait, bool) {
	stack, ok := stackOf(id)
	if !ok {
		return Wait{}, false
	}
	return waitIn(string(stack))
}

// waitIn is waitOf of the goroutine's stack.
func waitIn(stack string) (Wait, bool) {
	head, rest, _ := strings.Cut(stack, "\n")
	_, state, _ := strings.Cut(head, "[")
	state, _, _ = strings.Cut(state, "]")
	state, _, _ = strings.Cut(state, ", ") // for how many minutes
	if !slices.Contains(waiting, state) {
		return Wait{}, false
	}
	if strings.Contains(rest, "internal/pool.(*ConnPool).queuedNewConn(") {
		state = dialling
	}
	for line := range strings.Lines(rest) {
		if strings.HasPrefix(line, "\t") {
			continue
		}
		if at := strings.LastIndexByte(line, '('); at > 0 && underTest(line[:at]) {
			return Wait{state, path.Base(line[:at])}, true
		}
	}
	return Wait{}, false
}

// stackOf returns the text of one goroutine's stack.
func stackOf(id int64) ([]byte, bool) {
	text := make([]byte, 64<<10)
	for {
		n := runtime.Stack(text, true)
		if n < len(text) || len(text) >= mostStacks {
			text = text[:n]
			break
		}
		text = make([]byte, 4*len(text))
	}
	for one := range bytes.SplitSeq(text, []byte("\n\n")) {
		if numberOf(one) == id {
			return one, true
		}
	}
	return nil, false
}
