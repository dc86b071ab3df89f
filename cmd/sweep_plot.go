package cmd

import (
	"bytes"
	"os"
	"path/filepath"

	"github.com/quotalab/quotalab/plots"
	"github.com/quotalab/quotalab/results/sweep"
)

// isSweepDir tells whether a directory holds the result of a sweep.
func isSweepDir(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, sweep.File))
	return err == nil
}

// sweepFigures draws every column of the sweep in a directory.
func sweepFigures(dirs []string, o plots.Options, f plotFlags) (all []plots.Figure, err error) {
	switch {
	case len(dirs) > 1:
		return nil, usagef("expected the directory of a sweep alone, found %q: name one, or records", dirs)
	case len(f.only) > 0:
		return nil, usagef("--only: figures of a sweep are all of one kind")
	}
	path := filepath.Join(dirs[0], sweep.File)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, invalid(err)
	}
	r, err := sweep.Read(bytes.NewReader(data), path)
	if err != nil {
		return nil, invalid(err)
	}
	for _, s := range r.Drawn() {
		all = append(all, plots.SweepFigures(s, o)...)
	}
	return all, nil
}
