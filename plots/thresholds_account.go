package plots

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"gonum.org/v1/plot/vg"
	vgdraw "gonum.org/v1/plot/vg/draw"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/plots/draw"
	"github.com/quotalab/quotalab/plots/series"
	"github.com/quotalab/quotalab/results/record"
)

// accountFigure shows one account's usage with all that an engine did about it, and
// below it what each engine told it.
func (k *kit) accountFigure(set *series.Set, s *series.AccountStory) draw.Figure {
	f := draw.Figure{Name: "thresholds-account", Columns: 1, Title: storyTitle(s), Subtitle: storySubtitle(s)}
	own := engineStory(s, s.Engine)
	room := (s.Until - s.From) / 80 // for marks at the ends
	x := draw.TimeAxis(s.From-room, s.Until+room)
	most := storyTop(s, own)
	p := draw.Panel{Title: "What " + s.Engine + " saw and did", X: x, Y: usageAxis(set.Thresholds.Levels, own, most)}
	p.Height = k.usageHeight(set.Thresholds.Levels, p.Y.Max)
	for _, l := range set.Thresholds.Levels {
		if float64(l) < p.Y.Max {
			p.Layers = append(p.Layers, draw.Rule{At: float64(l), Look: draw.Look{Color: k.Grid}})
		}
	}
	p.Layers = append(p.Layers, draw.Line{Name: "usage", Points: points(s.Usage), Look: k.Nth(0), Step: true})
	p.Layers = append(p.Layers, k.waits(own, s.Until)...)
	p.Layers = append(p.Layers, k.lookDots(s, most)...)
	p.Layers = append(p.Layers, k.markDots(own, s.Until)...)
	f.Panels = []draw.Panel{p}
	if len(s.Engines) > 1 {
		f.Panels = append(f.Panels, k.lanePanel(s, x))
	}
	f.Notes = storyNotes(set, s, most)
	return f
}

func engineStory(s *series.AccountStory, engine string) *series.EngineStory {
	for i := range s.Engines {
		if s.Engines[i].Engine == engine {
			return &s.Engines[i]
		}
	}
	return &series.EngineStory{Engine: engine}
}

// storyTop is the most percent that must be seen: of usage, of thresholds that
// were crossed or reported, and of what was read, unless that is out of all proportion.
func storyTop(s *series.AccountStory, own *series.EngineStory) float64 {
	most := 0.0
	for _, p := range s.Usage {
		most = max(most, p.Y)
	}
	for _, c := range own.Crossings {
		most = max(most, float64(c.Level))
	}
	for _, n := range own.Notices {
		most = max(most, float64(n.Level))
	}
	seen := most
	for _, l := range s.Looks {
		if l.Percent <= 2*most { // false for NaN
			seen = max(seen, l.Percent)
		}
	}
	return seen
}

// usageAxis has a tick at each threshold up to a little more than what is seen;
// where they do not fit, at those that were crossed.
func usageAxis(levels []int64, own *series.EngineStory, most float64) draw.Axis {
	top := max(1.08*most, 10)
	ticks := func(when func(level int64) bool) []draw.Tick {
		list := []draw.Tick{{Value: 0, Label: "0"}}
		for _, l := range levels {
			if when(l) {
				list = append(list, draw.Tick{Value: float64(l), Label: strconv.FormatInt(l, 10)})
			}
		}
		return list
	}
	all := ticks(func(l int64) bool { return float64(l) <= top })
	crossed := ticks(func(l int64) bool {
		return slices.ContainsFunc(own.Crossings, func(c series.Crossing) bool { return c.Level == l })
	})
	return draw.Axis{Label: "used (% of the limit; lines are at thresholds)", Max: top, Ticks: func(lo, hi float64) [][]draw.Tick {
		if len(all) == 1 { // no threshold is that low
			return draw.RoundTicks(lo, hi)
		}
		return [][]draw.Tick{all, crossed}
	}}
}

// usageHeight is enough for labels at all thresholds, if that is not too much.
func (k *kit) usageHeight(levels []int64, top float64) vg.Length {
	closest := top
	for i := 1; i < len(levels) && float64(levels[i]) <= top; i++ {
		closest = min(closest, float64(levels[i]-levels[i-1]))
	}
	enough := k.Pitch() * 1.02 * vg.Length(top/closest)
	if enough > 1.8*k.FrameHeight {
		enough = 0
	}
	return max(enough, 1.2*k.FrameHeight)
}

// missLook returns the look of misses; toldLook that of notices.
func (k *kit) missLook() draw.Look { return k.Nth(1) }
func (k *kit) toldLook() draw.Look { return k.Nth(2) }

func missed(c series.Crossing) bool { return c.Verdict == "missed" }

// waits are lines from crossings to their notices, dashed where none came.
func (k *kit) waits(e *series.EngineStory, until float64) []draw.Layer {
	none, told := draw.Line{Look: k.missLook(), Width: 0.7 * k.Line}, draw.Line{Look: k.toldLook(), Width: 0.7 * k.Line}
	none.Look.Dashes = draw.Dashed
	for _, c := range e.Crossings {
		to := &told
		if missed(c) || c.Verdict == "censored" {
			to = &none
		}
		y := float64(c.Level)
		to.Points = append(to.Points, draw.Point{X: c.At, Y: y}, draw.Point{X: min(c.Until, until), Y: y}, draw.Point{X: math.NaN(), Y: y})
	}
	return []draw.Layer{none, told}
}

// lookDots are the evaluations where they read usage, and below the curve where
// they did not.
func (k *kit) lookDots(s *series.AccountStory, most float64) (layers []draw.Layer) {
	read := draw.Dots{Name: "evaluation, at what it read", Look: k.Quiet(), Shape: draw.Ring, Radius: 1.7}
	stopped := draw.Dots{Name: "evaluation: suppressed", Look: k.Nth(3), Shape: draw.Box, Radius: 1.8}
	of := map[string]*draw.Dots{"": &read, string(record.Suppressed): &stopped}
	order := []string{"", string(record.Suppressed)}
	for _, l := range s.Looks {
		name, y := "", min(l.Percent, most)
		switch {
		case record.EvaluationOutcome(l.Outcome) == record.Suppressed:
			name = l.Outcome
		case math.IsNaN(l.Percent):
			name, y = "evaluation: "+causeWords(l.Outcome)+" (usage not read)", 0
		}
		if of[name] == nil {
			order = append(order, name)
			of[name] = &draw.Dots{Name: name, Look: k.Nth(len(order)), Shape: draw.Plus}
		}
		of[name].Points = append(of[name].Points, draw.Point{X: l.At, Y: y})
	}
	for _, name := range order {
		if len(of[name].Points) > 0 {
			layers = append(layers, *of[name])
		}
	}
	return layers
}

func due(n series.Mark) bool {
	return n.Text != "duplicate" && n.Text != "spurious" && n.Text != "undelivered"
}

// markDots are crossings, notices and misses.
func (k *kit) markDots(e *series.EngineStory, until float64) (layers []draw.Layer) {
	crossings := draw.Dots{Name: "threshold crossed", Look: k.Plain(), Shape: draw.Ring, Radius: 3.4}
	notices := draw.Dots{Name: "notice", Look: k.toldLook(), Shape: draw.Pyramid, Radius: 3.8}
	extra := draw.Dots{Name: "duplicate, spurious or undelivered notice", Look: k.toldLook(), Shape: draw.Triangle, Radius: 3.8}
	misses := draw.Dots{Name: "missed: no notice until here", Look: k.missLook(), Shape: draw.Bold, Radius: 3.4}
	for _, c := range e.Crossings {
		crossings.Points = append(crossings.Points, draw.Point{X: c.At, Y: float64(c.Level)})
		if missed(c) {
			misses.Points = append(misses.Points, draw.Point{X: min(c.Until, until), Y: float64(c.Level)})
		}
	}
	for _, n := range e.Notices {
		to := &notices
		if !due(n) {
			to = &extra
		}
		to.Points = append(to.Points, draw.Point{X: n.At, Y: float64(n.Level)})
	}
	for _, d := range []draw.Dots{crossings, misses, notices, extra} {
		if len(d.Points) > 0 {
			layers = append(layers, d)
		}
	}
	return layers
}

// lanes are what engines told an account over time, an engine a row.
type lanes struct {
	engines    []series.EngineStory
	until      float64
	told, miss draw.Look
}

// lanePanel shows all engines, over the same time as the curve above it.
func (k *kit) lanePanel(s *series.AccountStory, x draw.Axis) draw.Panel {
	var names []string
	for _, e := range s.Engines {
		names = append(names, e.Engine)
	}
	layers := []draw.Layer{draw.Upright{}, lanes{s.Engines, s.Until, k.toldLook(), k.missLook()}}
	for i := range s.Engines {
		for _, l := range k.markDots(&s.Engines[i], s.Until) { // for the legend
			d := l.(draw.Dots)
			d.Points = nil
			layers = append(layers, d)
		}
	}
	return draw.Panel{Title: "What each engine told it (thresholds in %)", X: x, Y: draw.RowAxis("", k.Names(names, 1)), Layers: layers, Height: k.RowsHeight(len(names))}
}

// laneMark is a notice or a miss of some thresholds at one place.
type laneMark struct {
	from, at vg.Length // from the crossing to the mark
	crossed  bool      // the crossing is there
	levels   []int64
	kind     markKind
}

type markKind int

const (
	toldMark markKind = iota
	extraMark
	missedMark
)

func (m laneMark) label() string {
	var words []string
	for _, l := range m.levels {
		words = append(words, strconv.FormatInt(l, 10))
	}
	return strings.Join(words, ", ")
}

func (l lanes) Draw(c *draw.Area) {
	for i, e := range l.engines {
		y := c.AtY(draw.MiddleOf(i, len(l.engines)))
		marks := l.marks(c, e)
		for _, m := range marks {
			look := l.told
			if m.kind == missedMark {
				look = l.miss
				look.Dashes = draw.Dashed
			}
			c.StrokeLine2(vgdraw.LineStyle{Color: look.Color, Width: 0.7 * c.Line, Dashes: look.Dashes}, m.from, y, m.at, y)
		}
		for _, m := range marks {
			l.glyph(c, m, y)
		}
		l.labels(c, marks, y)
	}
}

func (l lanes) glyph(c *draw.Area, m laneMark, y vg.Length) {
	if m.crossed {
		c.DrawGlyphNoClip(vgdraw.GlyphStyle{Color: c.Text, Radius: 2.2, Shape: draw.Ring}, vg.Point{X: m.from, Y: y})
	}
	sty := vgdraw.GlyphStyle{Color: l.told.Color, Radius: 3.4, Shape: draw.Pyramid}
	switch m.kind {
	case extraMark:
		sty.Shape = draw.Triangle
	case missedMark:
		sty = vgdraw.GlyphStyle{Color: l.miss.Color, Radius: 3, Shape: draw.Bold}
	}
	c.DrawGlyphNoClip(sty, vg.Point{X: m.at, Y: y})
}

// near is how close marks must be to be one.
const near = vg.Length(5)

// marks returns those of an engine from left to right.
func (l lanes) marks(c *draw.Area, e series.EngineStory) (list []laneMark) {
	add := func(m laneMark) {
		for i := range list {
			if list[i].kind == m.kind && max(list[i].at-m.at, m.at-list[i].at) < near {
				list[i].from, list[i].crossed = min(list[i].from, m.from), list[i].crossed || m.crossed
				if !slices.Contains(list[i].levels, m.levels[0]) {
					list[i].levels = append(list[i].levels, m.levels...)
				}
				return
			}
		}
		list = append(list, m)
	}
	for _, o := range e.Crossings {
		kind := toldMark
		switch {
		case o.Verdict == "censored":
			continue
		case missed(o):
			kind = missedMark
		}
		add(laneMark{c.AtX(o.At), c.AtX(min(o.Until, l.until)), true, []int64{o.Level}, kind})
	}
	for _, n := range e.Notices {
		kind := toldMark
		if !due(n) {
			kind = extraMark
		}
		add(laneMark{c.AtX(n.At), c.AtX(n.At), false, []int64{n.Level}, kind})
	}
	slices.SortStableFunc(list, func(a, b laneMark) int { return cmp.Compare(a.at, b.at) })
	return list
}

// labels writes levels right of their marks, else between crossing and mark, else left of
// the crossing, else nowhere: those of misses are the first to choose.
func (l lanes) labels(c *draw.Area, marks []laneMark, y vg.Length) {
	const gap, glyph = 5, 3.5
	t := draw.Aligned(draw.Coloured(c.Fine, c.Text), vgdraw.XLeft, vgdraw.YCenter)
	var taken [][2]vg.Length
	for _, m := range marks {
		taken = append(taken, [2]vg.Length{m.at - glyph, m.at + glyph})
		if m.crossed {
			taken = append(taken, [2]vg.Length{m.from - glyph, m.from + glyph})
		}
	}
	free := func(from, until vg.Length) bool {
		return from >= c.Min.X && until <= c.Max.X && !slices.ContainsFunc(taken, func(o [2]vg.Length) bool { return from < o[1] && o[0] < until })
	}
	slices.SortStableFunc(marks, func(a, b laneMark) int { return cmp.Compare(b.kind, a.kind) })
	for _, m := range marks {
		w := t.Width(m.label())
		for _, x := range []vg.Length{m.at + gap, m.at - gap - w, m.from - gap - w} {
			if free(x-1, x+w+1) {
				at := vg.Point{X: x, Y: y}
				c.Halo(t, at, m.label())
				draw.Write(c, t, at, m.label())
				taken = append(taken, [2]vg.Length{x - 1, x + w + 1})
				break
			}
		}
	}
}

// storyTitle tells what became of the crossing that the story is about.
func storyTitle(s *series.AccountStory) string {
	who := fmt.Sprintf("Account %d", s.ID)
	if s.Level == 0 {
		most := 0.0
		for _, p := range s.Usage {
			most = max(most, p.Y)
		}
		if most == 0 {
			return who + " was due no notice: it used nothing"
		}
		return fmt.Sprintf("%s was due no notice: it used at most %s %% of its limit", who, unit.Significant(most, 3))
	}
	own := engineStory(s, s.Engine)
	i := slices.IndexFunc(own.Crossings, func(c series.Crossing) bool {
		return c.At == s.At && c.Level == s.Level
	})
	c := own.Crossings[i]
	head := fmt.Sprintf("%s reached %d %% of its limit after %s", who, s.Level, unit.Amount(c.At, 4))
	wait := unit.Amount(c.Until-c.At, 2)
	switch s.Verdict {
	case "missed":
		return head + " and " + s.Engine + " did not tell it (" + causeWords(s.Cause) + ")" + meanwhile(s)
	case "late":
		return fmt.Sprintf("%s and %s told it %s later, too late (%s)", head, s.Engine, wait, causeWords(s.Cause))
	case "censored":
		return head + ", too close to the end of the run to judge " + s.Engine
	}
	return fmt.Sprintf("%s and %s told it %s later, in time", head, s.Engine, wait)
}

// meanwhile names an engine that told in time, if there is one.
func meanwhile(s *series.AccountStory) string {
	for _, e := range s.Engines {
		for _, c := range e.Crossings {
			if c.At == s.At && c.Level == s.Level && c.Verdict == "on-time" {
				return fmt.Sprintf("; %s told it after %s", e.Engine, unit.Amount(c.Until-c.At, 2))
			}
		}
	}
	return ""
}

func storySubtitle(s *series.AccountStory) string {
	words := fmt.Sprintf("account %d", s.ID)
	if s.Group != "" {
		words += " (" + s.Group + ")"
	}
	if len(s.Limit) == 1 {
		words += " · limit " + unit.Thousands(int64(s.Limit[0].Y))
	}
	return words
}

// storyNotes returns when it was, who suppressed what, and what changed.
func storyNotes(set *series.Set, s *series.AccountStory, most float64) (notes []string) {
	at := func(x float64) string {
		return set.Manifest.Epoch.Add(time.Duration(x * 1e9)).UTC().Format("2006-01-02 15:04")
	}
	note := fmt.Sprintf("From %s to %s UTC.", at(s.From), at(s.Until))
	if by := suppressors(s); by != "" {
		note += " The suppressed evaluations found " + by + "."
	}
	for i, l := range s.Limit {
		if i > 0 {
			note += fmt.Sprintf(" The limit changed from %s to %s after %s.", unit.Thousands(int64(s.Limit[i-1].Y)), unit.Thousands(int64(l.Y)), unit.Amount(l.X, 4))
		}
		if i == 4 && len(s.Limit) > 5 {
			note += fmt.Sprintf(" It changed %d times more.", len(s.Limit)-5)
			break
		}
	}
	if slices.ContainsFunc(s.Looks, func(l series.Look) bool { return l.Percent > most }) {
		note += fmt.Sprintf(" More than %s %% was read in some evaluations, which are drawn there.", unit.Significant(most, 3))
	}
	if int64(len(s.Looks)) < s.LooksMade {
		note += fmt.Sprintf(" Drawn are %s of %s evaluations.", unit.Thousands(int64(len(s.Looks))), unit.Thousands(s.LooksMade))
	}
	return append(notes, note)
}

// suppressors are whose records suppressed evaluations, where that is part of the
// story: to tell once of what was told is as it should be.
func suppressors(s *series.AccountStory) string {
	var ids []int64
	for _, l := range s.Looks {
		if record.EvaluationOutcome(l.Outcome) == record.Suppressed && !slices.Contains(ids, l.By) {
			ids = append(ids, l.By)
		}
	}
	var names []string
	for _, id := range ids {
		name := fmt.Sprintf("a record of account %d", id)
		if id == s.ID {
			name = "an earlier record of its own"
			if !strings.Contains(s.Cause, "suppressed") {
				continue
			}
		}
		names = append(names, name)
	}
	return and(fewNames(names))
}
