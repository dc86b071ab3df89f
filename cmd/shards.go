package cmd

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quotalab/quotalab/cmd/campaign"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/present"
	"github.com/quotalab/quotalab/results/summary"
	"github.com/quotalab/quotalab/sim/fakeredis"
)

func (a *app) shardsCommand() *cobra.Command {
	var keys, count int
	var names, other []string
	cmd := &cobra.Command{
		Use:   "shards",
		Short: "Where a Ring puts keys, and whether every client finds them",
		Long: `Writes and reads distinct keys on embedded shards through a Redis Ring, and prints how they spread over the shards,
whether pipelined and single reads find what single and pipelined writes left, and on how many keys a second
client agrees that names the same shards differently. A Ring finds the shard of a key by the shards' names.` + exitHelp(campaign.Passed, campaign.Invalid),
		Example: `  quotalab shards --keys 1000 --shards 2
  quotalab shards --names a,b --other-names a:6379,b:6379`,
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
	return cmd
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

// inWords says what the chi-squared test says.
func inWords(b summary.Balance, shards int) string {
	switch {
	case summary.FewKeys(b.Total, shards):
		return fmt.Sprintf("too few keys to tell, %.3g a shard where at least 5 are needed", float64(b.Total)/float64(shards))
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
