package campaign

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/plots"
	"github.com/quotalab/quotalab/plots/draw"
	"github.com/quotalab/quotalab/plots/series"
	"github.com/quotalab/quotalab/results/present"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/child"
	"github.com/quotalab/quotalab/sim/plan"
)

// Reference are the reference results of shipped scenarios that are made anew.
type Reference struct {
	*Loader
	Monitor
	Names []string // of the scenarios
	Engine
	Whole bool // these are all that ReferenceNames has: there is a README too
}

// ReferenceNames returns the shipped scenarios that always give the same: those in virtual time.
func ReferenceNames() (names []string, err error) {
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

// referenceResult is what a scenario's run came to.
type referenceResult struct {
	name    string
	summary *summary.Summary
	figures []draw.Figure
	files   Files
	err     error
}

// Files are the contents of files, by their slashed paths below a directory.
type Files map[string][]byte

// Play plays as many scenarios at once as there are processors, and returns
// the files of all.
func (r *Reference) Play(ctx context.Context) (Files, error) {
	results := make([]referenceResult, len(r.Names))
	cores := AllCores()
	InParallel(len(r.Names), runtime.GOMAXPROCS(0), func(i int) {
		results[i].name = r.Names[i]
		results[i].err = r.play(ctx, &results[i], cores)
		r.Note("%s played", r.Names[i])
	})
	files := Files{}
	for _, of := range results {
		if of.err != nil {
			return nil, fmt.Errorf("%s: %w", of.name, of.err)
		}
		for name, data := range of.files {
			files[of.name+"/"+name] = data
		}
	}
	if r.Whole {
		files["README.md"] = referenceReadme(results)
	}
	return files, nil
}

func (r *Reference) play(ctx context.Context, of *referenceResult, cores chan struct{}) (err error) {
	stage, err := Open(ctx, func(o Overrides) (*plan.Plan, error) { return r.Load(of.name, o) }, Overrides{Engine: r.Engine, Cores: cores})
	if err != nil {
		return err
	}
	temp, remove, err := child.Folder("reference")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	run := NewRun(stage, time.Unix(0, 0).UTC()) // what the wall clock says is no result
	run.Manifest.Versions, run.Dir = nil, filepath.Join(temp, "record")
	played, err := run.Play(ctx)
	if err != nil {
		return err
	}
	if played.Aborted {
		return With(Aborted, ErrInterrupt)
	}
	a, err := Analyse(played.Dir)
	if err != nil {
		return err
	}
	a.Summary.WallSeconds = 0
	return of.render(a)
}

func (r *referenceResult) render(of *Analysis) error {
	var summary, bench bytes.Buffer
	if err := errors.Join(of.Summary.WriteJSON(&summary), present.Bench(&bench, of.Summary.Summary)); err != nil {
		return err
	}
	r.files = Files{"summary.json": summary.Bytes(), "bench.txt": bench.Bytes()}
	set, err := of.Set()
	if err != nil {
		return err
	}
	r.summary = of.Summary.Summary
	if r.figures, err = plots.All([]*series.Set{set}, plots.Options{}); err != nil {
		return err
	}
	for i := range r.figures {
		var svg bytes.Buffer
		if err := r.figures[i].Render(&svg, "svg"); err != nil {
			return err
		}
		r.files[r.figures[i].Name+".svg"] = svg.Bytes()
	}
	return nil
}

// Write makes the directory hold these files: what is of their scenarios and not
// among them is removed.
func (f Files) Write(dir string) error {
	stale, err := f.stale(dir)
	for _, name := range stale {
		err = errors.Join(err, os.Remove(filepath.Join(dir, name)))
	}
	for name, data := range f {
		err = errors.Join(err, record.ReplaceFile(filepath.Join(dir, name), data))
	}
	return err
}

// stale files are in the folders of the scenarios, but not among their files. All
// scenarios' folders count where the README, which lists them all, is made too.
func (f Files) stale(dir string) (stale []string, err error) {
	folders := map[string]bool{}
	for name := range f {
		folders[path.Dir(name)] = true
	}
	found, err := fs.Glob(os.DirFS(dir), "*/*")
	for _, name := range found {
		if _, made := f[name]; !made && (folders[path.Dir(name)] || folders["."]) {
			stale = append(stale, name)
		}
	}
	return stale, err
}

// Compare returns what differs from what is in the directory, a text for each file.
func (f Files) Compare(dir string) (differ []string, err error) {
	stale, err := f.stale(dir)
	if err != nil {
		return nil, err
	}
	for _, name := range stale {
		differ = append(differ, name+": no scenario has it any more\n")
	}
	for name, data := range f {
		old, err := os.ReadFile(filepath.Join(dir, name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			differ = append(differ, name+": is missing\n")
		case err != nil:
			return nil, err
		case !bytes.Equal(old, data):
			differ = append(differ, name+" differs:\n"+firstDifference(string(old), string(data)))
		}
	}
	slices.Sort(differ)
	return differ, nil
}

func firstDifference(before, after string) string {
	was, is := strings.Split(before, "\n"), strings.Split(after, "\n")
	i := 0
	for i < min(len(was), len(is)) && was[i] == is[i] {
		i++
	}
	return fmt.Sprintf("  line %d\n  - %s\n  + %s\n", i+1, lineOf(was, i), lineOf(is, i))
}

func lineOf(lines []string, i int) string {
	if i >= len(lines) {
		return "(end)"
	}
	return fmt.Sprintf("%.160s", lines[i])
}

// referenceReadme shows the results, for people.
func referenceReadme(results []referenceResult) []byte {
	var b bytes.Buffer
	b.WriteString("# Reference results\n\nMade by `quotalab reference`, checked by CI: do not edit. Every scenario is played in virtual time with its own seed, so these\nfiles change only when what quotalab does changes.\n\n| scenario | verdict | observations | over-admission | missed notices |\n| --- | --- | --- | --- | --- |\n")
	for _, r := range results {
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s | %s | %s |\n", r.name, r.name, r.summary.Verdict(), unit.Thousands(r.summary.Observations+r.summary.Evaluations),
			counted(r.summary, "over_admission"), counted(r.summary, "missed"))
	}
	for _, r := range results {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n[summary.json](%s/summary.json) · [bench.txt](%s/bench.txt)\n", r.name, strings.TrimSpace(r.summary.About), r.name, r.name)
		for _, w := range r.summary.Warnings {
			fmt.Fprintf(&b, "\n- %s", present.Literal(w))
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
