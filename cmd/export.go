package cmd

import (
	"github.com/spf13/cobra"
)

func (a *app) exportCommand() *cobra.Command {
	var outs []string
	cmd := &cobra.Command{
		Use:   "export RECORD",
		Short: "Write a record's results in other formats",
		Long: `Writes what is in a record in the formats of other tools, one -o for each: ` + outputKindsText() + `.

` + exitHelp(exitPassed, exitInvalid, exitInternal),
		Example: `  quotalab export my-record -o csv=out.csv -o hlog=out.hlog
  quotalab export my-record -o json=-`,
		Args: args("RECORD"),
		RunE: func(_ *cobra.Command, given []string) error {
			targets, err := parseOutputs(outs)
			if err != nil {
				return err
			}
			if len(targets) == 0 {
				return usagef("expected at least one -o kind=path: nothing to export to")
			}
			r, err := analyse(given[0])
			if err != nil {
				return invalid(err)
			}
			return a.export([]*analysis{r}, targets)
		},
	}
	outFlag(cmd.Flags(), &outs)
	return cmd
}
