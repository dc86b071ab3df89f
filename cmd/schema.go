package cmd

import (
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/measure"
	"github.com/quotalab/quotalab/results/sweep"
	"github.com/quotalab/quotalab/scenarios"
)

// schemas are JSON Schemas of the files that quotalab reads and writes.
var schemas = map[string]func() ([]byte, error){"scenario": scenarios.Schema, "gate": scenarios.GateSchema, "summary": measure.Schema, "sweep": sweep.Schema}

func (a *app) schemaCommand() *cobra.Command {
	names := slices.Sorted(maps.Keys(schemas))
	return &cobra.Command{
		Use:   "schema " + strings.Join(names, "|"),
		Short: "Print the JSON Schema of a file that quotalab reads or writes",
		Long: `Prints a JSON Schema: of scenario files or of gate.yaml, for an editor that then completes and checks them, or of the JSON summary
or the result of a sweep, for whoever reads them.

` + exitHelp(exitPassed, exitInvalid),
		Example: `  quotalab schema scenario > scenario.schema.json
  quotalab schema summary > summary.schema.json`,
		Args:      args("SCHEMA"),
		ValidArgs: names,
		RunE: func(cmd *cobra.Command, given []string) error {
			schema, ok := schemas[given[0]]
			if !ok {
				return usagef("expected one of %s, found %q%s", strings.Join(names, ", "), given[0], metric.DidYouMean(given[0], names))
			}
			data, err := schema()
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(append(slices.Clip([]byte(strings.TrimRight(string(data), "\n"))), '\n'))
			return err
		},
	}
}
