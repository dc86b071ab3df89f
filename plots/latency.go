package plots

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/series"
)

// latencyFigures of one record: for each limiter how long decisions took, by
// outcome. Where requests were not sent when they were due there is a second
// figure of the time since then.
func latencyFigures(k *kit, set *series.Set) (all []Figure) {
	limiters := latencyLimiters(set)
	if len(limiters) == 0 {
		return []Figure{k.latencyFigure("", nil, serviceView)}
	}
	for _, name := range limiters {
		var of []series.OutcomeLatency
		for _, o := range set.Latency {
			if o.Limiter == name {
				of = append(of, o)
			}
		}
		f := k.latencyFigure(name, of, serviceView)
		if differ(of) {
			all = append(all, f, k.latencyFigure(name, of, sojournView))
			continue
		}
		if f.panels[0].empty == "" {
			f.Notes = append(f.Notes, "From sent to done; from due to done is the same: requests were sent when they were due.")
		}
		all = append(all, f)
	}
	return all
}

// view of a latency: from when to done.
type view struct {
	name, title, label string
	of                 func(series.OutcomeLatency) series.Distribution
}

var (
	serviceView = view{"latency", "", "latency, sent to done", func(o series.OutcomeLatency) series.Distribution { return o.Service }}
	sojournView = view{"latency-intended", "From when they were due, ", "latency, due to done", func(o series.OutcomeLatency) series.Distribution { return o.Sojourn }}
)

// latencyLimiters in the order of the manifest.
func latencyLimiters(set *series.Set) (names []string) {
	for _, o := range set.Latency {
		if o.Service.N > 0 && !slices.Contains(names, o.Limiter) {
			names = append(names, o.Limiter)
		}
	}
	return names
}

// differ tells whether any outcome's two views do.
func differ(of []series.OutcomeLatency) bool {
	return slices.ContainsFunc(of, func(o series.OutcomeLatency) bool { return !slices.Equal(o.Service.Grid, o.Sojourn.Grid) })
}

func (k *kit) latencyFigure(limiter string, of []series.OutcomeLatency, v view) Figure {
	f := Figure{Name: v.name, columns: 2}
	if limiter != "" {
		f.Name += "-" + limiter
	}
	shares := panel{y: percentAxis("decisions done within this time (%)")}
	tails := panel{direct: true}
	lo, hi, most := math.Inf(1), 0.0, int64(0)
	for _, o := range of {
		d := v.of(o)
		if d.N == 0 || len(d.Grid) == 0 {
			continue
		}
		look, name := k.Outcome(record.Decision(o.Decision), record.KeyState(o.Key)), outcomeName(o.Outcome)
		shares.layers = append(shares.layers, line{name: name, points: ecdf(d), look: look, step: true})
		tails.layers = append(tails.layers, line{name: name, points: quantiles(d), look: look})
		lo, hi, most = min(lo, positive(d)), max(hi, d.Max), max(most, d.N)
	}
	if most == 0 {
		f.Title = "No latency was measured"
		f.panels = []panel{{empty: "no request of the record was sent and answered after the warm-up"}}
		return f
	}
	shares.x, tails.y = latencyAxis(v.label, lo, hi), latencyAxis(v.label, lo, hi)
	tails.x = percentileAxis(most)
	f.panels = []panel{shares, tails}
	f.Title = latencyTitle(of, v)
	return f
}

// positive is the smallest value above 0, or 0 if there is none.
func positive(d series.Distribution) float64 {
	for _, q := range d.Grid {
		if q.V > 0 {
			return q.V
		}
	}
	return 0
}

// ecdf of a distribution: share of the values that are at most x, in percent.
func ecdf(d series.Distribution) []series.Point {
	points := []series.Point{{X: d.Min, Y: 0}}
	for _, q := range d.Grid {
		points = append(points, series.Point{X: q.V, Y: q.P})
	}
	return append(points, series.Point{X: d.Max, Y: 100})
}

// quantiles up to the last percentile that so many values have.
func quantiles(d series.Distribution) []series.Point {
	last := 100 * (1 - 1/float64(d.N))
	var points []series.Point
	for _, q := range d.Grid {
		points = append(points, series.Point{X: min(q.P, last), Y: q.V})
	}
	return points
}

// outcomeName in labels: denied, not found.
func outcomeName(o series.Outcome) string {
	words := []string{o.Decision}
	if o.Key != "" && !(o.Key == string(record.Unread) && o.Decision != string(record.Allowed)) {
		words = append(words, o.Key)
	}
	return strings.ReplaceAll(strings.Join(words, ", "), "_", " ")
}

// latencyTitle compares decisions by their median.
func latencyTitle(of []series.OutcomeLatency, v view) string {
	var order []string
	by := map[string][]series.Distribution{}
	for _, o := range of {
		d := v.of(o)
		if d.N == 0 {
			continue
		}
		if by[o.Decision] == nil {
			order = append(order, o.Decision)
		}
		by[o.Decision] = append(by[o.Decision], d)
	}
	median := func(decision string) float64 { return mixtureQuantile(by[decision], 50) }
	slices.SortStableFunc(order, func(a, b string) int {
		return int(math.Copysign(1, median(a)-median(b)))
	})
	var parts []string
	for _, d := range order {
		parts = append(parts, fmt.Sprintf("%s %s", strings.ReplaceAll(d, "_", " "), amount(median(d), 2)))
	}
	return v.title + strings.Join(parts, ", ") + " at the median"
}

// mixtureQuantile is the percentile of all values of some distributions, as near as
// their grids are dense.
func mixtureQuantile(ds []series.Distribution, p float64) float64 {
	type mass struct{ v, n float64 }
	var all []mass
	total := 0.0
	for _, d := range ds {
		before := 0.0
		for _, q := range d.Grid {
			all = append(all, mass{q.V, (q.P - before) / 100 * float64(d.N)})
			before = q.P
		}
		total += float64(d.N)
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].v < all[j].v })
	sum := 0.0
	for _, m := range all {
		if sum += m.n; sum >= total*p/100-1e-9 {
			return m.v
		}
	}
	return math.NaN()
}
