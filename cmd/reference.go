package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/plots"
	"github.com/quotalab/quotalab/plots/draw"
	"github.com/quotalab/quotalab/plots/series"
	"github.com/quotalab/quotalab/results/present"
	"github.com/quotalab/quotalab/results/summary"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/run"
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
	summary *summary.Summary
	figures []draw.Figure
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
		m := run.Manifest(p)
		m.Started = time.Unix(0, 0).UTC() // what the wall clock says is no result
		w, dir, err := createRecord(filepath.Join(temp, "record"), m, p.Text())
		if err != nil {
			return err
		}
		played, err := playInto(ctx, p, w, dir, nil, run.Options{})
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
		out.summary = r.summary.Summary
		return out.render(r)
	}()
	return out
}

// render makes the files of a scenario.
func (r *referenceResult) render(of *analysis) error {
	var summary, bench bytes.Buffer
	if err := errors.Join(of.summary.WriteJSON(&summary), present.Bench(&bench, of.summary.Summary)); err != nil {
		return err
	}
	r.add("summary.json", summary.Bytes())
	r.add("bench.txt", bench.Bytes())
	set, err := of.set()
	if err != nil {
		return err
	}
	if r.figures, err = plots.All([]*series.Set{set}, plots.Options{}); err != nil {
		return err
	}
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

// referenceReadme shows the results, for people.
func referenceReadme(results []referenceResult) []byte {
	var b bytes.Buffer
	b.WriteString("# Reference results\n\nMade by `quotalab reference`, checked by CI: do not edit. Every scenario is played in virtual time with its own seed, so these\nfiles change only when what quotalab does changes.\n\n| scenario | verdict | observations | over-admitted | missed notices |\n| --- | --- | --- | --- | --- |\n")
	for _, r := range results {
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s | %s | %s |\n", r.name, r.name, r.summary.Verdict(), unit.Thousands(r.summary.Observations+r.summary.Evaluations),
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
func counted(s *summary.Summary, name string) string {
	sum, found := int64(0), false
	for _, m := range s.Metrics {
		if m.Name == name {
			sum, found = sum+m.Count, true
		}
	}
	if !found {
		return "–"
	}
	return unit.Thousands(sum)
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
