package plots

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot/vg"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/plots/draw"
	"github.com/quotalab/quotalab/plots/series"
)

// thresholdFigures returns those of one record: which notices each engine missed and why, in
// which groups of accounts, how late the others were, and one account's story.
func thresholdFigures(k *kit, set *series.Set) (all []draw.Figure) {
	t := set.Thresholds
	if t == nil {
		return []draw.Figure{without("thresholds", "No notice was due", "the run has no engine.")}
	}
	of := tallies(t)
	if why := untold(t, of); why != "" {
		f := without("thresholds-missed", "Whether a notice was missed is not known", why)
		all = append(all, f)
	} else {
		all = append(all, k.missedFigure(t, of), k.matrixFigure(t, of), k.delayFigure(t))
	}
	if t.Account != nil {
		all = append(all, k.accountFigure(set, t.Account))
	}
	for i := range all {
		all[i].Subtitle = thresholdSubtitle(set, all[i].Subtitle)
	}
	return all
}

// untold says why nothing is known; "" if something is.
func untold(t *series.Thresholds, of []tally) string {
	switch {
	case t.Accounts == 0:
		return "the record holds no account, so what was due is not known."
	case !slices.ContainsFunc(of, func(e tally) bool { return e.crossings > 0 }):
		return fmt.Sprintf("none of %s crossed a threshold at a time that can be judged.", unit.Counted(t.Accounts, "account"))
	}
	return ""
}

// tally is the account of one engine over all thresholds and groups.
type tally struct {
	engine            string
	missed, crossings int64
	causes            []int64 // of misses, in the order of Thresholds.Causes
}

// tallies returns those of the engines, in their order.
func tallies(t *series.Thresholds) []tally {
	list := make([]tally, len(t.Engines))
	for i, e := range t.Engines {
		list[i] = tally{engine: e, causes: make([]int64, len(t.Causes))}
		levels := map[int64]bool{}
		for _, b := range t.Missed {
			if b.Engine != e {
				continue
			}
			if !levels[b.Level] {
				list[i].crossings += b.Crossings
			}
			levels[b.Level] = true
			list[i].missed += b.Count
			if c := slices.Index(t.Causes, b.Cause); c >= 0 {
				list[i].causes[c] += b.Count
			}
		}
	}
	return list
}

// share returns what part a is, 0 of nothing.
func share(a, of int64) float64 {
	if of == 0 {
		return 0
	}
	return float64(a) / float64(of)
}

// missers are engines that missed something, worst first.
func missers(of []tally) (list []tally) {
	for _, e := range of {
		if e.missed > 0 {
			list = append(list, e)
		}
	}
	slices.SortStableFunc(list, func(a, b tally) int { return int(b.missed - a.missed) })
	return list
}

// faultless are engines that were due notices and missed none.
func faultless(of []tally) (names []string) {
	for _, e := range of {
		if e.missed == 0 && e.crossings > 0 {
			names = append(names, e.engine)
		}
	}
	return names
}

// causeWords are a cause as in a sentence.
func causeWords(cause string) string {
	return strings.NewReplacer(">", ", then ", "-", " ", "_", " ").Replace(cause)
}

// verb agrees with the number of names.
func verb(names []string, of string) string {
	if len(names) == 1 {
		return and(names) + " " + of + "es"
	}
	return and(fewNames(names)) + " " + of
}

// fewNames returns, of many, the first and how many more there are.
func fewNames(names []string) []string {
	if len(names) <= 4 {
		return names
	}
	return append(slices.Clone(names[:3]), fmt.Sprintf("%d more", len(names)-3))
}

// thresholdSubtitle names the run, and the number of accounts if a figure
// says nothing else.
func thresholdSubtitle(set *series.Set, more string) string {
	head, _, _ := strings.Cut(subtitle(set), " · "+unit.Counted(decisions(set), "decision"))
	if more == "" {
		more = unit.Counted(set.Thresholds.Accounts, "account") + " · " + unit.Amount(set.Manifest.Horizon.Seconds(), 3)
	}
	return strings.Join(append([]string{head, more}, marks(set)...), " · ")
}

// Most rows of a matrix, most matrices, and most rows of all those below each
// other.
const (
	mostGroups    = 12
	mostMatrices  = 8
	mostGroupRows = 24
)

// matrixFigure shows the share missed by group of accounts and threshold, an engine
// a panel. Engines that missed nothing are named instead, if others did.
func (k *kit) matrixFigure(t *series.Thresholds, of []tally) draw.Figure {
	f := draw.Figure{Name: "thresholds-matrix", Title: "Which accounts' notices were missed is not known"}
	if len(t.Groups) == 0 || len(crossedLevels(t)) == 0 {
		f.Panels = []draw.Panel{{Empty: "nothing tells crossings apart by group of accounts and threshold."}}
		return f
	}
	f.Title = matrixTitle(t, of)
	shown := missers(of)
	if len(shown) == 0 {
		shown = slices.DeleteFunc(slices.Clone(of), func(e tally) bool { return e.crossings == 0 })
	}
	n := len(shown)
	groups, rest := mainGroups(t)
	names, levels := groupNames(groups, rest), crossedLevels(t)
	f.Columns = 2
	if n == 1 || !k.cellsFit(names, len(levels), 2) {
		f.Columns = 1
	}
	shown = shown[:min(n, mostMatrices, max(1, f.Columns*mostGroupRows/len(names)))]
	slices.SortFunc(shown, func(a, b tally) int {
		return cmp.Compare(slices.Index(t.Engines, a.engine), slices.Index(t.Engines, b.engine))
	})
	crossed := true
	for _, e := range shown {
		m := matrix(t, e.engine, levels, groups, rest)
		crossed = crossed && !m.Gaps()
		p := draw.Panel{Title: percent(share(e.missed, e.crossings)) + " missed by " + e.engine, X: levelAxis(levels), Layers: []draw.Layer{m, draw.Blanks{Cells: m}}}
		p.Y = draw.RowAxis("", k.Names(names, f.Columns))
		p.Height = k.RowsHeight(len(m.Rows))
		f.Panels = append(f.Panels, p)
	}
	if !k.cellsFit(names, len(levels), f.Columns) {
		f.Panels = append(f.Panels, k.RampKey("share of the crossings missed (%)", 0, 100))
	}
	f.Notes = matrixNotes(of, len(shown), n, crossed)
	return f
}

func matrixNotes(of []tally, shown, among int, crossed bool) (notes []string) {
	note := "In each cell: percent of the crossings of that threshold, by accounts of that group, without a delivered notice."
	if !crossed {
		note += " A dash: no such crossing."
	}
	notes = append(notes, note)
	if good := faultless(of); len(good) > 0 && len(missers(of)) > 0 {
		notes = append(notes, "Not drawn: "+verb(good, "miss")+" none.")
	}
	if shown < among {
		notes = append(notes, fmt.Sprintf("Drawn: %d of the %d engines.", shown, among))
	}
	return notes
}

// crossedLevels are those that any account crossed.
func crossedLevels(t *series.Thresholds) []int64 {
	return slices.DeleteFunc(slices.Clone(t.Levels), func(level int64) bool {
		return !slices.ContainsFunc(t.Matrix, func(c series.MatrixCell) bool { return c.Level == level })
	})
}

// mainGroups returns those that have rows of their own; rest are those that share one.
func mainGroups(t *series.Thresholds) (groups, rest []string) {
	if len(t.Groups) <= mostGroups {
		return t.Groups, nil
	}
	missed := map[string]int64{}
	for _, c := range t.Matrix {
		missed[c.Group] += c.Missed
	}
	order := slices.Clone(t.Groups)
	slices.SortStableFunc(order, func(a, b string) int { return cmp.Compare(missed[b], missed[a]) })
	main := order[:mostGroups-1]
	for _, g := range t.Groups {
		if slices.Contains(main, g) {
			groups = append(groups, g)
		} else {
			rest = append(rest, g)
		}
	}
	return groups, rest
}

func groupNames(groups, rest []string) (names []string) {
	for _, g := range groups {
		names = append(names, groupName(g))
	}
	if len(rest) > 0 {
		names = append(names, fmt.Sprintf("%d others", len(rest)))
	}
	return names
}

func groupName(g string) string {
	if g == "" {
		return "ungrouped"
	}
	return g
}

func matrix(t *series.Thresholds, engine string, levels []int64, groups, rest []string) draw.Cells {
	m := draw.Cells{Hi: 1}
	for i := range len(levels) + 1 {
		m.X = append(m.X, float64(i))
	}
	for _, g := range groups {
		addRow(&m, t, engine, levels, func(group string) bool { return group == g })
	}
	if len(rest) > 0 {
		addRow(&m, t, engine, levels, func(group string) bool { return slices.Contains(rest, group) })
	}
	return m
}

func addRow(l *draw.Cells, t *series.Thresholds, engine string, levels []int64, holds func(group string) bool) {
	var row []float64
	var labels []string
	for _, level := range levels {
		var missed, crossings int64
		for _, c := range t.Matrix {
			if c.Engine == engine && c.Level == level && holds(c.Group) {
				missed, crossings = missed+c.Missed, crossings+c.Crossings
			}
		}
		v, label := math.NaN(), ""
		if crossings > 0 {
			v, label = share(missed, crossings), wholePercent(missed, crossings)
		}
		row, labels = append(row, v), append(labels, label)
	}
	l.Rows, l.Labels = append(l.Rows, row), append(l.Labels, labels)
}

// wholePercent writes a share, and never rounds something to nothing or to all.
func wholePercent(missed, crossings int64) string {
	p := 100 * share(missed, crossings)
	switch {
	case p > 0 && p < 1:
		return "<1"
	case p < 100 && p > 99:
		return ">99"
	}
	return strconv.FormatFloat(math.Round(p), 'f', 0, 64)
}

// cellsFit reports whether numbers fit into that many cells right of the rows' names.
func (k *kit) cellsFit(names []string, n, columns int) bool {
	room := k.PanelWidth(columns)
	widest := vg.Length(0)
	for _, name := range k.Names(names, columns) {
		widest = max(widest, k.Fine.Width(name))
	}
	return (room-widest-14)/vg.Length(n) >= k.Fine.Width(">99")+4.5
}

// levelAxis has a column for each threshold.
func levelAxis(levels []int64) draw.Axis {
	names := make([]string, len(levels))
	for i, l := range levels {
		names[i] = strconv.FormatInt(l, 10)
	}
	return draw.ColumnAxis("threshold (% of the limit)", names)
}

// matrixTitle names for each engine the group in which it misses most.
func matrixTitle(t *series.Thresholds, of []tally) string {
	worst := missers(of)
	switch {
	case len(worst) == 0:
		sum := int64(0)
		for _, e := range of {
			sum += e.crossings
		}
		return fmt.Sprintf("None of %s is missed, in any group of accounts", unit.Counted(sum, "notice"))
	case len(t.Groups) == 1:
		return fmt.Sprintf("%s misses %s of the notices", worst[0].engine, percent(share(worst[0].missed, worst[0].crossings)))
	}
	var parts []string
	for _, w := range wheres(t, worst[:min(3, len(worst))]) {
		if w.group == nil {
			parts = append(parts, fmt.Sprintf("%s %s of the notices, in every group alike", verb(w.engines, "miss"), and(w.shares)))
		} else {
			parts = append(parts, fmt.Sprintf("%s most in %s (%s)", verb(w.engines, "miss"), groupName(*w.group), and(w.shares)))
		}
	}
	return strings.Join(parts, "; ")
}

// where engines miss most.
type where struct {
	group           *string // nil: everywhere
	engines, shares []string
}

// wheres returns those of some engines; those that miss most in the same group are together.
func wheres(t *series.Thresholds, of []tally) (list []where) {
	for _, e := range of {
		group, most, least := extremes(t, e.engine)
		w := where{&group, []string{e.engine}, []string{percent(most)}}
		if least >= 0.95*most {
			w.group, w.shares[0] = nil, percent(share(e.missed, e.crossings))
		}
		i := slices.IndexFunc(list, func(o where) bool {
			return o.group == nil && w.group == nil || o.group != nil && w.group != nil && *o.group == group
		})
		if i < 0 {
			list = append(list, w)
			continue
		}
		list[i].engines, list[i].shares = append(list[i].engines, w.engines...), append(list[i].shares, w.shares...)
	}
	return list
}

// extremes returns those of the share that an engine misses by group, over all thresholds.
func extremes(t *series.Thresholds, engine string) (group string, most, least float64) {
	least = 1
	for _, g := range t.Groups {
		var missed, crossings int64
		for _, c := range t.Matrix {
			if c.Engine == engine && c.Group == g {
				missed, crossings = missed+c.Missed, crossings+c.Crossings
			}
		}
		if crossings == 0 {
			continue
		}
		s := share(missed, crossings)
		if s > most {
			group, most = g, s
		}
		least = min(least, s)
	}
	return group, most, least
}
