package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quotalab/quotalab/cmd/campaign"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/present"
	"github.com/quotalab/quotalab/results/summary"
	"github.com/quotalab/quotalab/sim/child"
	"github.com/quotalab/quotalab/sim/fakeredis"
)

func (a *app) shardsCommand() *cobra.Command {
	var keys, count int
	var names, other []string
	var serve string
	cmd := &cobra.Command{
		Use:   "shards",
		Short: "Where a Ring puts keys, and whether every client finds them",
		Long: `Writes and reads distinct keys on embedded shards through a Redis Ring, and prints how they spread over the shards,
whether pipelined and single reads find what single and pipelined writes left, and on how many keys a second
client agrees that names the same shards differently. A Ring finds the shard of a key by the shards' names.

With --serve it does none of that: any program can use embedded shards, by the wall clock, until it is interrupted. They
listen at Unix sockets, one a shard, DIR/<name>.sock, or at ports of this machine alone, from PORT on.` + exitHelp(campaign.Passed, campaign.Invalid),
		Example: `  quotalab shards --keys 1000 --shards 2
  quotalab shards --names a,b --other-names a:6379,b:6379
  quotalab shards --serve unix:/tmp/shards --shards 4`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(names) > 0 && cmd.Flags().Changed("shards") && count != len(names) {
				return usagef("--shards %d, but --names gives %d names: leave one of them out", count, len(names))
			}
			if len(names) == 0 {
				if count < 1 || count > maxShards {
					return usagef("--shards: expected 1 to %d, found %d", maxShards, count)
				}
				names = numbered(count)
			}
			if serve != "" {
				if cmd.Flags().Changed("keys") || len(other) > 0 {
					return usagef("--serve serves shards and puts no keys: expected no --keys and no --other-names")
				}
				return a.serve(cmd.Context(), serve, names)
			}
			survey, err := fakeredis.SurveySpec{Keys: keys, Names: names, OtherNames: other}.Take()
			if err != nil {
				return usagef("%w", err)
			}
			return printSurvey(cmd.OutOrStdout(), survey)
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&keys, "keys", 1000, "number of distinct keys")
	flags.IntVar(&count, "shards", 2, "number of shards, which are then named shard-1, shard-2, …")
	flags.StringSliceVar(&names, "names", nil, "the shards' names, instead of their number")
	flags.StringSliceVar(&other, "other-names", nil, "a second client's names of the same shards, in the same order")
	flags.StringVar(&serve, "serve", "", "serve embedded shards instead, at unix:`DIR` or 127.0.0.1:PORT, until interrupted")
	return cmd
}

// serve serves embedded shards until the user ends it.
func (a *app) serve(ctx context.Context, at string, names []string) (err error) {
	ctx, done := a.signals.graceful(ctx)
	defer done()
	network, addresses, err := addressesAt(at, names)
	if dir, unix := strings.CutPrefix(at, "unix:"); unix && err == nil {
		var remove func() error
		if addresses, remove, err = child.Sockets(dir, names); err == nil {
			defer func() { err = errors.Join(err, remove()) }()
		}
	}
	var listeners []net.Listener
	if err == nil {
		listeners, err = listen(network, addresses)
	}
	if err != nil {
		return usagef("--serve: %w", err)
	}
	for i, l := range listeners {
		fmt.Fprintf(a.stdout, "%s %s:%s\n", names[i], l.Addr().Network(), l.Addr())
	}
	return fakeredis.Serve(ctx, listeners)
}

// addressesAt returns the addresses for --serve, but for sockets in a directory.
func addressesAt(at string, names []string) (network string, addresses []string, err error) {
	if dir, unix := strings.CutPrefix(at, "unix:"); unix && dir != "" {
		return "unix", nil, nil
	}
	host, port, err := net.SplitHostPort(at)
	number, notNumber := strconv.Atoi(port)
	if err != nil || notNumber != nil || net.ParseIP(host) == nil || !net.ParseIP(host).IsLoopback() {
		return "", nil, fmt.Errorf("expected unix:DIR, or an address of this machine alone such as 127.0.0.1:6379, found %q", at)
	}
	for range names {
		addresses = append(addresses, net.JoinHostPort(host, strconv.Itoa(number)))
		if number > 0 { // 0: any that is free
			number++
		}
	}
	return "tcp", addresses, nil
}

// listen opens a listener for each shard.
func listen(network string, addresses []string) (all []net.Listener, err error) {
	for _, address := range addresses {
		l, err := net.Listen(network, address)
		if err != nil {
			for _, l := range all {
				err = errors.Join(err, l.Close())
			}
			return nil, err
		}
		all = append(all, l)
	}
	return all, nil
}

// maxShards as in the scenario language.
const maxShards = 1024

func printSurvey(out io.Writer, s fakeredis.Survey) error {
	total := s.PipelinedReads.Keys
	spread := present.NewTable("", "", "shard", ">keys", ">share")
	for i, name := range s.Names {
		spread.Add(present.Words(name), present.Count(s.Counts[i]), present.Share(s.Counts[i], int64(total)))
	}
	said := present.NewTable("", "", "", "")
	if b, ok := summary.BalanceOf(s.Counts); ok {
		said.AddWords("chi-squared", fmt.Sprintf("%.4g with %d degrees of freedom, p = %.3g: %s", b.Chi2, len(s.Names)-1, b.P, inWords(b, len(s.Names))))
		said.AddWords("peak to mean", unit.Digits(b.PeakToMean, 4))
		said.AddWords("variation", fmt.Sprintf("coefficient of variation %.4g, Gini coefficient %.4g", b.CV, b.Gini))
	}
	said.AddWords("pipelined reads", agreement(s.PipelinedReads, "written singly"))
	said.AddWords("single reads", agreement(s.SingleReads, "written by pipeline"))
	if s.Other != nil {
		said.AddWords("other names", fmt.Sprintf("%s; by chance alone it would be %.3g%%", agreement(*s.Other, "written under the first names"), 100/float64(len(s.Names))))
	}
	err := spread.Write(out, present.Look{})
	fmt.Fprintln(out)
	return errors.Join(err, said.Write(out, present.Look{}))
}

// fewest keys that a shard must expect for the chi-squared distribution to be
// that of the test.
const fewest = 5

// inWords says what the chi-squared test says.
func inWords(b summary.Balance, shards int) string {
	expected := float64(b.Total) / float64(shards)
	switch {
	case expected < fewest:
		return fmt.Sprintf("too few keys to tell, %.3g a shard where at least %d are needed", expected, fewest)
	case !b.Even():
		return "uneven, chance does not explain it"
	}
	return fmt.Sprintf("even, chance alone gives counts at least as uneven %.0f%% of the time", 100*b.P)
}

func agreement(a fakeredis.Agreement, of string) string {
	if a.Complete() {
		return fmt.Sprintf("agree: found all %d keys %s", a.Keys, of)
	}
	text := fmt.Sprintf("disagree: found %d of %d keys %s (%.3g%%)", a.Found, a.Keys, of, 100*float64(a.Found)/float64(a.Keys))
	if a.SameShard != a.Found {
		text += fmt.Sprintf(", looked on the same shard for %d", a.SameShard)
	}
	return strings.TrimSpace(text)
}
