package cmd

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/quotalab/quotalab/results/measure"
	"github.com/quotalab/quotalab/results/wording"
)

// referenceReadme shows the results, for people.
func referenceReadme(results []referenceResult) []byte {
	var b bytes.Buffer
	b.WriteString("# Reference results\n\nMade by `quotalab reference`, checked by CI: do not edit. Every scenario is played in virtual time with its own seed, so these\nfiles change only when what quotalab does changes.\n\n| scenario | verdict | observations | over-admitted | missed notices |\n| --- | --- | --- | --- | --- |\n")
	for _, r := range results {
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s | %s | %s |\n", r.name, r.name, r.summary.Verdict(), wording.Thousands(r.summary.Observations+r.summary.Evaluations),
			counted(r.summary, "over_admission"), counted(r.summary, "missed"))
	}
	for _, r := range results {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n[summary.json](%s/summary.json) · [bench.txt](%s/bench.txt)\n", r.name, strings.TrimSpace(r.summary.About), r.name, r.name)
		for _, w := range r.summary.Warnings {
			fmt.Fprintf(&b, "\n- %s", w)
		}
		if len(r.summary.Warnings) > 0 {
			b.WriteByte('\n')
		}
		for _, f := range r.figures {
			fmt.Fprintf(&b, "\n![%s](%s/%s.svg)\n", strings.NewReplacer("[", "(", "]", ")").Replace(f.Title), r.name, f.Name)
		}
	}
	return b.Bytes()
}

// counted adds up a counter over all its tags; – where it was not measured.
func counted(s *measure.Summary, name string) string {
	sum, found := int64(0), false
	for _, m := range s.Metrics {
		if m.Name == name {
			sum, found = sum+m.Count, true
		}
	}
	if !found {
		return "–"
	}
	return wording.Thousands(sum)
}

func writeReference(dir string, files []referenceFile) error {
	stale, err := staleFiles(dir, files)
	if err != nil {
		return err
	}
	for _, path := range stale {
		if err := os.Remove(filepath.Join(dir, path)); err != nil {
			return fmt.Errorf("removing what no scenario has any more: %w", err)
		}
	}
	for _, f := range files {
		path := filepath.Join(dir, f.path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("writing reference results: %w", err)
		}
		if err := os.WriteFile(path, f.data, 0o644); err != nil {
			return fmt.Errorf("writing reference results: %w", err)
		}
	}
	return nil
}

// staleFiles are in the folders of the scenarios, but not among their files. All
// scenarios' folders count where the README, which lists them all, is made too.
func staleFiles(dir string, files []referenceFile) ([]string, error) {
	made := map[string]bool{}
	folders := map[string]bool{}
	for _, f := range files {
		made[f.path] = true
		folders[filepath.Dir(f.path)] = true
	}
	var stale []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		folder := filepath.Dir(rel)
		if err == nil && !d.IsDir() && !made[rel] && folder != "." && (folders[folder] || folders["."]) {
			stale = append(stale, rel)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("looking at reference results: %w", err)
	}
	slices.Sort(stale)
	return stale, nil
}

// compareReference tells what differs from what is in dir.
func (a *app) compareReference(dir string, files []referenceFile) error {
	stale, err := staleFiles(dir, files)
	if err != nil {
		return err
	}
	differ := len(stale)
	for _, path := range stale {
		fmt.Fprintf(a.stdout, "%s: no scenario has it any more\n", path)
	}
	for _, f := range files {
		old, err := os.ReadFile(filepath.Join(dir, f.path))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			fmt.Fprintf(a.stdout, "%s: is missing\n", f.path)
		case err != nil:
			return fmt.Errorf("reading reference results: %w", err)
		case bytes.Equal(old, f.data):
			continue
		default:
			fmt.Fprintf(a.stdout, "%s differs:\n%s", f.path, firstDifferences(string(old), string(f.data)))
		}
		differ++
	}
	if differ > 0 {
		return withCode(exitRegression, fmt.Errorf("%d of %d reference files differ: if that is meant, run `quotalab reference` and commit them", differ, len(files)))
	}
	a.note("%d reference files are as they were", len(files))
	return nil
}

// mostDifferences are shown of a file.
const mostDifferences = 5

// firstDifferences shows the first lines that differ.
func firstDifferences(before, after string) string {
	was, is := strings.Split(before, "\n"), strings.Split(after, "\n")
	var b strings.Builder
	shown := 0
	for i := range max(len(was), len(is)) {
		x, y := lineOf(was, i), lineOf(is, i)
		if x == y {
			continue
		}
		if shown++; shown > mostDifferences {
			b.WriteString("  …\n")
			break
		}
		fmt.Fprintf(&b, "  line %d\n  - %s\n  + %s\n", i+1, x, y)
	}
	return b.String()
}

func lineOf(lines []string, i int) string {
	const most = 160
	if i >= len(lines) {
		return "(end)"
	}
	if r := []rune(lines[i]); len(r) > most {
		return string(r[:most]) + "…"
	}
	return lines[i]
}
