package live

import (
	"container/heap"
	"sync"
	"time"

	"github.com/quotalab/quotalab/sim/vtime"
)

// timers call functions at times, as precisely as the system can.
type timers struct {
	pace vtime.Pacer
	done chan struct{}

	mu     sync.Mutex
	queue  alarms
	until  time.Time // that the goroutine sleeps to
	closed bool
}

func newTimers() (*timers, error) {
	pace, err := vtime.NewPollPacer()
	if err != nil {
		return nil, err
	}
	t := &timers{pace: pace, done: make(chan struct{})}
	go t.run()
	return t, nil
}

// idle is how long it sleeps when there is nothing to wait for.
const idle = time.Hour

func (t *timers) run() {
	defer close(t.done)
	t.mu.Lock()
	defer t.mu.Unlock()
	for !t.closed {
		now := vtime.Now()
		for len(t.queue) > 0 && !t.queue[0].at.After(now) {
			heap.Pop(&t.queue).(alarm).call()
		}
		t.until = now.Add(idle)
		if len(t.queue) > 0 {
			t.until = t.queue[0].at
		}
		d := t.until.Sub(vtime.Now())
		t.mu.Unlock()
		if d > 0 {
			t.pace.Sleep(d)
		}
		t.mu.Lock()
		t.until = time.Time{}
	}
}

// at calls f, which must not wait nor use the timers, at that time. After
// Close it calls nothing.
func (t *timers) at(due time.Time, f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	heap.Push(&t.queue, alarm{due, f})
	if due.Before(t.until) {
		t.pace.Wake()
	}
}

// wait returns after d, or when done is closed.
func (t *timers) wait(d time.Duration, done <-chan struct{}) {
	if d <= 0 {
		return
	}
	over := make(chan struct{})
	t.at(vtime.Now().Add(d), func() { close(over) })
	select {
	case <-over:
	case <-done:
	}
}

// Close comes after that of everything that waits.
func (t *timers) Close() error {
	t.mu.Lock()
	t.closed = true
	t.pace.Wake()
	t.mu.Unlock()
	<-t.done
	return t.pace.Close()
}

type alarm struct {
	at   time.Time
	call func()
}

// alarms is a heap by time.
type alarms []alarm

func (a alarms) Len() int           { return len(a) }
func (a alarms) Less(i, j int) bool { return a[i].at.Before(a[j].at) }
func (a alarms) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }
func (a *alarms) Push(x any)        { *a = append(*a, x.(alarm)) }
func (a *alarms) Pop() any {
	last := len(*a) - 1
	x := (*a)[last]
	(*a)[last] = alarm{}
	*a = (*a)[:last]
	return x
}
