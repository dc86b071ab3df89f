package keys

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// Part is one population of a Mix and its relative weight.
type Part struct {
	Population Population
	Weight     float64 // above 0
}

// innerBits are the bits of an id that belong to the part.
const innerBits = 56

type mix struct {
	parts []Part
	pick  *alias
}

// Mix draws each key from one of its parts, chosen with probability
// weight/Σ weights. Each part keeps a sampler of its own. The ids of different
// parts stay apart: an id is the part's index in its top byte and the part's
// own id below (Split takes it apart). A part that is itself a Mix is dissolved
// into its parts, with their weights multiplied, so indices count the
// innermost parts from left to right, at most 256.
func Mix(parts []Part) (Population, error) {
	var flat []Part
	for i, p := range parts {
		switch {
		case p.Population == nil:
			return nil, fmt.Errorf("keys: mix: part %d has no population, want one: name it", i)
		case !(p.Weight > 0) || math.IsInf(p.Weight, 1):
			return nil, fmt.Errorf("keys: mix: weight of part %d is %v, want a finite number above 0: change it", i, p.Weight)
		}
		inner, ok := p.Population.(*mix)
		if !ok {
			flat = append(flat, p)
			continue
		}
		for j, q := range inner.parts {
			flat = append(flat, Part{q.Population, p.Weight * inner.pick.p[j]})
		}
	}
	if len(flat) == 0 || len(flat) > 256 {
		return nil, fmt.Errorf("keys: mix: %d parts (those of inner mixtures counted), want 1 to 256: name that many populations", len(flat))
	}
	weights := make([]float64, len(flat))
	for i, p := range flat {
		weights[i] = p.Weight
	}
	pick, err := Empirical(weights)
	if err != nil {
		return nil, fmt.Errorf("keys: mix: weights of the parts: %w", err)
	}
	return &mix{flat, pick.(*alias)}, nil
}

// Split takes an id of a Mix apart: the part's index and its own id.
func Split(id uint64) (part int, inner uint64) {
	return int(id >> innerBits), id & (1<<innerBits - 1)
}

// Join returns the id that a Mix gives to a key of a part.
func Join(part int, inner uint64) uint64 { return uint64(part)<<innerBits | inner }

func (m *mix) Sampler() Sampler {
	s := &mixSampler{pick: m.pick, parts: make([]Sampler, len(m.parts))}
	for i, p := range m.parts {
		s.parts[i] = p.Population.Sampler()
	}
	return s
}

type mixSampler struct {
	pick  *alias
	parts []Sampler
}

func (m *mixSampler) Pick(t time.Duration, rng *rand.Rand) uint64 {
	part := m.pick.Pick(t, rng)
	return part<<innerBits | m.parts[part].Pick(t, rng)
}

func (m *mixSampler) Probability(t time.Duration, id uint64) float64 {
	part, inner := Split(id)
	p := m.pick.Probability(t, uint64(part))
	if p == 0 {
		return 0
	}
	return float64(p * m.parts[part].Probability(t, inner))
}

type hotSet struct {
	n, hot uint64
	share  float64
}

// HotSet is n keys; the first hot, ids 0 to hot−1, share the fraction
// share of all draws equally, and the others share the rest:
//
//	p(id) = share/hot            for id < hot
//	p(id) = (1 − share)/(n − hot)  for hot ≤ id < n
func HotSet(n, hot int64, share float64) (Population, error) {
	if err := checkCount("hot_set", n, maxKeys); err != nil {
		return nil, err
	}
	if hot < 1 || hot >= n {
		return nil, fmt.Errorf("keys: hot_set: hot is %d of n = %d keys, want at least 1 and less than n: change hot", hot, n)
	}
	if !(share >= 0 && share <= 1) {
		return nil, fmt.Errorf("keys: hot_set: share is %v, want a fraction from 0 to 1 (0%% to 100%%): change share", share)
	}
	return hotSet{uint64(n), uint64(hot), share}, nil
}

func (h hotSet) Sampler() Sampler { return h }

func (h hotSet) Pick(_ time.Duration, rng *rand.Rand) uint64 {
	if rng.Float64() < h.share {
		return rng.Uint64N(h.hot)
	}
	return h.hot + rng.Uint64N(h.n-h.hot)
}

func (h hotSet) Probability(_ time.Duration, id uint64) float64 {
	switch {
	case id < h.hot:
		return h.share / float64(h.hot)
	case id < h.n:
		return (1 - h.share) / float64(h.n-h.hot)
	}
	return 0
}
