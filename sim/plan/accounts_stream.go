package plan

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/quotalab/quotalab/models/portable"
	"github.com/quotalab/quotalab/models/usage"
	"github.com/quotalab/quotalab/scenarios"
)

// UsageStream is the usage of one account, batch by batch.
//
// The units of batch [k·Δ, (k+1)·Δ) are Poisson with the mean that the shape
// gives it, independently of the other batches, and are counted at its
// beginning; or, drawn evenly, unit n comes in the batch in which n units are
// expected by then. Batches without units are passed over.
type UsageStream struct {
	share []float64
	mean  float64 // units over the run
	epoch int64
	batch int64
	k     int // next batch
	by    method

	poisson
	gaps *rand.Rand // on the same stream
	due  float64    // by gaps: number of expected units at which the next one comes
	sum  int64      // evenly: units so far

	corrections
	at, units int64 // the batch that waits for a correction before it; units 0: none
}

// corrections says when the next correction is due and what it rests on.
type corrections struct {
	every, next, end int64
	share            float64
	since            int64 // units since the last one
}

// method is a way of drawing the units of batches.
type method uint8

const (
	byBatch method = iota // Poisson numbers
	byGaps                // exponential gaps between units: the same law, quicker where units are rare
	evenly
)

// rare is the mean of a batch below which byGaps is quicker.
const rare = 1

const never = math.MaxInt64

// Usage begins the usage of account i, which is the same each time. It is
// empty where usage is what a traffic source is allowed: then what decides
// on requests counts it, and applies Corrections.
func (a *Accounts) Usage(i int) *UsageStream {
	g := a.Group(i)
	n := i - g.First
	s := &UsageStream{share: g.share, epoch: a.epoch, batch: int64(a.Batch), corrections: corrections{next: never}}
	if g.Source >= 0 {
		return s
	}
	s.mean = min(g.Mean*a.scaleOf(g, n), mostUnits)
	if g.Corrections.Every > 0 {
		every := int64(g.Corrections.Every)
		s.corrections = corrections{every: every, next: a.epoch + every, end: a.epoch + a.horizon, share: g.Corrections.Share}
	}
	s.pcg = a.pcg(g, n, "")
	switch {
	case g.even:
		s.by = evenly
	case s.mean*g.peak < rare:
		s.by = byGaps
		s.gaps = rand.New(&s.pcg)
		s.due = portable.Exponential(s.gaps)
	}
	return s
}

// Usage begins the usage of account i; see Accounts.Usage.
func (p *Plan) Usage(i int) *UsageStream { return p.Accounts.Usage(i) }

// Append adds all that is left of the stream to events.
func (s *UsageStream) Append(events []usage.Event) []usage.Event {
	for {
		at, units, ok := s.Next()
		if !ok {
			return events
		}
		events = append(events, usage.Event{At: at, Units: units})
	}
}

// Next returns the next units and when they are counted, in Unix nanoseconds,
// false at the end. Instants do not fall. Negative units are a correction; at
// one instant it comes before the batch that begins there.
func (s *UsageStream) Next() (at, units int64, ok bool) {
	if s.next == never {
		return s.nextBatch()
	}
	for {
		if s.units == 0 {
			if s.at, s.units, ok = s.nextBatch(); !ok {
				s.at = never
			}
		}
		if s.next < s.end && s.next <= s.at {
			if at, units = s.correct(); units != 0 {
				return at, units, true
			}
			continue
		}
		at, units = s.at, s.units
		s.units = 0
		s.since += units
		return at, units, units != 0
	}
}

func (s *UsageStream) correct() (at, units int64) {
	at, units = s.next, -int64(whole(float64(s.corrections.share*float64(s.since))))
	s.since = 0
	if s.next += s.every; s.next < at { // beyond 64 bits
		s.next = s.end
	}
	return at, units
}

// nextBatch returns the next batch with units.
func (s *UsageStream) nextBatch() (at, units int64, ok bool) {
	switch s.by {
	case byGaps:
		units = s.nextByGaps()
	case evenly:
		units = s.nextEvenly()
	default:
		units = s.nextByBatch()
	}
	if units == 0 {
		return 0, 0, false
	}
	return s.epoch + int64(s.k-1)*s.batch, units, true
}

func (s *UsageStream) nextByBatch() (units int64) {
	share, k, mean := s.share, s.k, s.mean
	for ; k+1 < len(share) && units == 0; k++ {
		units = s.poisson.draw(mean * (share[k+1] - share[k]))
	}
	s.k = k
	return units
}

// nextByGaps draws when the next unit is due in operational time, in which
// one unit is expected per unit of time: there the process is homogeneous
// whatever the shape (see package traffic).
func (s *UsageStream) nextByGaps() (units int64) {
	share, k, mean, due := s.share, s.k, s.mean, s.due
	for k+1 < len(share) && mean*share[k+1] <= due {
		k++
	}
	if k+1 < len(share) {
		for k++; due < mean*share[k]; units++ {
			due += portable.Exponential(s.gaps)
		}
	}
	s.k, s.due = k, due
	return units
}

func (s *UsageStream) nextEvenly() (units int64) {
	for ; s.k+1 < len(s.share) && units == 0; s.k++ {
		if sum := int64(whole(float64(s.mean * s.share[s.k+1]))); sum > s.sum {
			units, s.sum = sum-s.sum, sum
		}
	}
	return units
}

// whole is ⌊x⌋, or the next number where only rounding keeps x below it:
// 29 % of 100 are 29.
func whole(x float64) float64 {
	if near := math.Round(x); math.Abs(x-near) <= 0x1p-40*x {
		return near
	}
	return math.Floor(x)
}

// pcg returns the random stream of an account: of what is "" its usage, else
// another draw of it. A stream depends on the seed, the group's name and the
// account's number in it alone, so that neither a further group nor a further
// account shifts it.
func (a *Accounts) pcg(g *AccountGroup, n int, what string) rand.PCG {
	var buf [128]byte
	name := append(buf[:0], "accounts/"...)
	name = append(name, g.Name...)
	name = append(name, '/')
	name = append(strconv.AppendInt(name, int64(n), 10), what...)
	return *rand.NewPCG(seeds(a.seed, name))
}

func (a *Accounts) anchorOf(g *AccountGroup, n int) int64 {
	pcg := a.pcg(g, n, "/anchor")
	return g.anchor(pcg.Uint64())
}

func (a *Accounts) scaleOf(g *AccountGroup, n int) float64 {
	if g.scale.draw == nil {
		return g.scale.constant
	}
	pcg := a.pcg(g, n, "/scale")
	return g.scale.draw(rand.New(&pcg))
}

// anchors compiles the law of first billing instants, as a function of a
// uniform draw. Those of an interval are whole seconds after its start.
func anchors(def scenarios.Anchor, epoch time.Time) func(n uint64) int64 {
	switch {
	case def.At != nil:
		at := def.At.UnixNano()
		return func(uint64) int64 { return at }
	case def.Spread != nil:
		return within(def.Spread.From, def.Spread.To)
	case def.MonthEnds != nil:
		return within(monthEnd(epoch, int(def.MonthEnds.Months)))
	}
	return func(uint64) int64 { return 0 } // free accounts have none
}

// within maps a uniform draw to one of the whole seconds of [from, to). The
// high word of n · seconds / 2⁶⁴ is uniform up to one in 2⁶⁴ / seconds.
func within(from, to time.Time) func(n uint64) int64 {
	start, seconds := from.UnixNano(), uint64(max(to.Sub(from)/time.Second, 1))
	return func(n uint64) int64 {
		second, _ := bits.Mul64(n, seconds)
		return start + int64(second)*int64(time.Second)
	}
}

// monthEnd returns the three days from the 29th on of the month that is so
// many months before the epoch's, or of the month before that one where it
// has no 31st. No two months in a row lack it.
func monthEnd(epoch time.Time, months int) (from, to time.Time) {
	y, m, _ := epoch.UTC().Date()
	first := time.Date(y, m-time.Month(months), 1, 0, 0, 0, 0, time.UTC)
	if first.AddDate(0, 0, 30).Day() != 31 {
		first = first.AddDate(0, -1, 0)
	}
	return first.AddDate(0, 0, 28), first.AddDate(0, 0, 31)
}

// scale is the law of the factor of an account's usage.
type scale struct {
	constant float64 // where nothing is drawn
	draw     func(rng *rand.Rand) float64
}

// scales compiles the law of a factor:
//
//	lognormal  median · e^(σ·Z), σ = ln(p99/median) / Φ⁻¹(0.99), Z standard normal
//	pareto     min · U^(−1/α), U uniform on (0, 1]
func scales(def scenarios.Scale) scale {
	switch {
	case def.Lognormal != nil:
		median, p99 := float64(def.Lognormal.Median), float64(def.Lognormal.P99)
		sigma := portable.Log(p99/median) / portable.Z99
		return scale{draw: func(rng *rand.Rand) float64 { return float64(median * portable.Exp(sigma*portable.Normal(rng))) }}
	case def.Pareto != nil:
		low, power := float64(def.Pareto.Min), -1/float64(def.Pareto.Alpha)
		return scale{draw: func(rng *rand.Rand) float64 { return float64(low * portable.Pow(1-rng.Float64(), power)) }}
	}
	return scale{constant: float64(*def.Constant)}
}

// many is the mean from which on rejection is quicker than inversion.
const many = 24

// poisson draws from Poisson distributions whose means change slowly, exactly
// up to the 53 bits of a uniform draw.
type poisson struct {
	pcg  rand.PCG
	near float64 // a mean with
	exp  float64 // e^(−near), 0 at first: not computed
}

func (p *poisson) draw(mean float64) int64 {
	if mean < many {
		return invert(p.uniform(), mean, p.none(mean))
	}
	return p.reject(mean)
}

// uniform draws from [0, 1), as rand.Rand does, without its indirection.
func (p *poisson) uniform() float64 { return float64(p.pcg.Uint64()>>11) * 0x1p-53 }

// none is e^(−mean), the probability of 0. From a mean nearby it takes a
// few terms of the series of e^d: the first left out is below d⁵/120 < 2⁻⁵⁶.
func (p *poisson) none(mean float64) float64 {
	d := p.near - mean
	if d > 0x1p-10 || d < -0x1p-10 || p.exp == 0 {
		p.near, p.exp = mean, portable.Exp(-mean)
		return p.exp
	}
	return float64(p.exp * (1 + float64(d*(1+float64(d*(1./2+float64(d*(1./6+float64(d*(1./24))))))))))
}

// inverse holds 1/n. What has no entry has a probability of less than 2⁻⁵³
// at a mean of many.
var inverse = func() (out [128]float64) {
	for n := range out {
		out[n] = 1 / float64(n)
	}
	return out
}()

// invert returns the smallest n with u < Σ_{i≤n} e^(−mean)·meanⁱ/i!, given
// e^(−mean).
func invert(u, mean, none float64) int64 {
	p, sum := none, none
	n := 0
	for u >= sum && n+1 < len(inverse) {
		n++
		p = float64(p * (mean * inverse[n]))
		sum += p
	}
	return int64(n)
}

// reject is for means of at least 10: transformed rejection with
// squeeze (PTRS of W. Hörmann, The transformed rejection method for generating
// Poisson random variables, Insurance: Mathematics and Economics 12, 1993). It
// costs the same for every mean.
func (p *poisson) reject(mean float64) int64 {
	b := 0.931 + float64(2.53*math.Sqrt(mean))
	a := -0.059 + float64(0.02483*b)
	squeeze := 0.9277 - 3.6224/(b-2)
	for {
		u, v := p.uniform()-0.5, p.uniform()
		us := 0.5 - math.Abs(u)
		k := math.Floor(float64((2*a/us+b)*u) + mean + 0.43)
		if us >= 0.07 && v <= squeeze {
			return int64(k)
		}
		if k < 0 || us < 0.013 && v > us {
			continue
		}
		invAlpha := 1.1239 + 1.1328/(b-3.4)
		if portable.Log(v*invAlpha/(a/(us*us)+b)) <= logPoisson(k, mean) {
			return int64(k)
		}
	}
}

// logPoisson is the logarithm of e^(−mean)·meanᵏ/k!. With t = k/mean − 1 and
// Stirling's series for k! (C. Loader, Fast and Accurate Computation of
// Binomial Probabilities, 2000) it is
//
//	−mean·((1+t)·ln(1+t) − t) − ½·ln(2πk) − 1/12k + 1/360k³ − …
//
// whose terms do not cancel for large means, as those of k·ln(mean) − mean −
// ln(k!) do.
func logPoisson(k, mean float64) float64 {
	if k < 10 {
		factorial := 1.0
		for i := 2.0; i <= k; i++ {
			factorial *= i
		}
		return float64(k*portable.Log(mean)) - mean - portable.Log(factorial)
	}
	t := (k - mean) / mean
	deviance := float64(mean * (float64((1+t)*portable.Log1p(t)) - t))
	tail := (1./12 - (1./360-1./(1260*k*k))/(k*k)) / k
	return -deviance - 0.5*portable.Log(2*math.Pi*k) - tail
}
