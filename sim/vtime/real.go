package vtime

import (
	"sync"
	"time"
)

// Real runs Processes in real time: each on a goroutine of its own, one step
// at a time by a lock that a Process gives back while it waits or is Outside.
// Run paces the steps.
type Real struct {
	epoch time.Time
	begun time.Time // wall time of instant 0
	pace  Pacer
	// quantum is the least time between two looks at the schedule, so that
	// at high rates one look releases several steps.
	quantum int64

	mu      sync.Mutex // of the steps, and of what follows
	queue   queue
	seq     uint64
	alive   int   // Processes that have not ended
	until   int64 // instant that Run sleeps to
	stopped bool
}

// Pacer sleeps precisely.
type Pacer interface {
	// Sleep returns after d, or earlier after a Wake.
	Sleep(d time.Duration)
	// Wake ends the Sleep that is under way, or else the next. It may be
	// called from anywhere.
	Wake()
	Close() error
}

// NewReal returns a clock whose instant 0 is when Run is called; until then
// it stands at 0.
func NewReal(epoch time.Time, pace Pacer, quantum time.Duration) *Real {
	return &Real{epoch: epoch.UTC(), pace: pace, quantum: int64(quantum)}
}

// Now returns the time since Run was called.
func (r *Real) Now() int64 {
	if r.begun.IsZero() {
		return 0
	}
	return int64(time.Since(r.begun))
}

// Time returns the epoch and the time since Run was called.
func (r *Real) Time() time.Time { return r.epoch.Add(time.Duration(r.Now())) }

// Begun returns the wall time of instant 0, zero before Run.
func (r *Real) Begun() time.Time { return r.begun }

// Call puts f on the schedule. It is for the run's own steps, and for what
// comes before Run; from elsewhere see Post.
func (r *Real) Call(at int64, f func()) {
	r.queue.push(event{at: at, seq: r.seq, call: f})
	r.seq++
	if at < r.until {
		r.pace.Wake()
	}
}

// Post runs f as a step as soon as possible, from any goroutine.
func (r *Real) Post(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Call(0, f)
}

// Start begins a Process at once.
func (r *Real) Start(f func(Process)) {
	r.alive++
	go r.process(f)
}

func (r *Real) process(f func(Process)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(&realProcess{clock: r})
	if r.alive--; r.alive == 0 {
		r.pace.Wake() // it may have been the last
	}
}

// Stop makes everything due that is on the schedule, or will be: whoever
// waits goes on, and should look whether the run is over. It is for a step.
func (r *Real) Stop() {
	r.stopped = true
	r.pace.Wake()
}

// Run plays all steps to the last. Its goroutine should be locked to its OS
// thread, whose sleep the Pacer makes precise.
func (r *Real) Run() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begun = time.Now()
	for {
		looked := r.Now()
		for len(r.queue) > 0 && (r.stopped || r.queue[0].at <= r.Now()) {
			r.queue.pop().call()
			r.mu.Unlock() // Processes that have come back need not wait for all that is due
			r.mu.Lock()
		}
		if len(r.queue) == 0 && r.alive == 0 {
			return
		}
		r.until = Never
		if len(r.queue) > 0 {
			r.until = max(r.queue[0].at, looked+r.quantum)
		}
		d := r.until - r.Now()
		r.mu.Unlock()
		if d > 0 {
			r.pace.Sleep(time.Duration(d))
		}
		r.mu.Lock()
		r.until = 0
	}
}

// realProcess is a Process in real time.
type realProcess struct{ clock *Real }

func (p *realProcess) Now() int64 { return p.clock.Now() }

func (p *realProcess) Sleep(d time.Duration) { p.SleepUntil(p.Now() + int64(d)) }

func (p *realProcess) SleepUntil(at int64) {
	due := make(chan struct{})
	p.clock.Call(at, func() { close(due) })
	p.Outside(func() { <-due })
}

func (p *realProcess) Outside(f func()) {
	p.clock.mu.Unlock()
	defer p.clock.mu.Lock()
	f()
}

func (p *realProcess) Carry(any) {}
