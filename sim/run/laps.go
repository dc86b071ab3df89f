package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/clock"
)

// Several worlds are played lap by lap. A lap is a part of the run's time with
// its arrivals, the same for all worlds. A world plays a lap on whatever core is
// free, and may be some laps ahead of the others, but not more, so that memory
// stays bounded. When all have played a lap its rows go to the sink, by their
// instant and, where that is equal, by limiter and shard.

const (
	lapArrivals = 1024 // most of a lap
	lapsInAll   = 256  // at least, where there are few arrivals
	mostAhead   = 8    // laps that a world may be ahead of the last
)

// lap is one lap.
type lap struct {
	end      int64 // what is due before it is played; clock.Never: all
	arrivals []arrival
	rows     []*rows // by world
	left     int     // worlds that have not played it
	count    int64   // arrivals up to its end
}

// laps is how several worlds are played.
type laps struct {
	d     *driver
	cores chan struct{}
	full  chan *lap // played by all, in order

	drawing sync.Mutex // of what follows
	ahead   *arrival   // the first of the next lap
	start   int64      // of the next lap
	count   int64      // arrivals so far

	mu       sync.Mutex // of what follows
	goOn     sync.Cond  // there is more to play
	list     []*lap     // drawn, and not merged
	merged   int
	last     bool   // the last is drawn
	failed   bool   // none is played any more
	stopped  string // why the sink ends the run
	panicked any
	free     []*rows
}

func newLaps(d *driver) *laps {
	l := &laps{d: d, cores: d.options.Cores, full: make(chan *lap, mostAhead)}
	if l.cores == nil {
		l.cores = make(chan struct{}, runtime.GOMAXPROCS(0))
	}
	l.goOn.L = &l.mu
	return l
}

// play plays all worlds to their end.
func (l *laps) play() error {
	l.ahead = l.d.feed.next()
	merged := make(chan struct{})
	go func() {
		defer close(merged)
		for full := range l.full {
			l.merge(full)
		}
	}()
	errs := make([]error, len(l.d.worlds))
	var all sync.WaitGroup
	for i, w := range l.d.worlds {
		w.index = i
		all.Go(func() { errs[i] = l.playWorld(w) })
	}
	all.Wait()
	close(l.full)
	<-merged
	if l.panicked != nil {
		panic(l.panicked)
	}
	return errors.Join(errs...)
}

// playWorld plays a world to its end. An error, or a panic, ends the others
// too.
func (l *laps) playWorld(w *world) (err error) {
	defer func() {
		if r := recover(); r != nil {
			l.mu.Lock()
			l.panicked = cmp.Or[any](l.panicked, fmt.Sprint(r))
			l.mu.Unlock()
			err = errors.New("a world panicked")
		}
		if err != nil {
			l.leave(w)
			l.d.fail(err)
			l.fail()
		}
	}()
	return w.watched(w.playLaps)
}

// enter takes a core for a world, and leave gives it back, once also
// where the world is given up.
func (l *laps) enter(w *world) {
	l.cores <- struct{}{}
	w.holds.Store(true)
}

func (l *laps) leave(w *world) {
	if w.holds.CompareAndSwap(true, false) {
		<-l.cores
	}
}

// fail lets no world begin a lap.
func (l *laps) fail() {
	l.mu.Lock()
	l.failed = true
	l.mu.Unlock()
	l.goOn.Broadcast()
}

// stop ends the run with the laps that are drawn: then all worlds end at the
// same instant.
func (l *laps) stop(why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped = cmp.Or(l.stopped, why)
}

// begin returns lap n, nil if there is none, once a world may play it.
func (l *laps) begin(n int) *lap {
	l.mu.Lock()
	for !l.failed && n >= l.merged+mostAhead {
		l.goOn.Wait()
	}
	found, more := l.drawn(n)
	l.mu.Unlock()
	if found != nil || !more {
		return found
	}
	l.drawing.Lock()
	defer l.drawing.Unlock()
	l.mu.Lock()
	found, more = l.drawn(n) // by another world, meanwhile
	stopped := l.stopped
	l.mu.Unlock()
	if found != nil || !more {
		return found
	}
	next := l.draw(stopped)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list, l.last = append(l.list, next), next.end == clock.Never
	return next
}

// drawn returns lap n if it is drawn, and else whether it can be.
func (l *laps) drawn(n int) (found *lap, more bool) {
	if l.failed {
		return nil, false
	}
	if i := n - l.merged; i < len(l.list) {
		return l.list[i], true
	}
	return nil, !l.last
}

// draw makes the next lap.
func (l *laps) draw(stopped string) *lap {
	d := l.d
	next := &lap{end: l.start + max(1, int64(d.plan.Horizon)/lapsInAll), rows: make([]*rows, len(d.worlds)), left: len(d.worlds)}
	switch {
	case d.ctx.Err() != nil:
		d.abort(l.start+1, context.Cause(d.ctx).Error(), false)
	case stopped != "":
		d.abort(l.start+1, stopped, true)
	}
	if d.over(l.start + 1) { // it failed, or is to end
		next.end = clock.Never
		return next
	}
	for l.ahead != nil && l.ahead.at < next.end {
		if len(next.arrivals) == lapArrivals {
			next.end = l.ahead.at
			break
		}
		next.arrivals = append(next.arrivals, *l.ahead)
		d.feed.arrived[l.ahead.source]++
		l.count++
		l.ahead = d.feed.next()
	}
	l.start, next.count = next.end, l.count
	if next.end >= int64(d.plan.Horizon) {
		next.end = clock.Never
	}
	return next
}

// ended notes that a world has played a lap.
func (l *laps) ended(of *lap) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if of.left--; of.left == 0 {
		l.full <- of // there is room for all that are drawn
	}
}

// room returns rows to fill.
func (l *laps) room() *rows {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.free); n > 0 {
		r := l.free[n-1]
		l.free = l.free[:n-1]
		return r
	}
	return &rows{}
}

// merge hands the rows of a lap to the sink, and lets worlds go on.
func (l *laps) merge(of *lap) {
	l.d.writeAll(of.rows)
	if p := l.d.options.Progress; p != nil {
		p(min(of.end, int64(l.d.plan.Horizon)), of.count)
	}
	l.mu.Lock()
	for _, r := range of.rows {
		r.clear()
		l.free = append(l.free, r)
	}
	l.merged, l.list = l.merged+1, l.list[1:]
	l.mu.Unlock()
	l.goOn.Broadcast()
}

// playLaps plays a world lap by lap, to the last.
func (w *world) playLaps() {
	s, l := w.stage.(*embedded).sched, w.d.laps
	defer s.Run() // what has begun ends, also where the run failed
	for n := 0; ; n++ {
		of := l.begin(n)
		if of == nil {
			return
		}
		l.enter(w)
		w.rows = l.room()
		of.rows[w.index] = w.rows
		w.coming = append(w.coming, of.arrivals...) // of the last lap may be left what is due at its end
		w.scheduleNext()
		s.RunUntil(of.end)
		w.rows = nil
		l.leave(w)
		if w.gaveUp.Load() {
			return
		}
		l.ended(of)
	}
}

// rows are what a world writes in a lap.
type rows struct {
	Observations []written[record.Observation]
	Evaluations  []written[record.Evaluation]
	takes        []record.Take
	touched      []record.Touch
}

// written is a row with its place.
type written[T any] struct {
	At   int64
	Rank int // of its limiter and shard, or its engine
	Row  T
}

func (r *rows) add(at int64, rank int, o *record.Observation) {
	r.Observations = append(r.Observations, written[record.Observation]{at, rank, *o})
	c := &r.Observations[len(r.Observations)-1].Row
	c.Takes, c.Touched = keep(&r.takes, o.Takes), keep(&r.touched, o.Touched)
}

// keep copies a list to the end of another.
func keep[E any](all *[]E, list []E) []E {
	n := len(*all)
	*all = append(*all, list...)
	return (*all)[n:len(*all):len(*all)]
}

func (r *rows) clear() {
	clear(r.Observations)
	clear(r.Evaluations)
	clear(r.takes)
	r.Observations, r.Evaluations, r.takes, r.touched = r.Observations[:0], r.Evaluations[:0], r.takes[:0], r.touched[:0]
}

// writeAll hands all rows of a lap to the sink, in their order.
func (d *driver) writeAll(all []*rows) {
	if d.apart != nil {
		d.fail(d.apart.Encode(message{Rows: *all[0]}))
		return
	}
	for _, o := range inOrder(all, func(r *rows) []written[record.Observation] { return r.Observations }) {
		d.write(&o.Row)
	}
	for _, e := range inOrder(all, func(r *rows) []written[record.Evaluation] { return r.Evaluations }) {
		d.evaluated(&e.Row)
	}
}

// inOrder lists rows by instant and rank, and else as they were written.
func inOrder[T any](all []*rows, of func(*rows) []written[T]) []*written[T] {
	var list []*written[T]
	for _, r := range all {
		part := of(r)
		for i := range part {
			list = append(list, &part[i])
		}
	}
	slices.SortStableFunc(list, func(a, b *written[T]) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Rank, b.Rank)) })
	return list
}
