package clock

import (
	"iter"
	"math"
	"sync/atomic"
	"time"

	"github.com/quotalab/quotalab/models/heap"
)

// Never is an instant that does not come.
const Never = math.MaxInt64

// Scheduler runs Procs in virtual time. Instants are nanoseconds after the
// epoch. It is not safe for use from several goroutines: all of its users
// are its own Procs and callbacks; one runs at a time. Only its
// instant and its running Proc may be read from anywhere.
type Scheduler struct {
	epoch   time.Time
	now     atomic.Int64
	queue   queue
	current atomic.Pointer[Proc]
	idle    []*Proc
	alive   int
	end     int64 // what is due at it or later is left for another time
}

// New returns a Scheduler whose clock stands at epoch.
func New(epoch time.Time) *Scheduler {
	return &Scheduler{epoch: epoch.UTC()}
}

// Now returns the present instant, in nanoseconds after the epoch.
func (s *Scheduler) Now() int64 { return s.now.Load() }

// Time returns the present instant as a time.
func (s *Scheduler) Time() time.Time { return s.epoch.Add(time.Duration(s.now.Load())) }

// Epoch returns the time of instant 0.
func (s *Scheduler) Epoch() time.Time { return s.epoch }

// Current returns the running Proc, nil outside of one.
func (s *Scheduler) Current() *Proc { return s.current.Load() }

// Call runs f at the instant at (at the earliest: now), outside of any Proc,
// so f must not sleep.
func (s *Scheduler) Call(at int64, f func()) {
	s.queue.push(max(at, s.now.Load()), event{call: f})
}

// First runs f as Call does, but before everything else that is due at the
// instant, however early that was scheduled.
func (s *Scheduler) First(at int64, f func()) {
	s.queue.pushFirst(max(at, s.now.Load()), event{call: f})
}

// Last runs f as Call does, but after everything else that is due at the
// instant, however late that is scheduled.
func (s *Scheduler) Last(at int64, f func()) {
	s.queue.pushLast(max(at, s.now.Load()), event{call: f})
}

// Go runs f as a Proc at the present instant, after everything that is
// already due at it.
func (s *Scheduler) Go(f func(p *Proc)) {
	p := s.proc()
	p.job = f
	s.queue.push(s.now.Load(), event{proc: p})
}

// Start runs f as a Proc, as Go does, for what runs by either clock.
func (s *Scheduler) Start(f func(Process)) {
	p := s.proc()
	p.process = f
	s.queue.push(s.now.Load(), event{proc: p})
}

// Run plays events until none is left, then frees the idle coroutines. The
// Procs that are under way always finish: to stop early, stop adding new ones.
func (s *Scheduler) Run() {
	defer s.release()
	s.RunUntil(Never)
}

// RunUntil plays what is due before the instant end. What comes then is the
// same as if all had been played at once.
func (s *Scheduler) RunUntil(end int64) {
	s.end = end
	for s.queue.next() < end {
		e := s.queue.Pop()
		s.now.Store(e.Key[0])
		if e.Value.call != nil {
			e.Value.call()
			continue
		}
		s.resume(e.Value.proc)
	}
}

// Pending says how many Procs have begun or are about to and have not ended.
func (s *Scheduler) Pending() int { return s.alive - len(s.idle) }

func (s *Scheduler) resume(p *Proc) {
	s.current.Store(p)
	p.next()
	s.current.Store(nil)
}

// proc returns an idle coroutine or a new one: making one costs more than a
// whole Redis command on an embedded shard.
func (s *Scheduler) proc() *Proc {
	if n := len(s.idle); n > 0 {
		p := s.idle[n-1]
		s.idle = s.idle[:n-1]
		return p
	}
	p := &Proc{s: s}
	p.next, p.stop = iter.Pull(p.loop)
	s.alive++
	return p
}

func (s *Scheduler) release() {
	for _, p := range s.idle {
		p.stop()
	}
	s.alive -= len(s.idle)
	s.idle = nil
}

// Proc is one process in virtual time: a coroutine of the Scheduler.
type Proc struct {
	s       *Scheduler
	job     func(*Proc)
	process func(Process) // instead of job
	next    func() (struct{}, bool)
	stop    func()
	yield   func(struct{}) bool
	id      atomic.Int64   // number of its goroutine, for people and stacks
	self    atomic.Uintptr // what its goroutine is known by

	// Local belongs to the starter of the Proc; it is cleared at its end.
	Local any
}

// loop runs one job after another, idle in between.
func (p *Proc) loop(yield func(struct{}) bool) {
	p.yield = yield
	p.id.Store(goroutine())
	p.self.Store(self())
	for {
		if p.process != nil {
			p.process(p)
		} else {
			p.job(p)
		}
		p.job, p.process, p.Local = nil, nil, nil
		p.s.idle = append(p.s.idle, p)
		if !yield(struct{}{}) {
			return
		}
	}
}

// Now returns the present instant, in nanoseconds after the epoch.
func (p *Proc) Now() int64 { return p.s.now.Load() }

// SleepUntil lets time pass until the instant at; an instant in the past
// means now. Whatever is due before it, or at it and was scheduled earlier,
// runs first.
func (p *Proc) SleepUntil(at int64) {
	s := p.s
	if at <= s.now.Load() {
		return
	}
	if at < min(s.queue.next(), s.end) {
		s.now.Store(at) // nothing else is due before: no need to switch
		return
	}
	s.queue.push(at, event{proc: p})
	p.yield(struct{}{})
}

// Sleep lets d pass.
func (p *Proc) Sleep(d time.Duration) { p.SleepUntil(p.s.now.Load() + int64(d)) }

// Outside runs f: in virtual time one Proc runs at a time, whatever it does.
func (p *Proc) Outside(f func()) { f() }

// Carry sets Local.
func (p *Proc) Carry(v any) { p.Local = v }

// Clock is what a run goes by: a Scheduler in virtual time, a Real in real
// time. The steps of a run, calls and Processes alike, never run at the same
// time, so that what they share needs no lock of its own; only what a Process
// does Outside runs beside them.
type Clock interface {
	// Now is the present instant, in nanoseconds after the epoch.
	Now() int64
	// Time is the present instant as a time.
	Time() time.Time
	// Call runs f at the instant at (at the earliest: now). It must not wait.
	Call(at int64, f func())
	// First is Call before everything else that is due at that instant.
	First(at int64, f func())
	// Start begins a Process at the present instant.
	Start(f func(Process))
	// Run plays all steps, and those that they schedule, to the last.
	Run()
}

// Process is a step of a run that may wait.
type Process interface {
	Now() int64
	Sleep(d time.Duration)
	SleepUntil(at int64)
	// Outside runs f, which must not touch what the run's steps share: the
	// system under test.
	Outside(f func())
	// Carry lets the Process carry something for its owner, until its end.
	Carry(v any)
}

// Park gives the loop back until somebody wakes the Proc.
func (p *Proc) Park() { p.yield(struct{}{}) }

// Wake lets a parked Proc go on at the present instant, after everything that
// is already due at it.
func (p *Proc) Wake() { p.s.queue.push(p.s.now.Load(), event{proc: p}) }

// event is a call or the resumption of a Proc.
type event struct {
	proc *Proc
	call func()
}

// queue holds events by their instants, those of one instant in the order in
// which they were scheduled.
type queue struct {
	heap.Heap[[2]int64, event]
	seq int64
}

func (q *queue) push(at int64, e event) {
	q.Push([2]int64{at, q.seq}, e)
	q.seq++
}

// pushFirst puts an event before those of its instant that push puts there.
func (q *queue) pushFirst(at int64, e event) {
	q.Push([2]int64{at, math.MinInt64 + q.seq}, e)
	q.seq++
}

// pushLast puts an event behind those of its instant that push puts there.
func (q *queue) pushLast(at int64, e event) {
	q.Push([2]int64{at, math.MaxInt64/2 + q.seq}, e)
	q.seq++
}

// next is the instant of the first event, Never where there is none.
func (q *queue) next() int64 {
	if len(q.Heap) == 0 {
		return Never
	}
	return q.Heap[0].Key[0]
}
