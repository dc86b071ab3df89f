package cmd

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quotalab/quotalab/cmd/campaign"
)

// referenceCommand is for who maintains quotalab: help does not list it.
func (a *app) referenceCommand() *cobra.Command {
	var dir string
	var check bool
	var engine engineFlag
	cmd := &cobra.Command{
		Use:    "reference [SCENARIO…]",
		Hidden: true,
		Short:  "Make the reference results of shipped scenarios anew, or check them",
		Long: `Plays the shipped scenarios in virtual time (all, or those named) and writes of each its summary, its figures of
merit in Go's benchmark format and its figures, and a README that shows them. With --check nothing is written: what
differs from what is there is shown, and the exit code is 112.` + exitHelp(campaign.Passed, campaign.Invalid, campaign.Internal, campaign.Regressed),
		Example: `  quotalab reference
  quotalab reference --check race-set`,
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.reference(cmd.Context(), given, dir, check, engine)
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "results/reference", "directory of the reference results")
	cmd.Flags().BoolVar(&check, "check", false, "compare instead of writing")
	engine.add(cmd.Flags())
	return cmd
}

func (a *app) reference(ctx context.Context, names []string, dir string, check bool, engine engineFlag) error {
	all, err := campaign.ReferenceNames()
	if err != nil {
		return err
	}
	r := &campaign.Reference{Loader: a.Loader, Monitor: a.monitor, Engine: engine.Engine, Names: names, Whole: len(names) == 0}
	if r.Whole {
		r.Names = all
	}
	if err := known("SCENARIO", names, all); err != nil {
		return err
	}
	ctx, done := a.signals.graceful(ctx)
	defer done()
	files, err := r.Play(ctx)
	if err != nil {
		return err
	}
	if !check {
		return files.Write(dir)
	}
	differ, err := files.Compare(dir)
	if err != nil {
		return err
	}
	a.print("%s", strings.Join(differ, ""))
	if len(differ) > 0 {
		return campaign.With(campaign.Regressed, fmt.Errorf("%d of %d reference files differ: if that is meant, run `quotalab reference` and commit them", len(differ), len(files)))
	}
	a.Note("%d reference files are as they were", len(files))
	return nil
}
