package plan

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/models/portable"
	"github.com/quotalab/quotalab/scenarios"
)

// What a run in virtual time takes. Each of the figures comes from one run in a process
// of its own, on two cores that others used too.
//
// Decisions per second of processor time, user's and system's together, with the
// start of the program and the summary: boulder-not-found 41,000, hot-key (tat)
// 28,000, usage-and-limiter (redis_rate) 16,000, boulder-new-order 12,000; a million
// of boulder over 850,000 keys 14,500. So the time that is told is right within
// a factor of about two, where the machine has a core for the run.
//
// Batches of usage per second of processor time, over all engines, since each counts
// them: flagsmith-5069 (6 h) 300,000, 100 accounts in batches of 5 min before catch_up
// and inline 270,000.
//
// The most memory: 128 MB with few keys (hot-key), 212 MB (boulder) with 300,000 new
// keys, and 592 MB with a million before what held the keys of the run was
// collected for the audit. The record of a million decisions had 19.4 MB.
const (
	decisionsPerSecond  = 18_000
	batchesPerSecond    = 280_000
	bytesOfRun          = 130e6 // with one key: the program, garbage, buffers
	bytesPerKey         = 390
	bytesPerObservation = 20
)

// Estimate is what a run of the plan is expected to take. Counts are of a run
// that is not cut short, without retries.
type Estimate struct {
	Decisions float64
	Keys      float64 // in all shards of all limiters
	Accounts  int
	Batches   float64       // of their usage, at most one a unit, counted by every engine
	Time      time.Duration // that the run lasts
	Memory    float64       // bytes, in virtual time
	Disk      float64       // bytes of the record
}

// Estimate returns what a run of the plan is expected to take.
func (p *Plan) Estimate() Estimate {
	var e Estimate
	type asked struct{ population, limiter int }
	requests := map[asked]float64{} // by what draws the keys
	for i := range p.Sources {
		s := &p.Sources[i]
		for _, l := range s.Limiters {
			calls := len(s.Takes) / p.Limiters[l].TakesACall(len(s.Takes))
			e.Decisions += float64(s.Expected * float64(len(s.Via)*calls))
			if s.trace != nil {
				e.Keys += float64(len(s.trace.names))
				continue
			}
			for _, t := range s.Takes {
				requests[asked{t.population, l}] += s.Expected
			}
		}
	}
	for of, n := range requests { // a sum of whole numbers: the order does not matter
		e.Keys += math.Round(p.distinct(of.population, n))
	}
	if a := p.Accounts; a != nil {
		e.Accounts = a.Len()
		for _, g := range a.Groups {
			units := float64(g.Count) * g.Mean
			if g.Source >= 0 {
				units = p.Sources[g.Source].Expected
			}
			e.Batches += float64(float64(len(p.Engines)) * min(units, float64(g.Count)*float64(p.Horizon/a.Batch)))
		}
	}
	e.Time = p.Horizon
	if p.Scenario.Clock != "real" {
		e.Time = time.Duration(min(e.Decisions/decisionsPerSecond+e.Batches/batchesPerSecond, mostArrivals) * float64(time.Second))
		e.Memory = bytesOfRun + float64(e.Keys*bytesPerKey)
	}
	if p.Scenario.Observations == "all" {
		e.Disk = e.Decisions * bytesPerObservation
	}
	return e
}

// distinct returns how many keys of a population n requests are expected to
// draw.
func (p *Plan) distinct(population int, n float64) float64 {
	def := p.Scenario.Keys[population].Value
	drawn := func(of, requests float64) float64 { return float64(of * -portable.Expm1(-requests/of)) }
	switch {
	case def.Derive != nil:
		from := p.distinct(p.populations[population].root, n)
		switch {
		case def.Derive.Groups > 0:
			return min(from, drawn(float64(def.Derive.Groups), from))
		case def.Derive.Size > 0:
			return max(1, from/float64(def.Derive.Size))
		}
		return from
	case def.Mix != nil:
		sum, weights := 0.0, 0.0
		for _, m := range def.Mix {
			weights += float64(m.Weight)
		}
		for _, m := range def.Mix {
			for j := range p.populations {
				if p.populations[j].name == m.Keys {
					sum += p.distinct(j, n*float64(m.Weight)/weights)
				}
			}
		}
		return sum
	case def.FromTrace != nil:
		return min(n, float64(len(p.populations[population].names)))
	case def.Uniform != nil:
		return drawn(float64(def.Uniform.N), n)
	case def.Zipf != nil:
		return drawnZipf(float64(def.Zipf.N), float64(def.Zipf.S), n)
	case def.HotSet != nil:
		hot, share := float64(def.HotSet.Hot), float64(def.HotSet.Share)
		return drawn(hot, n*share) + drawn(max(1, float64(def.HotSet.N)-hot), n*(1-share))
	case def.Sequence != nil:
		return min(n, float64(def.Sequence.N))
	case def.Churn != nil:
		return p.drawnChurn(*def.Churn, n)
	case def.Growing != nil:
		return min(n, float64(def.Growing.K)*portable.Pow(n, float64(def.Growing.B)))
	}
	return n // each is a new one
}

// drawnZipf returns how many of n keys, whose weights fall with their rank to the
// power of s, are drawn by so many requests. Ranks are taken in a thousand
// blocks of equal ratio.
func drawnZipf(n, s, requests float64) float64 {
	const blocks = 1000
	type block struct{ size, weight float64 }
	var all []block
	total := 0.0
	for i, low := 0, 1.0; low <= n; i++ {
		high := min(n+1, max(low+1, math.Floor(portable.Pow(n+1, float64(i+1)/blocks))))
		b := block{high - low, portable.Pow((low+high-1)/2, -s)}
		all, total, low = append(all, b), total+float64(b.size*b.weight), high
	}
	sum := 0.0
	for _, b := range all {
		sum += float64(b.size * -portable.Expm1(-requests*b.weight/total))
	}
	return sum
}

// drawnChurn returns how many keys that come and go are drawn: those that live
// on average at the beginning, and those that come, each for as many requests as
// fall into its life.
func (p *Plan) drawnChurn(c scenarios.ChurnKeys, n float64) float64 {
	life, err := distribution(c.Lifetime)
	if err != nil {
		return n // it did not compile either
	}
	alive := float64(float64(c.Arrivals) * life.Mean().Seconds())
	all := max(1, alive+float64(float64(c.Arrivals)*p.Horizon.Seconds()))
	return float64(all * -portable.Expm1(-n/all))
}

// Text describes the estimate in one line.
func (e Estimate) Text() string {
	var of []string
	if e.Decisions > 0 || e.Accounts == 0 {
		of = append(of, fmt.Sprintf("%s over %s", unit.Counted(int64(e.Decisions), "decision"), unit.Counted(int64(e.Keys), "key")))
	}
	if e.Batches >= 1 {
		of = append(of, fmt.Sprintf("%s of usage of %s", unit.Counted(int64(e.Batches), "count"), unit.Counted(int64(e.Accounts), "account")))
	}
	text := fmt.Sprintf("about %s: %s", strings.Join(of, " and "), unit.Lasting(max(1, math.Round(e.Time.Seconds()))))
	if e.Memory > 0 {
		text += fmt.Sprintf(", %.1f GB of memory", e.Memory/1e9)
	}
	if e.Disk > 0 {
		text += fmt.Sprintf(", %.3g GB of disk", max(0.001, e.Disk/1e9))
	}
	return text
}

// What a person is warned of before a run begins.
const (
	longRun     = 10 * time.Minute
	memoryShare = 0.5 // of the machine's
)

// Warnings returns why a run may be more than is wanted of a machine with that many
// bytes of memory; 0: unknown.
func (e Estimate) Warnings(machine float64) (out []string) {
	if e.Time > longRun {
		out = append(out, fmt.Sprintf("the run is expected to take %s, %s: shorten the horizon, lower the rates, or let it run", unit.Lasting(math.Round(e.Time.Seconds())), e.Text()))
	}
	if machine > 0 && e.Memory > memoryShare*machine {
		out = append(out, e.memoryText(machine))
	}
	return out
}

// TooMuch returns why a machine with that much memory in bytes cannot play the
// run, "" if it can or if its memory is not known (0).
func (e Estimate) TooMuch(machine float64) string {
	if machine <= 0 || e.Memory <= machine {
		return ""
	}
	return e.memoryText(machine)
}

func (e Estimate) memoryText(machine float64) string {
	return fmt.Sprintf("the run is expected to take %.1f GB of memory for %s, and the machine has %.1f GB: take fewer keys, a shorter horizon, or a larger machine",
		e.Memory/1e9, unit.Counted(int64(e.Keys), "key"), machine/1e9)
}
