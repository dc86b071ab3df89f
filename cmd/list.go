package cmd

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/scenarios"
)

// listings are what list can list. To add one, write a function and a line
// here.
func (a *app) listings() map[string]func(io.Writer) error {
	return map[string]func(io.Writer) error{"scenarios": a.listScenarios, "limiters": a.listLimiters, "metrics": listMetrics}
}

func (a *app) listCommand() *cobra.Command {
	names := slices.Sorted(maps.Keys(a.listings()))
	return &cobra.Command{
		Use:   "list [scenarios|limiters|metrics]",
		Short: "List the shipped scenarios, the kinds of limiter or the metrics",
		Long: `Lists the scenarios that come with quotalab, or the kinds of limiter with their options, or the metrics that an
assertion can be about. With --quiet, the scenarios' names alone.

` + exitHelp(exitPassed, exitInvalid),
		Example: `  quotalab list
  quotalab list limiters`,
		ValidArgs: names,
		RunE: func(cmd *cobra.Command, given []string) error {
			what := "scenarios"
			if len(given) > 0 {
				what = given[0]
			}
			list, ok := a.listings()[what]
			if !ok || len(given) > 1 {
				return usagef("expected one of %s, found %q%s", strings.Join(names, ", "), given, metric.DidYouMean(what, names))
			}
			return list(cmd.OutOrStdout())
		},
	}
}

func (a *app) listScenarios(out io.Writer) error {
	width := 0
	for _, name := range scenarios.Shipped() {
		width = max(width, len(name))
	}
	for _, name := range scenarios.Shipped() {
		if a.quiet {
			fmt.Fprintln(out, name)
			continue
		}
		s, problems, err := scenarios.Load(name)
		if err := firstOf(err, problems.Err()); err != nil {
			return fmt.Errorf("shipped scenario %s: %w", name, err)
		}
		fmt.Fprintf(out, "%-*s  %s\n", width, name, hanging(s.About, lineWidth-width-2, width+2))
	}
	return nil
}

func (a *app) listLimiters(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, name := range slices.Sorted(maps.Keys(a.kinds)) {
		kind := a.kinds[name]
		fmt.Fprintf(w, "%s\t%s\n", name, kind.About)
		for _, o := range kind.Options {
			fmt.Fprintf(w, "  %s\t%s\n", o.Name, optionText(o.About, o.Values, o.Default))
		}
	}
	return w.Flush()
}

func optionText(about string, values []string, byDefault string) string {
	if len(values) > 0 {
		about += ": " + strings.Join(values, ", ")
	}
	if byDefault != "" {
		about += " (default " + byDefault + ")"
	}
	return about
}

func listMetrics(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, m := range metric.Catalogue() {
		name := m.Name
		if len(m.Tags) > 0 {
			name += "{" + strings.Join(m.Tags, ",") + "}"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", name, m.Unit, strings.Join(m.Kind.Aggregations(), " "), m.About)
	}
	return w.Flush()
}

// lineWidth of prose on standard output.
const lineWidth = 110

// hanging breaks a text into lines of at most width characters, where words
// allow it, all but the first indented.
func hanging(text string, width, indent int) string {
	var b strings.Builder
	line := 0
	for i, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case line+1+n > width:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			line = 0
		default:
			b.WriteByte(' ')
			line++
		}
		b.WriteString(word)
		line += n
	}
	return b.String()
}

// firstOf returns the first error that is one.
func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
