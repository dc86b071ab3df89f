package portable

import (
	"math"
	"math/rand/v2"
)

// Z99 is the 99th percentile of the standard normal distribution.
const Z99 = 2.3263478740408411009

// Exponential draws from the exponential distribution of mean 1, by inversion.
func Exponential(rng *rand.Rand) float64 { return -Log(1 - rng.Float64()) }

// Normal draws from the standard normal distribution, by the polar method
// (G. Marsaglia and T. Bray, A Convenient Method for Generating Normal Variables,
// SIAM Review 6, 1964). The second of its two numbers is not used, so that a
// draw depends on its stream only.
func Normal(rng *rand.Rand) float64 {
	for {
		u, v := float64(2*rng.Float64())-1, float64(2*rng.Float64())-1
		if s := float64(u*u) + float64(v*v); 0 < s && s < 1 {
			return float64(u * math.Sqrt(-2*Log(s)/s))
		}
	}
}

// Gamma draws from the gamma distribution of that shape, above 0, and scale 1
// (G. Marsaglia and W. W. Tsang, A Simple Method for Generating Gamma Variables,
// ACM TOMS 26, 2000). A shape below 1 is that of shape+1 times U^(1/shape), U
// uniform.
func Gamma(shape float64, rng *rand.Rand) float64 {
	if shape < 1 {
		return float64(Gamma(shape+1, rng) * Exp(-Exponential(rng)/shape))
	}
	d := shape - 1./3
	c := 1 / math.Sqrt(9*d)
	for {
		x := Normal(rng)
		t := 1 + float64(c*x)
		if t <= 0 {
			continue
		}
		v, xx := float64(t*t*t), x*x
		u := 1 - rng.Float64()
		if u < 1-float64(0.0331*xx*xx) || Log(u) < float64(xx/2)+float64(d*(1-v+Log(v))) {
			return float64(d * v)
		}
	}
}

// Poisson draws from the Poisson distribution of that mean, at least 0, in a time
// proportional to it: it counts the events of a process of rate 1.
func Poisson(mean float64, rng *rand.Rand) (n int) {
	for at := Exponential(rng); at < mean; at += Exponential(rng) {
		n++
	}
	return n
}
