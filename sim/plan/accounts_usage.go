package plan

import (
	"errors"
	"math"
	"math/rand/v2"
	"time"

	"github.com/quotalab/quotalab/models/traffic"
	"github.com/quotalab/quotalab/models/usage"
	"github.com/quotalab/quotalab/scenarios"
)

// month is the time that of_limit speaks of.
const month = 30 * 24 * time.Hour

// mostUnits bounds the expected usage of one account, so that sums of it and
// a hundred times that fit into 64 bits. A heavy tail may reach it.
const mostUnits = 1 << 53

// compileUsage compiles how much an account of the group uses, and when. The
// shape is normalised: only its form counts.
func (a *Accounts) compileUsage(g *AccountGroup, s *scenarios.Scenario, def scenarios.AccountGroup) error {
	u := def.Usage
	c, err := curve(u.Shape, time.Duration(s.Horizon), s.Epoch)
	if err != nil {
		return err
	}
	g.Mean = float64(u.OfLimit) * float64(def.Limit) * (float64(s.Horizon) / float64(month))
	g.scale, g.even = scales(u.Scale), u.Draw == "even"
	g.share, err = shares(c, time.Duration(s.Horizon), a.Batch)
	return err
}

// shares returns for every batch of a run the share of the curve's Λ that
// comes before it, and 1 at the end. What is due at the instant at which a
// batch begins belongs to it.
func shares(c traffic.Curve, horizon, batch time.Duration) ([]float64, error) {
	n := int((horizon + batch - 1) / batch)
	out := make([]float64, n+1)
	for k := 1; k <= n; k++ {
		out[k] = before(c, min(time.Duration(k)*batch, horizon).Seconds())
	}
	total := out[n]
	if !(total > 0) || math.IsInf(total, 0) {
		return nil, errors.New("the pattern has no rate before the horizon, so nothing would be used: its form alone counts, and it needs one")
	}
	for k := range out {
		out[k] /= total
	}
	return out, nil
}

// before is Λ(t−), what is due before t.
func before(c traffic.Curve, t float64) float64 {
	n := c.Cumulative(t)
	if p, ok := c.(traffic.Piecewise); ok {
		n -= p.Mass(t)
	}
	return n
}

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
	even  bool

	rng     rand.Rand
	wait    float64 // expected units until the next one
	counted int64   // drawn evenly so far

	corrections
	at, units int64 // the batch that waits for a correction before it; units 0: none
}

// corrections says when the next correction is due and what it rests on.
type corrections struct {
	every, next, end int64
	share            float64
	since            int64 // units since the last one
}

const never = math.MaxInt64

// Usage begins the usage of account i, which is the same each time. It is
// empty where usage is what a traffic source is allowed: then whoever decides
// on requests counts it, and applies Corrections.
func (a *Accounts) Usage(i int) *UsageStream {
	g := a.Group(i)
	n := i - g.First
	s := &UsageStream{share: g.share, epoch: a.epoch, batch: int64(a.Batch), even: g.even, corrections: corrections{next: never}}
	if g.Source >= 0 {
		return s
	}
	s.mean = min(g.Mean*a.scaleOf(g, n), mostUnits)
	if g.Corrections.Every > 0 {
		every := int64(g.Corrections.Every)
		s.corrections = corrections{every: every, next: a.epoch + every, end: a.epoch + a.horizon, share: g.Corrections.Share}
	}
	pcg := a.pcg(g, n, "")
	s.rng = *rand.New(&pcg)
	s.wait = s.rng.ExpFloat64()
	return s
}

// Usage begins the usage of account i; see Accounts.Usage.
func (p *Plan) Usage(i int) *UsageStream { return p.Accounts.Usage(i) }

// Next returns the next units and when they are counted, in Unix nanoseconds,
// false at the end. Instants do not fall. Negative units are a correction; at
// one instant it comes before the batch that begins there.
func (s *UsageStream) Next() (at, units int64, ok bool) {
	if s.next == never {
		return s.draw()
	}
	for {
		if s.units == 0 {
			if s.at, s.units, ok = s.draw(); !ok {
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
	at, units = s.next, -int64(whole(s.corrections.share*float64(s.since)))
	s.since = 0
	if s.next += s.every; s.next < at { // beyond 64 bits
		s.next = s.end
	}
	return at, units
}

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

// few is the mean of a batch from which on its units are drawn at once, and
// not by their gaps. Both are exact; this is where they cost the same.
const few = 10

// draw returns the next batch with units.
//
// In operational time, in which one unit is expected per unit of time, the
// process is homogeneous whatever the shape (see package traffic): of batches
// with few units the gaps are drawn, which for most of them is a comparison.
// A gap that reaches over a batch drawn at once is memoryless and goes on
// behind it.
func (s *UsageStream) draw() (at, units int64, ok bool) {
	share, k := s.share, s.k
	for ; k+1 < len(share); k++ {
		if s.even {
			total := int64(whole(s.mean * share[k+1]))
			units, s.counted = max(total-s.counted, 0), max(total, s.counted)
		} else if mean := s.mean * (share[k+1] - share[k]); mean >= few {
			units = poisson(&s.rng, mean)
		} else {
			for ; s.wait < mean; s.wait += s.rng.ExpFloat64() {
				units++
			}
			s.wait -= mean
		}
		if units > 0 {
			s.k = k + 1
			return s.epoch + int64(k)*s.batch, units, true
		}
	}
	s.k = k
	return 0, 0, false
}

// whole is ⌊x⌋, or the next number where only rounding keeps x below it:
// 29 % of 100 are 29.
func whole(x float64) float64 {
	if near := math.Round(x); math.Abs(x-near) <= 0x1p-40*x {
		return near
	}
	return math.Floor(x)
}
