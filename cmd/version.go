package cmd

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/quotalab/quotalab/cmd/campaign"
)

// version is stamped into released binaries; "" is a build of one's own.
var version string

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Long: `Prints the version of quotalab, the commit that it was built from where that is known, the version of Go, and the system.` +
			exitHelp(campaign.Passed, campaign.Invalid),
		Example: `  quotalab version
  quotalab version --quiet`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v, commit := buildVersion()
			if a.quiet {
				commit = ""
			}
			if commit == "" {
				fmt.Fprintln(cmd.OutOrStdout(), v)
				return nil
			}
			fmt.Fprintf(cmd.OutOrStdout(), "quotalab %s, commit %s, %s, %s/%s\n", v, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return nil
		},
	}
}

// buildVersion returns the version and the commit of this binary, in words where they
// are not known.
func buildVersion() (v, commit string) {
	v, commit = version, "unknown"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v, commit
	}
	if v == "" {
		v = info.Main.Version
	}
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			commit += " with changes"
		}
	}
	return v, commit
}
