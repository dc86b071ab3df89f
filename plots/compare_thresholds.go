package plots

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/plots/draw"
	"github.com/quotalab/quotalab/plots/series"
)

// engineRow is one engine of one record.
type engineRow struct {
	tally
	set    *series.Set
	record string
	delays series.Distribution
}

// share returns that of the notices due that were missed; NaN if none was due.
func (r *engineRow) share() float64 {
	if r.crossings == 0 {
		return math.NaN()
	}
	return share(r.missed, r.crossings)
}

// engineRows returns those of all records: an engine's beside each other.
func (c *comparison) engineRows() (rows []engineRow) {
	var order []string
	for i, s := range c.sets {
		if s.Thresholds == nil {
			continue
		}
		for _, of := range tallies(s.Thresholds) {
			row := engineRow{tally: of, set: s, record: c.names[i]}
			for _, d := range s.Thresholds.Delays {
				if d.Engine == of.engine {
					row.delays = d.Delays
				}
			}
			if !slices.Contains(order, of.engine) {
				order = append(order, of.engine)
			}
			rows = append(rows, row)
		}
	}
	slices.SortStableFunc(rows, func(a, b engineRow) int {
		return cmp.Compare(slices.Index(order, a.engine), slices.Index(order, b.engine))
	})
	return rows
}

// missedFigure compares what engines missed, and how late the rest was told.
func (c *comparison) missedFigure(rows []engineRow) draw.Figure {
	own := *c
	own.rows = nil
	for _, r := range rows {
		own.rows = append(own.rows, subject{set: r.set, name: subjectName(r.record, r.engine, len(r.set.Thresholds.Engines) == 1)})
	}
	own.rows, own.left, own.columns, own.shown = fitted(c.kit, own.rows, func(s subject) string { return s.name })
	rows = rows[:len(own.rows)]
	var shares []float64
	for i := range rows {
		shares = append(shares, 100*rows[i].share())
	}
	missed := own.barPanel(0, "Notices missed", "share of those due (%)", shares, func(i int, _ float64) string {
		return orNoneOf(rows[i]) + " of " + unit.Thousands(rows[i].crossings)
	})
	missed.X.Ticks = draw.UpTo(100, missed.X.Ticks)
	panels := []draw.Panel{missed}
	late, timed := own.delayPanel(rows)
	if timed {
		panels = append(panels, late)
	}
	f := own.figure("compare-missed", missedComparedTitle(rows), panels...)
	if timed {
		f.Note("How late: the dot is the median, the cross-line and the number are the 99th percentile, of the notices that were delivered.")
	}
	return f
}

// delayPanel shows the notices that were delivered; false if there are none.
func (c *comparison) delayPanel(rows []engineRow) (draw.Panel, bool) {
	lo, hi, n := math.Inf(1), 0.0, len(rows)
	late := draw.Reaches{Look: c.Nth(0)}
	var labels []string
	var none draw.Absent
	for i, r := range rows {
		if r.delays.N == 0 || len(r.delays.Grid) == 0 {
			none = append(none, draw.Says{Y: draw.MiddleOf(i, n), Word: "none delivered"})
			continue
		}
		p99 := quantile(99, r.delays)
		lo, hi, labels = min(lo, positive(r.delays)), max(hi, p99), append(labels, unit.Amount(p99, 2))
		late.List = append(late.List, draw.Reach{Y: draw.MiddleOf(i, n), From: quantile(50, r.delays), To: p99, Label: unit.Amount(p99, 2)})
	}
	names := c.namedAt(1, c.shown)
	x := draw.DelayTicked(draw.LatencyAxis("delay of the notice", lo/dotRoom, hi))
	return draw.Panel{Title: "How late", X: c.RoomFor(x, labels, names, c.columns), Y: draw.RowAxis("", names), Height: c.compareHeight(1), Layers: []draw.Layer{draw.Upright{}, late, none}}, len(late.List) > 0
}

// missedComparedTitle tells which engine differs most from record to record; where
// none does, which misses most and which least.
func missedComparedTitle(rows []engineRow) string {
	due := slices.DeleteFunc(slices.Clone(rows), func(r engineRow) bool { return r.crossings == 0 })
	if len(due) == 0 {
		return "Whether notices were missed is not known"
	}
	byShare := func(a, b engineRow) int { return cmp.Compare(a.share(), b.share()) }
	least, most := slices.MinFunc(due, byShare), slices.MaxFunc(due, byShare)
	if most.missed == 0 {
		sum := int64(0)
		for _, r := range due {
			sum += r.crossings
		}
		return fmt.Sprintf("No engine misses a notice, of %s in all records together", unit.Thousands(sum))
	}
	var low, high engineRow // of one engine
	for i := 0; i < len(due); {
		of := due[i:]
		if n := slices.IndexFunc(of, func(r engineRow) bool { return r.engine != due[i].engine }); n > 0 {
			of = of[:n]
		}
		i += len(of)
		a, b := slices.MinFunc(of, byShare), slices.MaxFunc(of, byShare)
		if high.crossings == 0 || b.share()-a.share() > high.share()-low.share() {
			low, high = a, b
		}
	}
	switch {
	case percent(low.share()) != percent(high.share()):
		return fmt.Sprintf("%s misses %s of its notices in %s, %s in %s", high.engine, percent(high.share()), high.record, orNoneOf(low), low.record)
	case percent(least.share()) == percent(most.share()):
		return fmt.Sprintf("Every engine misses %s of its notices, in every record", percent(most.share()))
	}
	return fmt.Sprintf("%s (%s) misses %s of its notices, %s (%s) %s", most.engine, most.record, percent(most.share()), least.engine, least.record, orNoneOf(least))
}

func orNoneOf(r engineRow) string {
	if r.missed == 0 {
		return "none"
	}
	return percent(r.share())
}
