package cmd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/quotalab/quotalab/results/export"
)

// update writes the baseline anew, if all runs are valid.
func (g *gating) update() error {
	if invalid := g.invalid(); len(invalid) > 0 {
		return &exitError{exitSchedule, fmt.Errorf("nothing was written: %s", invalid[0])}
	}
	for _, s := range g.scenarios {
		if err := s.write(); err != nil {
			return invalidf("writing the baseline: %w", err)
		}
		fmt.Fprintf(g.stdout, "%s: %s\n", s.name, s.baseline)
	}
	failed := g.failedAssertions()
	if len(failed) == 0 {
		return nil
	}
	for _, f := range failed {
		fmt.Fprintf(g.stdout, "  %s\n", f)
	}
	return &exitError{code: exitAssertion}
}

// write the baseline of a scenario at once: a file of its name is a whole one.
func (s *gated) write() (err error) {
	dir := filepath.Dir(s.baseline)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".bench-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if err := errors.Join(export.Bench(f, s.played[newBuild]...), f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), s.baseline)
}
