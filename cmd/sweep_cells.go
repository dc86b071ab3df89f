package cmd

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/gofrs/flock"

	"github.com/quotalab/quotalab/results/sweep"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/plan"
)

// cell is one run of a sweep: a place on its axes, a value of the searched one
// if there is one, and a repeat.
type cell struct {
	place    int
	settings []scenarios.Setting
	repeat   int
}

// cellsOf a sweep that are known before it begins: of a search those at its
// ends.
func cellsOf(s *scenarios.Sweep) (all []cell) {
	for place, settings := range s.Grid() {
		values := []string{""}
		if s.Find != nil {
			from, to := s.Find.Bounds()
			values = []string{s.Find.Value(from), s.Find.Value(to)}
		}
		for _, v := range values {
			all = append(all, repeats(s, place, settings, v)...)
		}
	}
	return all
}

// repeats of a place, at a value of the searched axis if there is one.
func repeats(s *scenarios.Sweep, place int, settings []scenarios.Setting, value string) []cell {
	settings = slices.Clone(settings)
	if s.Find != nil {
		settings = append(settings, scenarios.Setting{Path: s.Find.Axis, Value: value})
	}
	all := make([]cell, s.Repeats)
	for i := range all {
		all[i] = cell{place, settings, i}
	}
	return all
}

// compileCell compiles one cell of a scenario with a sweep.
func (a *app) compileCell(s *scenarios.Scenario, c cell, o overrides) (*plan.Plan, error) {
	settings := c.settings
	if o.seed != nil { // before the seeds of repeats are derived from it
		settings = append(slices.Clone(settings), scenarios.Setting{Path: "seed", Value: strconv.FormatUint(*o.seed, 10)})
		o.seed = nil
	}
	one, problems := s.With(settings, c.repeat)
	return a.compile(one, problems, o)
}

// checkCells compiles cells, and tells whether any is in real time. What is wrong
// with any is told once, with the first cell that it is in.
func (a *app) checkCells(s *scenarios.Scenario, cells []cell, o overrides) (real bool, err error) {
	clocks, errs := make([]string, len(cells)), make([]error, len(cells))
	inParallel(len(cells), runtime.GOMAXPROCS(0), func(i int) {
		p, err := a.compileCell(s, cells[i], o)
		if err == nil {
			clocks[i] = p.Scenario.Clock
		}
		errs[i] = err
	})
	var all scenarios.Problems
	seen := map[string]bool{}
	for i, err := range errs {
		var problems scenarios.Problems
		if err != nil && !errors.As(err, &problems) {
			return false, fmt.Errorf("the cell %s: %w", cells[i], err)
		}
		for _, p := range problems {
			if what := p.Error(); !seen[what] { // in the first cell that has it
				seen[what] = true
				p.Msg += " (in the cell " + cells[i].String() + ")"
				all = append(all, p)
			}
		}
	}
	if len(all) > 0 {
		return false, invalid(told(all.Sort()))
	}
	return slices.Contains(clocks, "real"), nil
}

// newSweepResult has all but the runs.
func newSweepResult(p *scenarios.Scenario, clock string) sweep.Result {
	s := p.Sweep
	r := sweep.Result{Scenario: p.Name, About: p.About, Clock: clock, Axes: []sweep.Axis{}, Zip: s.Mode == "zip", Repeats: int(s.Repeats)}
	for _, a := range s.Axes {
		r.Axes = append(r.Axes, sweep.NewAxis(a.Name, a.Value.Values))
	}
	for _, c := range s.Metrics {
		r.Columns = append(r.Columns, sweep.NewColumn(c))
	}
	for _, c := range s.Pareto {
		r.Pareto = append(r.Pareto, c.String())
	}
	if f := s.Find; f != nil {
		from, to := f.Bounds()
		_, unit, _ := sweep.Quantity(f.From)
		r.Search = &sweep.Search{Path: f.Axis, Unit: unit, From: f.Value(from), To: f.Value(to), Tolerance: float64(f.Tolerance)}
	}
	return r
}

// The directory of a sweep has a directory for each finished cell, named by the
// hash of its plan: a record, its summary and a cellFile. A cell is played
// into one with the suffix partial, which loses that when all is written. So
// whatever instant the process is killed at, a cell is finished or it has to be
// played.
const (
	partialSuffix = ".partial"
	cellFileName  = "cell.json"
	lockFileName  = ".lock"
)

// errOtherMade says that a finished cell is not what this sweep would make.
var errOtherMade = errors.New("made by another build of quotalab, or on other servers")

// cellFile says what made a cell, and what its record does not tell. It is the
// first file of a cell's directory, and when that is removed the last one.
type cellFile struct {
	Executable string `json:"executable"`        // SHA-256 of the program
	Servers    string `json:"servers,omitempty"` // of a run in real time: the flags that named them
	Unexpected int64  `json:"unexpected,omitempty"`
	First      string `json:"first,omitempty"` // message of the first unexpected failure
}

// sweepDir is the directory of a sweep. Its methods may be called at once, for
// different cells.
type sweepDir struct {
	path string
	lock *flock.Flock
}

// openSweepDir makes the directory, keeps other sweeps out of it, and removes
// what one that was killed has left half done.
func openSweepDir(path string) (sweepDir, error) {
	d := sweepDir{path, flock.New(filepath.Join(path, lockFileName))}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return d, invalidf("--dir: %w", err)
	}
	locked, err := d.lock.TryLock()
	if err != nil {
		return d, invalidf("--dir: %w", err)
	}
	if !locked {
		return d, invalidf("--dir: another sweep is using %s: wait for its end, or name another directory", path)
	}
	entries, err := os.ReadDir(path)
	for _, e := range entries {
		if e.IsDir() && strings.HasSuffix(e.Name(), partialSuffix) { // a file is overwritten by the next one
			err = errors.Join(err, removeCell(filepath.Join(path, e.Name())))
		}
	}
	if err != nil {
		return d, errors.Join(invalidf("--dir: %w", err), d.close())
	}
	return d, nil
}

func (d sweepDir) close() error { return d.lock.Close() }

func (d sweepDir) cell(hash string) string { return filepath.Join(d.path, hash) }

// finished reads what made a cell; an error that is errOtherMade says that it is
// not as it would be made now, one that is fs.ErrNotExist that there is none.
func (d sweepDir) finished(hash string, made cellFile) (cellFile, error) {
	dir := d.cell(hash)
	if _, err := os.Stat(dir); err != nil {
		return cellFile{}, err
	}
	data, err := os.ReadFile(filepath.Join(dir, cellFileName))
	var found cellFile
	if err == nil {
		err = json.Unmarshal(data, &found)
	}
	if err != nil { // not fs.ErrNotExist: the directory is there
		return found, invalidf("--dir: expected a cell of a sweep in %s, found none (%v): remove it, or name another directory", dir, err)
	}
	if found.Executable != made.Executable || found.Servers != made.Servers {
		return found, errOtherMade
	}
	return found, nil
}

// begin makes the directory that a cell is played into.
func (d sweepDir) begin(hash string, made cellFile) (partial string, err error) {
	partial = d.cell(hash) + partialSuffix
	if err := os.Mkdir(partial, 0o755); err != nil {
		return "", err
	}
	return partial, writeCellFile(partial, made)
}

// finish makes a cell that was played one that is finished.
func (d sweepDir) finish(hash string, made cellFile) error {
	partial := d.cell(hash) + partialSuffix
	if err := writeCellFile(partial, made); err != nil {
		return err
	}
	return os.Rename(partial, d.cell(hash))
}

// discard removes a finished cell. It is not finished any more as soon as its
// removal begins.
func (d sweepDir) discard(hash string) error {
	partial := d.cell(hash) + partialSuffix
	if err := os.Rename(d.cell(hash), partial); err != nil {
		return err
	}
	return removeCell(partial)
}

// writeCellFile replaces the file in one step: when a finished cell has it, it
// is whole.
func writeCellFile(dir string, c cellFile) error {
	data, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(dir, cellFileName), append(data, '\n'))
}

func replaceFile(path string, data []byte) error {
	partial := path + partialSuffix
	if err := os.WriteFile(partial, data, 0o644); err != nil {
		return err
	}
	return os.Rename(partial, path)
}

// removeCell removes the directory of a cell that is not finished. It is a cell
// if it has a cell's file, however much of it was written, or nothing at
// all: that file is written first and removed last.
func removeCell(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	own := len(entries) == 0
	for _, e := range entries {
		own = own || strings.TrimSuffix(e.Name(), partialSuffix) == cellFileName
	}
	if !own {
		return fmt.Errorf("%s was not made by a sweep: move it elsewhere, or name another directory", dir)
	}
	for _, e := range entries {
		if e.Name() != cellFileName {
			if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	if err := os.Remove(filepath.Join(dir, cellFileName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Remove(dir)
}

// executableHash is the SHA-256 of the program that is running.
func executableHash() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", err
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	_, err = io.Copy(sum, f)
	return hex.EncodeToString(sum.Sum(nil)), errors.Join(err, f.Close())
}
