package cmd

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quotalab/quotalab/cmd/campaign"
	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/present"
	"github.com/quotalab/quotalab/results/summary"
	"github.com/quotalab/quotalab/results/sweep"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/limiter"
)

// listings are what list can list. To add one, write a function and a line
// here.
func (a *app) listings() map[string]func(io.Writer) error {
	return map[string]func(io.Writer) error{"scenarios": a.listScenarios, "limiters": a.listLimiters, "metrics": listMetrics}
}

func (a *app) listCommand() *cobra.Command {
	names := kindsOf(a.listings())
	return &cobra.Command{
		Use:   "list [scenarios|limiters|metrics]",
		Short: "List the shipped scenarios, the kinds of limiter or the metrics",
		Long: `Lists the scenarios that come with quotalab, or the kinds of limiter with their options, or the metrics that an
assertion can be about. With --quiet, the scenarios' names alone.` + exitHelp(campaign.Passed, campaign.Invalid),
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
	list := present.NewTable("", "", "", "")
	for _, name := range scenarios.Shipped() {
		if a.quiet {
			fmt.Fprintln(out, name)
			continue
		}
		s, problems, err := scenarios.Load(name)
		if err := firstOf(err, problems.Err()); err != nil {
			return fmt.Errorf("shipped scenario %s: %w", name, err)
		}
		list.AddWords(name, s.About)
	}
	return list.Write(out, present.Look{Width: lineWidth})
}

func (a *app) listLimiters(out io.Writer) error {
	list := present.NewTable("", "", "", "")
	for _, name := range slices.Sorted(maps.Keys(a.Kinds)) {
		kind := a.Kinds[name]
		list.AddWords(name, kind.About)
		for _, o := range kind.Options {
			list.AddWords("  "+o.Name, optionText(o.About, o.Values, o.Default))
		}
	}
	if text := limiter.Missing(); text != "" {
		list.AddWords("", text)
	}
	return list.Write(out, present.Look{})
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
	list := present.NewTable("", "", "", "", "", "")
	for _, m := range metric.Catalogue() {
		name := m.Name
		if len(m.Tags) > 0 {
			name += "{" + strings.Join(m.Tags, ",") + "}"
		}
		list.AddWords(name, m.Unit, strings.Join(m.Kind.Aggregations(), " "), m.About)
	}
	return list.Write(out, present.Look{})
}

// lineWidth of prose on standard output.
const lineWidth = 110

// firstOf returns the first error that is one.
func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *app) showCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show NAME",
		Short: "Print the file of a shipped scenario",
		Long: `Prints the file of a scenario that comes with quotalab, to be read or to start one's own from. Its first line names the schema for
an editor that completes and checks: a file that show writes to the user's cache directory, where it is found from any directory.` + exitHelp(campaign.Passed, campaign.Invalid),
		Example: `  quotalab show access-log
  quotalab show boulder-new-account > my.yaml`,
		RunE: func(cmd *cobra.Command, given []string) error {
			name := given[0]
			data, ok := scenarios.Source(name)
			if !ok {
				return campaign.Invalidf("no shipped scenario %q%s; shipped are %s", name,
					metric.DidYouMean(name, scenarios.Shipped()), strings.Join(scenarios.Shipped(), ", "))
			}
			path, err := editorSchema()
			line := "# yaml-language-server: $schema=" + path
			if err != nil { // such as a home that cannot be written to: a line that leads nowhere would be worse
				line = "# For an editor: quotalab schema scenario > scenario.schema.json, and here yaml-language-server: $schema=scenario.schema.json"
			}
			_, rest, _ := bytes.Cut(data, []byte("\n"))
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\n%s", line, rest)
			return err
		},
	}
}

// editorSchema returns where an editor finds the schema of this version's scenarios, which it
// writes there unless it is there already.
func editorSchema() (string, error) {
	schema, err := scenarios.Schema()
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(schema)
	path := filepath.Join(cache, "quotalab", fmt.Sprintf("scenario-%x.schema.json", sum[:6]))
	if old, err := os.ReadFile(path); err != nil || !bytes.Equal(old, schema) {
		if err := replaceFile(path, schema); err != nil {
			return "", err
		}
	}
	if strings.ContainsAny(path, " %#") { // a path ends at a space
		return (&url.URL{Scheme: "file", Path: "/" + strings.TrimPrefix(filepath.ToSlash(path), "/")}).String(), nil
	}
	return path, nil
}

// replaceFile writes a file as a whole, so that who reads it meanwhile finds the old or the new.
func replaceFile(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(file.Name()))
	}
	return err
}

// schemas are JSON Schemas of the files that quotalab reads and writes.
var schemas = map[string]func() ([]byte, error){"scenario": scenarios.Schema, "gate": scenarios.GateSchema, "summary": summary.Schema, "sweep": sweep.Schema}

func (a *app) schemaCommand() *cobra.Command {
	names := kindsOf(schemas)
	return &cobra.Command{
		Use:   "schema " + strings.Join(names, "|"),
		Short: "Print the JSON Schema of a file that quotalab reads or writes",
		Long: `Prints a JSON Schema: of scenario files or of gate.yaml, for an editor that then completes and checks them, or of the JSON summary
or the result of a sweep, for whoever reads them.` + exitHelp(campaign.Passed, campaign.Invalid),
		Example: `  quotalab schema scenario > scenario.schema.json
  quotalab schema summary > summary.schema.json`,
		Args:      args("SCHEMA"),
		ValidArgs: names,
		RunE: func(cmd *cobra.Command, given []string) error {
			if err := oneOf("SCHEMA", given[0], names); err != nil {
				return err
			}
			data, err := schemas[given[0]]()
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(append(slices.Clip([]byte(strings.TrimRight(string(data), "\n"))), '\n'))
			return err
		},
	}
}

func (a *app) checkCommand() *cobra.Command {
	var o campaign.Overrides
	cmd := &cobra.Command{
		Use:   "check FILE…",
		Short: "Check scenarios and print their plans; nothing is run",
		Long: `Decodes and compiles scenarios and prints the plan of each, as a run would play it. Every mistake in every file is
told, with its place. Of a scenario with a sweep every cell is compiled too, of a search those at its ends. FILE may be the name of a shipped scenario, or - for standard input. Nothing is run.` + exitHelp(campaign.Passed, campaign.Invalid),
		Example: `  quotalab check my.yaml
  quotalab check scenarios/*.yaml`,
		RunE: func(cmd *cobra.Command, given []string) error {
			var failed error
			for i, name := range given {
				p, err := a.Load(name, o)
				if err == nil && p.Scenario.Sweep != nil {
					_, err = a.Check(p.Scenario, o)
				}
				if err != nil {
					failed = campaign.StatusOf(err).Err()
					a.tell(cmd, err)
					continue
				}
				if i > 0 {
					fmt.Fprintln(cmd.OutOrStdout())
				}
				a.print("%s", p.Text())
				for _, w := range p.Estimate().Warnings(a.Memory) {
					a.print("warning: %s\n", w)
				}
			}
			return failed
		},
	}
	cmd.Flags().BoolVar(&o.AllowMemory, campaign.AllowMemory, false, "print the plan although more memory is expected to be taken than the machine has")
	return cmd
}

// shells that completion knows.
var shells = map[string]func(root *cobra.Command, w io.Writer) error{
	"bash":       func(root *cobra.Command, w io.Writer) error { return root.GenBashCompletionV2(w, true) },
	"fish":       func(root *cobra.Command, w io.Writer) error { return root.GenFishCompletion(w, true) },
	"powershell": (*cobra.Command).GenPowerShellCompletionWithDesc,
	"zsh":        (*cobra.Command).GenZshCompletion,
}

func (a *app) completionCommand() *cobra.Command {
	names := kindsOf(shells)
	return &cobra.Command{
		Use:   "completion " + strings.Join(names, "|"),
		Short: "Print a script that completes quotalab's commands in a shell",
		Long:  `Prints a script by which a shell completes verbs, flags and the names of shipped scenarios.` + exitHelp(campaign.Passed, campaign.Invalid),
		Example: `  source <(quotalab completion bash)
  quotalab completion fish > ~/.config/fish/completions/quotalab.fish`,
		Args:      args("SHELL"),
		ValidArgs: names,
		RunE: func(cmd *cobra.Command, given []string) error {
			if err := oneOf("SHELL", given[0], names); err != nil {
				return err
			}
			return shells[given[0]](cmd.Root(), cmd.OutOrStdout())
		},
	}
}
