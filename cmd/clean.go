package cmd

import (
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quotalab/quotalab/cmd/campaign"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/present"
	"github.com/quotalab/quotalab/sim/realredis"
)

func (a *app) cleanCommand() *cobra.Command {
	var live liveFlags
	cmd := &cobra.Command{
		Use:   "clean [PREFIX…]",
		Short: "Delete what a killed run left on Redis servers",
		Long: `Lists the keys that runs have on servers, by prefix, or deletes those of the prefixes that it is given. A run deletes its
own keys when it ends; one that was killed cannot. The list does not tell whether a run still goes on: a prefix begins
with the instant at which its run began (UTC). Keys under other prefixes are neither counted nor touched.` + exitHelp(campaign.Passed, campaign.Invalid, campaign.Unreachable),
		Example: `  quotalab clean --redis a=127.0.0.1:6379,b=127.0.0.1:6380
  quotalab clean --redis a=127.0.0.1:6379 quotalab:20260102T150405.000-0123abcd:`,
		RunE: func(cmd *cobra.Command, prefixes []string) (err error) {
			over, err := live.overrides(a.lookupEnv)
			if err != nil {
				return err
			}
			if over.Servers.How == "" {
				return usagef("expected --redis or --cluster: which servers are to be looked at")
			}
			servers, err := over.Servers.Open(cmd.Context(), nil)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, servers.Close()) }()
			left, err := servers.Leftovers(cmd.Context())
			if err != nil {
				return campaign.With(campaign.Unreachable, err)
			}
			if len(prefixes) == 0 {
				return a.listLeftovers(servers.Names(), left)
			}
			for _, p := range prefixes {
				i := slices.IndexFunc(left, func(l realredis.Leftover) bool { return l.Prefix == p })
				if i < 0 {
					return usagef("prefix %q: no run has keys under it; `quotalab clean` without a prefix lists those that have", p)
				}
				if err := errors.Join(servers.CleanUp(cmd.Context(), p)...); err != nil {
					return campaign.With(campaign.Unreachable, err)
				}
				a.print("%s: %s deleted\n", p, unit.Counted(sum(left[i].Keys), "key"))
			}
			return nil
		},
	}
	live.addServers(cmd.Flags(), "look at")
	return cmd
}

func sum(list []int64) (total int64) {
	for _, n := range list {
		total += n
	}
	return total
}

func (a *app) listLeftovers(shards []string, left []realredis.Leftover) error {
	if len(left) == 0 {
		a.print("no run has keys on %s\n", strings.Join(shards, ", "))
		return nil
	}
	columns := []string{"prefix"}
	for _, s := range shards {
		columns = append(columns, ">keys on "+s)
	}
	t := present.NewTable("", "", columns...)
	for _, l := range left {
		row := []present.Cell{present.Words(l.Prefix)}
		for _, n := range l.Keys {
			row = append(row, present.Count(n))
		}
		t.Add(row...)
	}
	return t.Write(a.stdout, present.Look{})
}
