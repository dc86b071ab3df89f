package realredis

import (
	"sync"
	"time"

	"github.com/quotalab/quotalab/models/heap"
	"github.com/quotalab/quotalab/sim/clock"
)

// timers calls functions at times, as precisely as the system can.
type timers struct {
	pace  clock.Pacer
	epoch time.Time
	done  chan struct{}

	mu     sync.Mutex
	queue  heap.Heap[[1]int64, func()] // by the nanoseconds since epoch
	until  time.Time                   // that the goroutine sleeps to
	closed bool
}

func newTimers() (*timers, error) {
	pace, err := clock.NewPollPacer()
	if err != nil {
		return nil, err
	}
	t := &timers{pace: pace, epoch: clock.Now(), done: make(chan struct{})}
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
		now := clock.Now()
		for len(t.queue) > 0 && t.queue[0].Key[0] <= int64(now.Sub(t.epoch)) {
			t.queue.Pop().Value()
		}
		t.until = now.Add(idle)
		if len(t.queue) > 0 {
			t.until = t.epoch.Add(time.Duration(t.queue[0].Key[0]))
		}
		d := t.until.Sub(clock.Now())
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
	t.queue.Push([1]int64{int64(due.Sub(t.epoch))}, f)
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
	t.at(clock.Now().Add(d), func() { close(over) })
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
