package cmd

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quotalab/quotalab/plots"
	"github.com/quotalab/quotalab/results/series"
)

// plotFlags are the flags of plot.
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
same names are replaced.

` + exitHelp(exitPassed, exitInvalid, exitInternal),
		Example: `  quotalab plot my-record --dir figures --format svg,png
  quotalab plot before after --theme dark --only latency,compare
  quotalab plot quotalab-out/my-scenario/sweep`,
		Args: args("RECORD…"),
		RunE: func(_ *cobra.Command, given []string) error { return a.plot(given, f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.dir, "dir", "figures", "directory of the figures")
	flags.StringSliceVar(&f.formats, "format", []string{"svg"}, "formats: "+strings.Join(plots.Formats, ", "))
	flags.StringVar(&f.theme, "theme", "light", "light or dark")
	flags.Float64Var(&f.width, "width", plots.DefaultWidth, "width in centimetres")
	flags.StringSliceVar(&f.only, "only", nil, "kinds of figures to draw, also of records without their subject (default: all that have it): "+strings.Join(plots.Kinds(), ", "))
	return cmd
}

func (a *app) plot(dirs []string, f plotFlags) error {
	o := plots.Options{Theme: plots.Theme(f.theme), Width: f.width}
	if err := errors.Join(o.Check(), known("--format", f.formats, plots.Formats), known("--only", f.only, plots.Kinds())); err != nil {
		return usagef("%w", err)
	}
	figures, err := a.figures(dirs, o, f)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(f.dir, 0o755); err != nil {
		return invalidf("--dir: %w", err)
	}
	for _, figure := range figures {
		if err := a.draw(&figure, f); err != nil {
			return err
		}
	}
	return nil
}

// figures of records, or of a sweep.
func (a *app) figures(dirs []string, o plots.Options, f plotFlags) ([]plots.Figure, error) {
	if slices.ContainsFunc(dirs, isSweepDir) {
		return sweepFigures(dirs, o, f)
	}
	rs, err := analyseAll(dirs)
	if err != nil {
		return nil, err
	}
	sets := make([]*series.Set, len(rs))
	for i, r := range rs {
		if sets[i], err = r.set(); err != nil {
			return nil, err
		}
	}
	if o.Kinds = f.only; len(o.Kinds) == 0 {
		for _, kinds := range plots.LeftOut(sets) {
			a.note("not drawn: %s", kinds)
		}
	}
	return plots.All(sets, o), nil
}

// draw writes a figure in every format and says what it says.
func (a *app) draw(figure *plots.Figure, f plotFlags) error {
	var files []string
	for _, format := range f.formats {
		var b bytes.Buffer
		if err := figure.Render(&b, format); err != nil {
			return err
		}
		path := filepath.Join(f.dir, figure.Name+"."+format)
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			return fmt.Errorf("writing a figure: %w", err)
		}
		files = append(files, path)
	}
	_, err := fmt.Fprintf(a.stdout, "%s\n  %s\n", strings.Join(files, " "), figure.Title)
	return err
}

// known refuses values of a flag that are not among the allowed ones.
func known(flag string, values, allowed []string) error {
	var errs []error
	for _, v := range values {
		errs = append(errs, oneOf(flag, v, allowed))
	}
	return errors.Join(errs...)
}
