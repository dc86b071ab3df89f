package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"strings"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/quotalab/quotalab/models/metric"
)

const rootLong = `quotalab simulates and load-tests rate limiters that keep their state in sharded Redis.

A scenario says what traffic grows how, over which keys, against which limiters. quotalab plays it against the
real code of the limiters, on embedded Redis shards, in virtual time, and says what happened by outcome.

Every flag can be set by the environment too: QUOTALAB_ and its name in capitals, with _ for -. A flag of the
command line wins over the environment, the environment over the scenario file, the file over the default. A
variable that is empty counts as not set; flags that can be repeated take a comma-separated list.
NO_COLOR turns colours off.`

// root makes the command tree. To add a verb, write a file and a line here.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "quotalab",
		Short: "Simulate and load-test rate limiters on sharded Redis",
		Long:  rootLong + "\n\n" + exitHelp(),
		Example: `  quotalab run boulder-new-account
  quotalab list`,
		SilenceErrors: true, SilenceUsage: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return a.prepare(cmd) },
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(flagError)
	flags := root.PersistentFlags()
	flags.BoolVarP(&a.quiet, "quiet", "q", false, "no progress bar and no notes, results and errors only")
	flags.BoolVarP(&a.verbose, "verbose", "v", false, "tell more on standard error: the plan, the Redis client's own log")
	flags.BoolVar(&a.noColor, "no-color", false, "no colours")
	root.AddCommand(a.runCommand(), a.listCommand(), a.showCommand(), a.checkCommand(), a.reportCommand(), a.exportCommand(),
		a.compareCommand(), a.gateCommand(), a.plotCommand(), a.sweepCommand(), a.referenceCommand(), a.schemaCommand(), a.shardsCommand(), a.completionCommand())
	root.SetHelpCommand(a.helpCommand())
	for _, c := range root.Commands() {
		c.DisableFlagsInUseLine = true
		if c.RunE != nil {
			c.RunE = internal(c.RunE)
		}
	}
	return root
}

// usageError is a mistake in how quotalab was called.
type usageError struct{ error }

func (e *usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error {
	return invalid(&usageError{fmt.Errorf(format, args...)})
}

// internal makes errors of a verb that carry no exit code internal errors.
func internal(run func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error { return withCode(exitInternal, run(cmd, args)) }
}

// flagError adds the nearest flag to a flag that does not exist.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) || unknown.GetSpecifiedShortnames() != "" {
		return usagef("%w", err)
	}
	var known []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
	return usagef("%w%s", err, metric.DidYouMean(unknown.GetSpecifiedName(), known))
}

// args checks the number of a verb's arguments, by the names that its usage
// line gives them; a last name ending in … may be repeated.
func args(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		repeats := strings.HasSuffix(names[len(names)-1], "…")
		if len(given) == len(names) || repeats && len(given) > len(names) {
			return nil
		}
		if len(given) == 0 {
			return usagef("expected %s after %q", strings.Join(names, " "), cmd.CommandPath())
		}
		return usagef("expected only %s after %q, found %q", strings.Join(names, " "), cmd.CommandPath(), given)
	}
}

// prepare is called before every verb: flags are parsed.
func (a *app) prepare(cmd *cobra.Command) error {
	if err := a.bindEnvironment(cmd); err != nil {
		return err
	}
	redis.SetLogger(redisLog{a.logOf("redis: ")})
	return nil
}

// logOf logs to standard error with --verbose, else nowhere.
func (a *app) logOf(prefix string) *log.Logger {
	if a.verbose {
		return log.New(a.stderr, prefix, 0)
	}
	return log.New(io.Discard, "", 0)
}

// redisLog is go-redis' logger: by default it would write to standard error
// by itself.
type redisLog struct{ *log.Logger }

func (l redisLog) Printf(_ context.Context, format string, v ...any) { l.Logger.Printf(format, v...) }

func (a *app) helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [VERB]",
		Short: "Help about a verb",
		Example: `  quotalab help run
  quotalab help shards`,
		Long: "Prints the help of a verb, as VERB --help does.\n\n" + exitHelp(exitPassed, exitInvalid),
		RunE: func(cmd *cobra.Command, given []string) error {
			about, _, err := cmd.Root().Find(given)
			if err != nil {
				return usagef("%w", err)
			}
			return about.Help()
		},
	}
}

func noArgs(cmd *cobra.Command, given []string) error {
	if len(given) > 0 {
		return usagef("expected nothing after %q but flags, found %q", cmd.CommandPath(), given)
	}
	return nil
}
