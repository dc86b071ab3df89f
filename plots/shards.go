package plots

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/plots/draw"
	"github.com/quotalab/quotalab/plots/series"
	"github.com/quotalab/quotalab/results/summary"
)

// shardFigures returns those of one record: for each limiter how keys and commands lie on the
// shards, when commands come to which, and the hottest keys.
func shardFigures(k *kit, set *series.Set) (all []draw.Figure) {
	if len(set.Shards) == 0 {
		f := without("shards", "No command reached a shard", unsharded(set))
		return []draw.Figure{f}
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

// shardFigure shows keys and commands by shard.
func (k *kit) shardFigure(set *series.Set, l *series.ShardLoad) draw.Figure {
	f := draw.Figure{Name: "shards-" + l.Limiter, Columns: 2, Title: balanceTitle(set, l)}
	keys, commands := k.shardBars(l, l.Keys, true), k.shardBars(l, l.Commands, false)
	f.Panels = []draw.Panel{
		k.shardPanel(l, "keys", keys, "nothing says which keys were used: the record does not hold all observations."),
		k.shardPanel(l, "commands", commands, "no command reached a shard after the warm-up."),
	}
	n := len(l.Names)
	if keys.After > 0 && fewKeys(l) {
		f.Note(chanceNote(l))
	} else if keys.After > 0 {
		chance := draw.Rects{Name: "where keys lie by chance, 95 %", Rects: []draw.Rect{{X0: l.KeysLow, Y0: 0, X1: l.KeysHigh, Y1: float64(n)}}, Look: k.BandLook()}
		edge := k.Plain(3, 2)
		f.Panels[0].Layers = keys.Layers([]draw.Layer{chance}, []draw.Layer{draw.Rule{At: l.KeysLow, Vertical: true, Look: edge}, draw.Rule{At: l.KeysHigh, Vertical: true, Look: edge}})
		f.Note(chanceNote(l))
	}
	if sum := total(l.Commands); sum > 0 && n > 1 {
		equal := draw.Rule{Name: "equal shares", At: float64(sum) / float64(n), Vertical: true, Look: k.Plain(1, 2)}
		f.Panels[1].Layers = commands.Layers(nil, []draw.Layer{equal})
	}
	return f
}

// shardBars returns bars of a count. Those of keys leave room for the band of chance.
func (k *kit) shardBars(l *series.ShardLoad, counts []int64, keys bool) draw.Bars {
	out := draw.Bars{Look: k.Nth(0)}
	if keys && len(l.Names) > 1 && !math.IsNaN(l.KeysHigh) {
		out.After = l.KeysHigh
	}
	hot := []int(nil)
	if !keys {
		hot = hotShards(counts)
	}
	for i, n := range counts {
		far := keys && (float64(n) < l.KeysLow || float64(n) > l.KeysHigh) // never of NaN
		b := draw.Bar{Name: l.Names[i], Value: float64(n), Label: unit.Thousands(n), Strong: keys || hot == nil || slices.Contains(hot, i)}
		if len(counts) > 1 && n > 0 {
			b.Label += " (" + tenth(float64(n)/float64(total(counts))) + ")"
		}
		if len(counts) > draw.MostNamed && !far && !slices.Contains(hot, i) && i != slices.Index(counts, slices.Max(counts)) {
			b.Label = "" // there is room for what stands out only
		}
		out.List = append(out.List, b)
	}
	return out
}

func (k *kit) shardPanel(l *series.ShardLoad, of string, b draw.Bars, none string) draw.Panel {
	if len(b.List) == 0 {
		return draw.Panel{Title: sentence(of) + " by shard", Empty: none, Height: k.RowsHeight(max(3, len(l.Names)))}
	}
	return draw.Panel{
		Title: sentence(of) + " by shard", X: k.BarAxis(of, b, 2), Y: draw.RowAxis("", k.Names(l.Names, 2)),
		Layers: b.Layers(nil, nil), Height: k.RowsHeight(len(l.Names)),
	}
}

// chanceNote says what the band and the p-value mean.
func chanceNote(l *series.ShardLoad) string {
	if fewKeys(l) {
		return fmt.Sprintf("Too few keys for the χ² test: %s a shard on average, and it needs five.", unit.Significant(float64(total(l.Keys))/float64(len(l.Keys)), 2))
	}
	note := "Between the dashed lines the keys of all shards lie at once in 95 of 100 runs, if each key falls on each shard alike. " + pMeans(l.KeysP)
	return note
}

// fewKeys reports whether a limiter's keys are too few to say whether they are even.
func fewKeys(l *series.ShardLoad) bool { return summary.FewKeys(total(l.Keys), len(l.Keys)) }

// pMeans says what a p-value is of.
func pMeans(p float64) string {
	switch {
	case math.IsNaN(p):
		return ""
	case p < 0.001:
		return "Chance alone is as uneven as here in fewer than 1 of 1,000 runs (p < 0.001)."
	}
	return fmt.Sprintf("Chance alone is at least as uneven as here in %s of 100 runs (%s).", unit.Significant(100*p, 2), pWords(p))
}

func pWords(p float64) string {
	if p < 0.001 {
		return "p < 0.001"
	}
	return "p = " + unit.Significant(p, 2)
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
	case fewKeys(l):
		keys = "; the keys are too few for a test of balance (fewer than five on average on each of " + spell(n) + " shards)"
	case l.KeysP < summary.EvenAt:
		keys = "; the keys are uneven beyond chance (" + pWords(l.KeysP) + ")"
	default:
		keys = "; the keys are even (" + pWords(l.KeysP) + ")"
	}
	sum := total(l.Commands)
	if sum == 0 {
		return "No command" + of + " reached a shard" + keys
	}
	if n == 1 {
		return "One shard takes all " + unit.Counted(sum, "command") + of + onKeys(l)
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
		return ", on " + unit.Counted(n, "key")
	}
	return ""
}

// mostCells of a heat map over time: an SVG of more is large, and the eye does not
// tell them apart.
const mostCells = 6000

func (k *kit) heatFigure(set *series.Set, l *series.ShardLoad) draw.Figure {
	f := draw.Figure{Name: "shard-load-" + l.Limiter, Columns: 1}
	if len(l.Heat) == 0 || len(l.Heat[0]) == 0 {
		f.Title = "When commands" + onlyOf(set, l.Limiter) + " came is not known"
		f.Panels = []draw.Panel{{Empty: "the record does not hold all observations, so only totals are known."}}
		return f
	}
	f.Title = heatTitle(set, l)
	rows, step := coarser(l.Heat, l.Step)
	x := make([]float64, len(rows[0])+1)
	for i := range x {
		x[i] = l.From + step*float64(i)
	}
	until := l.From + l.Step*float64(len(l.Heat[0]))
	x[len(x)-1] = until
	most := 0.0
	for _, row := range rows {
		most = max(most, slices.Max(row))
	}
	heat := draw.Cells{X: x, Rows: rows, Hi: draw.AmountAxis("", most).Max}
	faults := set.Timeline.Faults
	p := draw.Panel{X: draw.TimeAxis(l.From, until), Y: draw.RowAxis("", k.Names(l.Names, 1)), Shades: shades(faults), Height: k.RowsHeight(len(l.Names)), Layers: []draw.Layer{heat, draw.ShadeEdges(shades(faults))}}
	key := k.RampKey("commands per second", 0, heat.Hi)
	f.Panels = []draw.Panel{p, key}
	f.Note(strings.Replace(draw.ShadesNote(shades(faults)), "Shaded:", "At the dashed lines:", 1))
	f.Note(fmt.Sprintf("Rates in intervals of %s, by when requests were due.%s", unit.Amount(step, 3), warmupNote(&set.Timeline)))
	return f
}

// coarser intervals, if there are too many cells: means of as many as need be.
func coarser(heat [][]float64, step float64) ([][]float64, float64) {
	n := len(heat[0])
	by := (len(heat)*n + mostCells - 1) / mostCells
	if by <= 1 {
		return heat, step
	}
	out := make([][]float64, len(heat))
	for r, row := range heat {
		for i := 0; i < n; i += by {
			part := row[i:min(i+by, n)]
			sum := 0.0
			for _, v := range part {
				sum += v
			}
			out[r] = append(out[r], sum/float64(len(part)))
		}
	}
	return out, step * float64(by)
}

// staying is for what share of the time a shard is the busiest if it is said to
// stay it. Of two even ones either is for a half and a little more.
const staying = 2.0 / 3

// heatTitle tells which shard is the busiest for how long, or how much busier
// the busiest is, and the peak.
func heatTitle(set *series.Set, l *series.ShardLoad) string {
	of, h := onlyOf(set, l.Limiter), readHeat(l.Heat)
	if len(h.ratios) == 0 {
		return "No command" + of + " reached a shard"
	}
	peak := draw.Number(math.Round(l.Heat[h.shard][h.at])) + " commands per second"
	at := draw.Instant(l.From + l.Step*float64(h.at))
	if len(l.Heat) == 1 {
		return fmt.Sprintf("The one shard serves up to %s%s, at %s", peak, of, at)
	}
	longest := slices.Index(h.led, slices.Max(h.led))
	share, ratio := float64(h.led[longest])/float64(len(h.ratios)), middle(h.ratios)
	stays := share >= staying && ratio > evenUpTo
	switch {
	case stays && share == 1:
		return fmt.Sprintf("%s is always the busiest shard%s, with up to %s at %s", l.Names[longest], of, peak, at)
	case stays && h.shard == longest:
		return fmt.Sprintf("%s is the busiest shard%s for %s of the time, with up to %s at %s", l.Names[longest], of, percent(share), peak, at)
	case stays:
		return fmt.Sprintf("%s is the busiest shard%s for %s of the time; the peak is %s, on %s at %s", l.Names[longest], of, percent(share), peak, l.Names[h.shard], at)
	}
	return fmt.Sprintf("The busiest shard%s usually has %s times the mean; the peak is %s, on %s at %s", of, twoDigits(ratio), peak, l.Names[h.shard], at)
}

// heatReading is what a heat map shows at a glance.
type heatReading struct {
	led       []int     // by shard: intervals in which it is the busiest
	ratios    []float64 // of intervals with commands: the busiest shard's rate over the mean
	shard, at int       // of the peak
}

func readHeat(heat [][]float64) heatReading {
	h := heatReading{led: make([]int, len(heat))}
	for i := range heat[0] {
		first, sum := 0, 0.0
		for s := range heat {
			sum += heat[s][i]
			if heat[s][i] > heat[first][i] {
				first = s
			}
		}
		if sum == 0 {
			continue
		}
		h.led[first]++
		h.ratios = append(h.ratios, heat[first][i]/sum*float64(len(heat)))
		if heat[first][i] > heat[h.shard][h.at] {
			h.shard, h.at = first, i
		}
	}
	return h
}

// hottestFigure shows the keys with most decisions.
func (k *kit) hottestFigure(set *series.Set, l *series.ShardLoad) draw.Figure {
	f := draw.Figure{Name: "hot-keys-" + l.Limiter, Columns: 1}
	if len(l.Hottest) == 0 {
		f.Title = "Which keys" + onlyOf(set, l.Limiter) + " are hot is not known"
		f.Panels = []draw.Panel{{Empty: noHotKeys(set)}}
		return f
	}
	f.Title = hottestTitle(set, l)
	b := draw.Bars{Look: k.Nth(0)}
	var names []string
	several := severalLimits(l.Hottest)
	share := tenth
	if l.Hottest[0].Share < 0.01 {
		share = percent
	}
	for _, h := range l.Hottest {
		name := h.Key
		if several {
			name = h.Limit + " " + h.Key
		}
		names = append(names, name)
		label := fmt.Sprintf("%s (%s)", unit.Thousands(h.Decisions), share(h.Share))
		if h.Shard != "" {
			label += " on " + strings.ReplaceAll(h.Shard, ",", " and ")
		}
		b.List = append(b.List, draw.Bar{Name: name, Value: float64(h.Decisions), Label: label, Strong: true})
	}
	f.Panels = []draw.Panel{{Title: "Decisions by key", X: k.BarAxis("decisions", b, 1), Y: draw.RowAxis("", k.Names(names, 1)), Layers: b.Layers(nil, nil), Height: k.RowsHeight(len(names))}}
	if l.HotRest > 0 {
		f.Notes = []string{otherKeys(l) + " " + percent(l.HotRest) + " of the decisions."}
	}
	return f
}

// otherKeys counts those beside the hottest. One on several limits counts for each.
func otherKeys(l *series.ShardLoad) string {
	if others := total(l.Keys) - int64(len(l.Hottest)); others > 0 {
		return "The other " + unit.Counted(others, "key") + " have"
	}
	return "All other keys have"
}

func noHotKeys(set *series.Set) string {
	if !set.Manifest.Whole() {
		return "the record does not hold all observations."
	}
	return "no decision was on a key."
}

func severalLimits(list []series.HotKey) bool {
	for _, h := range list {
		if h.Limit != list[0].Limit {
			return true
		}
	}
	return false
}

// hottestTitle tells what share of the decisions the hottest keys have.
func hottestTitle(set *series.Set, l *series.ShardLoad) string {
	sum, of := 0.0, onlyOf(set, l.Limiter)
	for _, h := range l.Hottest {
		sum += h.Share
	}
	first := percent(l.Hottest[0].Share)
	switch n := len(l.Hottest); {
	case n == 1 && l.HotRest == 0:
		return "All decisions" + of + " are on one key"
	case n == 1:
		return fmt.Sprintf("One key has %s of the decisions%s", first, of)
	default:
		return fmt.Sprintf("The hottest key has %s of the decisions%s, the %s hottest have %s", first, of, spell(n), percent(min(sum, 1)))
	}
}
