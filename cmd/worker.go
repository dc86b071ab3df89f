package cmd

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/quotalab/quotalab/cmd/campaign"
	"github.com/quotalab/quotalab/cmd/campaign/fleet"
	"github.com/quotalab/quotalab/sim/plan"
)

const workerLong = `Plays cells of a sweep, or worlds of a run, that goes on elsewhere, until that is over: of the quotalab sweep --listen or
quotalab run --listen at --join, or of the one that uses the NATS cluster at --nats. It waits for a coordinator that is not there yet, or not there any more, for as
long as --patience says.

It must be the same build as the coordinator, on a like processor, and refuses to play otherwise: every cell must come to the same
bytes wherever it is played. What it plays when it is ended, by SIGTERM or Ctrl-C, another worker gets at once; what it plays when it
is killed, another one gets after the lease that the sweep gives.

--join-file is a copy of the coordinator's: it has the pin of the coordinator's key and the secret that lets workers in. --new-join
writes one, with the coordinator's key beside it in FILE.key, and ends.`

func (a *app) workerCommand() *cobra.Command {
	w := fleet.Worker{Local: campaign.Local{Loader: a.Loader, Monitor: a.monitor}}
	var fresh string
	cmd := &cobra.Command{
		Use:   "worker",
		Short: "Play cells of a sweep, or worlds of a run, on another machine",
		Long:  workerLong + exitHelp(campaign.Passed, campaign.Invalid, campaign.Aborted, campaign.Internal, campaign.Unreachable),
		Example: `  quotalab worker --new-join join
  quotalab worker --join coordinator:4433 --join-file join --jobs 8`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if fresh != "" {
				return campaign.With(campaign.Invalid, fleet.NewJoin(fresh))
			}
			return a.work(cmd.Context(), &w)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&w.Address, "join", "", "`host:port` of the coordinator, a quotalab sweep --listen or quotalab run --listen")
	flags.StringVar(&w.JoinFile, "join-file", "", "`file` that the coordinator wrote")
	flags.StringVar(&w.URL, "nats", "", "instead of --join: `URL`s of the NATS cluster that the coordinator uses, with commas between")
	flags.StringVar(&w.Creds, "creds", "", "`file` with credentials for --nats")
	flags.IntVar(&w.Jobs, "jobs", runtime.GOMAXPROCS(0), "cells or worlds that are played at once")
	flags.DurationVar(&w.Patience, "patience", 10*time.Minute, "how long to wait for a coordinator")
	flags.StringVar(&fresh, "new-join", "", "write a new join `FILE` and FILE.key, and end")
	return cmd
}

// work is the verb: join, and play what there is.
func (a *app) work(ctx context.Context, w *fleet.Worker) (err error) {
	switch {
	case (w.Address == "") == (w.URL == ""):
		return usagef("expected one of --join and --nats: where the sweep is")
	case w.Address != "" && w.JoinFile == "":
		return usagef("--join: expected --join-file too, a copy of the coordinator's")
	case w.URL == "" && w.Creds != "":
		return usagef("--creds is of --nats: a coordinator at --join lets in by its --join-file")
	case w.Jobs < 1:
		return usagef("--jobs: expected at least 1, found %d", w.Jobs)
	}
	if w.Build, err = campaign.ExecutableHash(); err != nil {
		return err
	}
	w.Probe = fleet.Probe()
	ctx, done := a.signals.graceful(ctx)
	defer done()
	return w.Work(ctx)
}

// mostOutstanding is how many cells of a sweep are in the queue or being played elsewhere
// at once.
const mostOutstanding = 1000

// fleetFlags are the flags of a sweep, or a run, that is played by workers.
type fleetFlags struct {
	fleet.Options
	flags *pflag.FlagSet
}

func (o *fleetFlags) add(flags *pflag.FlagSet) {
	o.flags = flags
	countFlag(flags, &o.Workers, "workers", mostWorkers, "play on `N` processes of this machine")
	flags.StringVar(&o.Listen, "listen", "", "play on workers that join at this `address`, such as :4433, with TLS and the --join-file")
	flags.StringVar(&o.JoinFile, "join-file", "", "`file` that lets workers join at --listen; made if it is not there, with the key beside it in FILE.key")
	flags.StringVar(&o.URL, "nats", "", "play on workers that use the NATS cluster at these `URL`s, with commas between")
	flags.StringVar(&o.Creds, "creds", "", "`file` with credentials for --nats")
	flags.IntVar(&o.Replicas, "nats-replicas", 3, "servers of --nats that have a copy of everything: the cluster can lose all but most of them")
	flags.DurationVar(&o.Lease, "lease", fleet.Lease, "how long a worker may be silent before what it plays is another's")
}

// countFlag adds a flag that is a number from 1, or left out.
func countFlag(flags *pflag.FlagSet, n *int, name string, most int, usage string) {
	flags.Func(name, usage, func(text string) (err error) {
		if *n, err = strconv.Atoi(text); err != nil || *n < 1 || *n > most {
			return fmt.Errorf("expected 1 to %d, found %q", most, text)
		}
		return nil
	})
}

// mostWorkers is more than any machine has processors.
const mostWorkers = 1024

// check checks these flags, and reports whether cells are played elsewhere.
func (o *fleetFlags) check(part campaign.Part) (elsewhere bool, err error) {
	var given []string
	for flag, is := range map[string]bool{"--workers": o.Workers != 0, "--listen": o.Listen != "", "--nats": o.URL != "", "--part": part.Of > 0} {
		if is {
			given = append(given, flag)
		}
	}
	slices.Sort(given)
	switch {
	case len(given) > 1:
		return false, usagef("expected one of %s", strings.Join(given, " and "))
	case (o.Listen == "") != (o.JoinFile == ""):
		return false, usagef("--listen and --join-file belong together: nobody is let in without the secret that is in the file")
	case o.Creds != "" && o.URL == "":
		return false, usagef("--creds is of --nats")
	case o.flags.Changed("nats-replicas") && o.URL == "":
		return false, usagef("--nats-replicas is of --nats")
	case o.flags.Changed("lease") && !o.Elsewhere():
		return false, usagef("--lease is of workers: expected one of --workers, --listen and --nats too")
	case o.Lease < time.Second:
		return false, usagef("--lease: expected at least 1s, found %v", o.Lease)
	case o.Replicas < 1 || o.Replicas > 5:
		return false, usagef("--nats-replicas: expected 1 to 5, found %d", o.Replicas)
	}
	if o.URL == "" {
		o.Replicas = 1
	}
	return o.Elsewhere(), nil
}

// worldsShown is a monitor that also shows how many worlds are played.
type worldsShown struct {
	*monitor
	show func(n, of int)
	of   int
	n    atomic.Int64
}

func (w *worldsShown) Begin(total int, of string) {
	w.monitor.Begin(total, of)
	w.show(0, w.of)
}

func (w *worldsShown) Done() {
	w.monitor.Done()
	w.show(int(w.n.Add(1)), w.of)
}

// playableApart returns why workers cannot play the worlds of a plan, if they cannot.
func playableApart(p *plan.Plan) error {
	err := fleet.Playable(campaign.WorldsOf(p, campaign.Local{}))
	if err == nil && len(p.Worlds) == 1 {
		err = campaign.Invalidf("%s is one world, which one core plays (quotalab check says why): leave --workers, --listen and --nats out", p.Scenario.File)
	}
	return err
}

// playWorlds has the worlds of a run played by workers, and shows how many are.
func (a *app) playWorlds(ctx context.Context, r *campaign.Run, o campaign.Overrides, many fleet.Options, show func(n, of int)) (*campaign.Sweep, error) {
	s := campaign.WorldsOf(r.Plan, campaign.Local{Loader: a.Loader, Monitor: &worldsShown{monitor: a.monitor, show: show, of: len(r.Plan.Worlds)}, Overrides: o})
	if err := s.OpenWorlds(r); err != nil {
		return nil, err
	}
	ctx, done := a.signals.graceful(ctx)
	defer done()
	c, err := fleet.Start(ctx, s, many)
	if err != nil {
		return nil, errors.Join(err, s.Abandon())
	}
	r.Worlds, err = s.PlayWorlds(ctx)
	a.end()
	if err = errors.Join(err, c.Close(s.Finished())); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}
