package cmd

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quotalab/quotalab/cmd/campaign"
	"github.com/quotalab/quotalab/cmd/watch"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/plots/report"
	"github.com/quotalab/quotalab/results/sweep"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/plan"
)

// watchedSweep is the campaign.Monitor of a sweep. It tells the terminal, and knows what a
// live page shows.
type watchedSweep struct {
	*monitor
	over atomic.Bool

	mu      sync.Mutex // of what follows
	page    report.WatchedSweep
	begun   time.Time
	kept    int       // of the runs: finished before
	now     []*runNow // in the order in which they began
	workers []worker
}

// runNow is a run that is being played.
type runNow struct {
	name    string
	horizon time.Duration
	at      atomic.Int64
}

// worker is a process that plays runs.
type worker struct {
	report.SweepWorker
	last time.Time // when it ended one
}

// Begin counts runs, or searches.
func (w *watchedSweep) Begin(total int, of string) {
	w.monitor.Begin(total, of)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.page.Total, w.page.Of, w.begun = total, of, clock.Now()
}

// Done counts one.
func (w *watchedSweep) Done() {
	w.monitor.Done()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.page.Done++
}

// Run follows a run of this process.
func (w *watchedSweep) Run(name string, p *plan.Plan) (step func(at, arrivals int64), end func()) {
	told, over := w.monitor.Run(name, p)
	r := &runNow{name: name, horizon: p.Horizon}
	w.mu.Lock()
	w.now = append(w.now, r)
	w.mu.Unlock()
	return also(told, func(at, _ int64) { r.at.Store(at) }), func() {
		over()
		w.mu.Lock()
		w.now = slices.DeleteFunc(w.now, func(one *runNow) bool { return one == r })
		w.mu.Unlock()
	}
}

// ended is told of each run.
func (w *watchedSweep) ended(r sweep.Run, by string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.page.Result.Runs, w.page.By = append(w.page.Result.Runs, r), append(w.page.By, by)
	switch by {
	case "":
	case campaign.FinishedBefore:
		w.kept++
	default:
		one := w.worker(by)
		one.Played++
		one.last = clock.Now()
	}
}

// joined is told of each worker.
func (w *watchedSweep) joined(name string, jobs int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.worker(name).AtOnce = jobs
}

// worker finds one. w.mu is locked.
func (w *watchedSweep) worker(name string) *worker {
	i := slices.IndexFunc(w.workers, func(one worker) bool { return one.Name == name })
	if i < 0 {
		i = len(w.workers)
		w.workers = append(w.workers, worker{SweepWorker: report.SweepWorker{Name: name}})
	}
	return &w.workers[i]
}

// look shows the sweep as it is now.
func (w *watchedSweep) look(show func(watch.Page)) {
	w.mu.Lock()
	p := w.page // what is appended to its lists later is not seen in the copies
	p.Left = w.left()
	for _, r := range w.now {
		p.Now = append(p.Now, fmt.Sprintf("%s %.0f %%", r.name, 100*float64(r.at.Load())/float64(r.horizon)))
	}
	for _, one := range w.workers {
		if !one.last.IsZero() {
			one.LastAgo = unit.Time(clock.Since(one.last).Truncate(time.Second)) + " ago"
		}
		p.Workers = append(p.Workers, one.SweepWorker)
	}
	w.mu.Unlock()
	p.Ended = w.over.Load()
	show(p)
}

// left says how long the sweep will still take if it goes on as it did. w.mu is locked.
func (w *watchedSweep) left() string {
	did := w.page.Done
	if w.page.Of == "runs" {
		did -= w.kept // took no time
	}
	if did <= 0 {
		return ""
	}
	each := clock.Since(w.begun) / time.Duration(did)
	return "about " + unit.Time((each * time.Duration(w.page.Total-w.page.Done)).Round(time.Second))
}
