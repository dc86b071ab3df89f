package campaign

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/plots/series"
	"github.com/quotalab/quotalab/results/assert"
	"github.com/quotalab/quotalab/results/audit"
	"github.com/quotalab/quotalab/results/keep"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/fakeredis"
	"github.com/quotalab/quotalab/sim/foreign"
	"github.com/quotalab/quotalab/sim/meter"
	"github.com/quotalab/quotalab/sim/realredis"
	"github.com/quotalab/quotalab/sim/run"
)

// OutputRoot is where records go by default.
const OutputRoot = "quotalab-out"

// mostRuns is how many runs of one plan may begin within a second.
const mostRuns = 1000

// Run is a plan that is about to be played.
type Run struct {
	Stage
	Manifest   record.Manifest
	Dir        string                                      // of the record; "": one of its own below OutputRoot
	Worlds     []string                                    // files with what worlds came to that were played elsewhere; nil: all are played here
	Generators []io.ReadWriter                             // links to processes that Generate the stripes; nil: the load is sent here
	Meter      *meter.Meter                                // shows the run while it goes on; may be nil
	Watch      keep.Live                                   // sees the run while it goes on; may be nil
	Progress   func(at, arrivals int64)                    // as of a Monitor; may be nil
	Tell       func(string)                                // as a Monitor's Note; may be nil
	Left       func(limiter string, keys []fakeredis.Left) // of run.Options; may be nil
	Executed   func(words []string, byScript bool)         // of run.Options; may be nil
}

// NewRun returns a run of a stage that begins at an instant.
func NewRun(s Stage, started time.Time) Run {
	r := Run{Stage: s, Manifest: run.Manifest(s.Plan)}
	r.Manifest.Started, r.Manifest.Versions = started, run.Versions()
	if e := s.Engine; e != nil {
		r.Manifest.Versions[e.Name+"-server"] = fmt.Sprintf("%s in virtual time, %s", e.Version, e.Path)
	}
	return r
}

// Played is what playing a plan came to, beside its record.
type Played struct {
	Dir        string `json:"-"`
	Aborted    bool   `json:"-"`
	Unexpected int64  `json:"unexpected,omitempty"` // decisions that failed for a reason that is neither Redis' nor the network's
	First      string `json:"first,omitempty"`      // message of the first of these
}

// Play plays the plan into a record, which is complete when it returns, also
// if ctx ended the run.
func (r Run) Play(ctx context.Context) (*Played, error) {
	o := run.Options{Live: r.Live, Generators: r.Generators, Engine: r.Engine, Wire: r.Wire, Progress: r.Progress, Tell: r.Tell, Cores: r.Cores, Left: r.Left, Executed: r.Executed}
	if r.Meter != nil {
		o.InFlight = new(atomic.Int64)
		if err := r.Meter.InFlight(o.InFlight.Load); err != nil {
			return nil, err
		}
	}
	if r.Live != nil { // before there is a record of nothing
		if err := r.Live.Check(ctx, r.Plan); err != nil {
			return nil, With(statusOfRun(err), fmt.Errorf("running %s: %w", r.Plan.Scenario.Name, interrupted(ctx, err)))
		}
	}
	closeWorlds, err := r.openWorlds(&o)
	if err != nil {
		return nil, err
	}
	defer closeWorlds()
	w, err := createRecord(r.Dir, r.Manifest, r.writing()...)
	if err != nil && !record.DiskFull(err) {
		err = With(Invalid, err)
	}
	if err != nil {
		return nil, err
	}
	sink, err := newWatcher(w, r.Meter, r.Watch)
	if err != nil {
		return nil, fmt.Errorf("record at %s: %w", w.Dir(), err)
	}
	return r.playInto(ctx, sink, o)
}

func (r Run) writing() []record.Option {
	list := []record.Option{record.Plan(r.Plan.Text()), record.CloseWhen(saving())}
	if r.Watch != nil {
		list = append(list, record.ShowWhen(each(showEvery)))
	}
	return list
}

// createRecord begins the record in dir, or where none is given in a
// directory named by the run's beginning and plan, that no other run has.
func createRecord(dir string, m record.Manifest, writing ...record.Option) (*record.Writer, error) {
	if dir != "" {
		w, err := record.Create(dir, m, writing...)
		if err != nil {
			return nil, fmt.Errorf("--dir: %w", err)
		}
		return w, nil
	}
	for n := 1; ; n++ {
		w, err := record.Create(ownDir(m, n), m, writing...)
		if err == nil {
			return w, nil
		}
		if !errors.Is(err, record.ErrExists) || n > mostRuns {
			return nil, fmt.Errorf("%w (--dir names another directory)", err)
		}
	}
}

// ownDir returns the n-th directory, from 1, that a record may have where none is given.
func ownDir(m record.Manifest, n int) string {
	dir := filepath.Join(OutputRoot, m.Scenario, m.Started.Format("20060102T150405Z")+"-"+m.PlanHash)
	if n > 1 {
		dir += fmt.Sprintf("-%d", n)
	}
	return dir
}

// saveEvery is how often a run saves what it has, at first: later every hundredth of
// its time, so that its record has some hundreds of parts at most.
const saveEvery = 2 * time.Second

// saving returns what tells when a run is to save what it has.
func saving() func() bool {
	begun := clock.Now()
	last := begun
	return func() bool {
		now := clock.Now()
		if now.Sub(last) < max(saveEvery, last.Sub(begun)/100) {
			return false
		}
		last = now
		return true
	}
}

// showEvery is how long what a Live sees may be behind.
const showEvery = 250 * time.Millisecond

// each returns what tells that d has passed since it last did.
func each(d time.Duration) func() bool {
	last := clock.Now()
	return func() bool {
		now := clock.Now()
		if now.Sub(last) < d {
			return false
		}
		last = now
		return true
	}
}

// playInto runs the plan into a record that has begun, and closes it.
func (r Run) playInto(ctx context.Context, sink *watcher, o run.Options) (*Played, error) {
	begun := clock.Now()
	if r.Worlds != nil { // which took most of the time
		begun = r.Manifest.Started
	}
	result, err := r.drive(ctx, sink, o)
	err = interrupted(ctx, err)
	written, cerr := sink.Close(func(m *record.Manifest) {
		result.Apply(m)
		m.Wall = clock.Since(begun)
		if result.Stopped {
			m.Failed = sink.failed
		}
		if err != nil {
			first, _, _ := strings.Cut(err.Error(), "\n")
			m.Complete, m.Failed, m.Aborted = false, nil, blame(err)+": "+first
			if StatusOf(err) == Aborted {
				m.Aborted = ErrInterrupt.Error()
			}
		}
	})
	if record.DiskFull(cerr) {
		first, _, _ := strings.Cut(cerr.Error(), "\n")
		return nil, fmt.Errorf("running %s: the record at %s could not be written further, what was recorded up to there (%s) can be read: %s",
			r.Plan.Scenario.Name, sink.Dir(), unit.Counted(written.Count, "observation"), first)
	}
	if _, gone := os.Stat(sink.Dir()); cerr != nil && gone != nil {
		first, _, _ := strings.Cut(cerr.Error(), "\n")
		return nil, fmt.Errorf("running %s: the directory of its record, %s, was removed or moved while it went on (%s): run it again, with a --dir that is left alone",
			r.Plan.Scenario.Name, sink.Dir(), first)
	}
	if StatusOf(err) == Aborted && cerr == nil { // before anything was sent: that has a summary too
		return &Played{Dir: sink.Dir(), Aborted: true}, nil
	}
	if err := errors.Join(err, cerr); err != nil {
		return nil, With(statusOfRun(err), fmt.Errorf("running %s, record at %s: %w", r.Plan.Scenario.Name, sink.Dir(), err))
	}
	if r.Plan.Estimate().Keys > manyKeys {
		runtime.GC() // what held the keys is for the audit, rather than more memory
	}
	return &Played{sink.Dir(), result.Aborted != "" && !result.Stopped && !result.Void, result.Unexpected, sink.unexpected}, nil
}

// manyKeys is how many take enough memory to collect it at the end of a run.
const manyKeys = 20_000

// interrupted gives an error that comes of the user's interrupt, such as that
// of a server that was not waited for, its status.
func interrupted(ctx context.Context, err error) error {
	if err == nil || !errors.Is(context.Cause(ctx), ErrInterrupt) || !errors.Is(err, context.Canceled) && !errors.Is(err, ErrInterrupt) {
		return err
	}
	return &Error{Aborted, err}
}

// drive runs the plan. A panic is an error like any other of the harness, so
// that the record is closed and says what happened.
func (r Run) drive(ctx context.Context, sink run.Sink, o run.Options) (result run.Result, err error) {
	defer caught(&err)
	return run.Run(ctx, r.Plan, sink, o)
}

// caught makes an error of a panic. It is deferred.
func caught(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
	}
}

// statusOfRun is that of a run that could not be played.
func statusOfRun(err error) Status {
	switch {
	case errors.Is(err, realredis.ErrUnreachable): // also where that is why they cannot be used
		return Unreachable
	case errors.Is(err, run.ErrServers):
		return Invalid
	case errors.Is(err, run.ErrLimiter), errors.Is(err, foreign.ErrFailed), errors.Is(err, clock.ErrStuck):
		return LimiterFailed
	}
	return Internal
}

// blame says whose failure ended a run.
func blame(err error) string {
	switch statusOfRun(err) {
	case LimiterFailed:
		return "failure of a limiter"
	case Invalid, Unreachable:
		return "failure of the servers"
	}
	return "internal error"
}

// watcher looks at observations on their way to the record: it notes the
// first unexpected failure, shows all to the meter, and ends the run when an
// assertion with abortOnFail fails.
type watcher struct {
	*keep.Keeper
	meter      *meter.Meter  // nil: nobody asked
	watch      *assert.Watch // nil: no assertion has abortOnFail
	failed     *record.Failure
	unexpected string
}

// newWatcher closes the record if it cannot be written to.
func newWatcher(w *record.Writer, shown *meter.Meter, live keep.Live) (*watcher, error) {
	kept, err := keep.New(w)
	if err != nil {
		_, cerr := w.Close(nil)
		return nil, errors.Join(err, cerr)
	}
	if live != nil {
		kept.Show(live)
	}
	watch, err := assert.NewWatch(w.Manifest())
	if err != nil {
		_, cerr := kept.Close(nil)
		return nil, errors.Join(err, cerr)
	}
	return &watcher{Keeper: kept, meter: shown, watch: watch}, nil
}

func (w *watcher) Write(o *record.Observation) error {
	if w.unexpected == "" && o.Error == "unexpected" {
		w.unexpected = fmt.Sprintf("%s, client %s: %s", o.Limiter, o.Client, o.Message)
	}
	if w.meter != nil {
		if err := w.meter.Write(o); err != nil {
			return err
		}
	}
	if err := w.Keeper.Write(o); err != nil || w.watch == nil {
		return err
	}
	if w.failed = w.watch.Observe(o); w.failed != nil {
		return run.Stop(w.watch.Why())
	}
	return nil
}

// Analysis is what a record came to.
type Analysis struct {
	Reader  *record.Reader
	Audited *audit.Result
	Summary *summary.Measured
	drawn   *series.Set // once asked for
}

// Analyse makes the summary of the record in dir, from the record alone.
func Analyse(dir string) (*Analysis, error) {
	reader, err := record.Open(dir)
	if err != nil {
		return nil, err
	}
	a := &Analysis{Reader: reader}
	if a.Summary, a.Audited, err = summary.Analyse(reader); err != nil {
		return nil, fmt.Errorf("record %s: %w", dir, err)
	}
	assert.Judge(a.Summary, reader.Manifest().Asserts)
	return a, nil
}

// Analyse makes the summary of what was played, and stores it in the record.
func (p *Played) Analyse() (*Analysis, error) {
	a, err := Analyse(p.Dir)
	if err != nil {
		return nil, fmt.Errorf("the record is at %s: %w", p.Dir, err)
	}
	var b bytes.Buffer
	if err := a.Summary.WriteJSON(&b); err != nil {
		return nil, fmt.Errorf("writing the summary: %w", err)
	}
	return a, record.WriteSummary(p.Dir, b.Bytes())
}

// Judge returns what the run found as an error. The summary tells the rest.
func (p *Played) Judge(s *summary.Summary) error {
	return Findings{Aborted: p.Aborted, Unexpected: p.failure(), Valid: s.Valid, OK: s.OK}.Err()
}

// failure returns an error with the number of decisions that a limiter failed by itself.
func (p *Played) failure() error {
	if p.Unexpected == 0 {
		return nil
	}
	return fmt.Errorf("%d decisions failed for a reason that is neither Redis' nor the network's. The first: %s", p.Unexpected, p.First)
}

// Set returns what figures of the record draw.
func (a *Analysis) Set() (*series.Set, error) {
	if a.drawn != nil {
		return a.drawn, nil
	}
	var err error
	a.drawn, err = series.Collect(a.Reader, a.Audited, a.Summary, series.Options{})
	if err != nil {
		return nil, fmt.Errorf("record %s: %w", a.Reader.Dir(), err)
	}
	return a.drawn, nil
}
