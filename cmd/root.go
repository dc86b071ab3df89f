// Package cmd is quotalab's command line: flags and exit codes of the verbs,
// and Main, by which a binary of one's own adds limiters to the built-in ones.
//
// In flow arguments, the environment and files; out flow records, results on
// standard output, everything else on standard error, and an exit code. Flags
// become Overrides and outputs; package campaign plays and analyses; results are
// written by their own packages, where -o says.
//
// Only main packages import it.
package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/quotalab/quotalab/cmd/campaign"
	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/child"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/limiter"
	"github.com/quotalab/quotalab/sim/run"
)

const rootLong = `quotalab simulates and load-tests rate limiters that keep their state in sharded Redis.

A scenario says what traffic grows how, over which keys, against which limiters. quotalab plays it against the
real code of the limiters, on embedded Redis shards, in virtual time, and says what happened by outcome.

Every flag can be set by the environment too: QUOTALAB_ and its name in capitals, with _ for -. A flag of the
command line wins over the environment, the environment over the scenario file, the file over the default. A
variable that is empty counts as not set; flags that can be repeated take a comma-separated list.
NO_COLOR turns colours off, and so does TERM=dumb.`

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
	root.SetIn(a.Stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(flagError)
	flags := root.PersistentFlags()
	flags.BoolVarP(&a.quiet, "quiet", "q", false, "no progress and no notes, results and errors only")
	flags.BoolVarP(&a.verbose, "verbose", "v", false, "tell more on standard error: the plan, the Redis client's own log")
	flags.BoolVar(&a.noColor, "no-color", false, "no colours")
	root.AddCommand(a.runCommand(), a.listCommand(), a.showCommand(), a.checkCommand(), a.reportCommand(), a.exportCommand(),
		a.compareCommand(), a.gateCommand(), a.plotCommand(), a.sweepCommand(), a.workerCommand(), a.generateCommand(), a.referenceCommand(), a.schemaCommand(), a.shardsCommand(), a.cleanCommand(), a.verifyCommand(), a.adapterCommand(), a.checkChildCommand(), a.certifyCommand(), a.newCommand(), a.explainCommand(), a.versionCommand(), a.completionCommand(), a.pagesCommand())
	root.SetHelpCommand(a.helpCommand())
	for _, c := range root.Commands() {
		c.DisableFlagsInUseLine = true
		verb, names, _ := strings.Cut(c.Use, " ")
		switch names {
		case "":
			c.Args = noArgs
		case "SCENARIO", "RECORD…", "FILE…", "NAME":
			if c.Args == nil {
				c.Args = args(names)
			}
		}
		switch verb {
		case "run", "sweep", "gate", "reference", "check", "show":
			c.ValidArgsFunction = completeScenario
		}
	}
	completeFlags(root, a.flagValues())
	return root
}

// usageError is a mistake in how quotalab was called.
type usageError struct{ error }

func (e *usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error {
	return campaign.With(campaign.Invalid, &usageError{fmt.Errorf(format, args...)})
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

func (l redisLog) Printf(_ context.Context, format string, v ...any) {
	l.Print(metric.PrintableText(fmt.Sprintf(format, v...)))
}

func (a *app) helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [VERB]",
		Short: "Help about a verb",
		Example: `  quotalab help run
  quotalab help shards`,
		Long: "Prints the help of a verb, as VERB --help does." + exitHelp(campaign.Passed, campaign.Invalid),
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

// Main runs quotalab with the process's arguments and returns its exit code.
// extra adds kinds of limiter to the built-in ones, or replaces them; it may
// be nil.
func Main(extra limiter.Kinds) int {
	a := newApp(extra)
	if os.Getenv("GOGC") == "" {
		undo := func() {}
		a.Loaded = sync.OnceFunc(func() { undo = run.TuneGC() })
		defer func() { undo() }()
	}
	return a.main(os.Args[1:])
}

// app is one invocation.
type app struct {
	*campaign.Loader
	*monitor
	stdout    *stickyWriter
	lookupEnv func(string) (string, bool)
	environ   func() []string
	signals   *signals

	verbose, noColor bool
}

func newApp(extra limiter.Kinds) *app {
	return &app{
		Loader:  &campaign.Loader{Kinds: limiter.Builtin().With(extra), Memory: machineMemory(), Stdin: os.Stdin},
		monitor: &monitor{stderr: os.Stderr, now: clock.Now}, stdout: &stickyWriter{w: os.Stdout}, lookupEnv: os.LookupEnv, environ: os.Environ,
	}
}

func (a *app) main(args []string) int {
	a.signals = watchSignals(a.stderr)
	defer a.signals.stop()
	child.RemoveStale(os.TempDir())
	root := a.root()
	root.SetArgs(args)
	ran, err := execute(root)
	child.End(func(left error) { err = errors.Join(err, left) }) // what an error or a panic left
	if ran == root {                                             // no verb was reached
		err = campaign.With(campaign.Invalid, err)
	}
	if werr := a.stdout.err; werr != nil && (err == nil || campaign.StatusOf(err) == campaign.AssertionFailed) {
		err = fmt.Errorf("writing to standard output: %w", werr)
	}
	a.tell(ran, err)
	return int(campaign.StatusOf(err))
}

// execute runs the verb. A panic is an error.
func execute(root *cobra.Command) (ran *cobra.Command, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("internal error: %v\n\n%s", r, debug.Stack())
		}
	}()
	return root.ExecuteC()
}

// print writes to standard output what a terminal shows as it is.
func (a *app) print(format string, args ...any) {
	fmt.Fprint(a.stdout, metric.PrintableText(fmt.Sprintf(format, args...))) // a.stdout remembers its error
}

// tell prints an error, and where help is if it is about how quotalab was
// called.
func (a *app) tell(ran *cobra.Command, err error) {
	var e *campaign.Error
	if err == nil || errors.As(err, &e) && e.Err == nil {
		return
	}
	fmt.Fprintln(a.stderr, metric.PrintableText(fmt.Sprintf("quotalab: %v", err)))
	var u *usageError
	if errors.As(err, &u) {
		fmt.Fprintf(a.stderr, "See %q.\n", ran.CommandPath()+" --help")
	}
}

// stickyWriter remembers its first error, so that none is lost on the way to
// the exit code.
type stickyWriter struct {
	w   io.Writer
	err error
}

func (s *stickyWriter) Write(b []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.w.Write(b)
	s.err = err
	return n, err
}

// exitHelp is the part of a verb's help about its exit codes; none means all.
func exitHelp(codes ...campaign.Status) string {
	var b strings.Builder
	b.WriteString("\n\nExit codes:\n")
	for _, s := range campaign.Statuses() {
		if len(codes) == 0 || slices.Contains(codes, s) {
			fmt.Fprintf(&b, "  %3d  %s\n", int(s), s)
		}
	}
	return strings.TrimRight(b.String(), "\n")
}

// exitOrder tells which code a run with several findings gives.
const exitOrder = "\nWhen several apply, the first of 109, 105, 107, 113, 99 is given."

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
