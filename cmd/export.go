package cmd

import (
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) exportCommand() *cobra.Command {
	var outs []string
	cmd := &cobra.Command{
		Use:   "export RECORD…",
		Short: "Write the results of records in other formats",
		Long: `Writes what is in a record in the formats of other tools, one -o for each: ` + outputKindsText() + `.
Several records go into one file where the format has a place for that.

` + exitHelp(exitPassed, exitInvalid, exitInternal),
		Example: `  quotalab export my-record -o csv=out.csv -o hlog=out.hlog
  quotalab export my-record -o json=-
  quotalab export base-1 base-2 base-3 -o bench=base.txt`,
		Args: args("RECORD…"),
		RunE: func(_ *cobra.Command, given []string) error {
			targets, err := parseOutputs(outs)
			if err != nil {
				return err
			}
			if len(targets) == 0 {
				return usagef("expected at least one -o kind=path: nothing to export to")
			}
			if len(given) > 1 {
				if err := oneRecord(targets); err != nil {
					return err
				}
			}
			rs, err := analyseAll(given)
			if err != nil {
				return err
			}
			for _, r := range rs {
				if !r.summary.Valid {
					a.note("note: %s is not valid (%s): its figures say little", r.reader.Dir(), strings.Join(r.summary.Invalid, "; "))
				}
			}
			return a.export(rs, targets)
		},
	}
	outFlag(cmd.Flags(), &outs)
	return cmd
}
