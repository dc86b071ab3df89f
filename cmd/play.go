package cmd

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync/atomic"

	"github.com/quotalab/quotalab/results/gate"
	"github.com/quotalab/quotalab/results/keep"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/drive"
	"github.com/quotalab/quotalab/sim/live"
	"github.com/quotalab/quotalab/sim/meter"
	"github.com/quotalab/quotalab/sim/plan"
	"github.com/quotalab/quotalab/sim/vtime"
)

// played is what playing a plan came to, beside its record.
type played struct {
	dir        string
	aborted    bool
	unexpected int64
	first      string // message of the first unexpected failure
}

// play runs the plan into a new record, where the user can see and end it.
func (a *app) play(ctx context.Context, p *plan.Plan, m record.Manifest, dir, metrics string, l *drive.Live) (_ played, err error) {
	shown, stop, err := a.show(metrics)
	if err != nil {
		return played{}, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	o := drive.Options{Live: l}
	if shown != nil {
		o.InFlight = new(atomic.Int64)
		if err := shown.InFlight(o.InFlight.Load); err != nil {
			return played{}, err
		}
	}
	if l != nil { // before there is a record of nothing
		if err := l.Check(ctx, p); err != nil {
			return played{}, withCode(codeOfRun(err), fmt.Errorf("running %s: %w", p.Scenario.Name, err))
		}
	}
	w, dir, err := createRecord(dir, m, p.Text())
	if err != nil {
		return played{}, err
	}
	ctx, done := a.signals.graceful(ctx)
	defer done()
	bar := a.newProgress(p, vtime.Now())
	o.Progress = bar.step
	defer bar.end()
	return playInto(ctx, p, w, dir, shown, o)
}

// playInto runs the plan into a record that has begun, and closes it.
func playInto(ctx context.Context, p *plan.Plan, w *record.Writer, dir string, shown *meter.Meter, o drive.Options) (played, error) {
	kept, err := keep.New(w)
	if err != nil {
		_, cerr := w.Close(nil)
		return played{}, fmt.Errorf("record at %s: %w", dir, errors.Join(err, cerr))
	}
	watch, err := gate.NewWatch(w.Manifest())
	if err != nil {
		_, cerr := kept.Close(nil)
		return played{}, fmt.Errorf("record at %s: %w", dir, errors.Join(err, cerr))
	}
	begun := vtime.Now()
	sink := &watcher{Keeper: kept, meter: shown, watch: watch}
	result, err := drivePlan(ctx, p, sink, o)
	_, cerr := kept.Close(func(m *record.Manifest) {
		result.Apply(m)
		m.Wall = vtime.Since(begun)
		if result.Stopped {
			m.Failed = sink.failed
		}
		if err != nil {
			first, _, _ := strings.Cut(err.Error(), "\n")
			m.Complete, m.Failed, m.Aborted = false, nil, blame(err)+": "+first
		}
	})
	if err := errors.Join(err, cerr); err != nil {
		err = fmt.Errorf("running %s, record at %s: %w", p.Scenario.Name, dir, err)
		return played{}, withCode(codeOfRun(err), err)
	}
	return played{dir: dir, aborted: result.Aborted != "" && !result.Stopped, unexpected: result.Unexpected, first: sink.unexpected}, nil
}

// codeOfRun is the exit code of a run that could not be played.
func codeOfRun(err error) int {
	switch {
	case errors.Is(err, live.ErrUnreachable): // also where that is why they cannot be used
		return exitDependency
	case errors.Is(err, drive.ErrServers):
		return exitInvalid
	case errors.Is(err, drive.ErrLimiter):
		return exitUnexpected
	}
	return exitInternal
}

// blame says whose failure ended a run.
func blame(err error) string {
	switch codeOfRun(err) {
	case exitUnexpected:
		return "failure of a limiter"
	case exitInvalid, exitDependency:
		return "failure of the servers"
	}
	return "internal error"
}

// drivePlan runs the plan. A panic is an error like any other of the harness,
// so that the record is closed and says what happened.
func drivePlan(ctx context.Context, p *plan.Plan, sink drive.Sink, o drive.Options) (result drive.Result, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return drive.Run(ctx, p, sink, o)
}

// watcher looks at observations on their way to the record: it notes the
// first unexpected failure, shows all to the meter, and ends the run when an
// assertion with abortOnFail fails.
type watcher struct {
	*keep.Keeper
	meter      *meter.Meter // nil: nobody asked
	watch      *gate.Watch  // nil: no assertion has abortOnFail
	failed     *record.Failure
	unexpected string
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
		return drive.Stop(w.watch.Why())
	}
	return nil
}

// show opens the listener for Prometheus that the user asked for; none
// without an address.
func (a *app) show(addr string) (m *meter.Meter, stop func() error, err error) {
	if addr == "" {
		return nil, func() error { return nil }, nil
	}
	m = meter.New()
	url, stop, err := m.Serve(addr)
	if err != nil {
		return nil, nil, usagef("--metrics: %w", err)
	}
	a.note("metrics: %s", url)
	return m, stop, nil
}
