package plots

import (
	"fmt"
	"strings"

	"github.com/quotalab/quotalab/results/series"
	"github.com/quotalab/quotalab/results/wording"
)

// hottestFigure of the keys with most decisions.
func (k *kit) hottestFigure(set *series.Set, l *series.ShardLoad) Figure {
	f := Figure{Name: "hot-keys-" + l.Limiter, columns: 1}
	if len(l.Hottest) == 0 {
		f.Title = "Which keys" + onlyOf(set, l.Limiter) + " are hot is not known"
		f.panels = []panel{{empty: noHotKeys(set)}}
		return f
	}
	f.Title = hottestTitle(set, l)
	b := bars{look: k.Nth(0)}
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
		label := fmt.Sprintf("%s (%s)", wording.Thousands(h.Decisions), share(h.Share))
		if h.Shard != "" {
			label += " on " + strings.ReplaceAll(h.Shard, ",", " and ")
		}
		b.list = append(b.list, bar{name: name, value: float64(h.Decisions), label: label, strong: true})
	}
	f.panels = []panel{{title: "Decisions by key", x: k.barAxis("decisions", b, 1), y: rowAxis("", k.names(names, 1)), layers: b.layers(nil, nil), height: k.rowsHeight(len(names))}}
	if l.HotRest > 0 {
		f.Notes = []string{otherKeys(l) + " " + percent(l.HotRest) + " of the decisions."}
	}
	return f
}

// otherKeys than the hottest. One on several limits counts for each.
func otherKeys(l *series.ShardLoad) string {
	if others := total(l.Keys) - int64(len(l.Hottest)); others > 0 {
		return "The other " + wording.Counted(others, "key") + " have"
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
