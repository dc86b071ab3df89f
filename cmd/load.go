package cmd

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/plan"
)

// stdio stands for standard input or output where a file is expected.
const stdio = "-"

// overrides of a scenario file by flags or the environment.
type overrides struct {
	seed  *uint64
	trace string
	clock string // "": the scenario's
	// of a run in real time
	live      bool
	shards    []string  // names of the live shards; nil: the scenario's own
	spawned   bool      // they have no names of their own
	onCluster bool      // the shards are masters of a Redis Cluster
	now       time.Time // when it is about to begin
}

// load decodes and compiles a scenario. Every mistake in it is reported at
// once, with exit code 104.
func (a *app) load(name string, o overrides) (*plan.Plan, error) {
	s, problems, err := a.decode(name)
	if err != nil {
		return nil, invalid(err)
	}
	return a.compile(s, problems, o)
}

// compile a scenario; problems are those of decoding it, which may have left no
// scenario.
func (a *app) compile(s *scenarios.Scenario, problems scenarios.Problems, o overrides) (*plan.Plan, error) {
	if s == nil {
		return nil, invalid(told(problems))
	}
	found, err := o.apply(s)
	if err != nil {
		return nil, err
	}
	if o.onCluster {
		found = append(found, a.notOnCluster(s)...)
	}
	problems = append(problems, found...)
	if problems = append(problems, plan.Check(s, a.kinds)...).Sort(); len(problems) > 0 {
		return nil, invalid(told(problems))
	}
	p, problems := plan.Compile(s, a.kinds)
	if len(problems) > 0 {
		return nil, invalid(told(problems.Sort()))
	}
	arrivals := p.Arrivals()
	defer arrivals.Close()
	if _, due := arrivals.Next(); !due && p.Accounts.Len() == 0 {
		return nil, invalidf("%s: no request is due before the horizon, %v: there is nothing to run", s.File, p.Horizon)
	}
	return p, nil
}

// decode reads a shipped scenario, a file, or standard input.
func (a *app) decode(name string) (*scenarios.Scenario, scenarios.Problems, error) {
	if name != stdio {
		return scenarios.Load(name)
	}
	if a.input == nil {
		var err error
		if a.input, err = io.ReadAll(a.stdin); err != nil {
			return nil, nil, fmt.Errorf("reading the scenario from standard input: %w", err)
		}
	}
	s, problems := scenarios.Decode("<stdin>", a.input)
	return s, problems, nil
}

// told is problems as one error that counts them.
func told(problems scenarios.Problems) error {
	what := "1 problem"
	if n := len(problems); n > 1 {
		what = fmt.Sprintf("%d problems", n)
	}
	return fmt.Errorf("%s, nothing was run\n%w", what, problems)
}

// apply overrides what the file says.
func (o overrides) apply(s *scenarios.Scenario) (scenarios.Problems, error) {
	if o.seed != nil {
		s.Seed = *o.seed
	}
	var problems scenarios.Problems
	if o.live {
		names := o.shards
		if o.spawned && len(names) == len(s.Shards.Names) {
			names = nil // the scenario's own
		}
		problems = s.OnLive(names)
	}
	if o.clock == "virtual" {
		s.Clock = o.clock
	}
	s.Begin(o.now)
	return problems, o.replay(s)
}

// replay lets every replay of the scenario read another trace.
func (o overrides) replay(s *scenarios.Scenario) error {
	if o.trace == "" {
		return nil
	}
	// A scenario names files relative to itself, a flag to the working directory.
	path, err := filepath.Abs(o.trace)
	if err != nil {
		return invalidf("--trace: %w", err)
	}
	if _, err := os.Stat(path); err != nil {
		return invalidf("--trace: %w", err)
	}
	replaced := false
	for i := range s.Traffic {
		if r := s.Traffic[i].Value.Rate.Replay; r != nil {
			r.File, replaced = path, true
		}
	}
	if !replaced {
		return usagef("--trace replaces the file of a replay, and no traffic of %s is one", s.File)
	}
	return nil
}

// notOnCluster refuses limiters that take no client of a Redis Cluster.
func (a *app) notOnCluster(s *scenarios.Scenario) (problems scenarios.Problems) {
	for _, l := range s.Limiters {
		if a.kinds[l.Value.Kind].RingOnly {
			problems = append(problems, s.Problem("limiters."+l.Name+".kind", "%s takes only a *redis.Ring and cannot run on a Redis Cluster: use --redis or --spawn", l.Value.Kind))
		}
	}
	return problems
}

// completeScenario completes the names of shipped scenarios, and files.
func completeScenario(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return scenarios.Shipped(), cobra.ShellCompDirectiveDefault
}

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

// warnOfVariables tells of variables that begin like ours and are no flag of
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
			a.note("warning: the environment variable %s stands for no flag%s", name, metric.DidYouMean(name, known))
		}
	}
}

// outputRoot is where records go by default.
const outputRoot = "quotalab-out"

// mostRuns is how many runs of one plan may begin within a second.
const mostRuns = 1000

// createRecord begins the record in dir, or where none is given in a
// directory named by the run's beginning and plan, that no other run has.
// A directory that cannot be used is the fault of the flag, or of where
// quotalab was started: exit 104.
func createRecord(dir string, m record.Manifest, planText string) (*record.Writer, string, error) {
	if dir != "" {
		w, err := record.Create(dir, m, record.Plan(planText))
		if err != nil {
			err = fmt.Errorf("--dir: %w", err)
		}
		return w, dir, invalid(err)
	}
	base := filepath.Join(outputRoot, m.Scenario, m.Started.Format("20060102T150405Z")+"-"+m.PlanHash)
	dir = base
	for n := 2; ; n++ {
		w, err := record.Create(dir, m, record.Plan(planText))
		if err == nil {
			return w, dir, nil
		}
		if !errors.Is(err, record.ErrExists) || n > mostRuns {
			return nil, dir, invalidf("%w (--dir names another directory)", err)
		}
		dir = fmt.Sprintf("%s-%d", base, n)
	}
}

// parseTags reads the k=v of --tag.
func parseTags(tags []string) (map[string]string, error) {
	out := make(map[string]string, len(tags))
	for _, t := range tags {
		k, v, ok := strings.Cut(t, "=")
		if !ok || k == "" {
			return nil, usagef("--tag: expected name=value, found %q", t)
		}
		if _, twice := out[k]; twice {
			return nil, usagef("--tag: %q is given twice", k)
		}
		out[k] = v
	}
	return out, nil
}
