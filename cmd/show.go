package cmd

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/scenarios"
)

func (a *app) showCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show NAME",
		Short: "Print the file of a shipped scenario",
		Long: `Prints the file of a scenario that comes with quotalab, to be read or to start one's own from.

` + exitHelp(exitPassed, exitInvalid),
		Example: `  quotalab show access-log
  quotalab show boulder-new-account > my.yaml`,
		Args:              args("NAME"),
		ValidArgsFunction: completeScenario,
		RunE: func(cmd *cobra.Command, given []string) error {
			name := given[0]
			data, ok := scenarios.Source(name)
			if !ok {
				return invalidf("no shipped scenario %q%s; shipped are %s", name,
					metric.DidYouMean(name, scenarios.Shipped()), strings.Join(scenarios.Shipped(), ", "))
			}
			_, err := cmd.OutOrStdout().Write(data)
			return err
		},
	}
}
