package cmd

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/quotalab/quotalab/results/record"
)

// outputRoot is where records go by default.
const outputRoot = "quotalab-out"

// mostRuns is how many runs of one plan may begin within a second.
const mostRuns = 1000

// createRecord begins the record in dir, or where none is given in a
// directory named by the run's beginning and plan, that no other run has.
// A directory that cannot be used is the fault of the flag, or of where
// quotalab was started: exit 104.
func createRecord(dir string, m record.Manifest, planText string) (*record.Writer, string, error) {
	if dir != "" {
		w, err := record.Create(dir, m, record.Plan(planText))
		if err != nil {
			err = fmt.Errorf("--dir: %w", err)
		}
		return w, dir, invalid(err)
	}
	base := filepath.Join(outputRoot, m.Scenario, m.Started.Format("20060102T150405Z")+"-"+m.PlanHash)
	dir = base
	for n := 2; ; n++ {
		w, err := record.Create(dir, m, record.Plan(planText))
		if err == nil {
			return w, dir, nil
		}
		if !errors.Is(err, record.ErrExists) || n > mostRuns {
			return nil, dir, invalidf("%w (--dir names another directory)", err)
		}
		dir = fmt.Sprintf("%s-%d", base, n)
	}
}

// parseTags reads the k=v of --tag.
func parseTags(tags []string) (map[string]string, error) {
	out := make(map[string]string, len(tags))
	for _, t := range tags {
		k, v, ok := strings.Cut(t, "=")
		if !ok || k == "" {
			return nil, usagef("--tag: expected name=value, found %q", t)
		}
		if _, twice := out[k]; twice {
			return nil, usagef("--tag: %q is given twice", k)
		}
		out[k] = v
	}
	return out, nil
}
