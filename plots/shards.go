package plots

import (
	"fmt"
	"math"
	"slices"

	"github.com/quotalab/quotalab/results/measure"
	"github.com/quotalab/quotalab/results/series"
	"github.com/quotalab/quotalab/results/wording"
)

// shardFigures of one record: for each limiter how keys and commands lie on the
// shards, when commands come to which, and the hottest keys.
func shardFigures(k *kit, set *series.Set) (all []Figure) {
	if len(set.Shards) == 0 {
		f := Figure{Name: "shards", Title: "No command reached a shard", panels: []panel{{empty: unsharded(set)}}}
		return []Figure{f}
	}
	for i := range set.Shards {
		l := &set.Shards[i]
		all = append(all, k.shardFigure(set, l), k.heatFigure(set, l), k.hottestFigure(set, l))
	}
	return all
}

func unsharded(set *series.Set) string {
	if !set.Manifest.Whole() {
		return "the record does not hold all observations, so keys and commands are not known."
	}
	return "no limiter sent a command after the warm-up."
}

// shardFigure of keys and commands.
func (k *kit) shardFigure(set *series.Set, l *series.ShardLoad) Figure {
	f := Figure{Name: "shards-" + l.Limiter, columns: 2, Title: balanceTitle(set, l)}
	keys, commands := k.shardBars(l, l.Keys, true), k.shardBars(l, l.Commands, false)
	f.panels = []panel{
		k.shardPanel(l, "keys", keys, "nothing says which keys were used: the record does not hold all observations."),
		k.shardPanel(l, "commands", commands, "no command reached a shard after the warm-up."),
	}
	n := len(l.Names)
	if keys.after > 0 {
		chance := rects{name: "where keys lie by chance, 95 %", rects: []rect{{l.KeysLow, 0, l.KeysHigh, float64(n)}}, look: k.bandLook()}
		edge := k.plain(3, 2)
		f.panels[0].layers = keys.layers([]layer{chance}, []layer{rule{at: l.KeysLow, vertical: true, look: edge}, rule{at: l.KeysHigh, vertical: true, look: edge}})
		f.note(chanceNote(l))
	}
	if sum := total(l.Commands); sum > 0 && n > 1 {
		equal := rule{name: "equal shares", at: float64(sum) / float64(n), vertical: true, look: k.plain(1, 2)}
		f.panels[1].layers = commands.layers(nil, []layer{equal})
	}
	return f
}

// shardBars of a count. Those of keys leave room for the band of chance.
func (k *kit) shardBars(l *series.ShardLoad, counts []int64, keys bool) bars {
	out := bars{look: k.Nth(0)}
	if keys && len(l.Names) > 1 && !math.IsNaN(l.KeysHigh) {
		out.after = l.KeysHigh
	}
	hot := []int(nil)
	if !keys {
		hot = hotShards(counts)
	}
	for i, n := range counts {
		far := keys && (float64(n) < l.KeysLow || float64(n) > l.KeysHigh) // never of NaN
		b := bar{name: l.Names[i], value: float64(n), label: wording.Thousands(n), strong: keys || hot == nil || slices.Contains(hot, i)}
		if len(counts) > 1 && n > 0 {
			b.label += " (" + tenth(float64(n)/float64(total(counts))) + ")"
		}
		if len(counts) > mostNamed && !far && !slices.Contains(hot, i) && i != slices.Index(counts, slices.Max(counts)) {
			b.label = "" // there is room for what stands out only
		}
		out.list = append(out.list, b)
	}
	return out
}

func (k *kit) shardPanel(l *series.ShardLoad, of string, b bars, none string) panel {
	if len(b.list) == 0 {
		return panel{title: sentence(of) + " by shard", empty: none, height: k.rowsHeight(max(3, len(l.Names)))}
	}
	return panel{
		title: sentence(of) + " by shard", x: k.barAxis(of, b, 2), y: rowAxis("", k.names(l.Names, 2)),
		layers: b.layers(nil, nil), height: k.rowsHeight(len(l.Names)),
	}
}

// bandLook is of an area in which chance explains what is there.
func (k *kit) bandLook() Look {
	return Look{Color: mix(k.Background, k.Axis, 0.28), Ink: k.Muted}
}

// chanceNote says what the band and the p-value mean.
func chanceNote(l *series.ShardLoad) string {
	note := "Between the dashed lines the keys of all shards lie at once in 95 of 100 runs, if each key falls on each shard alike. " + pMeans(l.KeysP)
	if mean := float64(total(l.Keys)) / float64(len(l.Keys)); mean < 5 {
		note += fmt.Sprintf(" With %s keys a shard p is rough.", significant(mean, 2))
	}
	return note
}

// pMeans says what a p-value is of.
func pMeans(p float64) string {
	switch {
	case math.IsNaN(p):
		return ""
	case p < 0.001:
		return "Chance alone is as uneven as here in fewer than 1 of 1,000 runs (p < 0.001)."
	}
	return fmt.Sprintf("Chance alone is at least as uneven as here in %s of 100 runs (%s).", significant(100*p, 2), pWords(p))
}

func pWords(p float64) string {
	if p < 0.001 {
		return "p < 0.001"
	}
	return "p = " + significant(p, 2)
}

// evenUpTo is how far above its equal share the fullest shard may be if the
// commands are to be called even.
const evenUpTo = 1.1

// hotShards have more than their equal share, if any has much more.
func hotShards(counts []int64) (hot []int) {
	mean := float64(total(counts)) / float64(max(1, len(counts)))
	if len(counts) < 2 || float64(slices.Max(counts)) <= evenUpTo*mean {
		return nil
	}
	for i, n := range counts {
		if float64(n) > mean {
			hot = append(hot, i)
		}
	}
	return hot
}

// balanceTitle tells how many shards have most of the commands, and whether chance
// explains how the keys lie.
func balanceTitle(set *series.Set, l *series.ShardLoad) string {
	of, n := onlyOf(set, l.Limiter), len(l.Names)
	keys := ""
	switch {
	case len(l.Keys) == 0:
		keys = "; which keys is not known"
	case total(l.Keys) == 0:
		keys = "; there is no key"
	case n == 1 || math.IsNaN(l.KeysP):
	case l.KeysP < measure.EvenAt:
		keys = "; the keys are uneven beyond chance (" + pWords(l.KeysP) + ")"
	default:
		keys = "; the keys are even (" + pWords(l.KeysP) + ")"
	}
	sum := total(l.Commands)
	if sum == 0 {
		return "No command" + of + " reached a shard" + keys
	}
	if n == 1 {
		return "One shard takes all " + wording.Counted(sum, "command") + of + onKeys(l)
	}
	hot := hotShards(l.Commands)
	if len(hot) == 0 {
		most := slices.Max(l.Commands)
		return fmt.Sprintf("The commands%s are even: the fullest of %s shards takes %s%s", of, spell(n), percent(float64(most)/float64(sum)), keys)
	}
	on := int64(0)
	for _, i := range hot {
		on += l.Commands[i]
	}
	verb := "take"
	if len(hot) == 1 {
		verb = "takes"
	}
	return fmt.Sprintf("%s of %s shards %s %s of the commands%s%s", sentence(spell(len(hot))), spell(n), verb, percent(float64(on)/float64(sum)), of, keys)
}

func onKeys(l *series.ShardLoad) string {
	if n := total(l.Keys); n > 0 {
		return ", on " + wording.Counted(n, "key")
	}
	return ""
}
