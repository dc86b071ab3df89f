package cmd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/quotalab/quotalab/results/compare"
	"github.com/quotalab/quotalab/results/measure"
)

// addTo adds a record, a JSON summary or a benchmark file to a side.
func (a *app) addTo(s *compare.Side, path string) error {
	if path == stdio {
		text, err := io.ReadAll(a.stdin)
		if err != nil {
			return fmt.Errorf("reading standard input: %w", err)
		}
		return a.addText(s, text, "<stdin>")
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return fmt.Errorf("expected a record, a JSON summary or a benchmark file: %w", err)
	case info.IsDir():
		r, err := analyse(path)
		if err != nil {
			return err
		}
		return a.addSummary(s, r.summary, path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return a.addText(s, text, path)
}

// addText adds a JSON summary, or else a benchmark file.
func (a *app) addText(s *compare.Side, text []byte, name string) error {
	if !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		return s.AddBench(bytes.NewReader(text), name)
	}
	summary, err := readSummary(text, name)
	if err != nil {
		return err
	}
	return a.addSummary(s, summary, name)
}

func (a *app) addSummary(s *compare.Side, summary *measure.Summary, name string) error {
	if !summary.Valid {
		a.note("note: %s is not valid (%s): its figures say little", name, strings.Join(summary.Invalid, "; "))
	}
	if e := summary.EndedBy; e != nil {
		a.note("note: %s was ended by %s: %s, so its figures are not those of a whole run", name, e.Metric, e.Check)
	}
	return s.AddSummary(summary, name)
}

// readSummary reads a JSON summary as run and export write it.
func readSummary(text []byte, name string) (*measure.Summary, error) {
	var s measure.Summary
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("%s: expected a JSON summary of quotalab (-o json=…), found something else or a file that was cut short: %w", name, err)
	}
	if s.SchemaVersion != measure.SchemaVersion || s.Scenario == "" {
		return nil, fmt.Errorf("%s: expected a JSON summary of quotalab with schemaVersion %d, found version %d of scenario %q", name, measure.SchemaVersion, s.SchemaVersion, s.Scenario)
	}
	return &s, nil
}
