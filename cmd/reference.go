package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/quotalab/quotalab/plots"
	"github.com/quotalab/quotalab/results/export"
	"github.com/quotalab/quotalab/results/measure"
	"github.com/quotalab/quotalab/results/series"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/drive"
)

// referenceDir is where the project keeps its own reference results.
const referenceDir = "results/reference"

func (a *app) referenceCommand() *cobra.Command {
	var dir string
	var check bool
	cmd := &cobra.Command{
		Use:   "reference [SCENARIO…]",
		Short: "Make the reference results of shipped scenarios anew, or check them",
		Long: `Plays the shipped scenarios in virtual time (all, or those named) and writes of each its summary, its figures of
merit in Go's benchmark format and its figures, and a README that shows them. With --check nothing is written: what
differs from what is there is shown, and the exit code is 112.

` + exitHelp(exitPassed, exitInvalid, exitInternal, exitRegression),
		Example: `  quotalab reference
  quotalab reference --check race-set`,
		ValidArgsFunction: completeScenario,
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.reference(cmd.Context(), given, dir, check)
		},
	}
	cmd.Flags().StringVar(&dir, "dir", referenceDir, "directory of the reference results")
	cmd.Flags().BoolVar(&check, "check", false, "compare instead of writing")
	return cmd
}

// referenceFile is one file below the directory of reference results.
type referenceFile struct {
	path string
	data []byte
}

// referenceResult is what a scenario's run came to.
type referenceResult struct {
	name    string
	summary *measure.Summary
	figures []plots.Figure
	files   []referenceFile
	err     error
}

func (a *app) reference(ctx context.Context, names []string, dir string, check bool) error {
	all, err := virtualScenarios()
	if err != nil {
		return err
	}
	whole := len(names) == 0
	if whole {
		names = all
	}
	if err := known("SCENARIO", names, all); err != nil {
		return err
	}
	ctx, done := a.signals.graceful(ctx)
	defer done()
	results := a.playReferences(ctx, names)
	var files []referenceFile
	for _, r := range results {
		if r.err != nil {
			return fmt.Errorf("%s: %w", r.name, r.err)
		}
		files = append(files, r.files...)
	}
	if whole {
		files = append(files, referenceFile{"README.md", referenceReadme(results)})
	}
	if check {
		return a.compareReference(dir, files)
	}
	return writeReference(dir, files)
}

// virtualScenarios are the shipped scenarios that always give the same.
func virtualScenarios() ([]string, error) {
	var names []string
	for _, name := range scenarios.Shipped() {
		s, problems, err := scenarios.Load(name)
		if err := errors.Join(err, problems.Err()); err != nil {
			return nil, err
		}
		if s.Clock == "virtual" {
			names = append(names, name)
		}
	}
	return names, nil
}

// playReferences plays as many scenarios at once as there are processors.
func (a *app) playReferences(ctx context.Context, names []string) []referenceResult {
	results := make([]referenceResult, len(names))
	inParallel(len(names), runtime.GOMAXPROCS(0), func(i int) {
		results[i] = a.playReference(ctx, names[i])
		a.note("%s played", names[i])
	})
	return results
}

// playReference plays a scenario and makes its files.
func (a *app) playReference(ctx context.Context, name string) (out referenceResult) {
	out.name = name
	out.err = func() (err error) {
		p, err := a.load(name, overrides{})
		if err != nil {
			return err
		}
		temp, err := os.MkdirTemp("", "quotalab-reference-")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
		m := drive.Manifest(p)
		m.Started = time.Unix(0, 0).UTC() // what the wall clock says is no result
		w, dir, err := createRecord(filepath.Join(temp, "record"), m, p.Text())
		if err != nil {
			return err
		}
		played, err := playInto(ctx, p, w, dir, nil, drive.Options{})
		if err != nil {
			return err
		}
		if played.aborted {
			return withCode(exitAborted, errInterrupt)
		}
		r, err := analyse(played.dir)
		if err != nil {
			return err
		}
		r.summary.WallSeconds = 0
		out.summary = r.summary
		return out.render(r)
	}()
	return out
}

// render makes the files of a scenario.
func (r *referenceResult) render(of *analysis) error {
	var summary, bench bytes.Buffer
	if err := errors.Join(of.summary.WriteJSON(&summary), export.Bench(&bench, of.summary)); err != nil {
		return err
	}
	r.add("summary.json", summary.Bytes())
	r.add("bench.txt", bench.Bytes())
	set, err := of.set()
	if err != nil {
		return err
	}
	r.figures = plots.All([]*series.Set{set}, plots.Options{})
	for i := range r.figures {
		var svg bytes.Buffer
		if err := r.figures[i].Render(&svg, "svg"); err != nil {
			return err
		}
		r.add(r.figures[i].Name+".svg", svg.Bytes())
	}
	return nil
}

func (r *referenceResult) add(name string, data []byte) {
	r.files = append(r.files, referenceFile{filepath.Join(r.name, name), data})
}
