package report

import (
	"fmt"
	"math"

	"github.com/quotalab/quotalab/results/measure"
	"github.com/quotalab/quotalab/results/series"
	"github.com/quotalab/quotalab/results/wording"
)

// loadTable: keys and commands by shard, with the band that chance explains.
func loadTable(set *series.Set) *table {
	t := newTable("Load by shard", "limiter", "shard", ">keys", ">share|%", ">commands", ">share of commands|%")
	for _, l := range set.Shards {
		keys, commands := total(l.Keys), total(l.Commands)
		for i, name := range l.Names {
			row := []cell{words(l.Limiter), words(name), none, none}
			if i < len(l.Keys) {
				row[2], row[3] = count(l.Keys[i]), share(l.Keys[i], keys)
			}
			t.add(append(row, count(l.Commands[i]), share(l.Commands[i], commands))...)
		}
		if !math.IsNaN(l.KeysLow) && len(l.Keys) > 1 {
			t.Note += fmt.Sprintf("%s: chance alone leaves the keys of every shard between %s and %s in 95 of 100 runs. ",
				l.Limiter, wording.Thousands(int64(math.Ceil(l.KeysLow))), wording.Thousands(int64(math.Floor(l.KeysHigh))))
		}
	}
	return t
}

func total(counts []int64) (n int64) {
	for _, c := range counts {
		n += c
	}
	return n
}

func balanceTable(s *measure.Summary) *table {
	t := newTable("How even the load is", "limiter", "of", ">χ²", ">p-value", ">peak to mean", ">CV", ">Gini")
	t.Note = "A small p-value of keys (below " + general(measure.EvenAt).Text + ") says that they are spread unevenly; commands follow their keys, so chance alone does not explain theirs."
	all := groups(s, "shard_balance", "limiter", "of", "stat")
	for _, g := range groups(s, "shard_commands", "limiter") {
		for _, of := range []string{"keys", "commands"} {
			row, any := []cell{words(g.tags[0]), words(of)}, false
			for _, stat := range []string{"chi2", "p_value", "peak_to_mean", "cv", "gini"} {
				m, ok := find(all, g.tags[0], of, stat)
				any = any || ok
				row = append(row, maybe(m.Value, general))
			}
			if any {
				t.add(row...)
			}
		}
	}
	return t
}

func disagreementTable(s *measure.Summary) *table {
	t := newTable("Keys that clients look for on other shards than the first client", "limiter", "client", ">keys shared", ">elsewhere|%")
	for _, g := range groups(s, "shard_disagreement", "limiter", "client") {
		t.add(words(g.tags[0]), words(g.tags[1]), count(g.Count), maybe(g.Value, percent))
	}
	return t
}

func hottestTable(set *series.Set) *table {
	t := newTable("The hottest keys", "limiter", "limit", "key", "shard", ">decisions", ">share|%")
	for _, l := range set.Shards {
		for _, k := range l.Hottest {
			t.add(words(l.Limiter), words(k.Limit), words(wording.Printable(k.Key)), words(k.Shard), count(k.Decisions), percent(k.Share))
		}
		if len(l.Hottest) > 0 {
			t.Note += fmt.Sprintf("%s: all other keys have %s of the decisions. ", l.Limiter, wording.Percent(l.HotRest))
		}
	}
	return t
}
