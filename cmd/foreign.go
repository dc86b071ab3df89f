package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/quotalab/quotalab/cmd/campaign"
	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/foreign"
	"github.com/quotalab/quotalab/sim/limiter"
)

func (a *app) adapterCommand() *cobra.Command {
	names := foreign.Adapters()
	return &cobra.Command{
		Use:   "adapter " + strings.Join(names, "|") + " DIR",
		Short: "Write a small project that connects a limiter in another language",
		Long: `Writes a small project into a folder: limiters to start from, the place where one's own is connected, the protocol, a scenario, and a
README. No file is overwritten.` + exitHelp(campaign.Passed, campaign.Invalid, campaign.Internal),
		Example: `  quotalab adapter node my-limiter
  quotalab adapter python my-limiter`,
		Args:      args("LANGUAGE", "DIR"),
		ValidArgs: names,
		RunE: func(cmd *cobra.Command, given []string) error {
			if !slices.Contains(names, given[0]) {
				return usagef("expected one of %s, found %q%s", strings.Join(names, ", "), given[0], metric.DidYouMean(given[0], names))
			}
			return a.written(foreign.WriteAdapter(given[0], given[1]))
		},
	}
}

// checkChildFlags are those of check-child.
type checkChildFlags struct {
	clock, directory string
	options, environ []string
	path             string
	headers          []string
	runs             int
}

func (a *app) checkChildCommand() *cobra.Command {
	var f checkChildFlags
	cmd := &cobra.Command{
		Use:   "check-child COMMAND…",
		Short: "Check that a limiter's own process can be played in virtual time",
		Long: `Starts a limiter's process, asks it one question, 64 of as many keys and 64 of one key, each several times on two shards with random
delays, while two busy loops take turns with it on the processors, with a limit of 100 in an hour. It must come to the same
results each time, tell the time that it was given, send no command that belongs to another request, and end when its
standard input does. Then it prints the line that a scenario needs.` + exitHelp(campaign.Passed, campaign.Invalid, campaign.LimiterFailed, campaign.Internal),
		Example: `  quotalab check-child --clock node --option limiter=naive -- node child.cjs
  quotalab check-child --path /hello --header 'X-API-Key: {key}' --env 'PORT={listen}' --env 'REDIS_SOCKET={redis}' -- node service.cjs`,
		Args: args("COMMAND…"),
		RunE: func(cmd *cobra.Command, given []string) error { return a.checkChild(cmd.Context(), given, &f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.clock, "clock", "none", "where its clock comes from: node, python, preload or none")
	flags.StringVar(&f.directory, "directory", "", "folder that it is started in")
	flags.StringArrayVar(&f.options, "option", nil, "what it is told, `k=v`; can be repeated")
	flags.StringArrayVar(&f.environ, "env", nil, "a variable of its environment, `k=v`; can be repeated")
	flags.StringVar(&f.path, "path", "", "of a service that speaks HTTP: the `path` that asks for a decision, such as /take?key={key}")
	flags.StringArrayVar(&f.headers, "header", nil, "of a service: a header of the request, `Name: value`; can be repeated")
	flags.IntVar(&f.runs, "runs", 5, "how often each check is made")
	return cmd
}

// spec is the child that the flags describe.
func (f *checkChildFlags) spec(command []string) (s foreign.Spec, err error) {
	if clocks := []string{"node", "python", "preload", "none"}; !slices.Contains(clocks, f.clock) {
		return s, usagef("--clock: expected one of %s, found %q%s", strings.Join(clocks, ", "), f.clock, metric.DidYouMean(f.clock, clocks))
	}
	if f.runs < 2 {
		return s, usagef("--runs: expected at least 2, to compare them, found %d", f.runs)
	}
	if len(f.headers) > 0 && f.path == "" {
		return s, usagef("--header is for services: say --path too")
	}
	s = foreign.Spec{
		Process: limiter.Process{Command: command, Directory: f.directory, Environment: f.environ, Quiet: "exact", Clock: f.clock},
		Client:  "default", Does: record.TakeMode, Shards: []string{"shard-1", "shard-2"}, Seed: 1, Patience: 10 * time.Second,
		Limiter: record.Limiter{Name: "l", Limits: []record.Limit{{Name: "default", Count: 100, Period: time.Hour, Burst: 100}}},
		Options: map[string]string{},
	}
	if s.Options, err = parsePairs("option", f.options); err != nil {
		return s, err
	}
	if _, err := parsePairs("env", f.environ); err != nil {
		return s, err
	}
	if f.path != "" {
		if !strings.HasPrefix(f.path, "/") {
			return s, usagef("--path: expected a path such as /take?key={key}, found %q", f.path)
		}
		s.Service = &limiter.Service{Method: "GET", Path: f.path, Headers: f.headers}
	}
	return s, nil
}

func (a *app) checkChild(ctx context.Context, command []string, f *checkChildFlags) error {
	s, err := f.spec(command)
	if err != nil {
		return err
	}
	var all foreign.Shares
	err = foreign.Check(ctx, s, f.runs, func(c *foreign.Checked) {
		all.Add(c.Shares)
		fmt.Fprintf(a.stdout, "%s, each asked twice: %d of %d allowed in the first run; %s came to %s (%.12s); %s\n", c.What, c.Allowed, 2*c.Requests,
			unit.Counted(int64(c.Runs), "run"), unit.Counted(int64(c.Hashes), "result"), c.Hash, sharesText(c.Shares))
	})
	switch {
	case errors.Is(err, context.Canceled):
		return campaign.With(campaign.Aborted, err)
	case err != nil:
		return campaign.With(campaign.LimiterFailed, err)
	}
	switch {
	case f.clock == "none":
		fmt.Fprintln(a.stdout, "clock: its own, the wall clock: it has to judge by Redis' time")
	case all.Clocks == 0:
		fmt.Fprintln(a.stdout, "clock: unknown: no answer had clock_ms, the time that it saw")
	default:
		fmt.Fprintf(a.stdout, "clock: virtual, within 1ms in %s\n", unit.Counted(all.Clocks, "answer"))
	}
	fmt.Fprintf(a.stdout, "It can be played. The line of the scenario:\n\n  process: {command: [%s], clock: %s, quiet: exact}\n", quoted(command), f.clock)
	return nil
}

// sharesText says how commands were attributed.
func sharesText(s foreign.Shares) string {
	return fmt.Sprintf("of %s %d belong to a request for sure, %d by key, %d by key and order, %d to nobody that is known",
		unit.Counted(s.All(), "command"), s.Sure, s.ByKey, s.ByOrder, s.Nobody)
}

func quoted(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = fmt.Sprintf("%q", w)
	}
	return strings.Join(out, ", ")
}
