package plots

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"

	"github.com/quotalab/quotalab/plots/draw"
	"github.com/quotalab/quotalab/plots/series"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/sweep"
)

// fixtures are inputs of all kinds, by name: what figures get on their best and
// their worst days. Nobody changes them.
var fixtures = sync.OnceValue(func() map[string][]*series.Set {
	return map[string][]*series.Set{
		"nothing":      {},
		"empty":        {{Manifest: manifest("empty", true)}},
		"no decisions": {intervals(aSet("no-decisions"), 5, 1, nil)},
		"one decision": {one()},
		"all equal":    {equal(0.001)},
		"all zero":     {equal(0)},
		"usual":        {usual()},
		"faults":       {faulty(2)},
		"many faults":  {faulty(30)},
		"live":         {live()},
		"drops only":   {dropsOnly()},
		"gaps":         {gaps()},
		"largest":      {largest(6)},
		"largest of 4": {largest(4)},
		"long names":   {longNames()},
		"years":        {years()},
		"two records":  {usual(), live()},
		"clients":      {clientsApart(2)},
		"four clients": {clientsApart(4)},
	}
})

func manifest(name string, complete bool) record.Manifest {
	return record.Manifest{Scenario: name, Clock: "virtual", Seed: 1, Complete: complete}
}

func aSet(name string) *series.Set { return &series.Set{Manifest: manifest(name, true)} }

// distribution with values at random from a seed, exponential above a least.
func distribution(seed uint64, n int, least, mean float64) series.Distribution {
	rng := rand.New(rand.NewPCG(seed, 1))
	values := make([]float64, n)
	for i := range values {
		values[i] = least + rng.ExpFloat64()*mean
	}
	slices.Sort(values)
	return exact(values)
}

// exact distribution of sorted values, at up to some 500 percentiles.
func exact(values []float64) series.Distribution {
	n := len(values)
	d := series.Distribution{N: int64(n), Min: values[0], Max: values[n-1]}
	at := func(p float64) float64 { return values[max(0, int(math.Ceil(p/100*float64(n)-1e-9))-1)] }
	for p := 0.0; p < 90; p += 0.25 {
		d.Grid = append(d.Grid, series.Quantile{P: p, V: at(p)})
	}
	for tail := 10.0; 100-tail <= 100*(1-1/float64(n)); tail *= 0.9 {
		d.Grid = append(d.Grid, series.Quantile{P: 100 - tail, V: at(100 - tail)})
	}
	d.Grid = append(d.Grid, series.Quantile{P: 100, V: values[n-1]})
	return d
}

func same(n int64, v float64) series.Distribution {
	return series.Distribution{N: n, Min: v, Max: v, Grid: []series.Quantile{{P: 0, V: v}, {P: 50, V: v}, {P: 100, V: v}}}
}

func latencyOf(limiter, decision, key string, d series.Distribution) series.OutcomeLatency {
	return series.OutcomeLatency{Outcome: series.Outcome{Limiter: limiter, Decision: decision, Key: key}, Service: d, Sojourn: d}
}

// intervals gives a set a timeline; rate tells decisions per second of each of
// its outcomes in an interval.
func intervals(s *series.Set, n int, step float64, rate func(o, i int) float64) *series.Set {
	t := &s.Timeline
	t.N, t.Step = n, step
	for o, l := range s.Latency {
		line := series.OutcomeTimeline{Outcome: l.Outcome}
		middle, tail := quantileOf(l.Service, 50), quantileOf(l.Service, 99)
		for i := range n {
			count := math.Floor(rate(o, i) * step)
			line.Count = append(line.Count, int64(count))
			line.Rate = append(line.Rate, count/step)
			p50, p99 := math.NaN(), math.NaN()
			if count > 0 {
				p50 = middle * (1 + 0.1*math.Sin(float64(i)))
				p99 = tail * (1 + 0.3*math.Sin(float64(i+o)))
			}
			line.P50, line.P99 = append(line.P50, p50), append(line.P99, max(p50, p99))
		}
		t.Outcomes = append(t.Outcomes, line)
	}
	if len(t.Outcomes) == 0 {
		return s
	}
	var limiters []string
	for _, o := range t.Outcomes {
		if !slices.Contains(limiters, o.Limiter) {
			limiters = append(limiters, o.Limiter)
		}
	}
	t.Offered = make([]float64, n)
	for _, l := range limiters {
		t.OfferedTo = append(t.OfferedTo, series.Offer{Limiter: l, Rate: t.Offered})
	}
	for i := range t.Offered {
		for _, o := range t.Outcomes {
			if o.Limiter == t.Outcomes[0].Limiter {
				t.Offered[i] += o.Rate[i]
			}
		}
	}
	return s
}

func quantileOf(d series.Distribution, p float64) float64 {
	return mixtureQuantile([]series.Distribution{d}, p)
}

func one() *series.Set {
	s := aSet("one-decision")
	s.Latency = []series.OutcomeLatency{latencyOf("lua", "allowed", "not_found", series.Distribution{N: 1, Min: 0.002, Max: 0.002,
		Grid: []series.Quantile{{P: 0, V: 0.002}, {P: 100, V: 0.002}}})}
	return intervals(s, 1, 1, func(int, int) float64 { return 1 })
}

func equal(v float64) *series.Set {
	s := aSet("all-equal")
	s.Latency = []series.OutcomeLatency{latencyOf("lua", "allowed", "found", same(900, v)), latencyOf("lua", "denied", "found", same(100, v))}
	return intervals(s, 10, 1, func(o, _ int) float64 { return []float64{90, 10}[o] })
}

func usual() *series.Set {
	s := aSet("boulder-not-found")
	s.Latency = []series.OutcomeLatency{
		latencyOf("boulder", "allowed", "found", distribution(1, 9000, 0.0098, 0.0006)),
		latencyOf("boulder", "allowed", "not_found", distribution(2, 4000, 0.0097, 0.0008)),
		latencyOf("boulder", "denied", "found", distribution(3, 3000, 0.0049, 0.0003)),
	}
	return intervals(s, 60, 1, func(o, i int) float64 {
		return []float64{150, 70, 50}[o] + 30*math.Sin(float64(i)/6+float64(o))
	})
}

func faulty(n int) *series.Set {
	s := usual()
	s.Manifest.Scenario = "shard-lost"
	s.Latency = append(s.Latency, latencyOf("boulder", "error", "unread", distribution(4, 300, 0.25, 0.0001)))
	s.Timeline = series.Timeline{}
	intervals(s, 240, 1, func(o, i int) float64 {
		if o == 3 && (i < 60 || i > 65) {
			return 0
		}
		return []float64{100, 40, 60, 50}[o]
	})
	for i := range n {
		from := 60 + float64(i)*5
		s.Timeline.Faults = append(s.Timeline.Faults, series.Span{From: from, Until: from + float64(i%3)*4, Label: fmt.Sprintf("shard-%d is down", i+1)})
	}
	s.Timeline.Warmup = 20
	return s
}

func live() *series.Set {
	s := usual()
	s.Manifest.Scenario, s.Manifest.Clock, s.Manifest.Complete = "live-path-latency", "real", false
	for i := range s.Latency {
		s.Latency[i].Service = distribution(uint64(10+i), 5000, 80e-6, 40e-6)
		s.Latency[i].Sojourn = distribution(uint64(20+i), 5000, 90e-6, 200e-6)
	}
	return s
}

func dropsOnly() *series.Set {
	s := aSet("drops-only")
	s.Timeline = series.Timeline{N: 3, Step: 1, Offered: []float64{5, 5, 5}, Outcomes: []series.OutcomeTimeline{{
		Outcome: series.Outcome{Decision: "dropped"}, Rate: []float64{5, 5, 5}, Count: []int64{5, 5, 5},
		P50: []float64{math.NaN(), math.NaN(), math.NaN()}, P99: []float64{math.NaN(), math.NaN(), math.NaN()}}}}
	return s
}

// gaps: requests come in every third interval only.
func gaps() *series.Set {
	s := usual()
	s.Timeline = series.Timeline{}
	return intervals(s, 30, 10, func(o, i int) float64 {
		if i%3 > 0 {
			return 0
		}
		return 0.3 + float64(o)
	})
}

// largest: all outcomes of some limiters, as many points as series have.
func largest(limiters int) *series.Set {
	s := aSet("largest")
	for l := range limiters {
		for d, decision := range []string{"allowed", "denied", "error", "fail_open"} {
			for k, key := range []string{"found", "not_found", "stale", "mixed", "unread"} {
				s.Latency = append(s.Latency, latencyOf(fmt.Sprintf("limiter-%d", l), decision, key,
					distribution(uint64(100*l+10*d+k), 30000, 1e-4*float64(1+d), 1e-3*float64(1+k))))
			}
		}
	}
	for i := range s.Latency {
		s.Latency[i].Sojourn.Max *= 2
		s.Latency[i].Sojourn.Grid = append(slices.Clone(s.Latency[i].Sojourn.Grid), series.Quantile{P: 100, V: s.Latency[i].Sojourn.Max})
	}
	rng := rand.New(rand.NewPCG(1, 2))
	return intervals(s, 240, 5, func(int, int) float64 { return 1000 * rng.Float64() })
}

func longNames() *series.Set {
	s := usual()
	s.Manifest.Scenario = strings.Repeat("a-very-long-scenario-", 8) + "ended"
	for i := range s.Latency {
		s.Latency[i].Limiter = "generic-cell-rate-with-a-second-limiter-behind-it-and-$1-\"<&>"
	}
	s.Timeline = series.Timeline{}
	intervals(s, 20, 0.05, func(int, int) float64 { return 1e7 })
	s.Timeline.Faults = []series.Span{{From: 0.1, Until: 0.2, Label: strings.Repeat("everything is down and ", 12) + "out"}}
	return s
}

func years() *series.Set {
	s := usual()
	s.Timeline = series.Timeline{From: 86400}
	return intervals(s, 200, 7*86400, func(int, int) float64 { return 1e-3 })
}

// drawn returns all figures of some records.
func drawn(sets []*series.Set, o Options) []draw.Figure {
	figures, err := All(sets, o)
	if err != nil {
		panic(err)
	}
	return figures
}

// drawnSweep returns all figures of a sweep.
func drawnSweep(g *sweep.Grid, o Options) []draw.Figure {
	figures, err := gridFigures(g, o)
	if err != nil {
		panic(err)
	}
	return figures
}
