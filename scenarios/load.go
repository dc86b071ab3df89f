package scenarios

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/scenarios/decode"
)

//go:embed *.yaml museum/*.yaml
var shipped embed.FS

const (
	extension = ".yaml"
	museum    = "museum/" // folder of scenarios that show known failures
)

// Shipped lists the names of the scenarios that come with quotalab, sorted.
func Shipped() []string {
	files := append(named(""), Museum()...)
	slices.Sort(files)
	return files
}

// Museum lists the names of those of them that each show a known failure.
func Museum() []string { return named(museum) }

func named(folder string) []string {
	files, err := fs.Glob(shipped, folder+"*"+extension)
	if err != nil {
		return nil // only a malformed pattern can fail
	}
	for i, f := range files {
		files[i] = strings.TrimSuffix(path.Base(f), extension)
	}
	return files
}

// Source returns the file of a shipped scenario.
func Source(name string) ([]byte, bool) {
	data, err := shipped.ReadFile(name + extension)
	if err != nil {
		data, err = shipped.ReadFile(museum + name + extension)
	}
	return data, err == nil
}

// Load decodes a shipped scenario, by its name, or else a file, by its path
// (write ./name for a file with the name of a shipped one). Mistakes in the
// file are Problems; error is only for a file that cannot be read.
func Load(name string) (*Scenario, Problems, error) {
	if data, ok := Source(name); ok {
		s, problems := Decode(name+extension, data)
		return s, problems, nil
	}
	data, err := decode.ReadFile(name, decode.MaxSize)
	if err != nil {
		return nil, nil, notFound(name, err)
	}
	s, problems := Decode(name, data)
	return s, problems, nil
}

// LoadLimiters decodes the limiters of a file as Load does: of a scenario, or of
// a file that has nothing else.
func LoadLimiters(name string) (Named[Limiter], Problems, error) {
	s, problems, err := Load(name)
	if s == nil || err != nil {
		return nil, problems, err
	}
	var left Problems
	for _, p := range problems {
		missing := p.Path == "name" || p.Path == "horizon" || p.Path == "traffic"
		if !missing || s.Written(p.Path) {
			left = append(left, p)
		}
	}
	return s.Limiters, left, nil
}

// notFound adds to a missing file what may have been meant.
func notFound(name string, err error) error {
	if !errors.Is(err, fs.ErrNotExist) || strings.ContainsAny(name, `/\`) {
		return fmt.Errorf("reading the scenario: %w", err)
	}
	bare := strings.TrimSuffix(strings.TrimSuffix(name, ".yml"), extension)
	hint := metric.DidYouMean(bare, Shipped())
	if _, ok := Source(bare); ok {
		hint = fmt.Sprintf(" (did you mean %q?)", bare)
	}
	return fmt.Errorf("no such file %q: %w, and no shipped scenario has that name%s; quotalab list shows their names", name, fs.ErrNotExist, hint)
}
