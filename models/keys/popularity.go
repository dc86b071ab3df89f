package keys

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/quotalab/quotalab/models/portable"
)

// zipf samples ranks k = 1 … n with p(k) ∝ h(k) = k^−s by rejection-inversion
// (W. Hörmann, G. Derflinger, "Rejection-inversion to generate variates from
// monotone discrete distributions", ACM TOMACS 6(3), 1996), in constant time
// and memory.
//
// With H an antiderivative of h, the rank k owns the interval from
// H(k + ½) − h(k) to H(k + ½) of the line, of length h(k) exactly, and these
// intervals do not overlap, since h is convex: h(k) ≤ ∫ h over [k − ½, k + ½].
// So a uniform u on the line from H(1½) − h(1) to H(n + ½) that falls into an
// interval gives k with the right probability; one that falls between is
// rejected and drawn again. The rank near u is found by inverting H:
// k = H⁻¹(u) rounded. The gaps are small: fewer than 1.2 draws on average for
// any s and n.
//
// Most draws need no evaluation of the interval: for x = H⁻¹(u), k − x ≤ squeeze
// implies acceptance, with squeeze = 2 − H⁻¹(H(2½) − h(2)), as the gap is
// widest, measured in x, at k = 2 (Hörmann and Derflinger, section 4).
//
// H(x) = (x^(1−s) − 1)/(1 − s), and ln x for s = 1. Written with expm1 and
// log1p it is smooth at s = 1 and loses no digits near it; away from it the
// inverse, which each draw evaluates, is x = (1 + (1 − s)·u)^(1/(1−s)) with the
// faster log.
type zipf struct {
	n             float64
	s             float64
	slope         float64 // 1 − s
	power         float64 // 1/(1 − s), or 0 near s = 1
	first, last   float64 // ends of the line: H(1½) − 1, H(n + ½)
	squeeze       float64
	total         float64 // Σ k^−s, the normalising constant
	onlyFirst     bool
	distinctRanks uint64
}

// maxZipf is the largest n whose ranks a float64 tells apart, with halves.
const maxZipf = 1 << 51

// steepest is the exponent from which the second key has probability below
// 2^−64, less than a float64 draw resolves: then only the first is drawn.
const steepest = 64

// Zipf is n keys, the k-th (id k − 1) with probability k^−s / Σ_{j=1}^{n} j^−s:
// any exponent s ≥ 0, where 0 is uniform. A draw takes constant time and
// memory whatever n, up to 2⁵¹.
func Zipf(n int64, s float64) (Population, error) {
	if err := checkCount("zipf", n, maxZipf); err != nil {
		return nil, err
	}
	if !(s >= 0) || math.IsInf(s, 1) {
		return nil, fmt.Errorf("keys: zipf: s is %v, want a finite exponent of at least 0 (0 is uniform): change s", s)
	}
	if s == 0 {
		return Uniform(n)
	}
	z := &zipf{n: float64(n), s: s, slope: 1 - s, distinctRanks: uint64(n), onlyFirst: n == 1 || s >= steepest}
	if math.Abs(z.slope) > 0.01 {
		z.power = 1 / z.slope
	}
	z.first = z.integral(1.5) - 1
	z.last = z.integral(z.n + 0.5)
	z.squeeze = 2 - z.inverse(z.integral(2.5)-z.weight(2))
	z.total = 1
	if s < steepest {
		z.total = harmonic(z.n, s)
	}
	return z, nil
}

func (z *zipf) Sampler() Sampler { return z }

func (z *zipf) Pick(_ time.Duration, rng *rand.Rand) uint64 {
	if z.onlyFirst {
		return 0
	}
	for {
		// (0, 1], since u = last would be the whole tail at once.
		u := z.last + float64((1-rng.Float64())*(z.first-z.last))
		x := z.inverse(u)
		k := min(max(math.Floor(x+0.5), 1), z.n)
		if k-x <= z.squeeze || u >= z.integral(k+0.5)-z.weight(k) {
			return uint64(k) - 1
		}
	}
}

func (z *zipf) Probability(_ time.Duration, id uint64) float64 {
	if id >= z.distinctRanks {
		return 0
	}
	return z.weight(float64(id)+1) / z.total
}

// weight is h(x) = x^−s.
func (z *zipf) weight(x float64) float64 { return portable.Exp(-z.s * portable.Log(x)) }

// integral is H(x) = ∫₁ˣ h.
func (z *zipf) integral(x float64) float64 {
	log := portable.Log(x)
	return float64(expm1Over(z.slope*log) * log)
}

// inverse is H⁻¹(u).
func (z *zipf) inverse(u float64) float64 {
	y := max(u*z.slope, -1) // below is rounding: for s > 1, H < 1/(s − 1)
	if z.power != 0 {
		return portable.Exp(portable.Log(1+y) * z.power)
	}
	return portable.Exp(log1pOver(y) * u)
}

// expm1Over is (eˣ − 1)/x, 1 at 0.
func expm1Over(x float64) float64 {
	if math.Abs(x) > 1e-8 {
		return portable.Expm1(x) / x
	}
	return 1 + x/2
}

// log1pOver is ln(1 + x)/x, 1 at 0.
func log1pOver(x float64) float64 {
	if math.Abs(x) > 1e-8 {
		return portable.Log1p(x) / x
	}
	return 1 - x/2
}

// harmonic is Σ_{k=1}^{n} k^−s with a relative error below 1e-13, in constant
// time: the first terms are added up, the rest follows from the
// Euler–Maclaurin formula. For f(x) = x^−s and m < n
//
//	Σ_{k=m}^{n} f(k) = ∫_m^n f + (f(m) + f(n))/2 + (f'(n) − f'(m))/12
//	                   − (f'''(n) − f'''(m))/720 + …
//
// The first term left out is below s(s+1)(s+2)(s+3)(s+4)·m^−(s+5)/30240; m
// grows with s to keep it small, so that it is below 1e-13 of the sum's
// first term, 1, for every s.
func harmonic(n, s float64) float64 {
	m := math.Min(n, 64+math.Ceil(4*s))
	sum := 0.0
	for k := m - 1; k >= 1; k-- { // the small terms first
		sum += portable.Pow(k, -s)
	}
	if m == n {
		return sum + portable.Pow(n, -s)
	}
	log := portable.Log(n / m)
	tail := float64(portable.Pow(m, 1-s) * expm1Over((1-s)*log) * log)
	tail += (portable.Pow(m, -s) + portable.Pow(n, -s)) / 2
	d := s // rising factorial s(s+1)…: f^(j)(x) = (−1)^j·d_j·x^−(s+j)
	tail += d * (portable.Pow(m, -s-1) - portable.Pow(n, -s-1)) / 12
	d *= (s + 1) * (s + 2)
	tail -= d * (portable.Pow(m, -s-3) - portable.Pow(n, -s-3)) / 720
	return sum + tail
}

// alias is Walker's alias table as built by Vose (M. D. Vose, "A linear
// algorithm for generating random numbers with a given distribution", IEEE
// TSE 17(9), 1991): n columns of height 1, each filled by at most two keys, so
// that a draw is a uniform column and one comparison.
type alias struct {
	p     []float64 // probability of each id
	cut   []float64 // column i gives i below its cut, other[i] above
	other []int32
}

// Empirical is one key for each weight, id i with probability weights[i]/Σ.
// A draw takes constant time.
func Empirical(weights []float64) (Population, error) {
	if len(weights) == 0 || len(weights) > math.MaxInt32 {
		return nil, fmt.Errorf("keys: empirical: %d weights, want 1 to %d: give one weight for each key", len(weights), math.MaxInt32)
	}
	sum := 0.0
	for i, w := range weights {
		if !(w >= 0) || math.IsInf(w, 1) {
			return nil, fmt.Errorf("keys: empirical: weight %d is %v, want a finite number of at least 0: change it", i, w)
		}
		sum += w
	}
	if sum == 0 || math.IsInf(sum, 1) {
		return nil, fmt.Errorf("keys: empirical: weights add up to %v, want a finite sum above 0: scale them", sum)
	}
	p := make([]float64, len(weights))
	for i, w := range weights {
		p[i] = w / sum
	}
	return newAlias(p), nil
}

func newAlias(p []float64) *alias {
	n := len(p)
	a := &alias{p: p, cut: make([]float64, n), other: make([]int32, n)}
	height := slices.Clone(p)
	var low, high []int32 // columns not yet full, and overfull
	for i := range height {
		height[i] *= float64(n)
		if height[i] < 1 {
			low = append(low, int32(i))
		} else {
			high = append(high, int32(i))
		}
	}
	for len(low) > 0 && len(high) > 0 {
		l, h := low[len(low)-1], high[len(high)-1]
		low = low[:len(low)-1]
		a.cut[l], a.other[l] = height[l], h // h fills the column of l
		if height[h] -= 1 - height[l]; height[h] < 1 {
			high = high[:len(high)-1]
			low = append(low, h)
		}
	}
	// What is left differs from a full column by rounding alone.
	for _, i := range append(low, high...) {
		a.cut[i], a.other[i] = 1, i
	}
	return a
}

func (a *alias) Sampler() Sampler { return a }

func (a *alias) Pick(_ time.Duration, rng *rand.Rand) uint64 {
	i := rng.IntN(len(a.cut))
	if rng.Float64() < a.cut[i] {
		return uint64(i)
	}
	return uint64(a.other[i])
}

func (a *alias) Probability(_ time.Duration, id uint64) float64 {
	if id >= uint64(len(a.p)) {
		return 0
	}
	return a.p[id]
}
