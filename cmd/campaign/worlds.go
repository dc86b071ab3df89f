package campaign

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/plan"
	"github.com/quotalab/quotalab/sim/run"
)

// A run whose worlds are played elsewhere is a sweep whose cells are the worlds, in the folder
// worldsDir of the run's directory: a world that is finished there is not played again. Then one process
// makes the record of them.
const (
	worldsDir = ".worlds"
	worldFile = "world.zst" // what run.PlayWorld wrote
)

// WorldsOf returns the sweep of the worlds of one plan. Set its Runner, OpenWorlds it, PlayWorlds, and Close it.
func WorldsOf(p *plan.Plan, l Local) *Sweep {
	s := &Sweep{Local: l, Scenario: p.Scenario, Jobs: len(p.Worlds), Checked: &Checked{Traces: map[string]Trace{}}, plan: p}
	s.Checked.note(p)
	return s
}

// OpenWorlds opens a folder for the worlds in the directory of a run's record, which it makes.
func (s *Sweep) OpenWorlds(r *Run) error {
	_, there := os.Lstat(r.Dir)
	if err := r.claim(); err != nil {
		return err
	}
	if errors.Is(there, fs.ErrNotExist) {
		s.fresh = r.Dir
	}
	s.Dir = filepath.Join(r.Dir, worldsDir)
	return s.open()
}

// Worlds returns how many worlds are played; 0: the cells of a sweep are.
func (s *Sweep) Worlds() int {
	if s.plan == nil {
		return 0
	}
	return len(s.plan.Worlds)
}

// PlayWorlds plays the worlds, and returns the files with what they came to, in their order.
func (s *Sweep) PlayWorlds(ctx context.Context) (files []string, err error) {
	ctx, s.cancel = context.WithCancelCause(ctx)
	defer s.cancel(nil)
	cells := make([]Cell, s.Worlds())
	for i := range cells {
		cells[i] = Cell{Scenario: s.Scenario, World: i + 1}.name(s.plan)
		files = append(files, filepath.Join(s.dir.cell(cells[i].Hash), worldFile))
	}
	s.Begin(len(cells), "worlds")
	_, err = s.runs(ctx, cells, s.Done)
	s.finished = err == nil
	goOn := fmt.Sprintf("--dir %s goes on from there", filepath.Dir(s.Dir))
	switch {
	case errors.Is(err, ErrInterrupt):
		err = With(Aborted, fmt.Errorf("interrupted: %s finished and kept; the same command with %s", unit.Counted(s.played.Load()+s.kept.Load(), "world"), goOn))
	case err != nil:
		err = fmt.Errorf("%w\nfinished worlds are kept; the same command with %s", err, goOn)
	}
	return files, err
}

// Remove removes what the worlds came to, once they are in a record.
func (s *Sweep) Remove() error { return errors.Join(s.Close(), os.RemoveAll(s.Dir)) }

// claim makes the record's directory before the record, which must not be there.
func (r *Run) claim() error {
	if r.Dir != "" {
		if _, err := os.Lstat(filepath.Join(r.Dir, record.ManifestFile)); !errors.Is(err, fs.ErrNotExist) {
			return Invalidf("--dir: %s holds %s: %w; choose another directory", r.Dir, record.ManifestFile, errors.Join(record.ErrExists, err))
		}
		return os.MkdirAll(r.Dir, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(ownDir(r.Manifest, 1)), 0o755); err != nil {
		return err
	}
	for n := 1; ; n++ {
		r.Dir = ownDir(r.Manifest, n)
		if err := os.Mkdir(r.Dir, 0o755); !errors.Is(err, fs.ErrExist) || n > mostRuns {
			return err
		}
	}
}

// playWorld plays a world, from 1, into a file of its own.
func (r Run) playWorld(ctx context.Context, world int) (_ *Outcome, err error) {
	if n := len(r.Plan.Worlds); world > n {
		return nil, Invalidf("expected one of %s, found world %d", unit.Counted(int64(n), "world"), world)
	}
	f, err := os.Create(filepath.Join(r.Dir, worldFile))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	z, err := zstd.NewWriter(f, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return nil, err
	}
	sum := sha256.New()
	err = errors.Join(r.driveWorld(ctx, world-1, io.MultiWriter(z, sum)), z.Close())
	if err != nil {
		return nil, With(statusOfRun(err), fmt.Errorf("world %d of %s: %w", world, r.Plan.Scenario.Name, err))
	}
	return &Outcome{Record: hex.EncodeToString(sum.Sum(nil))}, nil
}

func (r Run) driveWorld(ctx context.Context, n int, to io.Writer) (err error) {
	defer caught(&err)
	return run.PlayWorld(ctx, r.Plan, n, to, run.Options{Engine: r.Engine, Progress: r.Progress, Tell: r.Tell, Cores: r.Cores})
}

// openWorlds opens what worlds came to for a run.
func (r Run) openWorlds(o *run.Options) (closeAll func(), err error) {
	var all []io.Closer
	closeAll = func() {
		for _, c := range all {
			_ = c.Close() // was only read
		}
	}
	for _, path := range r.Worlds {
		f, err := os.Open(path)
		if err != nil {
			closeAll()
			return nil, err
		}
		z, err := zstd.NewReader(bufio.NewReader(f), zstd.WithDecoderConcurrency(1))
		if err != nil {
			closeAll()
			return nil, errors.Join(err, f.Close())
		}
		all = append(all, z.IOReadCloser(), f)
		o.Worlds = append(o.Worlds, z)
	}
	return closeAll, nil
}
