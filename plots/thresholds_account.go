package plots

import (
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/series"
)

// accountFigure: one account's usage with all that an engine did about it, and
// below it what each engine told it.
func (k *kit) accountFigure(set *series.Set, s *series.AccountStory) Figure {
	f := Figure{Name: "thresholds-account", columns: 1, Title: storyTitle(s), Subtitle: storySubtitle(s)}
	own := engineStory(s, s.Engine)
	room := (s.Until - s.From) / 80 // for marks at the ends
	x := timeAxis(s.From-room, s.Until+room)
	most := storyTop(s, own)
	p := panel{title: "What " + s.Engine + " saw and did", x: x, y: usageAxis(set.Thresholds.Levels, own, most)}
	p.height = k.usageHeight(set.Thresholds.Levels, p.y.max)
	for _, l := range set.Thresholds.Levels {
		if float64(l) < p.y.max {
			p.layers = append(p.layers, rule{at: float64(l), look: Look{Color: k.Grid}})
		}
	}
	p.layers = append(p.layers, line{name: "usage", points: s.Usage, look: k.Nth(0), step: true})
	p.layers = append(p.layers, k.waits(own, s.Until)...)
	p.layers = append(p.layers, k.lookDots(s, most)...)
	p.layers = append(p.layers, k.markDots(own, s.Until)...)
	f.panels = []panel{p}
	if len(s.Engines) > 1 {
		f.panels = append(f.panels, k.lanePanel(s, x))
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
// were crossed or told of, and of what was read, unless that is out of all proportion.
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
func usageAxis(levels []int64, own *series.EngineStory, most float64) axis {
	top := max(1.08*most, 10)
	ticks := func(when func(level int64) bool) []plot.Tick {
		list := []plot.Tick{{Value: 0, Label: "0"}}
		for _, l := range levels {
			if when(l) {
				list = append(list, plot.Tick{Value: float64(l), Label: strconv.FormatInt(l, 10)})
			}
		}
		return list
	}
	all := ticks(func(l int64) bool { return float64(l) <= top })
	crossed := ticks(func(l int64) bool {
		return slices.ContainsFunc(own.Crossings, func(c series.Crossing) bool { return c.Level == l })
	})
	return axis{label: "used (% of the limit; lines are at thresholds)", max: top, ticks: func(lo, hi float64) [][]plot.Tick {
		if len(all) == 1 { // no threshold is that low
			return roundTicks(lo, hi)
		}
		return [][]plot.Tick{all, crossed}
	}}
}

// usageHeight is enough for labels at all thresholds, if that is not too much.
func (k *kit) usageHeight(levels []int64, top float64) vg.Length {
	closest := top
	for i := 1; i < len(levels) && float64(levels[i]) <= top; i++ {
		closest = min(closest, float64(levels[i]-levels[i-1]))
	}
	enough := k.pitch() * 1.02 * vg.Length(top/closest)
	if enough > 1.8*k.frameHeight {
		enough = 0
	}
	return max(enough, 1.2*k.frameHeight)
}

// missLook and toldLook are those of misses and notices.
func (k *kit) missLook() Look { return k.Nth(1) }
func (k *kit) toldLook() Look { return k.Nth(2) }

// missed tells whether no notice of a crossing came.
func missed(c series.Crossing) bool { return c.Verdict == "missed" }

// waits are lines from crossings to their notices, dashed where none came.
func (k *kit) waits(e *series.EngineStory, until float64) []layer {
	none, told := line{look: k.missLook(), width: 0.7 * k.line}, line{look: k.toldLook(), width: 0.7 * k.line}
	none.look.Dashes = dashes[record.NotFound]
	for _, c := range e.Crossings {
		to := &told
		if missed(c) || c.Verdict == "censored" {
			to = &none
		}
		y := float64(c.Level)
		to.points = append(to.points, series.Point{X: c.At, Y: y}, series.Point{X: min(c.Until, until), Y: y}, series.Point{X: math.NaN(), Y: y})
	}
	return []layer{none, told}
}

// lookDots are the evaluations where they read usage, and below the curve where
// they did not.
func (k *kit) lookDots(s *series.AccountStory, most float64) (layers []layer) {
	read := dots{name: "evaluation, at what it read", look: k.quiet(), shape: draw.RingGlyph{}, radius: 1.7}
	stopped := dots{name: "evaluation: suppressed", look: k.Nth(3), shape: draw.BoxGlyph{}, radius: 1.8}
	of := map[string]*dots{"": &read, string(record.Suppressed): &stopped}
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
			of[name] = &dots{name: name, look: k.Nth(len(order)), shape: draw.PlusGlyph{}}
		}
		of[name].points = append(of[name].points, series.Point{X: l.At, Y: y})
	}
	for _, name := range order {
		if len(of[name].points) > 0 {
			layers = append(layers, *of[name])
		}
	}
	return layers
}

func (k *kit) noticeDots() dots {
	return dots{name: "notice", look: k.toldLook(), shape: draw.PyramidGlyph{}, radius: 3.8}
}

// extraDots are notices that were not due, or did not arrive.
func (k *kit) extraDots() dots {
	return dots{name: "duplicate, spurious or undelivered notice", look: k.toldLook(), shape: draw.TriangleGlyph{}, radius: 3.8}
}

// due tells whether a notice was.
func due(n series.Mark) bool {
	return n.Text != "duplicate" && n.Text != "spurious" && n.Text != "undelivered"
}

func (k *kit) missDots() dots {
	return dots{name: "missed: no notice until here", look: k.missLook(), shape: thickCross{}, radius: 3.4}
}

// markDots are crossings, notices and misses.
func (k *kit) markDots(e *series.EngineStory, until float64) (layers []layer) {
	crossings := dots{name: "threshold crossed", look: k.plain(), shape: draw.RingGlyph{}, radius: 3.4}
	notices, extra, misses := k.noticeDots(), k.extraDots(), k.missDots()
	for _, c := range e.Crossings {
		crossings.points = append(crossings.points, series.Point{X: c.At, Y: float64(c.Level)})
		if missed(c) {
			misses.points = append(misses.points, series.Point{X: min(c.Until, until), Y: float64(c.Level)})
		}
	}
	for _, n := range e.Notices {
		to := &notices
		if !due(n) {
			to = &extra
		}
		to.points = append(to.points, series.Point{X: n.At, Y: float64(n.Level)})
	}
	for _, d := range []dots{crossings, misses, notices, extra} {
		if len(d.points) > 0 {
			layers = append(layers, d)
		}
	}
	return layers
}
