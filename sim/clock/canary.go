package clock

import (
	"runtime"
	"slices"
	"sync"
	"time"
)

// Canary is a thread of the usual priority that sleeps as the one that paces a run
// does, and does nothing else: how late it wakes is how late the machine is.
type Canary struct {
	every time.Duration
	pace  Pacer
	mu    sync.Mutex
	late  []time.Duration
	ends  chan struct{}
	over  sync.WaitGroup
}

// mostLate is how many of its last sleeps a Canary remembers.
const mostLate = 1 << 20

// NewCanary starts a Canary that sleeps for every time. The Pacer is its own.
func NewCanary(pace Pacer, every time.Duration) *Canary {
	c := &Canary{every: every, pace: pace, ends: make(chan struct{})}
	c.over.Go(c.sing)
	return c
}

func (c *Canary) sing() {
	runtime.LockOSThread() // never unlocked: the thread ends with its slack
	for {
		begun := time.Now()
		c.pace.Sleep(c.every)
		late := time.Since(begun) - c.every
		select {
		case <-c.ends:
			return
		default:
		}
		c.mu.Lock()
		if c.late = append(c.late, late); len(c.late) > mostLate {
			c.late = slices.Delete(c.late, 0, mostLate/2)
		}
		c.mu.Unlock()
	}
}

// Lateness is how late a thread with nothing to do woke.
type Lateness struct {
	Samples       int64
	Med, P99, Max time.Duration
}

// Take returns how late it was since the last call.
func (c *Canary) Take() Lateness {
	c.mu.Lock()
	late := c.late
	c.late = nil
	c.mu.Unlock()
	return lateness(late)
}

// lateness sorts the times. A percentile is the least that so much is not above.
func lateness(late []time.Duration) Lateness {
	n := len(late)
	if n == 0 {
		return Lateness{}
	}
	slices.Sort(late)
	return Lateness{int64(n), late[(n-1)/2], late[(n*99+99)/100-1], late[n-1]}
}

// Close ends it.
func (c *Canary) Close() error {
	close(c.ends)
	c.pace.Wake()
	c.over.Wait()
	return c.pace.Close()
}
