package cmd

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/spf13/cobra"

	"github.com/quotalab/quotalab/cmd/campaign"
	"github.com/quotalab/quotalab/cmd/certify"
	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/present"
	"github.com/quotalab/quotalab/results/summary"
	"github.com/quotalab/quotalab/results/sweep"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/scenarios/decode"
	"github.com/quotalab/quotalab/sim/foreign"
	"github.com/quotalab/quotalab/sim/limiter"
	"github.com/quotalab/quotalab/sim/plan"
)

// listings are what list can list. To add one, write a function and a line
// here.
func (a *app) listings() map[string]func() (*present.Table, error) {
	return map[string]func() (*present.Table, error){"scenarios": listScenarios, "adapters": listAdapters, "limiters": a.listLimiters, "metrics": listMetrics}
}

func (a *app) listCommand() *cobra.Command {
	names, asJSON := kindsOf(a.listings()), false
	cmd := &cobra.Command{
		Use:   "list [scenarios|adapters|limiters|metrics]",
		Short: "List the shipped scenarios, the kinds of limiter or the metrics",
		Long: `Lists the scenarios that come with quotalab, or those that its adapters for other languages do, or the kinds of limiter
with their options, or the metrics that an assertion can be about. With --quiet, the names alone.` + exitHelp(campaign.Passed, campaign.Invalid),
		Example: `  quotalab list
  quotalab list limiters --json`,
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
			out := cmd.OutOrStdout()
			t, err := list()
			switch {
			case err != nil:
				return err
			case asJSON:
				return writeList(out, t)
			case a.quiet:
				for _, row := range t.Rows {
					if name := row[0].Text; name != "" && !strings.HasPrefix(name, " ") {
						fmt.Fprintln(out, name)
					}
				}
				return nil
			}
			for i := range t.Columns {
				t.Columns[i].Name = "" // on a terminal a list needs no header
			}
			return t.Write(out, present.Look{Width: lineWidth})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as a JSON list of objects")
	return cmd
}

// writeList writes a list as JSON: an object for each row, its members named as the
// columns. What belongs to the row above names that in its own.
func writeList(w io.Writer, t *present.Table) error {
	list, above := []map[string]string{}, ""
	for _, row := range t.Rows {
		object := map[string]string{}
		for i, c := range row {
			if c.Text != "" {
				object[t.Columns[i].Name] = c.Text
			}
		}
		if option, ok := strings.CutPrefix(row[0].Text, "  "); ok {
			object["name"], object["of"] = option, above
		} else {
			above = row[0].Text
		}
		list = append(list, object)
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(list)
}

func listScenarios() (*present.Table, error) {
	list := present.NewTable("", "", "name", "about")
	for _, name := range scenarios.Shipped() {
		s, problems, err := scenarios.Load(name)
		if err := cmp.Or(err, problems.Err()); err != nil {
			return nil, fmt.Errorf("shipped scenario %s: %w", name, err)
		}
		list.AddWords(name, s.About)
	}
	list.Note("Others come with the programs that they start: quotalab list adapters.")
	return list, nil
}

// listAdapters lists the scenarios that adapters come with.
func listAdapters() (*present.Table, error) {
	list := present.NewTable("", "", "name", "about")
	all := foreign.AdapterScenarios()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		s, problems := scenarios.Decode(name+".yaml", all[name].Text)
		if err := problems.Err(); err != nil {
			return nil, fmt.Errorf("scenario %s of an adapter: %w", name, err)
		}
		list.AddWords(name, fmt.Sprintf("%s (quotalab adapter %s DIR, then quotalab run DIR/%s.yaml)", s.About, all[name].Language, name))
	}
	return list, nil
}

func (a *app) listLimiters() (*present.Table, error) {
	list := present.NewTable("", "", "name", "about")
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
	return list, nil
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

func listMetrics() (*present.Table, error) {
	list := present.NewTable("", "", "name", "unit", "aggregations", "about")
	for _, m := range metric.Catalogue() {
		name := m.Name
		if len(m.Tags) > 0 {
			name += "{" + strings.Join(m.Tags, ",") + "}"
		}
		list.AddWords(name, m.Unit, strings.Join(m.Kind.Aggregations(), " "), m.About)
	}
	return list, nil
}

// lineWidth of prose on standard output.
const lineWidth = 110

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
				return campaign.Invalidf("no shipped scenario %q%s; quotalab list has their names", name, metric.DidYouMean(name, scenarios.Shipped()))
			}
			path, err := a.editorSchema()
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
func (a *app) editorSchema() (string, error) {
	schema, err := decode.WriteSchema(a.scenarioSchema())
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
func (a *app) schemas() map[string]func() ([]byte, error) {
	return map[string]func() ([]byte, error){
		"scenario": func() ([]byte, error) { return decode.WriteSchema(a.scenarioSchema()) },
		"gate":     func() ([]byte, error) { return decode.WriteSchema(scenarios.GateSchema()) },
		"summary":  summary.Schema, "sweep": sweep.Schema, "certify": certify.Schema,
	}
}

// scenarioSchema is the language with this binary's kinds of limiters and engines, and the
// options of each.
func (a *app) scenarioSchema() *jsonschema.Schema {
	s := scenarios.Schema()
	for _, name := range slices.Sorted(maps.Keys(a.Kinds)) {
		addKind(s.Defs["Limiter"], name, a.Kinds[name].Options, a.Kinds[name].Outside)
	}
	engines := plan.Engines()
	for _, name := range slices.Sorted(maps.Keys(engines)) {
		addKind(s.Defs["Engine"], name, engines[name].Options, false)
	}
	return s
}

// addKind adds a kind to those that a schema knows, with its options; free are
// those that only a program of its own knows.
func addKind(s *jsonschema.Schema, kind string, options []limiter.Option, free bool) {
	p := s.Properties["kind"]
	p.Types, p.Type, p.MinLength, p.Enum = nil, "string", nil, append(p.Enum, kind)
	if free {
		return
	}
	known := &jsonschema.Schema{Type: "object", Properties: map[string]*jsonschema.Schema{}, AdditionalProperties: &jsonschema.Schema{Not: &jsonschema.Schema{}}}
	for _, o := range options {
		option := &jsonschema.Schema{Types: []string{"string", "number", "boolean"}, Description: o.About}
		if len(o.Values) > 0 {
			option.Description = optionText(o.About, o.Values, "")
		}
		if o.Default != "" {
			option.Default, _ = json.Marshal(o.Default) // text always has JSON
		}
		known.Properties[o.Name] = option
		known.PropertyOrder = append(known.PropertyOrder, o.Name)
	}
	is := any(kind)
	s.AllOf = append(s.AllOf, &jsonschema.Schema{
		If:   &jsonschema.Schema{Properties: map[string]*jsonschema.Schema{"kind": {Const: &is}}},
		Then: &jsonschema.Schema{Properties: map[string]*jsonschema.Schema{"options": known}},
	})
}

func (a *app) schemaCommand() *cobra.Command {
	names := kindsOf(a.schemas())
	return &cobra.Command{
		Use:   "schema " + strings.Join(names, "|"),
		Short: "Print the JSON Schema of a file that quotalab reads or writes",
		Long: `Prints a JSON Schema: of scenario files or of gate.yaml, for an editor that then completes and checks them, or of the JSON summary
or the result of a sweep, to be read by other programs.` + exitHelp(campaign.Passed, campaign.Invalid),
		Example: `  quotalab schema scenario > scenario.schema.json
  quotalab schema summary > summary.schema.json`,
		Args:      args("SCHEMA"),
		ValidArgs: names,
		RunE: func(cmd *cobra.Command, given []string) error {
			if err := oneOf("SCHEMA", given[0], names); err != nil {
				return err
			}
			data, err := a.schemas()[given[0]]()
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
