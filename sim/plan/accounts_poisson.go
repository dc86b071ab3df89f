package plan

import (
	"math"
	"math/rand/v2"
)

// poisson draws from the Poisson distribution with a mean of at least 10, by
// transformed rejection with squeeze (PTRS of W. Hörmann, The transformed
// rejection method for generating Poisson random variables, Insurance:
// Mathematics and Economics 12, 1993). It is exact, and costs the same for
// every mean.
func poisson(rng *rand.Rand, mean float64) int64 {
	b := 0.931 + 2.53*math.Sqrt(mean)
	a := -0.059 + 0.02483*b
	squeeze := 0.9277 - 3.6224/(b-2)
	for {
		u, v := rng.Float64()-0.5, rng.Float64()
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
