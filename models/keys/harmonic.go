package keys

import "math"

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
		sum += math.Pow(k, -s)
	}
	if m == n {
		return sum + math.Pow(n, -s)
	}
	log := math.Log(n / m)
	tail := math.Pow(m, 1-s) * expm1Over((1-s)*log) * log
	tail += (math.Pow(m, -s) + math.Pow(n, -s)) / 2
	d := s // rising factorial s(s+1)…: f^(j)(x) = (−1)^j·d_j·x^−(s+j)
	tail += d * (math.Pow(m, -s-1) - math.Pow(n, -s-1)) / 12
	d *= (s + 1) * (s + 2)
	tail -= d * (math.Pow(m, -s-3) - math.Pow(n, -s-3)) / 720
	return sum + tail
}
