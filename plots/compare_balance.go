package plots

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/plot/vg/draw"

	"github.com/quotalab/quotalab/results/measure"
	"github.com/quotalab/quotalab/results/series"
)

// balanceFigure compares how far the fullest shard is above its equal share.
func (c *comparison) balanceFigure() Figure {
	keys := reaches{name: "keys, and the p-value of their balance", look: c.Nth(2), shape: draw.BoxGlyph{}}
	commands := reaches{name: "commands", look: c.Nth(0)}
	names, n := c.shown, len(c.rows)
	var none absent
	most, uneven := 1.0, 0
	top, topName := 0.0, ""
	var labels []string
	for i, r := range c.rows {
		l, why := r.load()
		y := middleOf(i, n)
		if why != "" {
			none = append(none, says{y, why})
			continue
		}
		if v := peakToMean(l.Commands); v > 0 {
			commands.list = append(commands.list, reach{y + 0.22, v, v, twoDigits(v)})
			if v > top {
				top, topName = v, r.name
			}
		}
		if v := peakToMean(l.Keys); v > 0 {
			keys.list = append(keys.list, reach{y - 0.22, v, v, twoDigits(v) + ", " + pWords(l.KeysP)})
			most = max(most, v)
			if l.KeysP < measure.EvenAt {
				uneven++
			}
		}
		most = max(most, top)
	}
	if len(keys.list)+len(commands.list) == 0 {
		return c.figure("compare-balance", "There is no balance of shards to compare", panel{empty: "no record has commands on several shards."})
	}
	for _, r := range slices.Concat(keys.list, commands.list) {
		labels = append(labels, r.label)
	}
	x := c.roomFor(axis{label: "fullest shard over the mean of all", min: 1 - max((most-1)*0.03, 0.003), max: 1 + max((most-1)*1.02, 0.1)}, labels, names, 1)
	p := panel{x: x, y: rowAxis("", names), height: c.compareHeight(2), layers: []layer{upright{}, rowLines(n), commands, keys, none}}
	return c.figure("compare-balance", balanceWords(top, topName, len(keys.list), uneven), p)
}

// balanceWords tell the worst of the commands, and whether chance explains the
// keys.
func balanceWords(top float64, name string, known, uneven int) string {
	keys := "keys are not known"
	switch {
	case known == 0:
	case uneven == 0:
		keys = "chance explains how keys lie"
	default:
		keys = fmt.Sprintf("in %s of %s keys are uneven beyond chance", spell(uneven), spell(known))
	}
	if top == 0 {
		return sentence(keys)
	}
	return fmt.Sprintf("The fullest shard has up to %s times the mean of commands, with %s; %s", twoDigits(top), name, keys)
}

// load of a subject on shards, or why there is no balance to tell.
func (s *subject) load() (*series.ShardLoad, string) {
	for i := range s.set.Shards {
		if l := &s.set.Shards[i]; l.Limiter == s.limiter {
			if len(l.Names) < 2 {
				return nil, "one shard"
			}
			return l, ""
		}
	}
	return nil, "not known"
}

func twoDigits(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) }

// peakToMean of counts; NaN of none.
func peakToMean(counts []int64) float64 {
	sum := total(counts)
	if sum == 0 {
		return math.NaN()
	}
	return float64(slices.Max(counts)) * float64(len(counts)) / float64(sum)
}
