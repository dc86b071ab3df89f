package cmd

import (
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quotalab/quotalab/models/metric"
)

// shells that completion knows.
var shells = map[string]func(root *cobra.Command, w io.Writer) error{
	"bash":       func(root *cobra.Command, w io.Writer) error { return root.GenBashCompletionV2(w, true) },
	"fish":       func(root *cobra.Command, w io.Writer) error { return root.GenFishCompletion(w, true) },
	"powershell": (*cobra.Command).GenPowerShellCompletionWithDesc,
	"zsh":        (*cobra.Command).GenZshCompletion,
}

func (a *app) completionCommand() *cobra.Command {
	names := slices.Sorted(maps.Keys(shells))
	return &cobra.Command{
		Use:   "completion " + strings.Join(names, "|"),
		Short: "Print a script that completes quotalab's commands in a shell",
		Long: `Prints a script by which a shell completes verbs, flags and the names of shipped scenarios.

` + exitHelp(exitPassed, exitInvalid),
		Example: `  source <(quotalab completion bash)
  quotalab completion fish > ~/.config/fish/completions/quotalab.fish`,
		Args:      args("SHELL"),
		ValidArgs: names,
		RunE: func(cmd *cobra.Command, given []string) error {
			generate, ok := shells[given[0]]
			if !ok {
				return usagef("expected one of %s, found %q%s", strings.Join(names, ", "), given[0], metric.DidYouMean(given[0], names))
			}
			return generate(cmd.Root(), cmd.OutOrStdout())
		},
	}
}
