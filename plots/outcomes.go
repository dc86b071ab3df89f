package plots

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/plots/draw"
	"github.com/quotalab/quotalab/plots/series"
	"github.com/quotalab/quotalab/results/record"
)

// What is drawn of outcomes over time.
const (
	stepWidth = 4 // of an interval on paper, at least: narrower ones are merged
)

// outcomesFigures returns those of one record: what came of requests over time, a limiter a
// panel.
func outcomesFigures(k *kit, set *series.Set) (all []draw.Figure) {
	names := limiters(set)
	if len(names) == 0 || decisions(set) == 0 {
		return []draw.Figure{without("outcomes-over-time", "No request was decided", "no request was due after the warm-up, or all of them were dropped.")}
	}
	for some := range slices.Chunk(sources(set), pagePanels) {
		all = append(all, k.outcomesFigure(set, some))
	}
	return all
}

func (k *kit) outcomesFigure(set *series.Set, of []source) draw.Figure {
	f := draw.Figure{Name: "outcomes-over-time", Columns: min(2, len(of)), Shared: true, Title: outcomesTitle(set, of)}
	height := k.FrameHeight
	if len(of) > 2 {
		height *= 0.7
	}
	t := merged(&set.Timeline, int((k.Width/vg.Length(f.Columns)-2*k.Margin)/stepWidth))
	most := 0.0
	for _, s := range of {
		most = max(most, highest(t, s), slices.Max(append(slices.Clone(offeredTo(t, s)), 0)))
	}
	if len(t.Faults) > 0 {
		most *= 1.1 // so that shades are seen above the areas
	}
	for _, s := range of {
		p := draw.Panel{X: runAxis(t), Y: draw.AmountAxis("decisions per second", most), Layers: k.stack(t, s), Shades: shades(t.Faults), Height: height, Title: nameOf(set, s)}
		p.Direct = p.Title == "" && endVisibly(t, s, most)
		f.Panels = append(f.Panels, p)
	}
	f.Note(draw.ShadesNote(shades(t.Faults)))
	f.Note(fmt.Sprintf("Stacked rates of requests due in an interval of %s.%s%s", unit.Amount(t.Step, 3), offeredNote(t, of), warmupNote(t)))
	f.Note(togetherNote(set, limitersOf(of)))
	return f
}

// offeredNote explains how there can be more decisions than requests, or no line of
// what was offered.
func offeredNote(t *series.Timeline, of []source) (note string) {
	for _, s := range of {
		made, offered := 0.0, offeredTo(t, s)
		for _, o := range ofSource(t, s) {
			made += sum(o.Rate)
		}
		switch {
		case offered == nil && s.client != "":
			note = " Offered is drawn for the client that requests come to first."
		case offered != nil && made > 1.02*sum(offered):
			return " Decisions are more than requests offered: each step of a request's way and each retry is one."
		}
	}
	return note
}

// merged returns a timeline of fewer, longer intervals. It has rates and counts only.
func merged(t *series.Timeline, most int) *series.Timeline {
	k := 1
	for _, factor := range []int{2, 4, 5, 10, 20, 50, 100} {
		if (t.N+k-1)/k > max(most, 1) {
			k = factor
		}
	}
	if k == 1 {
		return t
	}
	out := *t
	out.Step, out.N = t.Step*float64(k), (t.N+k-1)/k
	out.Offered, out.OfferedTo = means(t.Offered, k), nil
	for _, o := range t.OfferedTo {
		o.Rate = means(o.Rate, k)
		out.OfferedTo = append(out.OfferedTo, o)
	}
	out.Outcomes = make([]series.OutcomeTimeline, len(t.Outcomes))
	for i, o := range t.Outcomes {
		out.Outcomes[i] = series.OutcomeTimeline{Outcome: o.Outcome, Rate: means(o.Rate, k)}
		for c := range slices.Chunk(o.Count, k) {
			out.Outcomes[i].Count = append(out.Outcomes[i].Count, total(c))
		}
	}
	return &out
}

// means returns those of k values at a time.
func means(v []float64, k int) (out []float64) {
	for c := range slices.Chunk(v, k) {
		out = append(out, sum(c)/float64(len(c)))
	}
	return out
}

func sum(v []float64) (s float64) {
	for _, x := range v {
		s += x
	}
	return s
}

// ofSource is what came of requests to a source.
func ofSource(t *series.Timeline, s source) (list []series.OutcomeTimeline) {
	for _, o := range t.Outcomes {
		if s.has(o.Outcome) {
			list = append(list, o)
		}
	}
	return list
}

// highest returns how high the stack of a source is.
func highest(t *series.Timeline, s source) (most float64) {
	list := ofSource(t, s)
	for i := range t.N {
		all := 0.0
		for _, o := range list {
			all += o.Rate[i]
		}
		most = max(most, all)
	}
	return most
}

// stack returns rates, one outcome above the other, and what was offered as a line.
func (k *kit) stack(t *series.Timeline, s source) (layers []draw.Layer) {
	x := edges(t)
	base := make([]float64, len(x))
	for _, o := range ofSource(t, s) {
		top := held(o.Rate)
		for i := range top {
			top[i] += base[i]
		}
		look := k.outcome(o.Outcome)
		layers = append(layers, draw.Band{Name: outcomeName(o.OfAll()), X: x, Lo: base, Hi: top, Look: look, Step: true, Edge: true})
		base = top
	}
	if offered := offeredTo(t, s); len(offered) > 0 {
		layers = append(layers, draw.Line{Name: "offered", Points: draw.Pair(x, held(offered)), Look: k.Plain(), Step: true, Width: k.Line * 0.7, Halo: true})
	}
	return layers
}

// endVisibly tells whether every outcome of a source can be pointed at where the
// time ends.
func endVisibly(t *series.Timeline, s source, most float64) bool {
	return !slices.ContainsFunc(ofSource(t, s), func(o series.OutcomeTimeline) bool {
		return len(o.Rate) == 0 || o.Rate[len(o.Rate)-1] < 0.02*most
	})
}

// offeredTo returns what was offered to a source; nil if requests come to another first.
func offeredTo(t *series.Timeline, s source) []float64 {
	for _, o := range t.OfferedTo {
		if o.Limiter == s.limiter && o.Client == s.client {
			return o.Rate
		}
	}
	return nil
}

// limitersOf returns those of some sources, each once.
func limitersOf(of []source) (names []string) {
	for _, s := range of {
		if !slices.Contains(names, s.limiter) {
			names = append(names, s.limiter)
		}
	}
	return names
}

// outcomesTitle tells what share of decisions came to what, and what clients do not
// find.
func outcomesTitle(set *series.Set, of []source) string {
	names := limitersOf(of)
	if len(names) > 1 {
		return deniedTitle(&set.Timeline, names)
	}
	lost := ""
	if len(of) > 1 {
		lost = lostWords(set, of)
	}
	return sharesTitle(&set.Timeline, names[0]) + lost
}

// sharesTitle tells what share of a limiter's decisions came to what.
func sharesTitle(t *series.Timeline, limiter string) string {
	shares := sharesOf(t, limiter)
	var parts []string
	for _, one := range []struct {
		decision record.Decision
		words    string
	}{
		{record.Denied, "are denied"}, {record.Errored, "end in an error"}, {record.FailOpen, "fail open"}, {record.Dropped, "are dropped"},
	} {
		if share := shares[one.decision]; share > 0 {
			parts = append(parts, percent(share)+" "+one.words)
		}
	}
	if len(parts) == 0 {
		return "Every request is allowed"
	}
	what := " % of decisions"
	if shares[record.Dropped] > 0 {
		what = " % of requests"
	}
	return strings.Replace(and(parts), " %", what, 1)
}

// deniedTitle tells what share of their decisions limiters deny; of many, the
// least and the most.
func deniedTitle(t *series.Timeline, names []string) string {
	denied := func(name string) float64 { return sharesOf(t, name)[record.Denied] }
	least := slices.MinFunc(names, func(a, b string) int { return cmp.Compare(denied(a), denied(b)) })
	most := slices.MaxFunc(names, func(a, b string) int { return cmp.Compare(denied(a), denied(b)) })
	if len(names) > 3 && denied(least) < denied(most) {
		return fmt.Sprintf("Limiters deny from %s (%s) to %s (%s) of their decisions", percent(denied(least)), least, percent(denied(most)), most)
	}
	parts := []string{"Limiter " + names[0] + " denies " + percent(denied(names[0])) + " of its decisions"}
	for _, name := range names[1:] {
		parts = append(parts, name+" "+percent(denied(name)))
	}
	return strings.Join(parts, ", ")
}

// sharesOf returns what came of requests, as shares of a limiter's decisions and the drops.
func sharesOf(t *series.Timeline, limiter string) map[record.Decision]float64 {
	n, shares := int64(0), map[record.Decision]float64{}
	list := ofSource(t, source{limiter, ""})
	for _, o := range list {
		n += total(o.Count)
	}
	for _, o := range list {
		shares[record.Decision(o.Decision)] += float64(total(o.Count)) / float64(max(1, n))
	}
	return shares
}
