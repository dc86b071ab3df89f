package cmd

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) reportCommand() *cobra.Command {
	var f summaryFlags
	cmd := &cobra.Command{
		Use:   "report RECORD…",
		Short: "Print the summary of records",
		Long: `Prints the summary of a record again, from the record alone: also of a run that was aborted. Of several records,
one summary after the other. What the assertions came to does not change the exit code.

` + exitHelp(exitPassed, exitInvalid, exitInternal),
		Example: `  quotalab report my-record
  quotalab report quotalab-out/access-log/* --summary-mode compact`,
		Args: args("RECORD…"),
		RunE: func(cmd *cobra.Command, given []string) error {
			if err := f.check(); err != nil {
				return err
			}
			for i, dir := range given {
				r, err := analyse(dir)
				if err != nil {
					return invalid(err)
				}
				if i > 0 {
					fmt.Fprintln(cmd.OutOrStdout())
				}
				if err := a.present(r, nil, f); err != nil {
					return err
				}
			}
			return nil
		},
	}
	f.add(cmd.Flags())
	return cmd
}
