package plots

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/quotalab/quotalab/results/series"
	"github.com/quotalab/quotalab/results/wording"
)

// clockFigures set virtual against real time, for each scenario that was run in
// both: the first record of each.
func (c *comparison) clockFigures() (all []Figure) {
	var done []string
	for _, s := range c.sets {
		name := s.Manifest.Scenario
		if slices.Contains(done, name) {
			continue
		}
		done = append(done, name)
		virtual, real := c.first(name, "virtual"), c.first(name, "real")
		if virtual != nil && real != nil {
			all = append(all, c.clockFigure(name, virtual, real))
		}
	}
	return all
}

func (c *comparison) first(scenario, clock string) *series.Set {
	for _, s := range c.sets {
		if s.Manifest.Scenario == scenario && s.Manifest.Clock == clock {
			return s
		}
	}
	return nil
}

// clockRow is one outcome in both clocks: what share of its limiter's decisions
// it has, and how long it takes; NaN where it did not happen.
type clockRow struct {
	name          string
	share         [2]float64
	median, worst [2]float64 // worst: 99th percentile
}

func (c *comparison) clockFigure(scenario string, virtual, real *series.Set) Figure {
	rows := clockRows([2]*series.Set{virtual, real})
	f := Figure{Name: "virtual-real-" + scenario, Subtitle: fmt.Sprintf("%s · %s in virtual time, %s in real time", scenario, wording.Counted(decisions(virtual), "decision"), wording.Counted(decisions(real), "decision"))}
	f.Subtitle = strings.Join(append([]string{f.Subtitle}, marks(real)...), " · ")
	if len(rows) == 0 {
		f.Title, f.panels = "Neither clock has a decision", []panel{{empty: "no request was decided after the warm-up."}}
		return f
	}
	own := *c
	if extra := len(rows) - mostCompared; extra > 0 {
		f.note(fmt.Sprintf("Not drawn: %d more, from %s on.", extra, rows[mostCompared].name))
		rows = rows[:mostCompared]
	}
	var names []string
	for _, r := range rows {
		names = append(names, r.name)
	}
	own.columns, own.shown = c.besides(names)
	f.columns = own.columns
	f.Title = clockTitle(virtual, real, rows)
	f.panels = []panel{own.sharePanel(rows), own.clockLatencyPanel(rows)}
	if f.panels[1].empty == "" {
		f.note("Latency: the dot is the median, the cross-line and the number are the 99th percentile.")
		f.note(pipelinedNote(real))
	}
	return f
}

// clocks are what the two of each row look like.
func (c *comparison) clocks() [2]reaches {
	return [2]reaches{{name: "virtual time", look: c.Nth(0)}, {name: "real time", look: c.Nth(1), shape: draw.BoxGlyph{}}}
}

// clockPanel of two reaches a row, NaN none.
func (c *comparison) clockPanel(title string, x axis, rows []clockRow, names []string, of func(r clockRow, clock int) reach) panel {
	kinds, n := c.clocks(), len(rows)
	var labels []string
	for i, r := range rows {
		for j := range kinds {
			one := of(r, j)
			if math.IsNaN(one.from) {
				continue
			}
			one.y = middleOf(i, n) + 0.22*float64(1-2*j)
			labels, kinds[j].list = append(labels, one.label), append(kinds[j].list, one)
		}
	}
	height := vg.Length(n) * max(c.pitch(), 2.2*lineHeight(c.fine)+4)
	if len(labels) == 0 {
		return panel{title: title, height: height, empty: "nothing was measured."}
	}
	return panel{title: title, height: height, x: c.roomFor(x, labels, names, c.columns), y: rowAxis("", names), layers: []layer{upright{}, rowLines(n), kinds[0], kinds[1]}}
}

func (c *comparison) sharePanel(rows []clockRow) panel {
	most := 1.0
	for _, r := range rows {
		for _, v := range r.share {
			if 100*v > most { // never of NaN
				most = 100 * v
			}
		}
	}
	return c.clockPanel("How often", axis{label: "share of the decisions (%)", max: most, ticks: upTo(100, roundTicks)}, rows, c.shown, func(r clockRow, clock int) reach {
		v := r.share[clock]
		if v == 0 {
			return reach{label: "none"}
		}
		return reach{from: 100 * v, to: 100 * v, label: tenth(v)}
	})
}

func (c *comparison) clockLatencyPanel(rows []clockRow) panel {
	lo, hi := math.Inf(1), 0.0
	for _, r := range rows {
		for j, v := range r.median {
			if v > 0 {
				lo = min(lo, v)
			}
			if r.worst[j] > hi {
				hi = r.worst[j]
			}
		}
	}
	return c.clockPanel("How long", latencyAxis("latency, sent to done", lo/dotRoom, hi), rows, c.namedAt(1, c.shown), func(r clockRow, clock int) reach {
		return reach{from: r.median[clock], to: r.worst[clock], label: amount(r.worst[clock], 2)}
	})
}

// clockTitle tells how near virtual time is to real time: in what share of the
// decisions each outcome has, and in the median of all latencies.
func clockTitle(virtual, real *series.Set, rows []clockRow) string {
	apart := 0.0
	for _, r := range rows {
		if d := math.Abs(r.share[0] - r.share[1]); d > apart { // never of NaN
			apart = d
		}
	}
	title := fmt.Sprintf("Virtual and real time agree on outcomes within %s percentage points", significant(100*apart, 2))
	switch {
	case apart < 0.0005:
		title = "Virtual and real time have the same outcomes"
	case apart >= 0.05:
		title = fmt.Sprintf("Virtual and real time differ in outcomes by up to %s percentage points", significant(100*apart, 2))
	}
	v, r := quantile(50, services(virtual)...), quantile(50, services(real)...)
	if v > 0 && r > 0 {
		title += fmt.Sprintf("; the median latency is %s and %s", amount(v, 2), amount(r, 2))
	}
	return title
}

func services(s *series.Set) (all []series.Distribution) {
	for _, o := range s.Latency {
		all = append(all, o.Service)
	}
	return all
}
