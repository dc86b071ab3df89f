package plots

import (
	"strings"

	"github.com/quotalab/quotalab/results/series"
)

// clientLatency is what one client of a limiter waited.
type clientLatency struct {
	source
	of []series.OutcomeLatency
}

// byClient tells latencies apart as far as series do.
func byClient(of []series.OutcomeLatency) (list []clientLatency) {
	for _, o := range of {
		s := source{o.Limiter, o.Client}
		if len(list) == 0 || list[len(list)-1].source != s {
			list = append(list, clientLatency{source: s})
		}
		last := &list[len(list)-1]
		last.of = append(last.of, o)
	}
	return list
}

// median of all that a client waited.
func (c *clientLatency) median(v view) string {
	var all []series.Distribution
	for _, o := range c.of {
		all = append(all, v.of(o))
	}
	return amount(mixtureQuantile(all, 50), 3)
}

// n decisions that were timed.
func (c *clientLatency) n() (n int64) {
	for _, o := range c.of {
		n += o.Service.N
	}
	return n
}

// entitle the panels of one of several clients: whose they are, how often it finds no
// key, what share each outcome has and how long it waits. What the panels above and below say of the axes is not
// repeated, unless all stand in one column.
func (c *clientLatency) entitle(k *kit, set *series.Set, v view, panels []panel, first, last bool) {
	panels[0].title = c.client
	if lost := lostShare(set, c.source); lost > 0 {
		panels[0].title += ": " + percent(lost) + " of keys not found"
	}
	panels[1].title = c.client + ": " + c.median(v) + " at the median"
	for i, l := range panels[1].layers {
		one := l.(line)
		one.more = wholePercent(c.of[i].Service.N, c.n()) + " %"
		panels[1].layers[i] = one
	}
	for i := range panels {
		panels[i].height = k.frameHeight * 0.62
		if !first && !k.small {
			panels[i].y.label = ""
		}
		if !last && !k.small {
			panels[i].x.label = ""
		}
	}
}

// clientsTitle compares what clients of a limiter waited, and what they found.
func clientsTitle(set *series.Set, limiter string, told []clientLatency, v view) string {
	medians := map[string]bool{}
	var parts, names []string
	var of []source
	for i := range told {
		c := &told[i]
		median := c.median(v)
		medians[median] = true
		parts, names, of = append(parts, median+" for "+c.client), append(names, c.client), append(of, c.source)
		if i == 0 {
			parts[0] = median + " at the median for " + c.client
		}
	}
	title := "Decisions" + onlyOf(set, limiter) + " take "
	if len(medians) == 1 {
		title += told[0].median(v) + " at the median for " + and(names) + " alike"
	} else {
		title += strings.Join(parts, ", ")
	}
	return title + v.since + lostWords(set, of)
}
