package cmd

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
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

type checkChildFlags struct {
	clock, mode      string
	directory        string
	options, environ []string
	path             string
	headers          []string
	domain           string
	entries          []string
	runs             int
	ready            time.Duration
}

func (a *app) checkChildCommand() *cobra.Command {
	var f checkChildFlags
	cmd := &cobra.Command{
		Use:   "check-child COMMAND…",
		Short: "Check that a limiter's own process can be played in virtual time",
		Long: `Starts a limiter's process, asks it one question, 64 of as many keys and 64 of one key, each several times on two shards with random
delays, and 64 of as many keys with even ones, while two busy loops take turns with it on the processors, with a limit of 100 in an hour. It must come to the same
results each time, tell the time that it was given, send no command that belongs to another request, and end when its
standard input does. Then it prints the line that a scenario needs. With --mode fast or batched all is done in that mode too, which
must come to the same results as exact; the line names the program's files by a digest, and a scenario in which that is another is refused.` + exitHelp(campaign.Passed, campaign.Invalid, campaign.LimiterFailed, campaign.Internal),
		Example: `  quotalab check-child --clock node --option limiter=naive -- node child.cjs
  quotalab check-child --mode batched --clock node --option limiter=naive -- node child.cjs
  quotalab check-child --path /hello --header 'X-API-Key: {key}' --env 'PORT={listen}' --env 'REDIS_SOCKET={redis}' -- node service.cjs
  quotalab check-child --entry 'remote_address={key}' --env 'LISTEN={listen}' --env 'REDIS={redis}' -- ./ratelimit`,
		Args: args("COMMAND…"),
		RunE: func(cmd *cobra.Command, given []string) error { return a.checkChild(cmd.Context(), given, &f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.clock, "clock", "none", "where its clock comes from: node, python, preload or none")
	flags.StringVar(&f.mode, "mode", limiter.Exact, "how it is known to have done all that it does: exact, fast or batched, as quiet of a scenario")
	flags.StringVar(&f.directory, "directory", "", "folder that it is started in")
	flags.StringArrayVar(&f.options, "option", nil, "what it is told, `k=v`; can be repeated")
	flags.StringArrayVar(&f.environ, "env", nil, "a variable of its environment, `k=v`; can be repeated")
	flags.StringVar(&f.path, "path", "", "of a service that speaks HTTP: the `path` that asks for a decision, such as /take?key={key}")
	flags.StringArrayVar(&f.headers, "header", nil, "of a service: a header of the request, `Name: value`; can be repeated")
	flags.StringArrayVar(&f.entries, "entry", nil, "of a service that answers Envoy's ShouldRateLimit: an entry of the descriptor that it is asked with, `k=v`, such as remote_address={key}; can be repeated")
	flags.StringVar(&f.domain, "domain", "quotalab", "of such a service: the domain that it is asked of")
	flags.DurationVar(&f.ready, "ready-within", 15*time.Second, "how long it may take until it is ready, as ready_within of a scenario")
	flags.IntVar(&f.runs, "runs", 5, "how often each check is made")
	return cmd
}

// Where a child's clock may come from, and how it may be known to have done all.
var (
	childClocks = []string{"node", "python", "preload", "none"}
	childModes  = []string{limiter.Exact, limiter.Fast, limiter.Batched}
)

func (f *checkChildFlags) spec(command []string) (s foreign.Spec, err error) {
	if err := errors.Join(oneOf("--clock", f.clock, childClocks), oneOf("--mode", f.mode, childModes)); err != nil {
		return s, err
	}
	if f.path != "" && len(f.entries) > 0 {
		return s, usagef("--path is of a service that speaks HTTP, --entry of one that speaks gRPC: say one of them")
	}
	if f.mode == limiter.Batched && (f.path != "" || len(f.entries) > 0) {
		return s, usagef("--mode batched is for programs that read lines, and a service is asked on a connection for each request: say fast")
	}
	if f.runs < 2 {
		return s, usagef("--runs: expected at least 2, to compare them, found %d", f.runs)
	}
	if len(f.headers) > 0 && f.path == "" {
		return s, usagef("--header is for services: say --path too")
	}
	s = foreign.Spec{
		Process: limiter.Process{Command: command, Directory: f.directory, Environment: f.environ, Quiet: f.mode, Clock: f.clock, Ready: f.ready},
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
	entries, err := parsePairs("entry", f.entries)
	if err != nil || len(entries) == 0 {
		return s, err
	}
	s.Service = &limiter.Service{Domain: f.domain}
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		s.Service.Entries = append(s.Service.Entries, limiter.Entry{Key: key, Value: entries[key]})
	}
	return s, nil
}

func (a *app) checkChild(ctx context.Context, command []string, f *checkChildFlags) error {
	s, err := f.spec(command)
	if err != nil {
		return err
	}
	var once sync.Once
	s.Tell = func(text string) { once.Do(func() { a.Note("%s", text) }) }
	var all foreign.Shares
	err = foreign.Check(ctx, s, f.runs, func(c *foreign.Checked) {
		all.Add(c.Shares)
		other := ""
		if c.Mode != "" {
			other = fmt.Sprintf(", as many with quiet: %s to %s", c.Mode, unit.Counted(int64(c.Others), "other result"))
		}
		fmt.Fprintf(a.stdout, "%s, each asked twice: %d of %d allowed in the first run; %s came to %s (%.12s)%s; %s\n", c.What, c.Allowed, 2*c.Requests,
			unit.Counted(int64(c.Runs), "run"), unit.Counted(int64(c.Hashes), "result"), c.Hash, other, sharesText(c.Shares))
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
	line, err := processLine(s)
	if err != nil {
		return campaign.With(campaign.Invalid, err)
	}
	fmt.Fprintf(a.stdout, "It can be played. The line of the scenario:\n\n  process: {%s}\n", line)
	return nil
}

// processLine is what a scenario says of a program that was checked.
func processLine(s foreign.Spec) (string, error) {
	line := fmt.Sprintf("command: [%s], clock: %s, quiet: %s", quoted(s.Command), s.Clock, s.Quiet)
	if s.Quiet != limiter.Exact {
		digest, err := s.Digest(s.Options)
		if err != nil {
			return "", fmt.Errorf("the program's files: %w", err)
		}
		line += fmt.Sprintf(", checked: %q", digest)
	}
	if len(s.Environment) > 0 {
		var all []string
		for _, e := range s.Environment {
			name, value, _ := strings.Cut(e, "=")
			all = append(all, fmt.Sprintf("%s: %q", name, value))
		}
		line += fmt.Sprintf(", environment: {%s}", strings.Join(all, ", "))
	}
	switch {
	case s.Service == nil:
	case len(s.Service.Entries) > 0:
		var all []string
		for _, e := range s.Service.Entries {
			all = append(all, fmt.Sprintf("%q: %q", e.Key, e.Value))
		}
		line += fmt.Sprintf(", descriptor: {domain: %q, entries: {%s}}", s.Service.Domain, strings.Join(all, ", "))
	default:
		line += fmt.Sprintf(", request: {path: %q", s.Service.Path)
		if len(s.Service.Headers) > 0 {
			line += fmt.Sprintf(", headers: [%s]", quoted(s.Service.Headers))
		}
		line += "}"
	}
	return line, nil
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
