package plots

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/quotalab/quotalab/results/series"
	"github.com/quotalab/quotalab/results/wording"
)

// mostBars is how many bars there are for the engines by threshold, in all of
// their panels.
const mostBars = 50

// missedFigure: misses by engine, and of the worst by threshold, both by cause.
func (k *kit) missedFigure(t *series.Thresholds, of []tally) Figure {
	f := Figure{Name: "thresholds-missed", columns: 1, Title: missedTitle(t, of)}
	all, worst := engineRows(of), missers(of)
	shown := 0
	if len(t.Levels) > 1 {
		shown = min(len(worst), max(1, mostBars/len(t.Levels)))
	}
	if shown > 0 {
		f.columns = 2
	}
	f.panels = []panel{k.stackPanel("All engines", t.Causes, all, f.columns, all)}
	for _, e := range of {
		if slices.ContainsFunc(worst[:shown], func(w tally) bool { return w.engine == e.engine }) {
			f.panels = append(f.panels, k.stackPanel("By threshold: "+e.engine, t.Causes, levelRows(t, e.engine), f.columns, all))
		}
	}
	note := "A crossing is an account's usage reaching a threshold in a period; it is missed if no notice of it was delivered."
	if shown > 0 {
		note += " The scales of the panels differ."
	}
	f.Notes = append(f.Notes, note)
	if shown > 0 && shown < len(worst) {
		f.Notes = append(f.Notes, fmt.Sprintf("By threshold: those that missed most, %d of the %d engines that missed any.", shown, len(worst)))
	}
	return f
}

// stackRow is a bar of parts.
type stackRow struct {
	name          string
	parts         []int64 // by cause
	missed, among int64
}

func engineRows(of []tally) (rows []stackRow) {
	for _, e := range of {
		rows = append(rows, stackRow{name: e.engine, parts: e.causes, missed: e.missed, among: e.crossings})
	}
	return rows
}

func levelRows(t *series.Thresholds, engine string) (rows []stackRow) {
	for _, level := range t.Levels {
		row := stackRow{name: strconv.FormatInt(level, 10) + " %", parts: make([]int64, len(t.Causes))}
		for _, b := range t.Missed {
			if b.Engine != engine || b.Level != level {
				continue
			}
			row.among = b.Crossings
			row.missed += b.Count
			if c := slices.Index(t.Causes, b.Cause); c >= 0 {
				row.parts[c] += b.Count
			}
		}
		if row.among > 0 {
			rows = append(rows, row)
		}
	}
	return rows
}

// stackPanel of bars, one a row, with how many were missed of how many at
// their ends. Beside are the rows of all panels in the column, whose names take
// room.
func (k *kit) stackPanel(title string, causes []string, rows []stackRow, columns int, beside []stackRow) panel {
	names, ends := make([]string, len(rows)), bars{}
	for i, r := range rows {
		names[i] = r.name
		ends.list = append(ends.list, bar{name: r.name, value: float64(r.missed), label: missedOf(r)})
	}
	layers := []layer{upright{}}
	for c, cause := range causes {
		part := rects{name: causeWords(cause), look: k.causeLook(c, cause)}
		for i, r := range rows {
			if r.parts[c] > 0 {
				part.rects = append(part.rects, stackRect(r, i, c, len(rows)))
			}
		}
		if len(part.rects) > 0 {
			layers = append(layers, stackParts{part})
		}
	}
	names = k.names(names, columns)
	room := ends
	for _, r := range beside {
		room.list = append(room.list[:len(room.list):len(room.list)], bar{name: r.name})
	}
	x := k.barAxis("notices missed", room, columns)
	return panel{title: title, x: x, y: rowAxis("", names), layers: append(layers, stackEnds{barLabels{ends}}), height: k.rowsHeight(len(rows))}
}

// thick is the share of a row that its bar has.
const thick = 0.62

// stackRect is the part of one cause in the bar of a row.
func stackRect(r stackRow, row, cause, rows int) rect {
	from := float64(total(r.parts[:cause]))
	y := middleOf(row, rows)
	return rect{from, y - thick/2, from + float64(r.parts[cause]), y + thick/2}
}

func missedOf(r stackRow) string {
	switch {
	case r.among == 0:
		return "nothing to tell"
	case r.missed == 0:
		return "none of " + wording.Thousands(r.among)
	}
	return wording.Thousands(r.missed) + " of " + wording.Thousands(r.among)
}

// causeLook of the nth cause: that of a bound for what has no name of its own.
func (k *kit) causeLook(n int, cause string) Look {
	if cause == series.OtherCauses {
		return k.quiet()
	}
	return k.Nth(n + 1) // the first hue is left to engines; the second is that of warnings
}

// missedTitle tells how much the worst engine missed, why, and who missed nothing.
func missedTitle(t *series.Thresholds, of []tally) string {
	worst, good := missers(of), faultless(of)
	if len(worst) == 0 {
		sum := int64(0)
		for _, e := range of {
			sum += e.crossings
		}
		switch len(of) {
		case 1:
			return fmt.Sprintf("%s misses none of %s", of[0].engine, wording.Counted(sum, "notice"))
		case 2:
			return fmt.Sprintf("Neither %s nor %s misses a notice, of %s together", of[0].engine, of[1].engine, wording.Thousands(sum))
		}
		return fmt.Sprintf("None of the %s engines misses a notice, of %s together", spell(len(of)), wording.Thousands(sum))
	}
	e := worst[0]
	title := fmt.Sprintf("%s misses %s of %s", e.engine, wording.Thousands(e.missed), wording.Counted(e.crossings, "notice"))
	if why := mostly(t, e); why != "" {
		title += " (" + why + ")"
	}
	switch {
	case len(good) > 0:
		title += "; " + verb(good, "miss") + " none"
	case len(worst) > 1 && share(worst[len(worst)-1].missed, worst[len(worst)-1].crossings) < share(e.missed, e.crossings):
		last := worst[len(worst)-1]
		title += fmt.Sprintf("; %s, the least bad, %s of %s", last.engine, wording.Thousands(last.missed), wording.Thousands(last.crossings))
	}
	return title
}

// mostly is the cause of at least half of an engine's misses; "" if there is none.
func mostly(t *series.Thresholds, e tally) string {
	for i, n := range e.causes {
		if t.Causes[i] == series.OtherCauses || 2*n < e.missed {
			continue
		}
		words := causeWords(t.Causes[i])
		if n == e.missed {
			return words
		}
		return percent(share(n, e.missed)) + " " + words
	}
	return ""
}
