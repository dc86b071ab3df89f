package cmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quotalab/quotalab/results/gate"
	"github.com/quotalab/quotalab/results/sweep"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/drive"
	"github.com/quotalab/quotalab/sim/plan"
	"github.com/quotalab/quotalab/sim/vtime"
)

// sweeper plays the cells of one sweep.
type sweeper struct {
	*app
	scenario *scenarios.Scenario
	o        overrides
	live     *liveFlags
	dir      sweepDir
	made     cellFile // as this sweep makes them
	bars     *sweepBars

	free   chan struct{} // a slot for each cell that may be played at once
	busy   sync.Map      // hash of a plan → *sync.Mutex: cells of one plan wait for one another
	cancel context.CancelCauseFunc

	played, kept, replaced atomic.Int64
	first                  sync.Map // hash of a plan → message of its first unexpected failure
}

// run makes a cell's run: plays it, unless it is finished already. Its first
// error ends the sweep.
func (s *sweeper) run(ctx context.Context, c cell) (sweep.Run, error) {
	select {
	case s.free <- struct{}{}:
		defer func() { <-s.free }()
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		return sweep.Run{}, context.Cause(ctx)
	}
	r, err := s.runCell(ctx, c)
	if err != nil {
		s.cancel(err)
	}
	return r, err
}

func (s *sweeper) runCell(ctx context.Context, c cell) (sweep.Run, error) {
	defer s.bars.cellDone()
	p, err := s.compileCell(s.scenario, c, s.o)
	if err != nil {
		return sweep.Run{}, err
	}
	hash := p.Hash()
	busy, _ := s.busy.LoadOrStore(hash, new(sync.Mutex))
	busy.(*sync.Mutex).Lock()
	defer busy.(*sync.Mutex).Unlock()
	made, err := s.dir.finished(hash, s.made)
	var r *analysis
	switch {
	case err == nil:
		s.kept.Add(1)
		if r, err = analyse(s.dir.cell(hash)); err != nil {
			err = invalidf("%w\nremove %s to play the cell again", err, s.dir.cell(hash))
		}
	case errors.Is(err, errOtherMade):
		s.replaced.Add(1)
		if err = s.dir.discard(hash); err != nil {
			break
		}
		fallthrough
	case errors.Is(err, fs.ErrNotExist):
		if r, made, err = s.playCell(ctx, p, hash, c); err == nil {
			s.played.Add(1)
		}
	}
	if err != nil {
		return sweep.Run{}, err
	}
	return s.row(c, hash, r, made), nil
}

// playCell plays a cell, on servers if it is one of real time, analyses it and
// finishes its directory.
func (s *sweeper) playCell(ctx context.Context, p *plan.Plan, hash string, c cell) (_ *analysis, made cellFile, err error) {
	var on stage
	started := vtime.Now().UTC().Truncate(time.Millisecond)
	if p.Scenario.Clock == "real" {
		o := s.o
		o.now = started
		p, on, err = s.stageOf(ctx, func(o overrides) (*plan.Plan, error) { return s.compileCell(s.scenario, c, o) }, o, s.live)
		if err != nil {
			return nil, made, err
		}
		defer func() { err = errors.Join(err, on.close()) }()
	}
	partial, err := s.dir.begin(hash, s.made)
	if err != nil {
		return nil, made, err
	}
	m := drive.Manifest(p)
	m.Started, m.Versions = started, linkedVersions()
	w, _, err := createRecord(partial, m, p.Text())
	if err != nil {
		return nil, made, err
	}
	bar := s.bars.cell(p, c)
	played, err := playInto(ctx, p, w, partial, nil, drive.Options{Live: on.Live, Progress: bar.step})
	bar.end()
	if err != nil {
		return nil, made, fmt.Errorf("%s: %w", c, err)
	}
	if played.aborted {
		return nil, made, context.Cause(ctx)
	}
	made = s.made
	made.Unexpected, made.First = played.unexpected, played.first
	return s.finish(partial, hash, made)
}

func (s *sweeper) finish(partial, hash string, made cellFile) (*analysis, cellFile, error) {
	r, err := analyse(partial)
	if err == nil {
		err = r.store()
	}
	if err == nil {
		err = s.dir.finish(hash, made)
	}
	return r, made, err
}

// row keeps of a cell what tables tell: its analysis is large.
func (s *sweeper) row(c cell, hash string, r *analysis, made cellFile) sweep.Run {
	sum := r.summary
	run := sweep.Run{Place: c.place, Settings: []string{}, Repeat: c.repeat, Seed: sum.Seed, Plan: hash, Valid: sum.Valid, Invalid: sum.Invalid, OK: sum.OK, Pipelined: sum.AutoPipelined,
		Unexpected: made.Unexpected, Values: []*float64{}}
	for _, set := range c.settings {
		run.Settings = append(run.Settings, set.Value)
	}
	for _, a := range sum.Assertions {
		if !a.OK {
			text := a.Name()
			if a.Unknown {
				text += " (unknown)"
			}
			run.Failing = append(run.Failing, text)
		}
	}
	for _, column := range s.scenario.Sweep.Metrics {
		if v, known := gate.Column(sum, column); known {
			run.Values = append(run.Values, &v)
		} else {
			run.Values = append(run.Values, nil)
		}
	}
	s.first.Store(hash, made.First)
	return run
}
