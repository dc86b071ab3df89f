package traffic

import (
	"math"

	"github.com/quotalab/quotalab/models/portable"
)

// nodes is the number of samples a panel takes of the rate.
const nodes = 11

// panel is Λ on [start, end): before + Σ c[k]·x^k, x from −1 to 1, or a jump
// when start is end.
type panel struct {
	start, end    float64 // seconds
	before, after float64 // Λ(start), Λ(end−); Λ(start−), Λ(start) at a jump
	mid, half     float64 // seconds; x = (t − mid)/half
	c             [nodes + 1]float64
	degree        int
	steepIn       float64 // slopes of the inverse at both ends, in units of the
	steepOut      float64 // panel's own slope, for the first guess
	bend          float64 // bound of |λ′|
}

// at gives Λ and λ at t.
func (p *panel) at(t float64) (value, slope float64) {
	x := (t - p.mid) / p.half
	for k := p.degree; k >= 0; k-- {
		slope = float64(slope*x) + value
		value = float64(value*x) + p.c[k]
	}
	if t <= p.start {
		value = 0 // but for the rounding of its terms
	}
	return p.before + value, slope / p.half
}

// inverse is the smallest t of the panel with Λ(t) ≥ n. The guess is the cubic
// through both ends with their slopes (Hermite).
func (p *panel) inverse(n float64) float64 {
	if n <= p.before || p.start == p.end {
		return p.start
	}
	if n >= p.after {
		return p.end
	}
	u := (n - p.before) / (p.after - p.before)
	u += float64(u * (1 - u) * (float64((p.steepIn-1)*(1-u)) - float64((p.steepOut-1)*u)))
	guess := p.start + float64(u*(p.end-p.start))
	if p.degree <= 1 {
		return guess
	}
	return root(n, p.start, p.end, guess, p.bend, p.at)
}

// goal is what a panel is laid for.
type goal struct {
	shortest float64 // seconds; a shorter panel is taken as it is
	ignore   float64 // events; a smaller error does not count
}

// fit integrates the rate over the longest panel that begins at start, ends at
// end or a power of two earlier, and on which a polynomial of degree 10 tells
// the rate to 1e-11 of its maximum. The polynomial interpolates in Chebyshev's points
// (Trefethen, Approximation Theory and Approximation Practice, ch. 4) and is
// integrated term by term.
func fit(rate func(float64) float64, start, end float64, g goal) panel {
	for {
		p, ok := interpolate(rate, start, end, g.ignore)
		if ok || end-start <= g.shortest {
			return p
		}
		end = start + (end-start)/2
	}
}

func interpolate(rate func(float64) float64, start, end, ignore float64) (panel, bool) {
	p := panel{start: start, end: end, mid: start + (end-start)/2, half: (end - start) / 2}
	if p.mid <= start { // two neighbouring floats: nothing between them
		p.constant(rate(start))
		return p, true
	}
	var f [nodes]float64
	low, high := math.Inf(1), math.Inf(-1)
	for j := range f {
		f[j] = rate(p.mid + float64(p.half*points[j]))
		low, high = min(low, f[j]), max(high, f[j])
	}
	if low == high {
		p.constant(low)
	} else if !p.polynomial(&f, max(1e-11*high, ignore/(end-start))) {
		return p, false
	}
	// The ends are looked at apart: between an end and the outermost point a
	// steep decay could hide.
	for _, x := range [...]float64{-1 + 0x1p-20, 1 - 0x1p-20} {
		t := p.mid + float64(p.half*x)
		want := rate(t)
		if _, got := p.at(t); math.Abs(got-want) > max(1e-9*high, 1e-9*want, ignore/(end-start)) {
			return p, false
		}
	}
	return p, true
}

func (p *panel) constant(rate float64) {
	p.c[0], p.c[1], p.degree = rate*p.half, rate*p.half, 1
}

// polynomial sets the coefficients of ∫λ; false when the samples' last
// Chebyshev coefficients say that it misses the rate by more than slack.
func (p *panel) polynomial(f *[nodes]float64, slack float64) bool {
	for k := nodes - 2; k < nodes; k++ {
		var tail float64
		for j := range f {
			tail += float64(chebyshev[k][j] * f[j])
		}
		if math.Abs(tail) > slack {
			return false
		}
	}
	var atStart, sign float64 = 0, -1
	for k := range f {
		var a float64
		for j := range f {
			a += float64(monomial[k][j] * f[j])
		}
		p.bend += float64(k) * math.Abs(a) / p.half
		p.c[k+1] = a * p.half / float64(k+1)
		atStart += float64(sign * p.c[k+1])
		sign = -sign
	}
	p.c[0], p.degree = -atStart, nodes
	return true
}

// anchor lays the panel between two known values of Λ.
func (p *panel) anchor(before, after float64) {
	p.before = 0
	area, out := p.at(p.end)
	_, in := p.at(p.start)
	if scale := (after - before) / area; area > 0 && scale > 0 {
		for k := range p.c {
			p.c[k] *= scale
		}
	}
	p.before, p.after = before, after
	// A cubic with these slopes rises all the way up to 3 (Fritsch and Carlson 1980).
	p.steepIn, p.steepOut = 1, 1
	if mean := area / (p.end - p.start); in*3 > mean && out*3 > mean {
		p.steepIn, p.steepOut = mean/in, mean/out
	}
}

// points are Chebyshev's points of the first kind, chebyshev takes samples there to
// coefficients of T_k, and monomial to coefficients of x^k.
var points, chebyshev, monomial = tables()

func tables() (x [nodes]float64, toT, toX [nodes][nodes]float64) {
	for j := range x {
		x[j] = portable.Cos(math.Pi * (float64(j) + 0.5) / nodes)
	}
	var t [nodes][nodes]float64 // t[k] are the coefficients of T_k = 2x·T_{k−1} − T_{k−2}
	t[0][0], t[1][1] = 1, 1
	for k := 2; k < nodes; k++ {
		for i := range nodes {
			if t[k][i] = -t[k-2][i]; i > 0 {
				t[k][i] += 2 * t[k-1][i-1]
			}
		}
	}
	for k := range nodes {
		for j := range nodes {
			toT[k][j] = 2.0 / nodes * portable.Cos(math.Pi*float64(k)*(float64(j)+0.5)/nodes)
			if k == 0 {
				toT[k][j] /= 2
			}
		}
	}
	for i := range nodes {
		for j := range nodes {
			for k := range nodes {
				toX[i][j] += float64(t[k][i] * toT[k][j])
			}
		}
	}
	return x, toT, toX
}
