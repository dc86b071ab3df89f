package cmd

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/pflag"

	"github.com/quotalab/quotalab/cmd/campaign"
	"github.com/quotalab/quotalab/cmd/watch"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/plots/report"
	"github.com/quotalab/quotalab/plots/series"
	"github.com/quotalab/quotalab/results/sweep"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/plan"
)

// webFlags are those of the live page.
type webFlags struct {
	addr   string
	linger *time.Duration // nil: until a signal
}

func (f *webFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.addr, "web", "", "show in a browser what goes on, and its report afterwards, on this `address`: :0 is any free port of this machine alone")
	flags.Func("web-linger", "`how long` --web shows the report afterwards, such as 30s; 0s ends at once (default: until Ctrl-C)", func(text string) error {
		d, err := time.ParseDuration(text)
		if err != nil || d < 0 {
			return fmt.Errorf("expected a time such as 30s, found %q", text)
		}
		f.linger = &d
		return nil
	})
}

func (f *webFlags) check() error {
	if f.linger != nil && f.addr == "" {
		return usagef("--web-linger: expected --web beside it: there is no page to show")
	}
	return nil
}

// webPage is what is seen of a run that goes on: the live page, and the lines of limiters in
// a terminal.
type webPage struct {
	*watch.Server        // nil: nobody asked for it
	lines         func() // ends those of limiters
	over          atomic.Bool
	apart         atomic.Pointer[string] // how far workers are; nil: the run is played here
	at, arrived   atomic.Int64
}

// worldsPlayed says how many worlds workers have played.
func (w *webPage) worldsPlayed(n, of int) {
	text := fmt.Sprintf(" workers have played %d of its %s", n, unit.Counted(int64(of), "world"))
	w.apart.Store(&text)
}

// ended says that the run has.
func (w *webPage) ended() {
	w.over.Store(true)
	w.lines()
}

// Close ends the page, if there is one.
func (w *webPage) Close() error {
	w.lines()
	return w.Server.Close()
}

// watch shows a run while it goes on: in a browser if the user asked for it, and in a
// terminal if it is in real time.
func (a *app) watch(r *campaign.Run, f webFlags) (*webPage, error) {
	w := &webPage{lines: func() {}}
	inTerminal := r.Plan.Scenario.Clock == "real" && a.shows()
	if f.addr == "" && !inTerminal {
		return w, nil
	}
	live, err := series.NewLive(r.Manifest, int64(min(r.Plan.Estimate().Decisions, math.MaxInt64/2)))
	if err != nil {
		return nil, err
	}
	r.Watch = live
	if inTerminal {
		var names []string
		for _, l := range r.Manifest.Limiters {
			names = append(names, l.Name)
		}
		w.lines = a.Limiters(names, live)
	}
	if f.addr == "" { // it need not be told how far it is
		return w, nil
	}
	horizon, begun := r.Plan.Horizon, sync.OnceValue(clock.Now) // servers may have to start first
	look := func(show func(watch.Page)) {
		at := time.Duration(w.at.Load())
		now := report.Watched{At: at.Seconds(), Ended: w.over.Load()}
		if now.Ended {
			now.At = horizon.Seconds()
		} else if apart := w.apart.Load(); apart != nil {
			now.Progress = *apart
		} else if at > 0 {
			now.Progress = progressText(clock.Since(begun()), at, horizon, w.arrived.Load())
		}
		live.Look(func(s *series.Set) {
			now.Set = s
			show(now)
		})
	}
	if w.Server, err = a.servePage(f, look); err != nil {
		return nil, err
	}
	r.Progress = func(at, arrivals int64) {
		begun()
		w.at.Store(at)
		w.arrived.Store(arrivals)
	}
	return w, nil
}

// servePage opens the live page of what look shows; nil: nobody asked for it.
func (a *app) servePage(f webFlags, look func(show func(watch.Page))) (*watch.Server, error) {
	if f.addr == "" {
		return nil, nil
	}
	s, err := watch.Serve(f.addr, look)
	if err != nil {
		return nil, usagef("--web %s: %w", f.addr, err)
	}
	fmt.Fprintf(a.stderr, "web: %s\n", s.URL()) // also with --quiet: it is what was asked for
	if at := s.Exposed(); at != "" {
		a.Note("warning: --web %s listens on %s: other machines can open the page, with the token and without encryption; :PORT answers this one alone", f.addr, at)
	}
	return s, nil
}

// also calls both; either may be nil.
func also(one, other func(at, arrivals int64)) func(at, arrivals int64) {
	if one == nil || other == nil {
		if one == nil {
			return other
		}
		return one
	}
	return func(at, arrivals int64) {
		one(at, arrivals)
		other(at, arrivals)
	}
}

// showReport makes the live page, if there is one, the report, and shows it for as long as the user
// wants.
func (a *app) showReport(ctx context.Context, s *watch.Server, f webFlags, write func(io.Writer) error) error {
	if s == nil || f.linger != nil && *f.linger == 0 {
		return nil
	}
	var page bytes.Buffer
	if err := write(&page); err != nil {
		return fmt.Errorf("the page of --web: %w", err)
	}
	s.Report(page.Bytes())
	until := "until Ctrl-C"
	if f.linger != nil {
		until = "for " + f.linger.String()
		short, cancel := context.WithTimeout(ctx, *f.linger)
		defer cancel()
		ctx = short
	}
	a.Note("web: the report is at %s %s", s.URL(), until)
	a.signals.wait(ctx)
	return nil
}

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
