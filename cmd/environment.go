package cmd

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/scenarios"
)

// envPrefix of the environment variables that stand for flags.
const envPrefix = "QUOTALAB_"

// envName is the variable of a flag: --summary-mode is QUOTALAB_SUMMARY_MODE.
func envName(flag string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// bindEnvironment sets the flags of a verb that the command line leaves out
// and the environment gives. An empty variable counts as not set.
func (a *app) bindEnvironment(cmd *cobra.Command) error {
	var first error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Changed || first != nil || f.Name == "help" {
			return
		}
		value, ok := a.lookupEnv(envName(f.Name))
		if !ok || value == "" {
			return
		}
		for _, v := range values(f, value) {
			if err := cmd.Flags().Set(f.Name, v); err != nil {
				first = usagef("environment variable %s: %w", envName(f.Name), err)
				return
			}
		}
	})
	if first != nil {
		return first
	}
	a.warnOfVariables(cmd.Root())
	return nil
}

// values splits a variable for a flag that can be repeated.
func values(f *pflag.Flag, value string) []string {
	if f.Value.Type() == "stringArray" {
		return strings.Split(value, ",")
	}
	return []string{value}
}

// warnOfVariables warns of variables that begin like ours and are no flag of
// any verb: most likely misspelt ones, without which the run is another.
func (a *app) warnOfVariables(root *cobra.Command) {
	known := []string{passwordVariable, pushPasswordVariable, pushPasswordFileVariable}
	for _, c := range append(root.Commands(), root) {
		add := func(f *pflag.Flag) { known = append(known, envName(f.Name)) }
		c.LocalFlags().VisitAll(add)
	}
	for _, entry := range a.environ() {
		name, _, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, envPrefix) && !slices.Contains(known, name) {
			a.Note("warning: the environment variable %s stands for no flag%s", name, metric.DidYouMean(name, known))
		}
	}
}

// completeScenario completes the names of shipped scenarios, and files.
func completeScenario(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return scenarios.Shipped(), cobra.ShellCompDirectiveDefault
}
