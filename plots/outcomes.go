package plots

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/series"
)

// What is drawn of outcomes over time.
const (
	stepWidth = 4 // of an interval on paper, at least: narrower ones are merged
)

// outcomesFigures of one record: what came of requests over time, a limiter a
// panel.
func outcomesFigures(k *kit, set *series.Set) (all []Figure) {
	names := limiters(set)
	if len(names) == 0 || decisions(set) == 0 {
		return []Figure{{Name: "outcomes-over-time", Title: "No request was decided",
			panels: []panel{{empty: "no request was due after the warm-up, or all of them were dropped."}}}}
	}
	for some := range slices.Chunk(names, pagePanels) {
		all = append(all, k.outcomesFigure(set, some, len(names) > 1))
	}
	return all
}

func (k *kit) outcomesFigure(set *series.Set, names []string, several bool) Figure {
	f := Figure{Name: "outcomes-over-time", columns: min(2, len(names)), shared: true, Title: outcomesTitle(&set.Timeline, names)}
	height := k.frameHeight
	if len(names) > 2 {
		height *= 0.7
	}
	t := merged(&set.Timeline, int((k.width/vg.Length(f.columns)-2*k.margin)/stepWidth))
	most := 0.0
	for _, name := range names {
		most = max(most, highest(t, name), slices.Max(append(slices.Clone(offeredTo(t, name)), 0)))
	}
	if len(t.Faults) > 0 {
		most *= 1.1 // so that shades are seen above the areas
	}
	for _, name := range names {
		p := panel{x: runAxis(t), y: amountAxis("decisions per second", most), layers: k.stack(t, name), faults: t.Faults, height: height}
		if several {
			p.title = name
		} else {
			p.direct = endVisibly(t, name, most)
		}
		f.panels = append(f.panels, p)
	}
	f.note(faultNote(t.Faults))
	f.note(fmt.Sprintf("Stacked rates of requests due in an interval of %s.%s%s", seconds(t.Step), offeredNote(t, names), warmupNote(t)))
	return f
}

// offeredNote explains how there can be more decisions than requests, or no line of
// what was offered.
func offeredNote(t *series.Timeline, names []string) (note string) {
	offered := sum(t.Offered)
	for _, name := range names {
		made := 0.0
		for _, o := range ofLimiter(t, name) {
			made += sum(o.Rate)
		}
		switch {
		case offered <= 0:
		case made > 1.02*offered:
			return " Decisions are more than requests offered: each step of a request's way and each retry is one."
		case offeredTo(t, name) == nil:
			note = " Offered is drawn for limiters that get every request only."
		}
	}
	return note
}

// merged timeline of fewer, longer intervals. It has rates and counts only.
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
	out.Offered = means(t.Offered, k)
	out.Outcomes = make([]series.OutcomeTimeline, len(t.Outcomes))
	for i, o := range t.Outcomes {
		out.Outcomes[i] = series.OutcomeTimeline{Outcome: o.Outcome, Rate: means(o.Rate, k)}
		for c := range slices.Chunk(o.Count, k) {
			out.Outcomes[i].Count = append(out.Outcomes[i].Count, total(c))
		}
	}
	return &out
}

// means of so many values at a time.
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

// ofLimiter is what one limiter made of requests, and the drops, which reached
// none.
func ofLimiter(t *series.Timeline, limiter string) (list []series.OutcomeTimeline) {
	for _, o := range t.Outcomes {
		if o.Limiter == limiter || o.Decision == string(record.Dropped) {
			list = append(list, o)
		}
	}
	return list
}

// highest that the stack of a limiter is.
func highest(t *series.Timeline, limiter string) (most float64) {
	list := ofLimiter(t, limiter)
	for i := range t.N {
		s := 0.0
		for _, o := range list {
			s += o.Rate[i]
		}
		most = max(most, s)
	}
	return most
}

// stack of rates, one outcome above the other, and what was offered as a line.
func (k *kit) stack(t *series.Timeline, limiter string) (layers []layer) {
	x := edges(t)
	base := make([]float64, len(x))
	for _, o := range ofLimiter(t, limiter) {
		top := held(o.Rate)
		for i := range top {
			top[i] += base[i]
		}
		look := k.Outcome(record.Decision(o.Decision), record.KeyState(o.Key))
		layers = append(layers, band{name: outcomeName(o.Outcome), x: x, lo: base, hi: top, look: look, step: true, edge: true})
		base = top
	}
	if offered := offeredTo(t, limiter); len(offered) > 0 {
		layers = append(layers, line{name: "offered", points: pair(x, held(offered)), look: k.plain(), step: true, width: k.line * 0.7, halo: true})
	}
	return layers
}

// endVisibly tells whether every outcome of a limiter can be pointed at where the
// time ends.
func endVisibly(t *series.Timeline, limiter string, most float64) bool {
	return !slices.ContainsFunc(ofLimiter(t, limiter), func(o series.OutcomeTimeline) bool {
		return len(o.Rate) == 0 || o.Rate[len(o.Rate)-1] < 0.02*most
	})
}

// offeredTo a limiter; nil if it got only some of the requests: a timeline does not
// know which. What is offered is decided or dropped, but for what is under way at
// the end.
func offeredTo(t *series.Timeline, limiter string) []float64 {
	made := 0.0
	for _, o := range ofLimiter(t, limiter) {
		made += sum(o.Rate)
	}
	if made < 0.95*sum(t.Offered) {
		return nil
	}
	return t.Offered
}

// outcomesTitle tells what share of decisions came to what.
func outcomesTitle(t *series.Timeline, names []string) string {
	if len(names) > 1 {
		return deniedTitle(t, names)
	}
	shares := sharesOf(t, names[0])
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

// sharesOf what came of requests, of a limiter's decisions and the drops.
func sharesOf(t *series.Timeline, limiter string) map[record.Decision]float64 {
	n, shares := int64(0), map[record.Decision]float64{}
	list := ofLimiter(t, limiter)
	for _, o := range list {
		n += total(o.Count)
	}
	for _, o := range list {
		shares[record.Decision(o.Decision)] += float64(total(o.Count)) / float64(max(1, n))
	}
	return shares
}
