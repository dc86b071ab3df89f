package plots

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/plots/draw"
	"github.com/quotalab/quotalab/plots/series"
	"github.com/quotalab/quotalab/results/summary"
)

// mostCompared is how many rows one figure has; of more the others are named
// in a note.
const mostCompared = 24

func compareFigures(k *kit, sets []*series.Set) (all []draw.Figure) {
	c := newComparison(k, sets)
	if len(sets) < 2 {
		return []draw.Figure{c.figure("compare", "There is nothing to compare", draw.Panel{Empty: "a comparison takes several records."})}
	}
	if len(c.rows) > 0 {
		all = append(all, c.latencyFigure(), c.admissionFigure(), c.balanceFigure())
		all = append(all, c.clockFigures()...)
	}
	if rows := c.engineRows(); len(rows) > 0 && len(c.which(ofEngines.in)) > 1 {
		all = append(all, c.missedFigure(rows))
	}
	if len(all) == 0 {
		all = append(all, c.figure("compare", "There is nothing to compare", draw.Panel{Empty: "no record has a limiter that decided anything, and no two have an engine."}))
	}
	return all
}

// subject is one side of a comparison: one limiter, or engine, of one record.
type subject struct {
	set     *series.Set
	limiter string
	name    string
}

// comparison holds what figures on several records share.
type comparison struct {
	*kit
	sets    []*series.Set
	names   []string // of the sets
	rows    []subject
	left    string // what is left out, in words
	columns int    // of panels: one if names are long
	shown   []string
}

func newComparison(k *kit, sets []*series.Set) *comparison {
	c := &comparison{kit: k, sets: sets, names: RecordNames(sets), columns: 2}
	for i, s := range sets {
		of := limiters(s)
		for _, l := range of {
			c.rows = append(c.rows, subject{s, l, subjectName(c.names[i], l, len(of) == 1)})
		}
	}
	c.rows, c.left, c.columns, c.shown = fitted(k, c.rows, func(s subject) string { return s.name })
	return c
}

// fitted returns as many rows as one figure has, what is left out in words, in how many
// columns panels of these rows stand, and the names that fit.
func fitted[R any](k *kit, rows []R, name func(R) string) (some []R, left string, columns int, shown []string) {
	if extra := len(rows) - mostCompared; extra > 0 {
		left = fmt.Sprintf("Not drawn: %d more, from %s on.", extra, name(rows[mostCompared]))
		rows = rows[:mostCompared]
	}
	var names []string
	for _, r := range rows {
		names = append(names, name(r))
	}
	columns, shown = k.besides(names)
	return rows, left, columns, shown
}

// subjectName is the limiter's with the record's, or the record's alone if
// that says it.
func subjectName(record, limiter string, only bool) string {
	switch {
	case record == "":
		return limiter
	case only && strings.Contains(record, limiter):
		return record
	}
	return limiter + " (" + record + ")"
}

// besides is in how many columns panels of the same rows stand, and the names
// that fit. Only the first in each line of panels has names.
func (k *kit) besides(names []string) (columns int, shown []string) {
	columns = 2
	if k.Small {
		columns = 1
	}
	for _, name := range names {
		if k.Fine.Width(name) > k.PanelWidth(2)/2 {
			columns = 1
		}
	}
	return columns, k.ClipAll(names, k.PanelWidth(columns)/2)
}

// namedAt are the names that the i-th panel has.
func (c *comparison) namedAt(i int, names []string) []string {
	if i%c.columns == 0 {
		return names
	}
	return make([]string, len(names))
}

// figure returns a figure of some panels, with all that figures of a comparison share.
func (c *comparison) figure(name, title string, panels ...draw.Panel) draw.Figure {
	f := draw.Figure{Name: name, Title: title, Subtitle: c.subtitle(), Panels: panels, Columns: min(c.columns, len(panels))}
	f.Note(c.left)
	return f
}

func (c *comparison) subtitle() string {
	var scenarios []string
	for _, s := range c.sets {
		if !slices.Contains(scenarios, s.Manifest.Scenario) {
			scenarios = append(scenarios, s.Manifest.Scenario)
		}
	}
	n := int64(0)
	for _, s := range c.sets {
		n += decisions(s)
	}
	of := and(scenarios)
	if len(scenarios) > 4 {
		of = fmt.Sprintf("%d scenarios", len(scenarios))
	}
	words := fmt.Sprintf("%s · %s", of, unit.Counted(int64(len(c.sets)), "record"))
	if n > 0 {
		words += " · " + unit.Counted(n, "decision")
	}
	if accounts := c.accounts(); accounts > 0 {
		words += " · " + unit.Counted(accounts, "account")
	}
	invalid := c.which(func(s *series.Set) bool {
		return !s.Manifest.Complete || s.Summary != nil && !s.Summary.Valid
	})
	if len(invalid) > 0 {
		words += " · not valid: " + and(invalid)
	}
	if names := c.pipelined(); len(names) > 0 {
		words += " · auto-pipelined: " + and(names)
	}
	return words
}

func (c *comparison) accounts() (n int64) {
	for _, s := range c.sets {
		if s.Thresholds != nil {
			n += s.Thresholds.Accounts
		}
	}
	return n
}

// which records a condition holds for, by name.
func (c *comparison) which(holds func(*series.Set) bool) (names []string) {
	for i, s := range c.sets {
		if holds(s) {
			names = append(names, c.names[i])
		}
	}
	return names
}

// pipelined are the records in which the latency is not that of a request by
// itself.
func (c *comparison) pipelined() []string {
	return c.which(func(s *series.Set) bool { return len(pipelining(s)) > 0 })
}

// pipelinedNote says what that does to latency.
func (c *comparison) pipelinedNote() string {
	names := c.pipelined()
	if len(names) == 0 {
		return ""
	}
	return hidesQueueing("in " + and(names))
}

// compareHeight returns the height of a panel in which each row has as many lines.
func (c *comparison) compareHeight(lines int) vg.Length {
	return vg.Length(len(c.rows)) * max(c.Pitch(), vg.Length(lines)*draw.LineHeight(c.Fine)*1.1+4)
}

// metricOf returns a metric of a subject; false if its record does not know it.
func (s *subject) metricOf(name string) (summary.Metric, bool) {
	if s.set.Summary == nil {
		return summary.Metric{}, false
	}
	return ofLimiterMetric(s.set.Summary, name, s.limiter)
}

// clockFigures compares virtual with real time, for each scenario that was run in
// both: the first record of each.
func (c *comparison) clockFigures() (all []draw.Figure) {
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

func (c *comparison) clockFigure(scenario string, virtual, real *series.Set) draw.Figure {
	rows := clockRows([2]*series.Set{virtual, real})
	f := draw.Figure{Name: "virtual-real-" + scenario, Subtitle: fmt.Sprintf("%s · %s in virtual time, %s in real time", scenario, unit.Counted(decisions(virtual), "decision"), unit.Counted(decisions(real), "decision"))}
	f.Subtitle = strings.Join(append([]string{f.Subtitle}, marks(real)...), " · ")
	if len(rows) == 0 {
		f.Title, f.Panels = "Neither clock has a decision", []draw.Panel{{Empty: "no request was decided after the warm-up."}}
		return f
	}
	own := *c
	rows, own.left, own.columns, own.shown = fitted(c.kit, rows, func(r clockRow) string { return r.name })
	f.Note(own.left)
	f.Columns = own.columns
	f.Title = clockTitle(virtual, real, rows)
	f.Panels = []draw.Panel{own.sharePanel(rows), own.clockLatencyPanel(rows)}
	if f.Panels[1].Empty == "" {
		f.Note("Latency: the dot is the median, the cross-line and the number are the 99th percentile.")
		f.Note(pipelinedNote(real))
	}
	return f
}

// clockPanel has two reaches a row, NaN none.
func (c *comparison) clockPanel(title string, x draw.Axis, rows []clockRow, names []string, of func(r clockRow, clock int) draw.Reach) draw.Panel {
	kinds := [2]draw.Reaches{{Name: "virtual time", Look: c.Nth(0)}, {Name: "real time", Look: c.Nth(1), Shape: draw.Box}}
	n := len(rows)
	var labels []string
	for i, r := range rows {
		for j := range kinds {
			one := of(r, j)
			if math.IsNaN(one.From) {
				continue
			}
			one.Y = draw.MiddleOf(i, n) + 0.22*float64(1-2*j)
			labels, kinds[j].List = append(labels, one.Label), append(kinds[j].List, one)
		}
	}
	height := vg.Length(n) * max(c.Pitch(), 2.2*draw.LineHeight(c.Fine)+4)
	if len(labels) == 0 {
		return draw.Panel{Title: title, Height: height, Empty: "nothing was measured."}
	}
	return draw.Panel{Title: title, Height: height, X: c.RoomFor(x, labels, names, c.columns), Y: draw.RowAxis("", names), Layers: []draw.Layer{draw.Upright{}, draw.RowLines(n), kinds[0], kinds[1]}}
}

func (c *comparison) sharePanel(rows []clockRow) draw.Panel {
	most := 1.0
	for _, r := range rows {
		for _, v := range r.share {
			if 100*v > most { // never of NaN
				most = 100 * v
			}
		}
	}
	return c.clockPanel("How often", draw.Axis{Label: "share of the decisions (%)", Max: most, Ticks: draw.UpTo(100, draw.RoundTicks)}, rows, c.shown, func(r clockRow, clock int) draw.Reach {
		v := r.share[clock]
		if v == 0 {
			return draw.Reach{Label: "none"}
		}
		return draw.Reach{From: 100 * v, To: 100 * v, Label: tenth(v)}
	})
}

func (c *comparison) clockLatencyPanel(rows []clockRow) draw.Panel {
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
	return c.clockPanel("How long", draw.LatencyAxis("latency, sent to done", lo/dotRoom, hi), rows, c.namedAt(1, c.shown), func(r clockRow, clock int) draw.Reach {
		return draw.Reach{From: r.median[clock], To: r.worst[clock], Label: unit.Amount(r.worst[clock], 2)}
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
	title := fmt.Sprintf("Virtual and real time agree on outcomes within %s percentage points", unit.Significant(100*apart, 2))
	switch {
	case apart < 0.0005:
		title = "Virtual and real time have the same outcomes"
	case apart >= 0.05:
		title = fmt.Sprintf("Virtual and real time differ in outcomes by up to %s percentage points", unit.Significant(100*apart, 2))
	}
	v, r := quantile(50, services(virtual)...), quantile(50, services(real)...)
	if v > 0 && r > 0 {
		title += fmt.Sprintf("; the median latency is %s and %s", unit.Amount(v, 2), unit.Amount(r, 2))
	}
	return title
}

func services(s *series.Set) (all []series.Distribution) {
	for _, o := range s.Latency {
		all = append(all, o.Service)
	}
	return all
}

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
