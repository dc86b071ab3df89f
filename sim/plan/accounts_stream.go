package plan

import (
	"math"
	"math/rand/v2"

	"github.com/quotalab/quotalab/models/usage"
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
	due  float64    // by gaps: the next unit comes when so many are expected
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

// method of drawing the units of batches.
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
// empty where usage is what a traffic source is allowed: then whoever decides
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
		s.due = s.gaps.ExpFloat64()
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
	at, units = s.next, -int64(whole(s.corrections.share*float64(s.since)))
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
			due += s.gaps.ExpFloat64()
		}
	}
	s.k, s.due = k, due
	return units
}

func (s *UsageStream) nextEvenly() (units int64) {
	for ; s.k+1 < len(s.share) && units == 0; s.k++ {
		if sum := int64(whole(s.mean * s.share[s.k+1])); sum > s.sum {
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
