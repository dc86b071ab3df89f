package campaign

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/assert"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
	"github.com/quotalab/quotalab/results/sweep"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/plan"
)

// Sweep plays the cells of a scenario's sweep that are not finished in Dir.
// Set its exported fields, Open it, Run it, and Close it.
type Sweep struct {
	Local           // compiles the cells
	Runner   Runner // plays them; nil: Local
	Scenario *scenarios.Scenario
	Dir      string
	Jobs     int  // cells that are played at once, in virtual time
	Part     Part // plays only this
	// Ended is told of each run as soon as it is known, and which worker played it:
	// "" this process, FinishedBefore none. It may be nil, and is called at once for different runs.
	Ended func(r sweep.Run, worker string)

	dir     sweepDir
	Checked *Checked   // once open
	plan    *plan.Plan // whose worlds are played; nil: the cells of the scenario's sweep are
	made    cellFile   // as this sweep makes them

	fresh    string // what this one has made and was not there: Dir, or the record's directory; "": neither
	finished bool

	free   chan struct{} // a slot for each cell that may be played at once
	busy   sync.Map      // hash of a plan → *sync.Mutex: cells of one plan wait for one another
	cancel context.CancelCauseFunc

	played, kept, replaced atomic.Int64
}

// Open compiles all cells that are known, so that mistakes are told before
// anything is played, and then opens the directory.
func (s *Sweep) Open() (err error) {
	if s.Checked, err = s.Check(s.Scenario, s.Overrides); err != nil {
		return err
	}
	return s.open()
}

func (s *Sweep) open() (err error) {
	s.free, s.Cores = make(chan struct{}, s.Jobs), AllCores()
	if s.Checked.Real {
		s.free, s.made.Servers = make(chan struct{}, 1), s.Servers.Given
	}
	if s.Runner == nil {
		s.Runner = s.Local
	}
	if v, err := s.EngineVersion(context.Background(), s.Scenario); err != nil {
		return err
	} else if v != "" {
		s.made.Servers = v
	}
	if s.made.Executable, err = ExecutableHash(); err != nil {
		return fmt.Errorf("reading the program that runs: %w", err)
	}
	if _, there := os.Lstat(s.Dir); s.fresh == "" && errors.Is(there, fs.ErrNotExist) {
		s.fresh = s.Dir
	}
	if s.dir, err = openSweepDir(s.Dir, s.Part); err != nil {
		return Invalidf("--dir: %w", err)
	}
	return nil
}

// Finished reports whether all runs were made and their result is stored.
func (s *Sweep) Finished() bool { return s.finished }

// Close lets other sweeps use the directory.
func (s *Sweep) Close() error { return s.dir.close() }

// Abandon closes a sweep that could not begin, and removes the directories that it has made.
func (s *Sweep) Abandon() error {
	err := s.Close()
	if s.fresh != "" {
		err = errors.Join(err, os.RemoveAll(s.fresh))
	}
	return err
}

// Run makes all runs, and stores their result in the directory.
func (s *Sweep) Run(ctx context.Context) (*sweep.Result, error) {
	made, err := s.makeRuns(ctx)
	if err != nil {
		return nil, err
	}
	r, err := sweep.New(made)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err = r.WriteJSON(&b); err == nil {
		err = record.ReplaceFile(filepath.Join(s.Dir, sweep.File), b.Bytes())
	}
	if err != nil {
		return nil, fmt.Errorf("writing the result of the sweep: %w", err)
	}
	s.finished = true
	return r, nil
}

// RunPart makes the runs of the Part, which is not all, and says what they found. The
// sweep itself, in the same directory or one that the parts' are copied into, then has
// nothing to play.
func (s *Sweep) RunPart(ctx context.Context) error {
	made, err := s.makeRuns(ctx)
	if err != nil {
		return err
	}
	return s.Judge(made.Runs)
}

// makeRuns makes the runs of all cells, or of the Part.
func (s *Sweep) makeRuns(ctx context.Context) (r sweep.Result, err error) {
	ctx, s.cancel = context.WithCancelCause(ctx)
	defer s.cancel(nil)
	r = s.Begun()
	if cells := cellsOf(s.Scenario); r.Search != nil {
		first := make([]string, r.Places()) // the hash of a place's first cell stands for it
		for i, c := range slices.Backward(cells) {
			first[c.Place] = s.Checked.hashes[i]
		}
		mine := s.Part.takes(first)
		s.Begin(count(mine), "searches")
		r.Searched, r.Runs, err = s.searches(ctx, mine)
	} else {
		mine := s.Part.takes(s.Checked.hashes)
		i := -1
		cells = slices.DeleteFunc(cells, func(Cell) bool { i++; return !mine[i] })
		s.Begin(len(cells), "runs")
		r.Runs, err = s.runs(ctx, cells, s.Done)
	}
	switch {
	case errors.Is(err, ErrInterrupt):
		err = With(Aborted, fmt.Errorf("interrupted: %s finished and kept in %s; the same command goes on from there",
			unit.Counted(s.played.Load()+s.kept.Load(), "run"), s.Dir))
	case err != nil:
		err = fmt.Errorf("%w\nfinished cells are kept in %s; the same command goes on from there", err, s.Dir)
	}
	return r, err
}

func count(list []bool) (n int) {
	for _, yes := range list {
		if yes {
			n++
		}
	}
	return n
}

// Begun returns the result as long as there are no runs.
func (s *Sweep) Begun() sweep.Result {
	of := s.Scenario.Sweep
	r := sweep.Result{Scenario: s.Scenario.Name, About: s.Scenario.About, Clock: "virtual", Axes: []sweep.Axis{}, Zip: of.Mode == "zip", Repeats: int(of.Repeats)}
	if s.Checked.Real {
		r.Clock = "real"
	}
	for _, a := range of.Axes {
		r.Axes = append(r.Axes, sweep.NewAxis(a.Name, a.Value.Values))
	}
	for _, c := range of.Metrics {
		r.Columns = append(r.Columns, sweep.NewColumn(c))
	}
	for _, c := range of.Pareto {
		r.Pareto = append(r.Pareto, c.String())
	}
	if f := of.Find; f != nil {
		from, to := f.Bounds()
		_, base, _ := sweep.Quantity(f.From)
		r.Search = &sweep.Search{Path: f.Axis, Unit: base, From: f.Value(from), To: f.Value(to), Tolerance: float64(f.Tolerance)}
	}
	r.Label()
	return r
}

// runs makes several cells, in their order.
func (s *Sweep) runs(ctx context.Context, cells []Cell, done func()) ([]sweep.Run, error) {
	runs := make([]sweep.Run, len(cells))
	InParallel(len(cells), cap(s.free), func(i int) {
		select {
		case s.free <- struct{}{}:
			defer func() { <-s.free }()
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			return
		}
		var err error
		if runs[i], err = s.run(ctx, cells[i]); err != nil {
			s.cancel(err) // the first error is the cause of ctx's end
		}
		done()
	})
	return runs, context.Cause(ctx)
}

// searches searches every place that is to be.
func (s *Sweep) searches(ctx context.Context, mine []bool) ([]sweep.Found, []sweep.Run, error) {
	places := s.Scenario.Sweep.Grid()
	found, runs := make([]sweep.Found, len(places)), make([][]sweep.Run, len(places))
	InParallel(len(places), cap(s.free), func(i int) {
		if !mine[i] {
			return
		}
		found[i], runs[i], _ = s.search(ctx, i, places[i])
		s.Done()
	})
	return found, slices.Concat(runs...), context.Cause(ctx)
}

// search looks for the highest value at which all assertions hold at one place,
// in every repeat.
func (s *Sweep) search(ctx context.Context, place int, settings []scenarios.Setting) (sweep.Found, []sweep.Run, error) {
	f := s.Scenario.Sweep.Find
	from, to := f.Bounds()
	byValue := map[string][]sweep.Run{}
	var all []sweep.Run
	probe := func(x float64) (bool, error) {
		value := f.Value(x)
		runs, err := s.runs(ctx, repeats(s.Scenario, place, settings, value), func() {})
		byValue[value], all = runs, append(all, runs...)
		return !slices.ContainsFunc(runs, func(r sweep.Run) bool { return !r.OK }), err
	}
	b := sweep.Bisection{From: from, To: to, Tolerance: float64(f.Tolerance), Round: f.Round}
	got, err := b.Find(probe)
	if err != nil {
		return sweep.Found{}, nil, err
	}
	found := sweep.Found{Place: place, Outcome: got.Outcome, Probes: len(got.Probes)}
	if got.Outcome == sweep.Capacity || got.Outcome == sweep.AllPass {
		found.Passes = f.Value(got.Passes)
		if x, _, ok := sweep.Quantity(found.Passes); ok {
			found.Capacity = &x
		}
	}
	if got.Outcome != sweep.AllPass {
		found.Fails = f.Value(got.Fails)
		found.Stops = sweep.Fails(byValue[found.Fails])
	}
	return found, all, nil
}

// run makes a cell's run: plays it, unless it is finished already.
func (s *Sweep) run(ctx context.Context, c Cell) (sweep.Run, error) {
	c, err := s.prepare(c)
	if err != nil {
		return sweep.Run{}, err
	}
	busy, _ := s.busy.LoadOrStore(c.Hash, new(sync.Mutex))
	busy.(*sync.Mutex).Lock()
	defer busy.(*sync.Mutex).Unlock()
	made, err := s.dir.finished(c.Hash, s.made)
	switch {
	case err == nil:
		s.kept.Add(1)
		if c.World > 0 {
			return sweep.Run{}, nil
		}
		dir := s.dir.cell(c.Hash)
		a, err := Analyse(dir)
		if err != nil {
			return sweep.Run{}, Invalidf("%w\nremove %s to play the cell again", err, dir)
		}
		run := row(c, a.Summary, &made.Played)
		s.tell(run, FinishedBefore)
		return run, nil
	case errors.Is(err, errOtherMade):
		s.replaced.Add(1)
		if err := s.dir.discard(c.Hash); err != nil {
			return sweep.Run{}, err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return sweep.Run{}, err
	}
	return s.play(ctx, c)
}

// prepare compiles a cell. For a Runner elsewhere only its hash is wanted, and as many
// are compiled at once as there are processors, however many are played.
func (s *Sweep) prepare(c Cell) (Cell, error) {
	if c.Hash != "" {
		return c, nil
	}
	if _, here := s.Runner.(Local); here {
		return s.Prepare(c, s.Overrides)
	}
	s.Cores <- struct{}{}
	defer func() { <-s.Cores }()
	c, err := s.Prepare(c, s.Overrides)
	c.plan = nil
	return c, err
}

// Made returns what makes the cells: the SHA-256 of the program, and the servers that
// shards in virtual time are, if they are not embedded.
func (s *Sweep) Made() (executable, servers string) { return s.made.Executable, s.made.Servers }

// play has a cell played, and finishes its directory.
func (s *Sweep) play(ctx context.Context, c Cell) (sweep.Run, error) {
	made := s.made
	partial, err := s.dir.begin(c.Hash, made)
	if err != nil {
		return sweep.Run{}, err
	}
	of, err := s.Runner.Run(ctx, c, partial)
	if err != nil {
		return sweep.Run{}, err
	}
	if of.Aborted {
		return sweep.Run{}, context.Cause(ctx)
	}
	made.Played = of.Played
	if err = s.dir.finish(c.Hash, made); err == nil && of.Kept != nil {
		of.Kept()
	}
	s.played.Add(1)
	if err == nil {
		s.tell(of.Run, of.Worker)
	}
	return of.Run, err
}

// FinishedBefore stands for the worker of a run that was not played again.
const FinishedBefore = "finished before"

func (s *Sweep) tell(run sweep.Run, worker string) {
	if s.Ended != nil {
		s.Ended(run, worker)
	}
}

// row keeps of a cell what tables tell: its analysis is large.
func row(c Cell, s *summary.Measured, played *Played) sweep.Run {
	run := sweep.Run{Place: c.Place, Settings: []string{}, Repeat: c.Repeat, Seed: s.Seed, Plan: c.Hash, Valid: s.Valid, Invalid: s.Invalid, OK: s.OK, Pipelined: s.AutoPipelined,
		Unexpected: played.Unexpected, Values: []*float64{}}
	for _, set := range c.Settings {
		run.Settings = append(run.Settings, set.Value)
	}
	for _, a := range s.Assertions {
		if !a.OK {
			text := a.Name()
			if a.Unknown {
				text += " (unknown)"
			}
			run.Failing = append(run.Failing, text)
		}
	}
	if c.Scenario.Sweep == nil {
		return run
	}
	for _, column := range c.Scenario.Sweep.Metrics {
		if v, known := assert.Column(s, column); known {
			run.Values = append(run.Values, &v)
		} else {
			run.Values = append(run.Values, nil)
		}
	}
	return run
}

// Summary reads the summary of a finished run.
func (s *Sweep) Summary(run *sweep.Run) (*summary.Summary, error) {
	r, err := record.Open(s.dir.cell(run.Plan))
	if err != nil {
		return nil, err
	}
	data, err := r.File(record.SummaryFile)
	if err != nil {
		return nil, err
	}
	return summary.Read(data, filepath.Join(r.Dir(), record.SummaryFile))
}

// Tally says what was played and what was there.
func (s *Sweep) Tally() string {
	text := fmt.Sprintf("sweep: %s, %s played", s.Dir, unit.Counted(s.played.Load(), "run"))
	if n := s.replaced.Load(); n > 0 {
		text += fmt.Sprintf(" (of these %s again: %v)", unit.Thousands(n), errOtherMade)
	}
	if n := s.kept.Load(); n > 0 {
		text += fmt.Sprintf(", %s finished before", unit.Thousands(n))
	}
	return text
}

// Judge returns what the cells found as an error. Assertions that fail are
// results.
func (s *Sweep) Judge(runs []sweep.Run) error {
	found := Findings{Valid: true, OK: true}
	for _, run := range runs {
		if run.Unexpected > 0 && found.Unexpected == nil {
			made, err := s.dir.finished(run.Plan, s.made)
			if err != nil {
				return err
			}
			found.Unexpected = fmt.Errorf("%s: %w", strings.Join(run.Settings, ", "), made.Played.failure())
		}
		found.Valid = found.Valid && run.Valid
	}
	return found.Err()
}
