package clock

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"
	"time"
)

// Real runs Processes in real time. All steps run on the goroutine that
// called Run, Processes as coroutines, so that they need no lock; only what a
// Process does Outside has a goroutine of its own. (A lock around the steps
// makes a convoy instead: at 10,000 requests a second each waits for the
// thread that has the lock to be woken, and the schedule is late by tens of
// milliseconds.)
type Real struct {
	epoch time.Time
	begun time.Time // wall time of instant 0
	pace  Pacer
	// quantum is the least time between two looks at the schedule, so that
	// at high rates one look releases several steps.
	quantum int64

	queue   queue
	alive   int // Processes that have not ended
	idle    []*realProcess
	free    []*worker
	stopped bool

	until   atomic.Int64 // instant that Run sleeps to, 0 if it does not
	mu      sync.Mutex
	posted  []func()     // by others, not yet run
	waiting atomic.Int64 // how many
	taken   []func()     // being run
}

// patience is how long a step that others posted may wait for the next look
// at the schedule before Run is woken for it: waking costs more than a step.
const patience = int64(200 * time.Microsecond)

// Pacer sleeps precisely.
type Pacer interface {
	// Urge lets the caller's thread, to which it is locked, go before all that is not
	// urgent (SCHED_FIFO) until Close, and reports whether it may.
	Urge() bool
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

// Call puts f on the schedule. It is for the run's own steps, and for what
// comes before Run; from elsewhere see Post.
func (r *Real) Call(at int64, f func()) {
	r.queue.push(at, event{call: f})
}

// First is Call before everything else that is due at the instant.
func (r *Real) First(at int64, f func()) {
	r.queue.pushFirst(at, event{call: f})
}

// Post runs f as a step soon, from any goroutine.
func (r *Real) Post(f func()) {
	r.mu.Lock()
	r.posted = append(r.posted, f)
	r.waiting.Add(1)
	r.mu.Unlock()
	if r.until.Load() > r.Now()+patience {
		r.pace.Wake()
	}
}

// Stop makes everything due that is on the schedule, or will be: what
// waits goes on, and should look whether the run is over. It is for a step.
func (r *Real) Stop() { r.stopped = true }

// Run plays all steps to the last. Its goroutine should be locked to its OS
// thread, whose sleep the Pacer makes precise.
func (r *Real) Run() {
	defer r.release()
	r.begun = time.Now()
	for {
		looked := r.Now()
		for len(r.queue.Heap) > 0 && (r.stopped || r.queue.next() <= r.Now()) {
			r.queue.Pop().Value.call()
			r.runPosted() // an overload of what is due must not keep what has come back from ending
		}
		r.runPosted()
		if len(r.queue.Heap) == 0 && r.alive == 0 {
			return
		}
		r.sleep(looked)
	}
}

// sleep lets time pass until the next step is due, or something is posted.
func (r *Real) sleep(looked int64) {
	until := int64(Never)
	if len(r.queue.Heap) > 0 {
		if until = max(r.queue.next(), looked+r.quantum); r.stopped {
			return
		}
	}
	r.until.Store(until)
	if d := until - r.Now(); d > 0 && r.waiting.Load() == 0 { // a Post from here on sees until
		r.pace.Sleep(time.Duration(d))
	}
	r.until.Store(0)
}

func (r *Real) runPosted() {
	if r.waiting.Load() == 0 {
		return
	}
	r.mu.Lock()
	r.taken, r.posted = r.posted, r.taken[:0]
	r.waiting.Store(0)
	r.mu.Unlock()
	for i, f := range r.taken {
		f()
		r.taken[i] = nil
	}
}

// Start begins a Process at once: it runs until it waits.
func (r *Real) Start(f func(Process)) {
	var p *realProcess
	if n := len(r.idle); n > 0 {
		p, r.idle = r.idle[n-1], r.idle[:n-1]
	} else {
		p = &realProcess{clock: r}
		p.next, p.stop = iter.Pull(p.loop)
		p.resume = func() { p.next() }
	}
	p.job = f
	r.alive++
	p.next()
}

func (r *Real) release() {
	for _, p := range r.idle {
		p.stop()
	}
	for _, w := range r.free {
		close(w.jobs)
	}
	r.idle, r.free = nil, nil
}

// realProcess is a Process in real time: a coroutine of the goroutine that
// runs the steps.
type realProcess struct {
	clock  *Real
	job    func(Process)
	next   func() (struct{}, bool)
	stop   func()
	yield  func(struct{}) bool
	resume func() // next, bound once
}

// loop runs one job after another, idle in between.
func (p *realProcess) loop(yield func(struct{}) bool) {
	p.yield = yield
	for {
		p.job(p)
		p.job = nil
		p.clock.alive--
		p.clock.idle = append(p.clock.idle, p)
		if !yield(struct{}{}) {
			return
		}
	}
}

func (p *realProcess) Now() int64 { return p.clock.Now() }

func (p *realProcess) Sleep(d time.Duration) { p.SleepUntil(p.Now() + int64(d)) }

func (p *realProcess) SleepUntil(at int64) {
	p.clock.Call(at, p.resume)
	p.yield(struct{}{})
}

func (p *realProcess) Outside(f func()) {
	w := p.clock.worker()
	w.process = p
	w.jobs <- f
	p.yield(struct{}{})
}

func (p *realProcess) Carry(any) {}

// worker is a goroutine for what Processes do Outside. It is used again: a
// new one would grow its stack anew for every request, a tenth of all that a
// request costs.
type worker struct {
	clock   *Real
	jobs    chan func()
	process *realProcess // that waits for it
	back    func()       // come, bound once
}

func (r *Real) worker() *worker {
	if n := len(r.free); n > 0 {
		w := r.free[n-1]
		r.free = r.free[:n-1]
		return w
	}
	w := &worker{clock: r, jobs: make(chan func(), 1)}
	w.back = w.come
	go w.work()
	return w
}

func (w *worker) work() {
	for f := range w.jobs {
		f()
		w.clock.Post(w.back)
	}
}

// come is the step that follows a job.
func (w *worker) come() {
	p := w.process
	w.process = nil
	w.clock.free = append(w.clock.free, w)
	p.next()
}

// Now returns the wall clock's time. Nothing that enters a record's hash may
// depend on it.
func Now() time.Time { return time.Now() }

// Since returns the wall time that passed since t, by the monotonic clock.
func Since(t time.Time) time.Duration { return time.Since(t) }

// Sleep waits for d of wall time, or until ctx ends and then returns its
// error. It wakes up to a millisecond late: what must be precise has a Pacer.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
