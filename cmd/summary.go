package cmd

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/export"
)

// summaryFlags are the flags of the text summary, of run and report.
type summaryFlags struct{ mode, unit string }

// Modes of the summary and units of its times.
var (
	summaryModes = []string{export.Compact, export.Full, "disabled"}
	timeUnits    = []string{"s", "ms", "us"}
)

func (f *summaryFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.mode, "summary-mode", export.Compact, "summary on standard output: "+strings.Join(summaryModes, ", "))
	flags.StringVar(&f.unit, "summary-time-unit", "ms", "unit of the times in the summary: "+strings.Join(timeUnits, ", "))
}

// check the values of the flags.
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
func (a *app) present(rs []*analysis, outs []output, show summaryFlags) error {
	taken := slices.ContainsFunc(outs, func(o output) bool { return o.path == stdio })
	for i, r := range rs {
		if show.mode == "disabled" || taken {
			break
		}
		if i > 0 {
			fmt.Fprintln(a.stdout)
		}
		o := export.TextOptions{Mode: show.mode, Unit: show.unit, Colour: a.colour(), Width: lineWidth}
		if err := export.Text(a.stdout, r.summary, o); err != nil {
			return err
		}
	}
	return a.export(rs, outs)
}

// colour tells whether standard output may have colours: it is a terminal,
// and neither --no-color nor NO_COLOR forbids them (https://no-color.org).
func (a *app) colour() bool {
	if v, _ := a.lookupEnv("NO_COLOR"); v != "" || a.noColor {
		return false
	}
	return isTerminal(a.stdout.w)
}
