// Package cmd is quotalab's command line: one file a verb, and Main, by which
// a binary of one's own adds limiters to the built-in ones.
//
// In flow arguments, the environment and files; out flow records, results on
// standard output, everything else on standard error, and an exit code (see
// exit.go). A run goes through the whole of quotalab:
//
//  1. load: scenarios.Load decodes, flags and environment override, plan.Check
//     and plan.Compile find the rest of the mistakes. Any mistake is exit 104,
//     and nothing is run.
//  2. play: drive.Run plays the plan into a record.Writer.
//  3. analyse: audit.Replay, measure.Measure and gate.Evaluate make the
//     summary, from the record alone, as report and export do.
//  4. show: the summary on standard output, the exports where -o says.
//
// Only main packages import it.
package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/sim/limiter"
	"github.com/quotalab/quotalab/sim/run"
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

// Main runs quotalab with the process's arguments and returns its exit code.
// extra adds kinds of limiter to the built-in ones, or replaces them; it may
// be nil.
func Main(extra limiter.Kinds) int {
	if os.Getenv("GOGC") == "" {
		defer run.TuneGC()()
	}
	return newApp(extra).main(os.Args[1:])
}

// app is one invocation.
type app struct {
	kinds     limiter.Kinds
	stdin     io.Reader
	stdout    *stickyWriter
	stderr    io.Writer
	lookupEnv func(string) (string, bool)
	environ   func() []string
	signals   *signals
	input     []byte // of standard input, once read

	quiet, verbose, noColor bool
}

func newApp(extra limiter.Kinds) *app {
	return &app{
		kinds: limiter.Builtin().With(extra), stdin: os.Stdin, stdout: &stickyWriter{w: os.Stdout}, stderr: os.Stderr,
		lookupEnv: os.LookupEnv, environ: os.Environ,
	}
}

func (a *app) main(args []string) (code int) {
	defer func() {
		if r := recover(); r != nil {
			fmt.Fprintf(a.stderr, "quotalab: internal error: %v\n\n%s", r, debug.Stack())
			code = exitInternal
		}
	}()
	a.signals = watchSignals(a.stderr)
	defer a.signals.stop()
	root := a.root()
	root.SetArgs(args)
	ran, err := root.ExecuteC()
	err = withCode(exitInvalid, err) // what has no code comes from cobra: a verb that is none
	if werr := a.stdout.err; werr != nil && (err == nil || codeOf(err) == exitAssertion) {
		err = fmt.Errorf("writing to standard output: %w", werr)
	}
	a.tell(ran, err)
	return codeOf(err)
}

// tell prints an error, and where help is if it is about how quotalab was
// called.
func (a *app) tell(ran *cobra.Command, err error) {
	var e *exitError
	if err == nil || errors.As(err, &e) && e.err == nil {
		return
	}
	fmt.Fprintf(a.stderr, "quotalab: %v\n", err)
	var u *usageError
	if errors.As(err, &u) {
		fmt.Fprintf(a.stderr, "See %q.\n", ran.CommandPath()+" --help")
	}
}

// note tells the user something beside the results.
func (a *app) note(format string, args ...any) {
	if !a.quiet {
		fmt.Fprintf(a.stderr, format+"\n", args...)
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

// Exit codes. They are an interface: none is ever reused for another meaning.
// When several apply to a run, the first of this order is told: 109, 105,
// 107, 113, 99, 0. What is wrong with the run comes before what it found: an
// assertion is not worth looking at when the figures are not. A run that an
// assertion ended was aborted by nobody: 99, or what comes before it. A gate's
// order is gateOrder: 112 comes between 113 and 99, as a regression explains
// assertions that fail.
const (
	exitPassed     = 0
	exitAssertion  = 99
	exitInvalid    = 104
	exitAborted    = 105
	exitUnexpected = 107
	exitInternal   = 109
	exitRegression = 112
	exitSchedule   = 113
	exitDependency = 114
)

// exitCodes is the one table of what they mean.
var exitCodes = []struct {
	code    int
	meaning string
}{
	{exitPassed, "passed"},
	{exitAssertion, "an assertion of the scenario failed, or ended the run by failing (abortOnFail)"},
	{exitInvalid, "invalid scenario or flag (or a record, file or directory that it names cannot be used)"},
	{exitAborted, "aborted by the user; the record up to there is kept and readable"},
	{exitUnexpected, "a limiter under test returned an unexpected failure"},
	{exitInternal, "internal error, or a result that could not be written"},
	{exitRegression, "regression against the baseline"},
	{exitSchedule, "the generator could not keep its schedule, so the result is invalid"},
	{exitDependency, "a dependency (Redis, the Pushgateway of -o prometheus) is unreachable"},
}

// exitHelp is the part of a verb's help about its exit codes; no codes means
// the whole table.
func exitHelp(codes ...int) string {
	var b strings.Builder
	b.WriteString("Exit codes:\n")
	for _, e := range exitCodes {
		if len(codes) == 0 || slices.Contains(codes, e.code) {
			fmt.Fprintf(&b, "  %3d  %s\n", e.code, e.meaning)
		}
	}
	return strings.TrimRight(b.String(), "\n")
}

// exitError is an error with its exit code. A nil err has been told already.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// invalid makes an error exit 104.
func invalid(err error) error { return withCode(exitInvalid, err) }

func invalidf(format string, args ...any) error { return invalid(fmt.Errorf(format, args...)) }

// withCode gives an error its code, unless it has one.
func withCode(code int, err error) error {
	var has *exitError
	if err == nil || errors.As(err, &has) {
		return err
	}
	return &exitError{code, err}
}

// codeOf is the exit code of what a verb returned.
func codeOf(err error) int {
	var e *exitError
	switch {
	case err == nil:
		return exitPassed
	case errors.As(err, &e):
		return e.code
	}
	return exitInternal
}

// findings of a run that has come to its end, for the exit code.
type findings struct {
	aborted    bool
	unexpected bool // a limiter failed by itself
	valid      bool // the schedule was kept
	ok         bool // every assertion holds
}

func (f findings) code() int {
	switch {
	case f.aborted:
		return exitAborted
	case f.unexpected:
		return exitUnexpected
	case !f.valid:
		return exitSchedule
	case !f.ok:
		return exitAssertion
	}
	return exitPassed
}

// exitOrder tells which code a run with several findings gives.
const exitOrder = "When several apply, the first of 109, 105, 107, 113, 99 is given."

// quotalabModule is where quotalab itself comes from: the main module, or a
// dependency of a binary of one's own.
const quotalabModule = "github.com/quotalab/quotalab"

// modulesUnderTest are told by their short names in the manifest of a run.
var modulesUnderTest = map[string]string{
	quotalabModule:                       "quotalab",
	"github.com/letsencrypt/boulder":     "boulder",
	"github.com/redis/go-redis/v9":       "go-redis",
	"github.com/alicebob/miniredis/v2":   "miniredis",
	"github.com/go-redis/redis_rate/v10": "redis_rate",
}

// linkedVersions are the versions of what this binary was made of.
func linkedVersions() map[string]string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return map[string]string{}
	}
	return versions(info)
}

// versions of Go, of quotalab and of the modules under test.
func versions(info *debug.BuildInfo) map[string]string {
	out := map[string]string{"go": info.GoVersion}
	for _, m := range append([]*debug.Module{&info.Main}, info.Deps...) {
		name, wanted := modulesUnderTest[m.Path]
		if !wanted {
			continue
		}
		out[name] = m.Version
		if m.Replace != nil {
			out[name] += " replaced by " + strings.TrimSpace(m.Replace.Path+" "+m.Replace.Version)
		}
	}
	if revision := setting(info, "vcs.revision"); revision != "" && info.Main.Path == quotalabModule {
		out["revision"] = revision
		if setting(info, "vcs.modified") == "true" {
			out["revision"] += " modified"
		}
	}
	return out
}

func setting(info *debug.BuildInfo, key string) string {
	for _, s := range info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}
