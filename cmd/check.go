package cmd

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) checkCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE…",
		Short: "Check scenarios and print their plans; nothing is run",
		Long: `Decodes and compiles scenarios and prints the plan of each, as a run would play it. Every mistake in every file is
told, with its place. Of a scenario with a sweep every cell is compiled too, of a search those at its ends. FILE may be the name of a shipped scenario, or - for standard input. Nothing is run.

` + exitHelp(exitPassed, exitInvalid),
		Example: `  quotalab check my.yaml
  quotalab check scenarios/*.yaml`,
		Args:              args("FILE…"),
		ValidArgsFunction: completeScenario,
		RunE: func(cmd *cobra.Command, given []string) error {
			var failed error
			for i, name := range given {
				p, err := a.load(name, overrides{})
				if err == nil && p.Scenario.Sweep != nil {
					_, err = a.checkCells(p.Scenario, cellsOf(p.Scenario.Sweep), overrides{})
				}
				if err != nil {
					failed = &exitError{code: codeOf(err)}
					a.tell(cmd, err)
					continue
				}
				if i > 0 {
					fmt.Fprintln(cmd.OutOrStdout())
				}
				fmt.Fprint(cmd.OutOrStdout(), p.Text())
			}
			return failed
		},
	}
}
