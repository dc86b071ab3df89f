package cmd

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/quotalab/quotalab/cmd/campaign"
	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/plots"
	"github.com/quotalab/quotalab/plots/draw"
	"github.com/quotalab/quotalab/plots/report"
	"github.com/quotalab/quotalab/plots/series"
	"github.com/quotalab/quotalab/results/present"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/realredis"
)

func analyseAll(dirs []string) ([]*campaign.Analysis, error) {
	all := make([]*campaign.Analysis, len(dirs))
	for i, dir := range dirs {
		var err error
		if all[i], err = campaign.Analyse(dir); err != nil {
			return nil, campaign.With(campaign.Invalid, err)
		}
	}
	return all, nil
}

// openRecords analyses the records that a verb names, for its outputs.
func openRecords(dirs, specs []string) ([]*campaign.Analysis, []output, error) {
	outs, err := parseOutputs(specs, kindsOf(outputKinds))
	if err == nil && len(dirs) > 1 {
		err = oneRecord(outs)
	}
	if err != nil {
		return nil, nil, err
	}
	rs, err := analyseAll(dirs)
	return rs, outs, err
}

func summaries(rs []*campaign.Analysis) []*summary.Summary {
	all := make([]*summary.Summary, len(rs))
	for i, r := range rs {
		all[i] = r.Summary.Summary
	}
	return all
}

func measured(rs []*campaign.Analysis) []*summary.Measured {
	all := make([]*summary.Measured, len(rs))
	for i, r := range rs {
		all[i] = r.Summary
	}
	return all
}

func (a *app) reportCommand() *cobra.Command {
	var f summaryFlags
	var outs []string
	cmd := &cobra.Command{
		Use:   "report RECORD…",
		Short: "Print the summary of records, or make one page of them",
		Long: `Prints the summary of a record again, from the record alone: also of a run that was aborted. Of several records,
one summary after the other; -o html and -o markdown compare them. What the assertions came to does not change the
exit code.` + exitHelp(campaign.Passed, campaign.Invalid, campaign.Internal),
		Example: `  quotalab report my-record -o html=report.html
  quotalab report quotalab-out/access-log/* --summary-mode compact`,
		RunE: func(_ *cobra.Command, given []string) error {
			if err := f.check(); err != nil {
				return err
			}
			rs, targets, err := openRecords(given, outs)
			if err != nil {
				return err
			}
			return a.present(rs, targets, f)
		},
	}
	f.add(cmd.Flags())
	outFlag(cmd.Flags(), &outs, outputKindsText())
	return cmd
}

func htmlReport(w io.Writer, rs []*campaign.Analysis) error { return writeReport(w, rs, report.HTML) }

func markdownReport(w io.Writer, rs []*campaign.Analysis) error {
	return writeReport(w, rs, report.Markdown)
}

func writeReport(w io.Writer, rs []*campaign.Analysis, write func(io.Writer, []report.Input) error) error {
	in := make([]report.Input, len(rs))
	for i, r := range rs {
		set, err := r.Set()
		if err != nil {
			return err
		}
		in[i] = report.Input{Set: set, Dir: r.Reader.Dir(), Plan: set.Plan, Command: commandOf(r.Reader.Manifest())}
	}
	return write(w, in)
}

// commandOf makes a record again, but for a scenario file's place and the
// servers of a run in real time, which the record does not know.
func commandOf(m record.Manifest) string {
	name := m.Scenario
	if !slices.Contains(scenarios.Shipped(), name) {
		name += ".yaml"
	}
	return fmt.Sprintf("quotalab run %s --seed %d --clock %s", name, m.Seed, m.Clock)
}

type plotFlags struct {
	dir     string
	formats []string
	theme   string
	width   float64
	only    []string
}

func (a *app) plotCommand() *cobra.Command {
	var f plotFlags
	cmd := &cobra.Command{
		Use:   "plot RECORD…",
		Short: "Draw the figures of records, or of a sweep",
		Long: `Draws every figure of one or several records, one file each and format, and prints what each says. Of several
records there is a comparison too. Of the directory of a sweep every column is drawn over the axes. Files of the
same names are replaced.` + exitHelp(campaign.Passed, campaign.Invalid, campaign.Internal),
		Example: `  quotalab plot my-record --dir figures --format svg,png
  quotalab plot before after --theme dark --only latency,compare
  quotalab plot quotalab-out/my-scenario/sweep`,
		RunE: func(_ *cobra.Command, given []string) error { return a.plot(given, f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.dir, "dir", "figures", "directory of the figures")
	flags.StringSliceVar(&f.formats, "format", []string{"svg"}, "formats: "+strings.Join(draw.Formats, ", "))
	flags.StringVar(&f.theme, "theme", "light", strings.Join(themes, " or "))
	flags.Float64Var(&f.width, "width", draw.DefaultWidth, "width in centimetres")
	flags.StringSliceVar(&f.only, "only", nil, "kinds of figures to draw, also of records without their subject (default: all that have it): "+strings.Join(plots.Kinds(), ", "))
	return cmd
}

func (a *app) plot(dirs []string, f plotFlags) error {
	o := plots.Options{Theme: draw.Theme(f.theme), Width: f.width}
	if err := errors.Join(o.Check(), known("--format", f.formats, draw.Formats), known("--only", f.only, plots.Kinds())); err != nil {
		return usagef("%w", err)
	}
	figures, err := a.figures(dirs, o, f)
	if err != nil {
		return err
	}
	for _, figure := range figures {
		if err := a.draw(&figure, f); err != nil {
			return err
		}
	}
	return nil
}

// figures draws records, or a sweep.
func (a *app) figures(dirs []string, o plots.Options, f plotFlags) ([]draw.Figure, error) {
	if slices.ContainsFunc(dirs, isSweepDir) {
		return sweepFigures(dirs, o, f)
	}
	rs, err := analyseAll(dirs)
	if err != nil {
		return nil, err
	}
	sets := make([]*series.Set, len(rs))
	for i, r := range rs {
		if sets[i], err = r.Set(); err != nil {
			return nil, err
		}
	}
	if o.Kinds = f.only; len(o.Kinds) == 0 {
		for _, kinds := range plots.LeftOut(sets) {
			a.Note("not drawn: %s", kinds)
		}
	}
	return plots.All(sets, o)
}

// draw writes a figure in every format and says what it says.
func (a *app) draw(figure *draw.Figure, f plotFlags) error {
	var files []string
	for _, format := range f.formats {
		var b bytes.Buffer
		if err := figure.Render(&b, format); err != nil {
			return err
		}
		path := filepath.Join(f.dir, figure.Name+"."+format)
		if err := record.ReplaceFile(path, b.Bytes()); err != nil {
			return campaign.Invalidf("--dir: %w", err)
		}
		files = append(files, path)
	}
	a.print("%s\n  %s\n", strings.Join(files, " "), figure.Title)
	return nil
}

var themes = []string{string(draw.Light), string(draw.Dark)}

// known refuses values of a flag that are not among the allowed ones.
func known(flag string, values, allowed []string) error {
	var errs []error
	for _, v := range values {
		errs = append(errs, oneOf(flag, v, allowed))
	}
	return errors.Join(errs...)
}

func (a *app) exportCommand() *cobra.Command {
	var outs []string
	cmd := &cobra.Command{
		Use:   "export RECORD…",
		Short: "Write the results of records in other formats",
		Long: `Writes what is in a record in the formats of other tools, one -o for each: ` + outputKindsText() + `.
Several records go into one file where the format has a place for that.` + exitHelp(campaign.Passed, campaign.Invalid, campaign.Internal),
		Example: `  quotalab export my-record -o csv=out.csv -o hlog=out.hlog
  quotalab export my-record -o json=-
  quotalab export base-1 base-2 base-3 -o bench=base.txt`,
		RunE: func(_ *cobra.Command, given []string) error {
			if len(outs) == 0 {
				return usagef("expected at least one -o kind=path: nothing to export to")
			}
			rs, targets, err := openRecords(given, outs)
			if err != nil {
				return err
			}
			for _, r := range rs {
				if !r.Summary.Valid {
					a.Note("note: %s is not valid (%s): its figures say little", r.Reader.Dir(), strings.Join(r.Summary.Invalid, "; "))
				}
			}
			return a.emit(targets, nil, func(o output) error { return a.export(rs, o) })
		},
	}
	outFlag(cmd.Flags(), &outs, outputKindsText())
	return cmd
}

// Environment variables with the password of a Pushgateway, or with the file
// that it is in. No URL has it: others could read it off the process list.
const (
	pushPasswordVariable     = envPrefix + "PROMETHEUS_PASSWORD"
	pushPasswordFileVariable = pushPasswordVariable + "_FILE"
)

// parseGateway reads the address of a Pushgateway and the secret that belongs
// to it.
func parseGateway(address string) (present.Gateway, error) {
	g, err := present.ParseGateway(address)
	if err != nil {
		return g, fmt.Errorf("%w; a user may stand in the URL, the password in the environment's %s or in a file that %s names",
			err, pushPasswordVariable, pushPasswordFileVariable)
	}
	g.Password = os.Getenv(pushPasswordVariable)
	if file := os.Getenv(pushPasswordFileVariable); g.Password == "" && file != "" {
		if g.Password, err = realredis.PasswordFile(file); err != nil {
			return g, fmt.Errorf("%s: %w", pushPasswordFileVariable, err)
		}
	}
	return g, nil
}

// pushAll pushes the metrics of all runs. A Pushgateway that does not answer is
// a dependency that is unreachable; one that refuses leaves a result unwritten.
func pushAll(o output, rs []*campaign.Analysis) error {
	measured := make([]*summary.Measured, len(rs))
	for i, r := range rs {
		measured[i] = r.Summary
	}
	err := o.gateway.Push(context.Background(), measured...) // which ends by itself
	if errors.Is(err, present.ErrNoAnswer) {
		return campaign.With(campaign.Unreachable, err)
	}
	return err
}

// summaryFlags are the flags of the text summary, of run and report.
type summaryFlags struct{ mode, unit string }

// Modes of the summary and units of its times.
var (
	summaryModes = []string{present.Compact, present.Full, "disabled"}
	timeUnits    = []string{"s", "ms", "us"}
)

func (f *summaryFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.mode, "summary-mode", present.Compact, "summary on standard output: "+strings.Join(summaryModes, ", "))
	flags.StringVar(&f.unit, "summary-time-unit", "ms", "unit of the times in the summary: "+strings.Join(timeUnits, ", "))
}

func (f summaryFlags) check() error {
	if err := oneOf("--summary-mode", f.mode, summaryModes); err != nil {
		return err
	}
	return oneOf("--summary-time-unit", f.unit, timeUnits)
}

func oneOf(flag, value string, allowed []string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return usagef("%s: expected one of %s, found %q%s", flag, strings.Join(allowed, ", "), value, metric.DidYouMean(value, allowed))
}

// present prints the summaries and writes the outputs. An output that goes to
// standard output has it for itself.
func (a *app) present(rs []*campaign.Analysis, outs []output, show summaryFlags) error {
	print := func(w io.Writer) error {
		for i, r := range rs {
			if i > 0 {
				fmt.Fprintln(w)
			}
			if err := present.Text(w, r.Summary, present.TextOptions{Mode: show.mode, Unit: show.unit, Colour: a.colour(), Width: lineWidth}); err != nil {
				return err
			}
		}
		return nil
	}
	if show.mode == "disabled" {
		print = nil
	}
	return a.emit(outs, print, func(o output) error { return a.export(rs, o) })
}

// colour tells whether standard output may have colours: it is a terminal that knows
// them, and neither --no-color nor NO_COLOR forbids them (https://no-color.org).
func (a *app) colour() bool {
	no, _ := a.lookupEnv("NO_COLOR")
	terminal, _ := a.lookupEnv("TERM")
	if no != "" || terminal == "dumb" || a.noColor {
		return false
	}
	return isTerminal(a.stdout.w)
}

func (a *app) verifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "verify RECORD…",
		Short: "Check that records are what was written",
		Long: `Reads everything in records and checks it against the hashes in their manifests, and each manifest against its own.
Summaries and exports are made of a record anew each time and are no part of it. The hashes show damage and careless
edits; they are no signature.` + exitHelp(campaign.Passed, campaign.Invalid),
		Example: `  quotalab verify my-record
  quotalab verify quotalab-out/race-set/*`,
		RunE: func(_ *cobra.Command, dirs []string) error {
			for _, dir := range dirs {
				r, err := record.Open(dir)
				if err == nil {
					err = r.Verify()
				}
				if err != nil {
					return campaign.With(campaign.Invalid, err)
				}
				m := r.Manifest()
				state := "complete"
				if !m.Complete {
					state = "incomplete: " + cmp.Or(m.Aborted, "it was killed, or still goes on")
				}
				if m.SchemaVersion == 1 {
					state += "; its manifest, of version 1, has no hash of its own"
				}
				a.print("%s: %s, %s, record hash %s\n", dir, unit.Counted(m.Count, "observation"), state, m.Hash)
			}
			return nil
		},
	}
}
