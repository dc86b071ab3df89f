package cmd

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quotalab/quotalab/cmd/campaign"
	"github.com/quotalab/quotalab/results/compare"
	"github.com/quotalab/quotalab/results/summary"
	"github.com/quotalab/quotalab/scenarios/decode"
)

const compareLong = `Compares two sets of runs figure by figure: decisions, latency and over-admission by their tags, and whatever else the
runs measured. Each side is one or several of: the directory of a record, a JSON summary, a file in Go's
benchmark format (of quotalab or any other program), - for standard input. Several are separated by commas, or
given by --base and --new, which can be repeated.

Figures of virtual time are exact: any difference is one. Those of real time are compared by the Mann-Whitney U test, at
5 %, and need six runs of each side or more; the change is the Hodges-Lehmann shift, with its 95 % confidence
interval, relative to the base's median. Of a hundred figures that do not differ, five will look as if they did:
gate corrects for that.

The worst comes first. What is the same is counted, and listed with --all. Comparing is not judging: differences do
not change the exit code.`

type compareFlags struct {
	base, new []string
	all       bool
	outs      []string
}

func compareKinds(all bool) map[string]func(io.Writer, []compare.Row) error {
	return map[string]func(io.Writer, []compare.Row) error{
		"csv": compare.CSV, "json": compare.JSON,
		"markdown": func(w io.Writer, rows []compare.Row) error { return compare.Markdown(w, rows, all) },
	}
}

func (a *app) compareCommand() *cobra.Command {
	var f compareFlags
	cmd := &cobra.Command{
		Use:   "compare [BASE NEW]",
		Short: "Compare two sets of runs, figure by figure",
		Long:  compareLong + exitHelp(campaign.Passed, campaign.Invalid, campaign.Internal),
		Example: `  quotalab compare my-record my-other-record
  quotalab compare results/reference/race-set/bench.txt out.json -o csv=-
  quotalab compare --base 'old-1,old-2' --new new-1 --new new-2`,
		RunE: func(_ *cobra.Command, given []string) error { return a.compare(given, f) },
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&f.base, "base", nil, "`record` or file of the base side; can be repeated")
	flags.StringArrayVar(&f.new, "new", nil, "`record` or file of the new side; can be repeated")
	flags.BoolVar(&f.all, "all", false, "list figures that are the same too (so does --verbose)")
	outFlag(flags, &f.outs, strings.Join(kindsOf(compareKinds(false)), ", "))
	return cmd
}

func (a *app) compare(given []string, f compareFlags) error {
	kinds := compareKinds(f.all || a.verbose)
	outs, err := parseOutputs(f.outs, kindsOf(kinds))
	if err != nil {
		return err
	}
	switch {
	case len(given) == 2 && len(f.base)+len(f.new) == 0:
		f.base, f.new = given[:1], given[1:]
	case len(given) > 0 || len(f.base) == 0 || len(f.new) == 0:
		return usagef("expected BASE and NEW after \"quotalab compare\", or --base and --new, found %s", strings.Join(append([]string{fmt.Sprintf("%q", given)}, sidesGiven(f)...), ", "))
	}
	base, err := a.side("base", f.base)
	if err != nil {
		return err
	}
	next, err := a.side("new", f.new)
	if err != nil {
		return err
	}
	rows, err := compare.Compare(base, next)
	if err != nil {
		return campaign.With(campaign.Invalid, err)
	}
	campaign.NotePlans(a.monitor, base, next)
	text := func(w io.Writer) error { return compare.Text(w, rows, f.all || a.verbose) }
	return a.emit(outs, text, func(o output) error {
		return a.writeTo(o, func(w io.Writer) error { return kinds[o.kind](w, rows) })
	})
}

func sidesGiven(f compareFlags) (given []string) {
	if len(f.base) > 0 {
		given = append(given, "--base")
	}
	if len(f.new) > 0 {
		given = append(given, "--new")
	}
	return given
}

// side collects what is at the paths, each of which may be several.
func (a *app) side(which string, paths []string) (*compare.Side, error) {
	var s compare.Side
	for _, p := range paths {
		for _, path := range splitPaths(p) {
			if err := a.addTo(&s, path); err != nil {
				return nil, campaign.Invalidf("%s: %w", which, err)
			}
		}
	}
	return &s, nil
}

// splitPaths splits at commas, unless there is a file with commas in its name.
func splitPaths(s string) []string {
	if _, err := os.Stat(s); err == nil {
		return []string{s}
	}
	return strings.Split(s, ",")
}

// addTo adds a record, a JSON summary or a benchmark file to a side.
func (a *app) addTo(s *compare.Side, path string) error {
	if path == campaign.Stdio {
		text, err := io.ReadAll(io.LimitReader(a.Stdin, compare.MostText+1))
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
		r, err := campaign.Analyse(path)
		if err != nil {
			return err
		}
		return a.addSummary(s, r.Summary.Summary, path)
	}
	text, err := decode.ReadFile(path, compare.MostText)
	if err != nil {
		return err
	}
	return a.addText(s, text, path)
}

// addText adds a JSON summary, or else a benchmark file.
func (a *app) addText(s *compare.Side, text []byte, name string) error {
	if len(text) > compare.MostText {
		return fmt.Errorf("%s: expected a JSON summary or a benchmark file of at most %d MiB, found a longer one", name, compare.MostText>>20)
	}
	if !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		return s.AddBench(text, name)
	}
	read, err := summary.Read(text, name)
	if err != nil {
		return err
	}
	return a.addSummary(s, read, name)
}

func (a *app) addSummary(s *compare.Side, summary *summary.Summary, name string) error {
	if !summary.Valid {
		a.Note("note: %s is not valid (%s): its figures say little", name, strings.Join(summary.Invalid, "; "))
	}
	if e := summary.EndedBy; e != nil {
		a.Note("note: %s was ended by %s: %s, so its figures are not those of a whole run", name, e.Metric, e.Check)
	}
	return s.AddSummary(summary, name)
}
