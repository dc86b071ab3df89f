package plan

import (
	"math"
	"math/rand/v2"
)

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
		p.near, p.exp = mean, math.Exp(-mean)
		return p.exp
	}
	return p.exp * (1 + d*(1+d*(1./2+d*(1./6+d*(1./24)))))
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
		p *= mean * inverse[n]
		sum += p
	}
	return int64(n)
}

// reject is for means of at least 10: transformed rejection with
// squeeze (PTRS of W. Hörmann, The transformed rejection method for generating
// Poisson random variables, Insurance: Mathematics and Economics 12, 1993). It
// costs the same for every mean.
func (p *poisson) reject(mean float64) int64 {
	b := 0.931 + 2.53*math.Sqrt(mean)
	a := -0.059 + 0.02483*b
	squeeze := 0.9277 - 3.6224/(b-2)
	for {
		u, v := p.uniform()-0.5, p.uniform()
		us := 0.5 - math.Abs(u)
		k := math.Floor((2*a/us+b)*u + mean + 0.43)
		if us >= 0.07 && v <= squeeze {
			return int64(k)
		}
		if k < 0 || us < 0.013 && v > us {
			continue
		}
		invAlpha := 1.1239 + 1.1328/(b-3.4)
		if math.Log(v*invAlpha/(a/(us*us)+b)) <= logPoisson(k, mean) {
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
		factorial, _ := math.Lgamma(k + 1)
		return k*math.Log(mean) - mean - factorial
	}
	t := (k - mean) / mean
	deviance := mean * ((1+t)*math.Log1p(t) - t)
	tail := (1./12 - (1./360-1./(1260*k*k))/(k*k)) / k
	return -deviance - 0.5*math.Log(2*math.Pi*k) - tail
}
