package cmd

import (
	"cmp"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/quotalab/quotalab/cmd/campaign"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/record"
)

func (a *app) verifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "verify RECORD…",
		Short: "Check that records are what was written",
		Long: `Reads everything in records and checks it against the hashes in their manifests, and each manifest against its own.
Summaries and exports are made of a record anew each time and are no part of it. The hashes show damage and careless
edits; they are no signature.` + exitHelp(campaign.Passed, campaign.Invalid),
		Example: `  quotalab verify my-record
  quotalab verify quotalab-out/race-set/*`,
		RunE: func(cmd *cobra.Command, dirs []string) error {
			for _, dir := range dirs {
				r, err := record.Open(dir)
				if err == nil {
					err = r.Verify()
				}
				if err != nil {
					return campaign.With(campaign.Invalid, err)
				}
				m := r.Manifest()
				state := "complete"
				if !m.Complete {
					state = "incomplete: " + cmp.Or(m.Aborted, "it was killed, or still goes on")
				}
				if m.SchemaVersion == 1 {
					state += "; its manifest, of version 1, has no hash of its own"
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s: %s, %s, record hash %s\n", dir, unit.Counted(m.Count, "observation"), state, m.Hash)
			}
			return nil
		},
	}
}
