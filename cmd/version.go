package cmd

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/quotalab/quotalab/cmd/campaign"
)

// version and commit are stamped into released binaries; "" is a build of one's own.
var version, commit string

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Long: `Prints the version of quotalab, the commit that it was built from where that is known, the version of Go, and the system.` +
			exitHelp(campaign.Passed, campaign.Invalid),
		Example: `  quotalab version
  quotalab version --quiet`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v, from := buildVersion()
			if a.quiet {
				fmt.Fprintln(cmd.OutOrStdout(), v)
				return nil
			}
			fmt.Fprintf(cmd.OutOrStdout(), "quotalab %s, commit %s, %s, %s/%s\n", v, from, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return nil
		},
	}
}

// buildVersion returns the version and the commit of this binary, in words where they
// are not known.
func buildVersion() (v, from string) {
	v, from = version, cmp.Or(commit, "unknown")
	info, ok := debug.ReadBuildInfo()
	if !ok || commit != "" {
		return v, from
	}
	if v == "" {
		v = info.Main.Version
	}
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			from = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			from += " with changes"
		}
	}
	return v, from
}
