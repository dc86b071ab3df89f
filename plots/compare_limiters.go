package plots

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/plots/draw"
	"github.com/quotalab/quotalab/plots/series"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
)

// admissionFigure compares over-admission and the worst excess.
func (c *comparison) admissionFigure() draw.Figure {
	over, known := c.judged("over_admission")
	if known == 0 {
		return c.figure("compare-admission", "What should have been admitted is not known", draw.Panel{Empty: "no decision of any record could be compared with a reference."})
	}
	worst, _ := c.judged("worst_excess")
	of := "requests"
	for _, r := range c.rows {
		if overUnit(r.set.Summary, r.limiter) == "token" {
			of = "requests, or tokens where costs differ"
		}
	}
	return c.figure("compare-admission", c.admissionTitle(over),
		c.barPanel(0, sentence("over-admission"), of, over, func(_ int, v float64) string { return unit.Thousands(int64(v)) }),
		c.barPanel(1, "Above burst + t/T on the worst key", "tokens", worst, func(_ int, v float64) string { return unit.Significant(v, 3) }))
}

// judged is a metric of the audit by row, NaN where it is not known.
func (c *comparison) judged(name string) (values []float64, known int) {
	for _, r := range c.rows {
		v := math.NaN()
		if m, ok := r.metricOf(name); ok {
			v = float64(m.Count)
			if m.Value != nil {
				v = *m.Value
			}
			known++
		}
		values = append(values, v)
	}
	return values, known
}

func (c *comparison) barPanel(place int, title, unit string, values []float64, label func(row int, v float64) string) draw.Panel {
	b := draw.Bars{Look: c.Nth(1), Named: true}
	names, n := c.namedAt(place, c.shown), len(c.rows)
	var none draw.Absent
	for i, v := range values {
		one := draw.Bar{Name: c.rows[i].name, Strong: true}
		if math.IsNaN(v) {
			none = append(none, draw.Says{Y: draw.MiddleOf(i, n), Word: "not known"})
		} else {
			one.Value, one.Label = v, label(i, v)
		}
		b.List = append(b.List, one)
	}
	return draw.Panel{Title: title, X: c.BarAxisBeside(unit, b, names, c.columns), Y: draw.RowAxis("", names), Height: c.compareHeight(1), Layers: append(b.Layers(nil, nil), none)}
}

// admissionTitle says whose over-admission is how much.
func (c *comparison) admissionTitle(over []float64) string {
	var words []string
	least, most, known := -1, -1, 0
	for i, v := range over {
		if math.IsNaN(v) {
			continue
		}
		known++
		if least < 0 || v < over[least] {
			least = i
		}
		if most < 0 || v > over[most] {
			most = i
		}
		words = append(words, fmt.Sprintf("%s %s", c.rows[i].name, orNone(v)))
	}
	switch {
	case over[most] == 0 && known == len(over):
		return fmt.Sprintf("Over-admission is 0 with %s", all(known))
	case over[most] == 0:
		return fmt.Sprintf("Over-admission is 0 with the %s that could be judged", spell(known))
	case known <= 3:
		return "Over-admission: " + and(words)
	}
	return fmt.Sprintf("Over-admission is %s with %s, %s with %s", unit.Thousands(int64(over[most])), c.rows[most].name, orNone(over[least]), c.rows[least].name)
}

func orNone(v float64) string {
	if v == 0 {
		return "none"
	}
	return unit.Thousands(int64(v))
}

// balanceFigure compares how far the fullest shard is above its equal share.
func (c *comparison) balanceFigure() draw.Figure {
	keys := draw.Reaches{Name: "keys, and the p-value of their balance", Look: c.Nth(2), Shape: draw.Box}
	commands := draw.Reaches{Name: "commands", Look: c.Nth(0)}
	names, n := c.shown, len(c.rows)
	var none draw.Absent
	most, uneven, few := 1.0, 0, 0
	top, topName := 0.0, ""
	var labels []string
	for i, r := range c.rows {
		l, why := r.load()
		y := draw.MiddleOf(i, n)
		if why != "" {
			none = append(none, draw.Says{Y: y, Word: why})
			continue
		}
		if v := peakToMean(l.Commands); v > 0 {
			commands.List = append(commands.List, draw.Reach{Y: y + 0.22, From: v, To: v, Label: twoDigits(v)})
			if v > top {
				top, topName = v, r.name
			}
		}
		if v := peakToMean(l.Keys); v > 0 {
			keys.List = append(keys.List, draw.Reach{Y: y - 0.22, From: v, To: v, Label: twoDigits(v) + ", " + balanceWord(l)})
			most = max(most, v)
			switch {
			case fewKeys(l):
				few++
			case l.KeysP < summary.EvenAt:
				uneven++
			}
		}
		most = max(most, top)
	}
	if len(keys.List)+len(commands.List) == 0 {
		return c.figure("compare-balance", "There is no balance of shards to compare", draw.Panel{Empty: "no record has commands on several shards."})
	}
	for _, r := range slices.Concat(keys.List, commands.List) {
		labels = append(labels, r.Label)
	}
	x := c.RoomFor(draw.Axis{Label: "fullest shard over the mean of all", Min: 1 - max((most-1)*0.03, 0.003), Max: 1 + max((most-1)*1.02, 0.1)}, labels, names, 1)
	p := draw.Panel{X: x, Y: draw.RowAxis("", names), Height: c.compareHeight(2), Layers: []draw.Layer{draw.Upright{}, draw.RowLines(n), commands, keys, none}}
	return c.figure("compare-balance", balanceWords(top, topName, len(keys.List), uneven, few), p)
}

// balanceWord returns the p-value of how keys lie, or that they are too few for one.
func balanceWord(l *series.ShardLoad) string {
	if fewKeys(l) {
		return "too few keys"
	}
	return pWords(l.KeysP)
}

// balanceWords returns the worst of the commands, and whether chance explains the
// keys.
func balanceWords(top float64, name string, known, uneven, few int) string {
	keys := "keys are not known"
	switch {
	case known == 0:
	case few == known:
		keys = "keys are too few for a test of their balance"
	case uneven == 0 && few > 0:
		keys = fmt.Sprintf("chance explains how keys lie, but for %s with too few keys to tell", spell(few))
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

// load returns the load of a subject on shards, or why there is no balance to tell.
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

// peakToMean returns the largest of counts over their mean; NaN of none.
func peakToMean(counts []int64) float64 {
	sum := total(counts)
	if sum == 0 {
		return math.NaN()
	}
	return float64(slices.Max(counts)) * float64(len(counts)) / float64(sum)
}

// keyOrder is the order of summaries.
var keyOrder = append(metric.KeyStates(), "")

// group holds outcomes of one limiter, of all its clients, that are compared as one.
type group struct {
	name     string
	outcomes []series.Outcome
}

// groupsOf returns the outcomes of two sets, by limiter, then as in the catalogue. Where
// the two do not know the same states of keys (a real server does not tell what
// a script found), only decisions are compared.
func groupsOf(sets [2]*series.Set) (all []group) {
	names := limiters(sets[0])
	for _, name := range limiters(sets[1]) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	names = append(names, "") // what was dropped has no limiter
	for _, limiter := range names {
		alike := slices.Equal(statesOf(sets[0], limiter), statesOf(sets[1], limiter))
		for _, g := range groupsOfLimiter(sets, limiter, alike) {
			if len(names) > 2 && limiter != "" {
				g.name = limiter + ": " + g.name
			}
			all = append(all, g)
		}
	}
	return all
}

func groupsOfLimiter(sets [2]*series.Set, limiter string, byKey bool) (all []group) {
	for _, decision := range metric.Decisions() {
		g := group{name: decisionName(string(decision))}
		for _, key := range keyOrder {
			o := series.Outcome{Limiter: limiter, Decision: string(decision), Key: string(key)}
			if countOf(sets[0], o)+countOf(sets[1], o) == 0 {
				continue
			}
			if byKey {
				all = append(all, group{outcomeName(o), []series.Outcome{o}})
			}
			g.outcomes = append(g.outcomes, o)
		}
		if !byKey && len(g.outcomes) > 0 {
			all = append(all, g)
		}
	}
	return all
}

// statesOf returns the states of keys that a limiter's decisions are told by.
func statesOf(s *series.Set, limiter string) (states []string) {
	for _, key := range keyOrder {
		for _, o := range s.Timeline.Outcomes {
			if o.Limiter == limiter && o.Key == string(key) && total(o.Count) > 0 {
				states = append(states, string(key))
				break
			}
		}
	}
	return states
}

func countOf(s *series.Set, of series.Outcome) (n int64) {
	for _, o := range s.Timeline.Outcomes {
		if o.OfAll() == of {
			n += total(o.Count)
		}
	}
	return n
}

func clockRows(sets [2]*series.Set) (rows []clockRow) {
	for _, g := range groupsOf(sets) {
		row := clockRow{name: g.name}
		for i, s := range sets {
			row.share[i] = shareOf(s, g)
			var of []series.Distribution
			for _, d := range s.Latency {
				if slices.Contains(g.outcomes, d.OfAll()) && d.Service.N > 0 {
					of = append(of, d.Service)
				}
			}
			row.median[i], row.worst[i] = math.NaN(), math.NaN()
			if len(of) > 0 {
				row.median[i], row.worst[i] = quantile(50, of...), quantile(99, of...)
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// shareOf returns the share of the decisions of its limiter that a group has; NaN if it has decided
// nothing.
func shareOf(s *series.Set, g group) float64 {
	own, all := int64(0), int64(0)
	for _, o := range s.Timeline.Outcomes {
		if o.Limiter == g.outcomes[0].Limiter {
			all += total(o.Count)
		}
	}
	for _, o := range g.outcomes {
		own += countOf(s, o)
	}
	if all == 0 {
		return math.NaN()
	}
	return float64(own) / float64(all)
}

// latencyFigure compares medians and 99th percentiles by outcome: a panel a
// decision, a line a state of the key.
func (c *comparison) latencyFigure() draw.Figure {
	lo, hi, lines := math.Inf(1), 0.0, 1
	var decided, labels []string
	for _, d := range metric.Decisions() {
		any := false
		for _, r := range c.rows {
			timed := r.timed(string(d))
			any, lines = any || len(timed) > 0, max(lines, len(timed))
			for _, o := range timed {
				p99 := quantile(99, o.all...)
				hi, labels = max(hi, p99), append(labels, unit.Amount(p99, 2))
				for _, d := range o.all {
					lo = min(lo, positive(d))
				}
			}
		}
		if any {
			decided = append(decided, string(d))
		}
	}
	if len(decided) == 0 {
		return c.figure("compare-latency", "No latency was measured", draw.Panel{Empty: "no request of any record was sent and answered after the warm-up."})
	}
	var panels []draw.Panel
	for i, d := range decided {
		of := *c
		if i == len(decided)-1 && i%c.columns == 0 { // no panel beside it has the same rows
			of = c.deciding(d)
		}
		names := c.namedAt(i, of.shown)
		x := c.RoomFor(draw.LatencyAxis("latency, sent to done", lo/dotRoom, hi), labels, names, c.columns)
		panels = append(panels, of.latencyPanel(d, x, names, lines))
	}
	f := c.figure("compare-latency", c.latencyTitle(decided[0]), panels...)
	f.Note("Dot: median. Cross-line and number: 99th percentile.")
	f.Note(c.pipelinedNote())
	return f
}

// dotRoom is how much further down an axis goes than the dots on it.
const dotRoom = 1.15

// deciding are the rows that have a decision.
func (c *comparison) deciding(decision string) comparison {
	some := *c
	some.rows, some.shown = nil, nil
	for i, r := range c.rows {
		if len(r.timed(decision)) > 0 {
			some.rows, some.shown = append(some.rows, r), append(some.shown, c.shown[i])
		}
	}
	return some
}

func quantile(p float64, of ...series.Distribution) float64 { return mixtureQuantile(of, p) }

// timedOutcome is how long decisions of an outcome took, of all clients.
type timedOutcome struct {
	series.Outcome
	all []series.Distribution
}

// timed outcomes of a decision.
func (s *subject) timed(decision string) (of []timedOutcome) {
	for _, o := range s.set.Latency {
		if o.Limiter != s.limiter || o.Decision != decision || o.Service.N == 0 || len(o.Service.Grid) == 0 {
			continue
		}
		i := slices.IndexFunc(of, func(t timedOutcome) bool { return t.Outcome == o.OfAll() })
		if i < 0 {
			i = len(of)
			of = append(of, timedOutcome{Outcome: o.OfAll()})
		}
		of[i].all = append(of[i].all, o.Service)
	}
	return of
}

// latencyPanel shows one decision; each row has room for as many lines.
func (c *comparison) latencyPanel(decision string, x draw.Axis, names []string, lines int) draw.Panel {
	if c.columns == 1 { // rows are not level with those of another panel
		lines = 1
		for _, r := range c.rows {
			lines = max(lines, len(r.timed(decision)))
		}
	}
	n := len(c.rows)
	var kinds []draw.Reaches
	var none draw.Absent
	for i, r := range c.rows {
		timed := r.timed(decision)
		if len(timed) == 0 {
			none = append(none, draw.Says{Y: draw.MiddleOf(i, n), Word: "none"})
		}
		for j, o := range timed {
			y := draw.MiddleOf(i, n) + (float64(len(timed)-1)/2-float64(j))/float64(lines)*0.9
			p99 := quantile(99, o.all...)
			kinds = c.addReach(kinds, o.Outcome, draw.Reach{Y: y, From: quantile(50, o.all...), To: p99, Label: unit.Amount(p99, 2)})
		}
	}
	p := draw.Panel{Title: sentence(decisionsOf(decision)), X: x, Y: draw.RowAxis("", names), Height: c.compareHeight(lines), Layers: []draw.Layer{draw.Upright{}, draw.RowLines(n)}}
	for _, l := range kinds {
		p.Layers = append(p.Layers, l)
	}
	p.Layers = append(p.Layers, none)
	return p
}

// addReach adds one to those of its outcome.
func (c *comparison) addReach(kinds []draw.Reaches, o series.Outcome, one draw.Reach) []draw.Reaches {
	name := outcomeName(o)
	i := slices.IndexFunc(kinds, func(l draw.Reaches) bool { return l.Name == name })
	if i < 0 {
		i = len(kinds)
		kinds = append(kinds, draw.Reaches{Name: name, Look: c.outcome(o), Shape: lookOfKey(record.KeyState(o.Key)).shape})
	}
	kinds[i].List = append(kinds[i].List, one)
	return kinds
}

// latencyTitle tells the range of the 99th percentile of a decision.
func (c *comparison) latencyTitle(decision string) string {
	var fast, slow string
	lo, hi, n := math.Inf(1), 0.0, 0
	for _, r := range c.rows {
		var ds []series.Distribution
		for _, o := range r.timed(decision) {
			ds = append(ds, o.all...)
		}
		if len(ds) == 0 {
			continue
		}
		n++
		p99 := quantile(99, ds...)
		if p99 < lo {
			lo, fast = p99, r.name
		}
		if p99 > hi {
			hi, slow = p99, r.name
		}
	}
	words := sentence(decisionsOf(decision))
	switch {
	case n == 1:
		return fmt.Sprintf("%s take %s at the 99th percentile with %s; others have none", words, unit.Amount(hi, 2), slow)
	case hi <= lo*1.02:
		return fmt.Sprintf("%s take %s at the 99th percentile with %s", words, unit.Amount(hi, 2), all(n))
	}
	return fmt.Sprintf("%s take %s at the 99th percentile with %s, %s with %s", words, unit.Amount(lo, 2), fast, unit.Amount(hi, 2), slow)
}
